"""Which passive replies (被动回复) WeChat shows: from whom, to whom, and of which type (E5)."""

import re
from xml.etree import ElementTree

from sandbox.wire import passive
from sandbox.world import contents
from sandbox.world.contents import Content, FindMedia
from sandbox.world.errors import Refusal
from sandbox.world.parties import Account, Component

PassiveReply = tuple[str, Content]  # the msgtype, and the content in the words of custom/send


def read(
    answer: bytes, component: Component, account: Account, openid: str, find_media: FindMedia
) -> PassiveReply | None:
    """The reply in the platform's answer, None for no reply; raises `passive.Abnormal`."""
    if answer.strip() in (b"", b"success"):
        return None
    inner = passive.open_answer(
        answer, token=component.token, aes_key=component.aes_key, appid=component.appid
    )
    _expect(inner, "ToUserName", openid)
    _expect(inner, "FromUserName", account.user_name)
    if not re.fullmatch(r"\d+", passive.text_of(inner, "CreateTime")):
        raise passive.Abnormal("CreateTime is not a number")
    msgtype = passive.text_of(inner, "MsgType")
    if account.is_mini_program and msgtype != passive.TRANSFER:
        raise passive.Abnormal(f"a mini program cannot reply with {msgtype}")
    content = passive.content_of(inner, msgtype)
    try:
        _check(msgtype, content, find_media)
    except Refusal as refusal:
        raise passive.Abnormal(str(refusal)) from None
    return msgtype, content


def _expect(inner: ElementTree.Element, name: str, expected: str) -> None:
    value = passive.text_of(inner, name)
    if value != expected:
        raise passive.Abnormal(f"{name} is {value} where {expected} belongs")


def _check(msgtype: str, content: Content, find_media: FindMedia) -> None:
    if msgtype == "text":
        contents.check_texts(content, ("content",))
    elif msgtype in passive.MEMBERS:
        contents.check_files(msgtype, content, find_media)
