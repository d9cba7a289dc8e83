"""
What we say to users: the contents of passive replies (被动回复) and customer-service messages
(客服消息).

One class for each kind, with the members WeChat's JSON has, by its names. `parse_content` and
`as_data` are the way in and out. Pages: developers.weixin.qq.com, "发送客服消息" of both kinds of
accounts, "被动回复用户消息".
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, TypeVar, cast, dataclass_transform
from urllib.parse import urlsplit

from wechat.reply_windows import MINI_PROGRAM, OFFICIAL_ACCOUNT

MAX_BYTES = 2048  # bytes of UTF-8; WeChat says so of `content` only
MAX_ARTICLES = 1  # more are 45008
MAX_CHOICES = 20  # ours: a menu longer than that is a mistake

# What XML cannot hold; a database has trouble with some of it too.
UNSENDABLE_CHARACTERS = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def _(text: str) -> str:
    """Marks TEXT for the translations' catalogue."""
    return text


NO_KIND = _("There is no message of the kind “%(kind)s”.")
NOT_AN_OBJECT = _("%(member)s must be an object.")
NOT_A_LIST = _("%(member)s must be a list.")
NOT_A_TEXT = _("%(member)s must be a text.")
MISSING = _("%(member)s is missing.")
STRANGE = _("%(member)s has no place here.")
TOO_LONG = _("%(member)s is too long: it may have %(most)s bytes.")
TOO_MANY = _("%(member)s is too long: it may have %(most)s entries.")
NOT_A_URL = _("%(member)s must be an address that begins with http:// or https://.")
UNSENDABLE = _("%(member)s holds a character that cannot be sent.")
NOT_FOR_ACCOUNT = _("This account's users cannot be sent a message of the kind “%(kind)s”.")
NOT_PASSIVE = _("A message of the kind “%(kind)s” cannot be this account's direct answer.")


class BadContent(ValueError):
    """A content WeChat would not take. SENTENCE and PARAMS say why, for the translations."""

    def __init__(self, sentence: str, **params: str | int) -> None:
        super().__init__(sentence % params)
        self.sentence = sentence
        self.params = params


@dataclass(frozen=True, slots=True)
class _Rule:
    """How a member is read: a text, or a list of ROWs."""

    is_required: bool
    is_url: bool = False
    row: type | None = None
    limit: int = MAX_BYTES


def _text_member(*, required: bool = True, url: bool = False) -> str:
    rule = {"rule": _Rule(required, is_url=url)}
    return field(default="", repr=False, metadata=rule)


def _optional_member() -> str:
    return _text_member(required=False)


def _rows_member(row: type, limit: int) -> Any:
    rule = {"rule": _Rule(True, row=row, limit=limit)}
    return field(default=(), repr=False, metadata=rule)


class Content:
    """Base of all contents; none shows in its repr what it says."""

    __slots__ = ()
    msgtype: ClassVar[str]


CONTENTS: dict[str, type[Content]] = {}

ContentClass = TypeVar("ContentClass", bound=type[Content])


@dataclass_transform(frozen_default=True)
def _content(msgtype: str) -> Callable[[ContentClass], ContentClass]:
    """The class of the contents that WeChat calls MSGTYPE, with their members."""

    def declare(declared: ContentClass) -> ContentClass:
        content: Any = dataclass(frozen=True, slots=True)(declared)
        content.msgtype, CONTENTS[msgtype] = msgtype, content
        return cast(ContentClass, content)

    return declare


@_content("text")
class Text(Content):
    """文本; may hold `<a href="…" data-miniprogram-appid="…" data-miniprogram-path="…">`."""

    content: str = _text_member()


@_content("image")
class Image(Content):
    """图片, as a media id from `media.upload_media`, good for three days."""

    media_id: str = _text_member()


@_content("voice")
class Voice(Content):
    """语音."""

    media_id: str = _text_member()


@_content("video")
class Video(Content):
    """视频; a passive reply has no thumbnail."""

    media_id: str = _text_member()
    thumb_media_id: str = _text_member()
    title: str = _optional_member()
    description: str = _optional_member()


@_content("music")
class Music(Content):
    """音乐."""

    title: str = _optional_member()
    description: str = _optional_member()
    musicurl: str = _text_member(url=True)
    hqmusicurl: str = _text_member(url=True)
    thumb_media_id: str = _text_member()


@dataclass(frozen=True, slots=True)
class Article:
    """The one picture and text of a News; the page of passive replies requires all of it."""

    title: str = _text_member()
    description: str = _text_member()
    url: str = _text_member(url=True)
    picurl: str = _text_member(url=True)


@_content("news")
class News(Content):
    """图文消息 that leads to a page outside."""

    articles: tuple[Article, ...] = _rows_member(Article, MAX_ARTICLES)


@_content("mpnews")
class MpNews(Content):
    """图文消息 of the account's own, by media id."""

    media_id: str = _text_member()


@_content("mpnewsarticle")
class MpNewsArticle(Content):
    """图文消息 of the account's own, published (发布), by article id."""

    article_id: str = _text_member()


@dataclass(frozen=True, slots=True)
class Choice:
    """One line of a Menu; its id comes back as `bizmsgmenuid` of the user's text."""

    id: str = _text_member()
    content: str = _text_member()


@_content("msgmenu")
class Menu(Content):
    """菜单消息."""

    head_content: str = _optional_member()
    list: tuple[Choice, ...] = _rows_member(Choice, MAX_CHOICES)
    tail_content: str = _optional_member()


@_content("wxcard")
class WxCard(Content):
    """卡券."""

    card_id: str = _text_member()


@_content("link")
class Link(Content):
    """图文链接, of mini programs."""

    title: str = _text_member()
    description: str = _text_member()
    url: str = _text_member(url=True)
    thumb_url: str = _text_member(url=True)


