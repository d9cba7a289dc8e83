"""
The page where users of a mini program find their orders (订单页): WeChat's order centre opens it.

WeChat decides on each path. Every function raises Refused, Unreachable, NotSent or BadAnswer.
Pages: "基础信息管理" of developers.weixin.qq.com.
"""

from dataclasses import dataclass
from typing import Any

from wechat.errors import Refused
from wechat.http import call, read_number, read_object, read_text, read_time, take_text

IN_USE, UNDER_REVIEW = 0, 1  # info_type
IN_REVIEW, REFUSED, APPROVED = 2, 3, 4  # status
NOT_SET = 61041


@dataclass(frozen=True, slots=True)
class OrderPath:
    """A path that was applied for, and how that stands: IN_REVIEW, REFUSED, APPROVED or 0."""

    path: str
    status: int
    apply_time: int


def get_order_path(token: str, info_type: int = IN_USE) -> OrderPath | None:
    """
    wxa/security/getorderpathinfo 获取订单页path信息, the one IN_USE or the one UNDER_REVIEW; None
    where there is none. TOKEN is an authorizer_access_token with set 18.
    """
    path = "/wxa/security/getorderpathinfo"
    try:
        answer = call(path, {"info_type": info_type}, access_token=token)
    except Refused as error:
        if error.errcode == NOT_SET:
            return None
        raise
    message = read_object(answer.get("msg"))
    if not read_text(message.get("path")):
        return None
    return OrderPath(
        path=take_text(path, message, "path"),
        status=read_number(message.get("status")) or 0,
        apply_time=read_time(message.get("apply_time")),
    )


def apply_order_path(
    component_token: str,
    appids: list[str],
    path: str,
    *,
    pictures: list[str] | None = None,
    video: str = "",
    remark: str = "",
) -> None:
    """
    wxa/security/applysetorderpathinfo 申请设置订单页path信息, for up to 100 mini programs at once.

    PICTURES and VIDEO are addresses that WeChat looks at, REMARK is for the reviewer. What comes of
    it is told of each by pushes. Never repeated. 61042 over 100, 61043 and 61044 wrong.
    """
    request: dict[str, Any] = {"path": path, "appid_list": appids}
    optional = {"img_list": pictures, "video": video, "test_remark": remark}
    request |= {name: value for name, value in optional.items() if value}
    call(
        "/wxa/security/applysetorderpathinfo",
        {"batch_req": request},
        access_token=component_token,
        repeat=False,
    )
