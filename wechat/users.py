"""
Users of mini programs: who logs in (小程序登录), and their phone numbers.

Their codes are good once, so no call is repeated.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from wechat.http import call, read_id, read_number, take_object, take_text


@dataclass(frozen=True, slots=True)
class UserSession:
    """Who has logged in; UNIONID "" where the mini program is bound to no Open Platform account."""

    openid: str
    session_key: str = field(repr=False)
    unionid: str


@dataclass(frozen=True, slots=True)
class PhoneNumber:
    """A number with and without its country's; APPID is the account that WeChat gave it to."""

    number: str = field(repr=False)
    pure_number: str = field(repr=False)
    country_code: str
    appid: str


def code_to_session(
    component_token: str, component_appid: str, appid: str, js_code: str
) -> UserSession:
    """component/jscode2session 小程序登录: whose JS_CODE, of wx.login in APPID, it is."""
    path = "/sns/component/jscode2session"
    query = {
        "appid": appid,
        "js_code": js_code,
        "grant_type": "authorization_code",
        "component_appid": component_appid,
        "component_access_token": component_token,
    }
    answer = call(path, query=query, method="GET", repeat=False)
    return UserSession(
        openid=take_text(path, answer, "openid"),
        session_key=take_text(path, answer, "session_key"),
        unionid=read_id(answer.get("unionid")),
    )


def get_phone_number(token: str, code: str, openid: str = "") -> PhoneNumber:
    """
    business/getuserphonenumber 获取手机号, with set 18: of whoever pressed the button that gave
    CODE; where OPENID is theirs, if it is not "".
    """
    path = "/wxa/business/getuserphonenumber"
    body = {"code": code, **({"openid": openid} if openid else {})}
    answer = call(path, body, access_token=token, repeat=False)
    info = take_object(path, answer, "phone_info")
    return PhoneNumber(
        number=take_text(path, info, "phoneNumber"),
        pure_number=read_id(info.get("purePhoneNumber")),
        country_code=_country_code(info),
        appid=take_text(path, take_object(path, info, "watermark"), "appid"),
    )


def _country_code(info: Mapping[str, Any]) -> str:
    """A number in some of WeChat's answers, a text in others."""
    number = read_number(info.get("countryCode"))
    return "" if number is None else str(number)
