"""Passive replies (被动回复): the platform's sealed answer, opened and checked (E5)."""

import re
from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree

from sandbox import contents, crypto
from sandbox.contents import Content, FindMedia
from sandbox.errors import Refusal
from sandbox.parties import Account, Component

TRANSFER = "transfer_customer_service"
ENVELOPE = ("Encrypt", "MsgSignature", "TimeStamp", "Nonce")
# Names of the XML, by those of the customer-service message of the same kind.
MEMBERS = {
    "image": ("Image", {"media_id": "MediaId"}),
    "voice": ("Voice", {"media_id": "MediaId"}),
    "video": (
        "Video",
        {"media_id": "MediaId", "title": "Title", "description": "Description"},
    ),
    "music": (
        "Music",
        {
            "title": "Title",
            "description": "Description",
            "musicurl": "MusicUrl",
            "hqmusicurl": "HQMusicUrl",
            "thumb_media_id": "ThumbMediaId",
        },
    ),
}
ARTICLE = {"title": "Title", "description": "Description", "picurl": "PicUrl", "url": "Url"}
MOST_ARTICLES = 8


class Abnormal(Exception):
    """The answer is nothing WeChat can show."""


def read(
    answer: bytes, component: Component, account: Account, openid: str, find_media: FindMedia
) -> tuple[str, Content] | None:
    """The msgtype and content of a reply, in the words of custom/send; None for no reply."""
    if answer.strip() in (b"", b"success"):
        return None
    inner = _tree(_opened(answer, component))
    _expect(inner, "ToUserName", openid)
    _expect(inner, "FromUserName", account.user_name)
    if not re.fullmatch(r"\d+", _text(inner, "CreateTime")):
        raise Abnormal("CreateTime is not a number")
    msgtype = _text(inner, "MsgType")
    if account.is_mini_program and msgtype != TRANSFER:
        raise Abnormal(f"a mini program cannot reply with {msgtype}")
    content = _content(inner, msgtype)
    try:
        _check(msgtype, content, find_media)
    except Refusal as refusal:
        raise Abnormal(str(refusal)) from None
    return msgtype, content


def _opened(answer: bytes, component: Component) -> bytes:
    envelope = _tree(answer)
    encrypted, told, timestamp, nonce = (_text(envelope, name) for name in ENVELOPE)
    if told != crypto.signature(component.token, timestamp, nonce, encrypted):
        raise Abnormal("MsgSignature does not fit")
    try:
        return crypto.open_sealed(encrypted, aes_key=component.aes_key, appid=component.appid)
    except crypto.CannotOpen as error:
        raise Abnormal(f"cannot be decrypted: {error}") from None


def _tree(body: bytes) -> ElementTree.Element:
    try:
        return ElementTree.fromstring(body)  # noqa: S314 the platform's own answer
    except ElementTree.ParseError:
        raise Abnormal("is not XML") from None


def _text(element: ElementTree.Element, name: str) -> str:
    value = (element.findtext(name) or "").strip()
    if not value:
        raise Abnormal(f"{name} is missing")
    return value


def _expect(inner: ElementTree.Element, name: str, value: str) -> None:
    told = _text(inner, name)
    if told != value:
        raise Abnormal(f"{name} is {told} where {value} belongs")


def _content(inner: ElementTree.Element, msgtype: str) -> Content:
    if msgtype == "text":
        return {"content": inner.findtext("Content") or ""}
    if msgtype == "news":
        return {"articles": _articles(inner)}
    if msgtype == TRANSFER:
        return {"kf_account": inner.findtext("TransInfo/KfAccount") or ""}
    if msgtype not in MEMBERS:
        raise Abnormal(f"there is no reply of the type {msgtype}")
    name, members = MEMBERS[msgtype]
    return _members(inner.find(name), members)


def _articles(inner: ElementTree.Element) -> list[Content]:
    items = inner.findall("Articles/item")
    if _text(inner, "ArticleCount") != str(len(items)) or not items:
        raise Abnormal("ArticleCount is not the number of items")
    return [_members(item, ARTICLE) for item in items[:MOST_ARTICLES]]


def _members(element: ElementTree.Element | None, members: Mapping[str, str]) -> dict[str, Any]:
    if element is None:
        return {}
    return {name: told for name, tag in members.items() if (told := element.findtext(tag))}


def _check(msgtype: str, content: Content, find_media: FindMedia) -> None:
    if msgtype == "text":
        contents.check_texts(content, ("content",))
    elif msgtype in MEMBERS:
        contents.check_files(msgtype, content, find_media)
