"""Passive replies (被动回复): the platform's sealed answer, opened and taken apart (E5).

What may be replied with, and to whom, is for the world to say.
"""

from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree

from sandbox.wire import crypto

Content = dict[str, Any]

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


def open_answer(answer: bytes, *, token: str, aes_key: str, appid: str) -> ElementTree.Element:
    """The XML inside the envelope, once its signature has been checked."""
    envelope = _tree(answer)
    encrypted, signature, timestamp, nonce = (text_of(envelope, name) for name in ENVELOPE)
    if signature != crypto.signature(token, timestamp, nonce, encrypted):
        raise Abnormal("MsgSignature does not fit")
    try:
        return _tree(crypto.open_sealed(encrypted, aes_key=aes_key, appid=appid))
    except crypto.CannotOpen as error:
        raise Abnormal(f"cannot be decrypted: {error}") from None


def _tree(body: bytes) -> ElementTree.Element:
    try:
        return ElementTree.fromstring(body)  # noqa: S314 the platform's own answer
    except ElementTree.ParseError:
        raise Abnormal("is not XML") from None


def text_of(element: ElementTree.Element, name: str) -> str:
    """The text of a child that must be there."""
    value = (element.findtext(name) or "").strip()
    if not value:
        raise Abnormal(f"{name} is missing")
    return value


def content_of(inner: ElementTree.Element, msgtype: str) -> Content:
    """The content in the words of custom/send."""
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
    if text_of(inner, "ArticleCount") != str(len(items)) or not items:
        raise Abnormal("ArticleCount is not the number of items")
    return [_members(item, ARTICLE) for item in items[:MOST_ARTICLES]]


def _members(element: ElementTree.Element | None, members: Mapping[str, str]) -> Content:
    if element is None:
        return {}
    return {name: text for name, tag in members.items() if (text := element.findtext(tag))}
