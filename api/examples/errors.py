"""What an error says beside its code, by the code."""

from typing import Any

ERROR_EXAMPLES: dict[str, Any] = {
    "invalid": {"fields": {"user_version": ["This field is required."]}},
    "audit_open": {"auditid": "1234567"},
    "audit_not_passed": {"auditid": "1234567"},
    "preflight_failed": {
        "checks": [
            {
                "code": "privacy_guideline",
                "ok": False,
                "detail": "The privacy guideline lacks what the code uses.",
                "who": "merchant",
            }
        ]
    },
    "ambiguous_draft": {
        "candidates": [
            {
                "draft_id": 4,
                "source_appid": "wx0123456789abcdef",
                "user_version": "2.0.0",
                "user_desc": "Orders can be paid.",
                "developer": "lin",
                "uploaded_at": "2026-01-01T06:55:00Z",
            }
        ]
    },
    "wechat_refused": {
        "wechat": {
            "errcode": 85009,
            "errmsg": "already submit a version under auditing",
            "explanation": "An audit is open at WeChat already. Wait for it or withdraw it.",
        }
    },
}
