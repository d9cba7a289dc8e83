"""Of settings, options, interfaces and testers."""

from typing import Any

_DOMAINS = {
    "requestdomain": ["https://api.example.com"],
    "wsrequestdomain": [],
    "uploaddomain": [],
    "downloaddomain": [],
}
_STATE = {
    "kind": "server-domains",
    "drift": False,
    "state": "applied",
    "version": 3,
    "checked_at": "2026-01-01T08:00:00Z",
}
_APPLICATION = {
    "api_name": "wx.getLocation",
    "audit_id": 5_000_001,
    "status": "in_review",
    "reason": "",
    "errcode": None,
    "explanation": "",
    "applied_at": "2026-01-01T08:00:00Z",
    "decided_at": None,
}
_TESTER = {
    "userstr": "xxxxxxxxxxxx",
    "wechatid": "lin-tea",
    "added_at": "2026-01-01T08:00:00Z",
    "added_by": "operator",
}

SETTING_EXAMPLES: dict[str, Any] = {
    "SettingState": _STATE,
    "Desired": {"desired": _DOMAINS, "apply": True, "version": 2},
    "Setting": {
        **_STATE,
        "desired": _DOMAINS,
        "at_wechat": _DOMAINS,
        "differences": [],
        "reason": "",
        "errcode": None,
        "remarks": {},
        "problem": "",
        "applied_at": "2026-01-01T08:00:00Z",
        "versions": [
            {
                "version": 3,
                "desired": _DOMAINS,
                "changed_at": "2026-01-01T07:59:58Z",
                "changed_by": "operator",
                "profile": None,
            }
        ],
    },
    "GuidelineText": {"content": "How Tea House treats what it knows of its users: …"},
    "GuidelineFile": {"ext_file_media_id": "mFx…"},
    "Value": {"value": "1"},
    "Option": {"name": "voice_recognize", "value": "1"},
    "Apply": {
        "api_name": "wx.getLocation",
        "content": "The nearest tea house is shown on a map.",
        "pic_list": ["https://platform.example.com/review-pictures/Zm9v.png"],
    },
    "Application": _APPLICATION,
    "InterfaceList": {
        "interfaces": [
            {
                "api_name": "wx.getLocation",
                "description": "Where the user is",
                "status": "in_review",
                "audit_id": 5_000_001,
                "reason": "",
            }
        ],
        "applications": [_APPLICATION],
    },
    "Picture": {"picture": "the bytes of a JPEG, PNG or GIF"},
    "PictureAddress": {"url": "https://platform.example.com/review-pictures/Zm9v.png"},
    "AddTester": {"wechatid": "lin-tea"},
    "Tester": _TESTER,
    "TesterList": {"results": [_TESTER]},
    "Unknown": {"status": "unknown"},
}
