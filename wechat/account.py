"""What an authorizer's account is (基本信息). Page: "获取基本信息" of developers.weixin.qq.com."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from wechat.http import call, read_number, read_text, take
from wechat.records import read_record

SUBSCRIPTION, SERVICE, MINI_PROGRAM = 1, 2, 3  # account_type
PERSON, ENTERPRISE, MEDIA, GOVERNMENT, OTHER = 0, 1, 2, 3, 4  # principal_type
REALNAME_OK, REALNAME_RUNNING, REALNAME_FAILED = 1, 2, 3


@dataclass(frozen=True, slots=True)
class Changeable:
    """A name, text or picture its owner may change USED of QUOTA times."""

    value: str
    used: int
    quota: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BasicInfo:
    """An account as WeChat registered it; CUSTOMER_TYPE as on WeChat's page, 0 to 13."""

    appid: str
    account_type: int
    principal_type: int
    principal_name: str
    realname_status: int
    customer_type: int = 0
    is_verified: bool
    is_name_verified: bool
    nickname: Changeable
    signature: Changeable
    head_image: Changeable


def get_account_basic_info(token: str) -> BasicInfo:
    """account/getaccountbasicinfo 获取基本信息, with an authorizer's TOKEN that has set 3 or 30."""
    path = "/cgi-bin/account/getaccountbasicinfo"
    answer = call(path, access_token=token, method="GET")
    verified = _members(answer.get("wx_verify_info"))
    return read_record(
        BasicInfo,
        path,
        answer,
        appid=take(path, answer, "appid", str),
        is_verified=verified.get("qualification_verify") is True,
        is_name_verified=verified.get("naming_verify") is True,
        nickname=_changeable(answer.get("nickname_info"), "nickname"),
        signature=_changeable(answer.get("signature_info"), "signature"),
        head_image=_changeable(answer.get("head_image_info"), "head_image_url"),
    )


def _changeable(value: object, name: str) -> Changeable:
    info = _members(value)
    return Changeable(
        value=read_text(info.get(name)),
        used=read_number(info.get("modify_used_count")) or 0,
        quota=read_number(info.get("modify_quota")) or 0,
    )


def _members(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
