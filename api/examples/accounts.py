"""Of keys, the platform, accounts, the gateway and messages."""

from typing import Any

APPID, COMPONENT = "wx0123456789abcdef", "wxfedcba9876543210"

AUDIT_STATE = {
    "auditid": "1234567",
    "status": "in_review",
    "reason": "",
    "submitted_at": "2026-01-01T08:00:00Z",
}

_BOUND = {
    "id": 12,
    "url": "https://platform.example.com/portal/bind/link/…/",
    "status": "open",
    "expires_at": "2026-01-04T08:00:00Z",
    "user_ref": "shop-7",
    "appid": None,
    "component": COMPONENT,
    "auth_type": 2,
    "biz_appid": "",
    "category_id_list": [],
    "device": "",
    "return_url": "https://shop.example.com/bound",
    "presses": 0,
    "created_at": "2026-01-01T08:00:00Z",
}

ACCOUNT_EXAMPLES: dict[str, Any] = {
    "Credentials": {"username": "operator", "password": "…"},
    "Key": {"token": "9a2b…", "expiry": "2026-01-01T18:00:00Z"},
    "Me": {
        "kind": "client",
        "name": "till",
        "owner": "merchant",
        "scopes": ["authorizers:read", "messages:send"],
        "appids": [APPID],
        "expiry": "2027-01-01T00:00:00Z",
        "rate": 600,
    },
    "Component": {
        "appid": COMPONENT,
        "name": "Example Platform",
        "ticket": {"received_at": "2026-01-01T08:00:00Z", "age_seconds": 240},
        "token": {"state": "fresh", "expires_at": "2026-01-01T09:50:00Z"},
        "last_push_at": "2026-01-01T08:03:10Z",
        "quota": {
            "path": "/cgi-bin/component/api_create_preauthcode",
            "daily_limit": 100_000,
            "used": 12,
            "remain": 99_988,
        },
        "resets_left": 10,
    },
    "Authorizer": {
        "appid": APPID,
        "user_name": "gh_0123456789ab",
        "nick_name": "Tea House",
        "principal_name": "Tea House Ltd",
        "kind": "mini_program",
        "state": "bound",
        "account_status": 1,
        "verify_type_info": 0,
        "func_info": [{"id": 18, "name": "Development and data analysis"}],
        "missing_permissions": [],
        "token": {"state": "fresh", "expires_at": "2026-01-01T09:50:00Z"},
        "authorized_at": "2025-12-01T10:00:00Z",
        "unauthorized_at": None,
        "updated_at": "2026-01-01T08:00:00Z",
        "audit": AUDIT_STATE,
    },
    "AccessToken": {
        "access_token": "87_xM…",
        "expires_at": "2026-01-01T09:50:00Z",
        "expires_in": 6540,
    },
    "Quota": {
        "path": "/wxa/get_page",
        "daily_limit": 10_000,
        "used": 3,
        "remain": 9_997,
        "rates": [{"calls": 600, "seconds": 60}],
        "resets_left": 9,
    },
    "Clear": {"reason": "An import has used up the day's calls."},
    "Cleared": {"resets_left": 9},
    "Call": {
        "invoked_at": 1767254400,
        "milliseconds": 31,
        "request_url": "/wxa/get_page?access_token=***",
        "request_body": "",
        "response_body": '{"errcode":85009,"errmsg":"already submit a version under auditing"}',
        "client_ip": "203.0.113.7",
    },
    "Message": {
        "touser": "oUser…",
        "msgtype": "text",
        "text": {"content": "Your order is on its way."},
    },
    "Lost": {"state": "unknown"},
    "BindingRequest": {
        "auth_type": 2,
        "user_ref": "shop-7",
        "return_url": "https://shop.example.com/bound",
    },
    "Bound": _BOUND,
    "Binding": {**_BOUND, "qr": "data:image/png;base64,…"},
    "Sent": {"id": 41, "state": "sent"},
}
