"""
What a mini program is registered as: its categories (类目) and its ICP filing (备案).

TOKEN is an authorizer_access_token. Every function only looks, and raises Refused, Unreachable,
NotSent or BadAnswer. Pages: "类目管理" and "小程序备案" of developers.weixin.qq.com.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from wechat.http import call, read_number, read_object, read_text, take_number, take_rows

# audit_status of a category. It stays IN_FORCE when its certificate expires.
CATEGORY_IN_REVIEW, CATEGORY_REJECTED, CATEGORY_IN_FORCE = 1, 2, 3

# Status of a filing: with the platform, rejected by it, with the regulator, rejected by it, done.
FILING_REVIEWED, FILING_REJECTED, FILING_AT_REGULATOR, FILING_REFUSED, FILED = 2, 3, 4, 5, 6
NOT_FILED = 1024  # and from here on, plus what is missing before it can be filed:
LACKS_BASICS, LACKS_CATEGORY, LACKS_VERIFICATION = 1, 2, 4


@dataclass(frozen=True, slots=True)
class RegisteredCategory:
    """A category that the mini program has asked for; STATUS says whether it may be used."""

    first: int
    first_name: str
    second: int
    second_name: str
    status: int
    reason: str


def list_registered_categories(token: str) -> list[RegisteredCategory]:
    """wxopen/getcategory 获取已设置的所有类目, with set 30; also those that are not in force."""
    path = "/cgi-bin/wxopen/getcategory"
    answer = call(path, access_token=token, method="GET")
    return take_rows(path, answer, "categories", partial(_category, path))


def _category(path: str, row: Mapping[str, Any]) -> RegisteredCategory:
    return RegisteredCategory(
        first=take_number(path, row, "first"),
        first_name=read_text(row.get("first_name")),
        second=take_number(path, row, "second"),
        second_name=read_text(row.get("second_name")),
        status=read_number(row.get("audit_status")) or 0,
        reason=read_text(row.get("audit_reason")),
    )


def get_filing_status(token: str) -> int:
    """icp/get_icp_entrance_info 获取小程序备案状态及驳回原因, with set 18 or 156: its status."""
    path = "/wxa/icp/get_icp_entrance_info"
    answer = call(path, access_token=token, method="GET")
    return take_number(path, read_object(answer.get("info")), "status")
