"""What an authorizer's account is (基本信息). Page: "获取基本信息" of developers.weixin.qq.com."""

from dataclasses import dataclass

from wechat.http import (
    call,
    read_flag,
    read_number,
    read_object,
    read_text,
    take_number,
    take_text,
)

SUBSCRIPTION, SERVICE, MINI_PROGRAM = 1, 2, 3  # account_type
PERSON, ENTERPRISE, MEDIA, GOVERNMENT, OTHER = 0, 1, 2, 3, 4  # principal_type
REALNAME_OK, REALNAME_RUNNING, REALNAME_FAILED = 1, 2, 3


@dataclass(frozen=True, slots=True)
class Changeable:
    """A name, text or picture its owner may change USED of QUOTA times."""

    value: str
    used: int
    quota: int


@dataclass(frozen=True, slots=True)
class BasicInfo:
    """
    An account as WeChat registered it; CUSTOMER_TYPE as on WeChat's page, 0 to 13, and
    REGISTERED_COUNTRY: 1017 is mainland China, 0 not told.
    """

    appid: str
    account_type: int
    principal_type: int
    principal_name: str
    realname_status: int
    customer_type: int
    registered_country: int
    is_verified: bool
    is_name_verified: bool
    nickname: Changeable
    signature: Changeable
    head_image: Changeable


def get_account_basic_info(token: str) -> BasicInfo:
    """account/getaccountbasicinfo 获取基本信息, with an authorizer's TOKEN that has set 3 or 30."""
    path = "/cgi-bin/account/getaccountbasicinfo"
    answer = call(path, access_token=token, method="GET")
    verified = read_object(answer.get("wx_verify_info"))
    return BasicInfo(
        appid=take_text(path, answer, "appid"),
        account_type=take_number(path, answer, "account_type"),
        principal_type=take_number(path, answer, "principal_type"),
        principal_name=read_text(answer.get("principal_name")),
        realname_status=take_number(path, answer, "realname_status"),
        customer_type=read_number(answer.get("customer_type")) or 0,
        registered_country=read_number(answer.get("registered_country")) or 0,
        is_verified=read_flag(verified.get("qualification_verify")),
        is_name_verified=read_flag(verified.get("naming_verify")),
        nickname=_changeable(answer.get("nickname_info"), "nickname"),
        signature=_changeable(answer.get("signature_info"), "signature"),
        head_image=_changeable(answer.get("head_image_info"), "head_image_url"),
    )


def _changeable(value: object, name: str) -> Changeable:
    info = read_object(value)
    return Changeable(
        value=read_text(info.get(name)),
        used=read_number(info.get("modify_used_count")) or 0,
        quota=read_number(info.get("modify_quota")) or 0,
    )
