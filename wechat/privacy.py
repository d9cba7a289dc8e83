"""
What a mini program tells its users about their data (用户隐私保护指引).

TOKEN is an authorizer_access_token with set 18. Every function raises Refused, Unreachable, NotSent
or BadAnswer. Pages: "小程序用户隐私保护指引" of developers.weixin.qq.com.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, TypedDict

from wechat.http import (
    File,
    call,
    read_number,
    read_object,
    read_rows,
    read_text,
    read_time,
    take_number,
    take_rows,
    take_text,
    take_texts,
)

ONLINE, DEVELOPMENT = 1, 2  # privacy_ver
# Of a private interface; the push of a verdict counts otherwise.
TO_APPLY, NO_RIGHT, IN_REVIEW, REFUSED, GRANTED = range(1, 6)


class OwnerSetting(TypedDict, total=False):
    """How to reach the owner (at least one contact), and how users are told of changes."""

    contact_phone: str
    contact_email: str
    contact_qq: str
    contact_weixin: str
    notice_method: str
    store_expire_timestamp: str  # free text such as "30天"; empty: as short as needed
    ext_file_media_id: str
    store_region: str


class PrivacyUse(TypedDict):
    """What one kind of data is used for: `privacy_key` such as Location."""

    privacy_key: str
    privacy_text: str


@dataclass(frozen=True, slots=True)
class PrivacySetting:
    """
    What is configured, which keys WeChat found in the code, and what it calls the keys there are.

    SDKS is what it says of others' code in the mini program, to be sent back as it came.
    """

    has_code: bool
    found_keys: list[str]
    uses: list[PrivacyUse]
    owner_setting: dict[str, Any]
    update_time: int
    descriptions: dict[str, str]
    sdks: list[dict[str, Any]]


def get_privacy_setting(token: str, privacy_ver: int = DEVELOPMENT) -> PrivacySetting:
    """component/getprivacysetting 获取用户隐私保护指引, ONLINE or in DEVELOPMENT."""
    path = "/cgi-bin/component/getprivacysetting"
    answer = call(path, {"privacy_ver": privacy_ver}, access_token=token)
    return PrivacySetting(
        has_code=take_number(path, answer, "code_exist") == 1,
        found_keys=take_texts(path, answer, "privacy_list"),
        uses=read_rows(path, answer, "setting_list", partial(_use, path)),
        owner_setting=read_object(answer.get("owner_setting")),
        update_time=read_time(answer.get("update_time")),
        descriptions=dict(
            read_rows(
                path,
                read_object(answer.get("privacy_desc")),
                "privacy_desc_list",
                partial(_description, path),
            )
        ),
        sdks=read_rows(path, answer, "sdk_privacy_info_list", dict),
    )


def _description(path: str, row: Mapping[str, Any]) -> tuple[str, str]:
    return take_text(path, row, "privacy_key"), read_text(row.get("privacy_desc"))


def _use(path: str, row: Mapping[str, Any]) -> PrivacyUse:
    return {
        "privacy_key": take_text(path, row, "privacy_key"),
        "privacy_text": read_text(row.get("privacy_text")),
    }


def set_privacy_setting(
    token: str,
    *,
    owner_setting: OwnerSetting,
    uses: list[PrivacyUse] | None = None,
    sdks: list[dict[str, Any]] | None = None,
    privacy_ver: int = DEVELOPMENT,
) -> None:
    """
    component/setprivacysetting 设置用户隐私保护指引.

    DEVELOPMENT needs USES and takes effect with the next release; ONLINE changes OWNER_SETTING
    alone, at once. 86069 no contact, 86070 not how users are told, 86072 how long data is kept,
    86073 no such file, 86071 wrong privacy_ver, 86074 nothing is online.
    """
    body: dict[str, Any] = {"privacy_ver": privacy_ver, "owner_setting": owner_setting}
    if uses is not None:
        body["setting_list"] = uses
    if sdks:
        body["sdk_privacy_info_list"] = sdks
    call("/cgi-bin/component/setprivacysetting", body, access_token=token)


def upload_privacy_file(token: str, text: str) -> str:
    """component/uploadprivacyextfile 上传用户隐私保护指引文件, as txt: its ext_file_media_id."""
    path = "/cgi-bin/component/uploadprivacyextfile"
    files = {"file": File("text/plain", text.encode())}
    return take_text(path, call(path, files=files, access_token=token), "ext_file_media_id")


class PrivateInterface(TypedDict):
    """An interface of the front end that WeChat grants one by one, and how that stands."""

    api_name: str
    api_ch_name: str
    api_desc: str
    group_name: str
    api_link: str
    status: int  # TO_APPLY … GRANTED
    audit_id: int | None  # None until it was applied for, as with the time
    apply_time: int
    fail_reason: str  # why it was refused, or why it cannot be applied for


def apply_privacy_interface(
    token: str,
    api_name: str,
    content: str,
    *,
    url_list: list[str],
    pic_list: list[str],
    video_list: list[str] | None = None,
) -> int:
    """
    wxa/security/apply_privacy_interface 申请地理位置接口: the audit_id. Never repeated.

    All three lists hold addresses that WeChat looks at, and one of them something: web pages, up to
    10 pictures, one mp4 film. 61031 one is in review already, 61035 not an interface to apply for,
    61036 the category does not allow it.
    """
    path = "/wxa/security/apply_privacy_interface"
    body = {
        "api_name": api_name,
        "content": content,
        "url_list": url_list,
        "pic_list": pic_list,
        "video_list": video_list or [],
    }
    return take_number(path, call(path, body, access_token=token, repeat=False), "audit_id")


def list_privacy_interfaces(token: str) -> list[PrivateInterface]:
    """wxa/security/get_privacy_interface 获取地理位置接口列表."""
    path = "/wxa/security/get_privacy_interface"
    answer = call(path, access_token=token, method="GET")
    return take_rows(path, answer, "interface_list", partial(_interface, path))


def _interface(path: str, row: Mapping[str, Any]) -> PrivateInterface:
    return {
        "api_name": take_text(path, row, "api_name"),
        "api_ch_name": read_text(row.get("api_ch_name")),
        "api_desc": read_text(row.get("api_desc")),
        "group_name": read_text(row.get("group_name")),
        "api_link": read_text(row.get("api_link")),
        "status": read_number(row.get("status")) or TO_APPLY,
        "audit_id": read_number(row.get("audit_id")),
        "apply_time": read_time(row.get("apply_time")),
        "fail_reason": read_text(row.get("fail_reason")),
    }
