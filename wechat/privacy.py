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
INTERFACE_GRANTED = 5  # status of a location interface


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
    """What is configured, and which keys WeChat found in the code."""

    has_code: bool
    found_keys: list[str]
    uses: list[PrivacyUse]
    owner_setting: dict[str, Any]
    update_time: int


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
    )


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
    privacy_ver: int = DEVELOPMENT,
) -> None:
    """
    component/setprivacysetting 设置用户隐私保护指引.

    DEVELOPMENT needs USES and takes effect with the next release; ONLINE changes OWNER_SETTING
    alone, at once. 86069 no contact, 86071 wrong privacy_ver, 86074 nothing is online.
    """
    body: dict[str, Any] = {"privacy_ver": privacy_ver, "owner_setting": owner_setting}
    if uses is not None:
        body["setting_list"] = uses
    call("/cgi-bin/component/setprivacysetting", body, access_token=token)


def upload_privacy_file(token: str, text: str) -> str:
    """component/uploadprivacyextfile 上传用户隐私保护指引文件: its ext_file_media_id."""
    path = "/cgi-bin/component/uploadprivacyextfile"
    files = {"file": File("text/plain", text.encode())}
    return take_text(path, call(path, files=files, access_token=token), "ext_file_media_id")


def apply_privacy_interface(
    token: str, api_name: str, content: str, *, url_list: list[str], pic_list: list[str]
) -> int:
    """wxa/security/apply_privacy_interface 申请地理位置接口: the audit_id. Never repeated."""
    path = "/wxa/security/apply_privacy_interface"
    body = {"api_name": api_name, "content": content, "url_list": url_list, "pic_list": pic_list}
    return take_number(path, call(path, body, access_token=token, repeat=False), "audit_id")


def list_privacy_interfaces(token: str) -> list[dict[str, Any]]:
    """wxa/security/get_privacy_interface 获取地理位置接口列表: `api_name`, `status`, …"""
    path = "/wxa/security/get_privacy_interface"
    answer = call(path, access_token=token, method="GET")
    return take_rows(path, answer, "interface_list", partial(_interface, path))


def _interface(path: str, row: dict[str, Any]) -> dict[str, Any]:
    return row | {"api_name": take_text(path, row, "api_name")}
