"""Of a mini program's code."""

from typing import Any

from api.examples.accounts import AUDIT_STATE

_PAGE = {
    "address": "pages/index/index",
    "tag": "tea shop",
    "title": "Home",
    "first_class": "Shopping",
    "second_class": "Food",
    "first_id": 1,
    "second_id": 2,
}
_BY = {"version": 12, "changed_at": "2026-01-01T08:00:00Z", "changed_by": "operator"}
_SUBMISSION = {
    "version_desc": "Orders can be paid.",
    "feedback_info": "The page opens after logging in.",
    "ugc_declare": {"scene": [1], "method": [1], "has_audit_team": 1, "audit_desc": "By staff."},
    "privacy_api_not_use": False,
    "preview_files": [3],
}
_CHECKS = [
    {"code": "no_open_audit", "ok": True, "detail": "No audit is open.", "who": "wechat"},
    {
        "code": "privacy_guideline",
        "ok": False,
        "detail": "The privacy guideline lacks what the code uses.",
        "who": "merchant",
    },
]

CODE_EXAMPLES: dict[str, Any] = {
    "Ext": {"ext": {"shop": 7, "theme": "green"}},
    "OwnValues": {"ext": {"shop": 7, "theme": "green"}, "members": {}, **_BY},
    "Preflight": {"ok": False, "checked_at": "2026-01-01T08:00:00Z", "checks": _CHECKS},
    "Commit": {
        "template_id": 77,
        "user_version": "2.0.0",
        "user_desc": "Orders can be paid.",
        "ext_json": {"ext": {"shop": 7}},
    },
    "Version": {
        "id": 5,
        "template_id": 77,
        "user_version": "2.0.0",
        "user_desc": "Orders can be paid.",
        "status": "committed",
        "errcode": None,
        "explanation": "",
        "created_at": "2026-01-01T07:50:00Z",
    },
    "Submit": {**_SUBMISSION, "item_list": [_PAGE]},
    "Audit": {
        **AUDIT_STATE,
        "user_version": "2.0.0",
        "errcode": None,
        "explanation": "",
        "decided_at": None,
        "released_at": None,
    },
    "ReleaseRequest": {"auditid": "1234567"},
    "Revert": {"app_version": 1},
    "Release": {
        "kind": "release",
        "status": "done",
        "auditid": "1234567",
        "user_version": "2.0.0",
        "app_version": None,
        "live_version": "2.0.0",
        "at": "2026-01-02T08:00:00Z",
    },
    "Profile": {
        **_SUBMISSION,
        "item_list": [_PAGE],
        "needs": {"domains": ["https://api.example.com"], "opens": []},
    },
    "OwnProfile": {"fields": {**_SUBMISSION, "item_list": [_PAGE]}, **_BY},
    "Upload": {"file": "the bytes of a picture or film"},
    "File": {"id": 3, "name": "shop.png", "kind": "image/png", "size": 48_213},
}