@_content("miniprogrampage")
class MiniProgramPage(Content):
    """小程序卡片. APPID is an official account's: it must say which mini program it means."""

    title: str = _text_member()
    appid: str = _optional_member()
    pagepath: str = _text_member()
    thumb_media_id: str = _text_member()


@_content("transfer_customer_service")
class Transfer(Content):
    """转发消息 to WeChat's own customer-service console, to KF_ACCOUNT or to anybody there."""

    kf_account: str = _optional_member()


# Who may be sent what through send_custom, and what may be a passive reply to whose push.
CUSTOM: dict[str, frozenset[str]] = {
    OFFICIAL_ACCOUNT: frozenset(CONTENTS) - {Link.msgtype, Transfer.msgtype},
    MINI_PROGRAM: frozenset({"text", "image", "link", "miniprogrampage"}),
}
PASSIVE: dict[str, frozenset[str]] = {
    OFFICIAL_ACCOUNT: frozenset(
        {"text", "image", "voice", "video", "music", "news", Transfer.msgtype}
    ),
    MINI_PROGRAM: frozenset({Transfer.msgtype}),
}


def can_be_custom(content: Content, account_kind: str) -> bool:
    """Whether CONTENT may go out as a customer-service message of such an account."""
    return content.msgtype in CUSTOM.get(account_kind, ())


def can_be_passive(content: Content, account_kind: str) -> bool:
    """Whether CONTENT may be the direct answer to a push of such an account."""
    return content.msgtype in PASSIVE.get(account_kind, ())


def check_custom(content: Content, account_kind: str) -> None:
    """Raises BadContent if CONTENT cannot be a customer-service message of such an account."""
    if not can_be_custom(content, account_kind):
        raise BadContent(NOT_FOR_ACCOUNT, kind=content.msgtype)
    needs_appid = isinstance(content, MiniProgramPage) and not content.appid
    if needs_appid and account_kind == OFFICIAL_ACCOUNT:
        raise BadContent(MISSING, member="miniprogrampage.appid")


def check_passive(content: Content, account_kind: str) -> None:
    """Raises BadContent if CONTENT cannot be the direct answer of such an account."""
    if not can_be_passive(content, account_kind):
        raise BadContent(NOT_PASSIVE, kind=content.msgtype)


# In and out


def parse_content(data: Mapping[str, Any]) -> Content:
    """
    The content of {"msgtype": "text", "text": {"content": "…"}}, and the like.

    Raises BadContent for whatever is not exactly so.
    """
    if not isinstance(data, Mapping):
        raise BadContent(NOT_AN_OBJECT, member="reply")
    msgtype = data.get("msgtype")
    kind = CONTENTS.get(msgtype) if isinstance(msgtype, str) else None
    if kind is None:
        raise BadContent(NO_KIND, kind=_printable(msgtype))
    _refuse_strangers(data, {"msgtype", kind.msgtype}, "")
    content: Content = _parse_members(kind, data.get(kind.msgtype, {}), kind.msgtype)
    return content


def _printable(value: object) -> str:
    return UNSENDABLE_CHARACTERS.sub("", value if isinstance(value, str) else "")[:40]


def _refuse_strangers(data: Mapping[str, Any], expected: Iterable[str], prefix: str) -> None:
    strangers = sorted(_printable(name) for name in set(data) - set(expected))
    if strangers:
        raise BadContent(STRANGE, member=prefix + strangers[0])


def _parse_members(kind: type[Any], data: object, path: str) -> Any:
    if not isinstance(data, Mapping):
        raise BadContent(NOT_AN_OBJECT, member=path)
    rules: dict[str, _Rule] = {member.name: member.metadata["rule"] for member in fields(kind)}
    _refuse_strangers(data, rules, f"{path}.")
    return kind(
        **{
            name: (_parse_rows if rule.row else _parse_text)(rule, data.get(name), f"{path}.{name}")
            for name, rule in rules.items()
        }
    )


def _parse_text(rule: _Rule, value: object, path: str) -> str:
    if value is None:
        value = ""
    if not isinstance(value, str):
        raise BadContent(NOT_A_TEXT, member=path)
    if rule.is_required and not value.strip():
        raise BadContent(MISSING, member=path)
    if UNSENDABLE_CHARACTERS.search(value):
        raise BadContent(UNSENDABLE, member=path)
    if len(value.encode()) > rule.limit:
        raise BadContent(TOO_LONG, member=path, most=rule.limit)
    if rule.is_url and value and not _is_url(value):
        raise BadContent(NOT_A_URL, member=path)
    return value


def _parse_rows(rule: _Rule, value: object, path: str) -> tuple[Any, ...]:
    if value is None or value == []:
        raise BadContent(MISSING, member=path)
    if not isinstance(value, list):
        raise BadContent(NOT_A_LIST, member=path)
    if len(value) > rule.limit:
        raise BadContent(TOO_MANY, member=path, most=rule.limit)
    row = cast(type, rule.row)
    return tuple(
        _parse_members(row, entry, f"{path}.{place}") for place, entry in enumerate(value, 1)
    )


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        has_host = bool(parts.hostname)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and has_host and not re.search(r"\s", text)


def as_data(content: Content) -> dict[str, Any]:
    """CONTENT as `parse_content` takes it; what is optional and empty is left out."""
    return {"msgtype": content.msgtype, content.msgtype: _members(content)}


def _members(content: Any) -> dict[str, Any]:
    members = {}
    for member in fields(content):
        value = getattr(content, member.name)
        if isinstance(value, tuple):
            members[member.name] = [_members(row) for row in value]
        elif value or member.metadata["rule"].is_required:
            members[member.name] = value
    return members
