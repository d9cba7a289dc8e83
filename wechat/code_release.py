"""
A mini program's released version (发布): release, roll back, release in steps, open to users.

TOKEN is the authorizer_access_token of a mini program that granted set 18. Times are Unix seconds
by WeChat's clock. Every function raises Refused (or the leaf it names), Unreachable, NotSent or
BadAnswer. What changes something at WeChat is never repeated here: after Unreachable ask what
happened. Pages: developers.weixin.qq.com, "代码管理".
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from wechat.http import (
    Rows,
    call,
    read_flag,
    read_object,
    read_rows,
    read_text,
    read_time,
    take_number,
    take_object,
    take_rows,
    take_text,
)

GRAY_INITIAL, GRAY_RUNNING, GRAY_PAUSED, GRAY_FINISHED, GRAY_DELETED = 0, 1, 2, 3, 4


@dataclass(frozen=True, slots=True)
class PastVersion:
    """A released version one may go back to; APP_VERSION is WeChat's own number for it."""

    app_version: int
    user_version: str
    user_desc: str
    commit_time: int


@dataclass(frozen=True, slots=True)
class GrayPlan:
    """A release in steps: STATUS is one of GRAY_…, PERCENTAGE of users who have the new version."""

    status: int
    percentage: int
    create_timestamp: int
    support_debuger_first: bool
    support_experiencer_first: bool


@dataclass(frozen=True, slots=True)
class LiveVersion:
    """The trial or the released version, as WeChat has it now."""

    user_version: str
    user_desc: str
    at: int


@dataclass(frozen=True, slots=True)
class SupportVersion:
    """The least base library (基础库) users need, and which per cent of users have which."""

    now: str
    usage: list[tuple[str, float]]


def release_code(token: str) -> None:
    """
    wxa/release 发布已通过审核的小程序: the last approved version, whichever that is by now.

    Never repeated: ask `get_version_info` what is live. Raises NothingToRelease.
    """
    call("/wxa/release", {}, access_token=token, repeat=False)  # no body at all would be 44002


def revert_code_release(token: str, app_version: int | None = None) -> None:
    """
    wxa/revertcoderelease 小程序版本回退: to APP_VERSION, or to the one before.

    Twice goes back twice, so it is never repeated. 87011 a gray release runs, 87012 WeChat forbids
    it: nothing before, reverted already, or too old.
    """
    query = None if app_version is None else {"app_version": app_version}
    path = "/wxa/revertcoderelease"
    call(path, query=query, access_token=token, method="GET", repeat=False)


def get_history_version(token: str) -> Rows[PastVersion]:
    """wxa/revertcoderelease?action=get_history_version: up to 5 versions one may go back to."""
    path = "/wxa/revertcoderelease"
    query = {"action": "get_history_version"}
    answer = call(path, query=query, access_token=token, method="GET")
    return take_rows(path, answer, "version_list", partial(_past_version, path))


def _past_version(path: str, row: Mapping[str, Any]) -> PastVersion:
    return PastVersion(
        app_version=take_number(path, row, "app_version"),
        user_version=read_text(row.get("user_version")),
        user_desc=read_text(row.get("user_desc")),
        commit_time=read_time(row.get("commit_time")),
    )


def gray_release(
    token: str,
    percentage: int,
    *,
    support_debuger_first: bool = False,
    support_experiencer_first: bool = False,
) -> None:
    """
    wxa/grayrelease 分阶段发布: the last approved version to PERCENTAGE (0 to 100) of the users.

    It may only grow; at 0 one of the two flags says who is first. Never repeated. 85079 nothing is
    online yet, 85080 the version is not approved, 85081 and 85082 a wrong or too small percentage.
    """
    body = {
        "gray_percentage": percentage,
        "support_debuger_first": support_debuger_first,
        "support_experiencer_first": support_experiencer_first,
    }
    call("/wxa/grayrelease", body, access_token=token, repeat=False)


def get_gray_release_plan(token: str) -> GrayPlan | None:
    """wxa/getgrayreleaseplan 获取分阶段发布详情: None if there never was one."""
    path = "/wxa/getgrayreleaseplan"
    answer = call(path, access_token=token, method="GET")
    if not answer.get("gray_release_plan"):
        return None
    plan = take_object(path, answer, "gray_release_plan")
    return GrayPlan(
        status=take_number(path, plan, "status"),
        percentage=take_number(path, plan, "gray_percentage"),
        create_timestamp=read_time(plan.get("create_timestamp")),
        support_debuger_first=read_flag(plan.get("support_debuger_first")),
        support_experiencer_first=read_flag(plan.get("support_experiencer_first")),
    )


def revert_gray_release(token: str) -> None:
    """wxa/revertgrayrelease 取消分阶段发布: all users have the version before. Never repeated."""
    call("/wxa/revertgrayrelease", access_token=token, method="GET", repeat=False)


def get_version_info(token: str) -> tuple[LiveVersion | None, LiveVersion | None]:
    """wxa/getversioninfo 查询小程序版本信息: the trial and the released version, if any."""
    path = "/wxa/getversioninfo"
    answer = call(path, {}, access_token=token)  # no body at all would be 44002
    return _live_version(answer, "exp"), _live_version(answer, "release")


def _live_version(answer: Mapping[str, Any], kind: str) -> LiveVersion | None:
    info = read_object(answer.get(f"{kind}_info"))
    if not info.get(f"{kind}_version"):
        return None
    return LiveVersion(
        user_version=read_text(info.get(f"{kind}_version")),
        user_desc=read_text(info.get(f"{kind}_desc")),
        at=read_time(info.get(f"{kind}_time")),
    )


def change_visit_status(token: str, *, is_open: bool) -> None:
    """
    wxa/change_visitstatus 设置小程序服务状态: whether users can visit.

    Not repeated: 85021 says that it is so already, or may not be.
    """
    body = {"action": "open" if is_open else "close"}
    call("/wxa/change_visitstatus", body, access_token=token, repeat=False)


def is_open_to_visits(token: str) -> bool:
    """wxa/getvisitstatus 查询小程序服务状态: whether users can visit."""
    path = "/wxa/getvisitstatus"
    return take_number(path, call(path, {}, access_token=token), "status") == 1


def get_support_version(token: str) -> SupportVersion:
    """wxopen/getweappsupportversion 查询小程序用户的基础库版本占比."""
    path = "/cgi-bin/wxopen/getweappsupportversion"
    answer = call(path, {}, access_token=token)
    usage = read_rows(path, read_object(answer.get("uv_info")), "items", partial(_usage, path))
    return SupportVersion(read_text(answer.get("now_version")), usage)


def _usage(path: str, item: Mapping[str, Any]) -> tuple[str, float]:
    share = item.get("percentage")
    percentage = float(share) if isinstance(share, int | float) else 0.0
    return take_text(path, item, "version"), percentage


def set_support_version(token: str, version: str) -> None:
    """wxopen/setweappsupportversion 设置最低基础库版本. 89014: WeChat does not know VERSION."""
    path = "/cgi-bin/wxopen/setweappsupportversion"
    call(path, {"version": version}, access_token=token)
