"""Of an account's users and of signed pages."""

from typing import Any

from api.examples.accounts import APPID

_OPENID = "oUser…"
_SIGNATURE = "0f9de62fce79…"

USER_EXAMPLES: dict[str, Any] = {
    "UserCode": {"code": "0a1b2c…"},
    "UserSession": {"openid": _OPENID, "unionid": "u1234567890", "session_key": "tiihtN…=="},
    "Encrypted": {"session_key": "tiihtN…==", "encrypted_data": "CiyLU1…", "iv": "r7BXXK…=="},
    "PhoneCode": {"code": "e31968a7f9…", "openid": _OPENID},
    "Phone": {
        "phone_number": "+8613800138000",
        "pure_phone_number": "13800138000",
        "country_code": "86",
    },
    "LoginAddress": {"url": f"https://open.weixin.qq.com/connect/oauth2/authorize?appid={APPID}&…"},
    "WebUser": {
        "openid": _OPENID,
        "scope": "snsapi_userinfo",
        "user": {
            "openid": _OPENID,
            "nickname": "Lin",
            "sex": 0,
            "province": "",
            "city": "",
            "country": "",
            "headimgurl": "https://thirdwx.qlogo.cn/…",
            "privilege": [],
            "unionid": "",
        },
    },
    "Config": {
        "appId": APPID,
        "timestamp": 1767254400,
        "nonceStr": "Wm3WZYTPz0wzccnW",
        "signature": _SIGNATURE,
        "url": "https://shop.example.com/tea?page=2",
    },
    "Card": {
        "card_id": "pABCD1234567890",
        "card_ext": {
            "timestamp": "1767254400",
            "nonce_str": "Wm3WZYTPz0wzccnW",
            "signature": _SIGNATURE,
        },
    },
}
