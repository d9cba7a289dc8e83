"""
Who may open a mini program's trial version (体验者); the owner may without being one.

TOKEN is an authorizer_access_token with set 18. Every function raises Refused, Unreachable, NotSent
or BadAnswer. Pages: "成员管理" of developers.weixin.qq.com.
"""

from wechat.http import call, take_rows, take_text


def bind_tester(token: str, wechatid: str) -> str:
    """
    wxa/bind_tester 绑定体验者: the userstr to unbind them by.

    Not repeated: 85004 would say that they are one already. 85001 no such WeChat id, or it does not
    let itself be found; 85002 and 85003 the mini program or the person has too many.
    """
    path = "/wxa/bind_tester"
    answer = call(path, {"wechatid": wechatid}, access_token=token, repeat=False)
    return take_text(path, answer, "userstr")


def unbind_tester(token: str, *, wechatid: str = "", userstr: str = "") -> None:
    """wxa/unbind_tester 解除绑定体验者, named by either. Not repeated: -1 would say nothing."""
    body = {"userstr": userstr} if userstr else {"wechatid": wechatid}
    call("/wxa/unbind_tester", body, access_token=token, repeat=False)


def list_testers(token: str) -> list[str]:
    """wxa/memberauth 获取体验者列表: their userstr."""
    path = "/wxa/memberauth"
    answer = call(path, {"action": "get_experiencer"}, access_token=token)
    return take_rows(path, answer, "members", lambda row: take_text(path, row, "userstr"))
