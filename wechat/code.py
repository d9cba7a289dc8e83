"""
A mini program's uploaded code and its trial version (体验版).

TOKEN is the authorizer_access_token of a mini program that granted set 18. Every function raises
Refused (or the leaf it names), Unreachable, NotSent or BadAnswer. Pages: developers.weixin.qq.com,
"代码管理".
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from wechat.http import (
    File,
    call,
    fetch_file,
    read_number,
    read_text,
    take_number,
    take_rows,
    take_texts,
)


@dataclass(frozen=True, slots=True)
class Category:
    """A category the mini program is registered in (类目); the third level often is none."""

    first_class: str
    second_class: str
    third_class: str
    first_id: int
    second_id: int
    third_id: int | None


@dataclass(frozen=True, slots=True)
class PrivacyCheck:
    """Location APIs found in the code without permission, and found but not declared."""

    without_auth: list[str]
    without_conf: list[str]


def commit(
    token: str, *, template_id: int, ext_json: str, user_version: str, user_desc: str
) -> None:
    """
    wxa/commit 上传代码并生成体验版: the template becomes the mini program's trial version.

    EXT_JSON is ext.json as text; USER_VERSION has up to 64 characters. Starts WeChat's check of the
    code anew, so it is never repeated. Raises CheckRunning while another one of ours runs; 85014 no
    such template, 85013 and 85043 to 85048 what is wrong with ext_json.
    """
    body = {
        "template_id": template_id,
        "ext_json": ext_json,
        "user_version": user_version,
        "user_desc": user_desc,
    }
    call("/wxa/commit", body, access_token=token, repeat=False)


def get_page(token: str) -> list[str]:
    """wxa/get_page 获取已上传的代码页面列表, of the trial version. Raises MustCommit."""
    path = "/wxa/get_page"
    return take_texts(path, call(path, access_token=token, method="GET"), "page_list")


def get_category(token: str) -> list[Category]:
    """wxa/get_category 获取审核时可填写的类目: what an AuditItem may name."""
    path = "/wxa/get_category"
    answer = call(path, access_token=token, method="GET")
    return take_rows(path, answer, "category_list", partial(_category, path))


def _category(path: str, row: Mapping[str, Any]) -> Category:
    return Category(
        first_class=read_text(row.get("first_class")),
        second_class=read_text(row.get("second_class")),
        third_class=read_text(row.get("third_class")),
        first_id=take_number(path, row, "first_id"),
        second_id=take_number(path, row, "second_id"),
        third_id=read_number(row.get("third_id")),
    )


def get_qrcode(token: str, page: str = "") -> File:
    """wxa/get_qrcode 获取体验版二维码: a picture that opens the trial version, at PAGE if given."""
    return fetch_file("/wxa/get_qrcode", query={"path": page} if page else None, access_token=token)


def get_code_privacy_info(token: str) -> PrivacyCheck:
    """wxa/security/get_code_privacy_info 获取隐私接口检测结果. Raises CheckRunning till then."""
    path = "/wxa/security/get_code_privacy_info"
    answer = call(path, access_token=token, method="GET")
    return PrivacyCheck(
        without_auth=take_texts(path, answer, "without_auth_list"),
        without_conf=take_texts(path, answer, "without_conf_list"),
    )
