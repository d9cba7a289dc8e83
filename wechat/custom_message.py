"""
A content as a customer-service message (客服消息), and the sign that somebody is typing.

TOKEN is an authorizer's: of a mini program with set 19, of an official account with set 1. Both
raise Refused (or the leaf they name), Unreachable, NotSent or BadAnswer. Pages:
developers.weixin.qq.com, "发送客服消息", "客服输入状态".
"""

from wechat.http import call
from wechat.replies import Content, as_data


def send_custom(token: str, openid: str, content: Content, *, kf_account: str = "") -> None:
    """
    message/custom/send 发送客服消息, as KF_ACCOUNT if an official account names one.

    Twice says it twice, so it is never repeated. Raises WindowClosed or CountUsed when the user has
    been silent too long or heard enough. 40003 no such user, 40007 no such medium, 45002 too long,
    45064 the mini program is not linked, 48001 the account may not.
    """
    body = {"touser": openid} | as_data(content)
    if kf_account:
        body["customservice"] = {"kf_account": kf_account}
    call("/cgi-bin/message/custom/send", body, access_token=token, repeat=False)


def send_typing(token: str, openid: str, *, on: bool) -> None:
    """
    message/custom/typing 客服输入状态: whether the user sees that somebody is typing.

    45080 the user must have said something within 30 seconds, 45081 it shows already. Newer pages
    give mini programs …/custom/business/typing, which wants a `businessid` they seldom have.
    """
    body = {"touser": openid, "command": "Typing" if on else "CancelTyping"}
    call("/cgi-bin/message/custom/typing", body, access_token=token, repeat=False)
