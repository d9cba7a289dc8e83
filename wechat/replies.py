"""
What we say to users: contents, as a passive reply (被动回复) and as JSON (客服消息).

One class for each kind, with the members WeChat's JSON has, by its names. `parse_content` and
`as_data` are the way in and out. Pages: developers.weixin.qq.com, "发送客服消息" of both kinds of
accounts, "客服输入状态", "被动回复用户消息", "转发消息".
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, cast
from urllib.parse import urlsplit

from wechat.http import call
from wechat.messages import MINI_PROGRAM, OFFICIAL_ACCOUNT

LONGEST = 2048  # bytes of UTF-8; WeChat says so of `content` only
MOST_ARTICLES = 1  # more are 45008
MOST_CHOICES = 20  # ours: a menu longer than that is a mistake

# What XML cannot hold; a database has trouble with some of it too.
_UNSENDABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


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
    most: int = LONGEST


def _text(*, required: bool = True, url: bool = False) -> str:
    rule = {"rule": _Rule(required, is_url=url)}
    return field(default="", repr=False, metadata=rule)


def _optional() -> str:
    return _text(required=False)


def _rows(row: type, most: int) -> Any:
    rule = {"rule": _Rule(True, row=row, most=most)}
    return field(default=(), repr=False, metadata=rule)


class Content:
    """Base of all contents; none shows in its repr what it says."""

    __slots__ = ()
    msgtype: ClassVar[str]


@dataclass(frozen=True, slots=True)
class Text(Content):
    """文本; may hold `<a href="…" data-miniprogram-appid="…" data-miniprogram-path="…">`."""

    msgtype = "text"
    content: str = _text()


@dataclass(frozen=True, slots=True)
class Image(Content):
    """图片, as a media id from `media.upload_media`, good for three days."""

    msgtype = "image"
    media_id: str = _text()


@dataclass(frozen=True, slots=True)
class Voice(Content):
    """语音."""

    msgtype = "voice"
    media_id: str = _text()


@dataclass(frozen=True, slots=True)
class Video(Content):
    """视频; a passive reply has no thumbnail."""

    msgtype = "video"
    media_id: str = _text()
    thumb_media_id: str = _text()
    title: str = _optional()
    description: str = _optional()


@dataclass(frozen=True, slots=True)
class Music(Content):
    """音乐."""

    msgtype = "music"
    title: str = _optional()
    description: str = _optional()
    musicurl: str = _text(url=True)
    hqmusicurl: str = _text(url=True)
    thumb_media_id: str = _text()


@dataclass(frozen=True, slots=True)
class Article:
    """The one picture and text of a News; the page of passive replies requires all of it."""

    title: str = _text()
    description: str = _text()
    url: str = _text(url=True)
    picurl: str = _text(url=True)


@dataclass(frozen=True, slots=True)
class News(Content):
    """图文消息 that leads to a page outside."""

    msgtype = "news"
    articles: tuple[Article, ...] = _rows(Article, MOST_ARTICLES)


@dataclass(frozen=True, slots=True)
class MpNews(Content):
    """图文消息 of the account's own, by media id."""

    msgtype = "mpnews"
    media_id: str = _text()


@dataclass(frozen=True, slots=True)
class MpNewsArticle(Content):
    """图文消息 of the account's own, published (发布), by article id."""

    msgtype = "mpnewsarticle"
    article_id: str = _text()


@dataclass(frozen=True, slots=True)
class Choice:
    """One line of a Menu; its id comes back as `bizmsgmenuid` of the user's text."""

    id: str = _text()
    content: str = _text()


@dataclass(frozen=True, slots=True)
class Menu(Content):
    """菜单消息."""

    msgtype = "msgmenu"
    head_content: str = _optional()
    list: tuple[Choice, ...] = _rows(Choice, MOST_CHOICES)
    tail_content: str = _optional()


@dataclass(frozen=True, slots=True)
class WxCard(Content):
    """卡券."""

    msgtype = "wxcard"
    card_id: str = _text()


@dataclass(frozen=True, slots=True)
class Link(Content):
    """图文链接, of mini programs."""

    msgtype = "link"
    title: str = _text()
    description: str = _text()
    url: str = _text(url=True)
    thumb_url: str = _text(url=True)


@dataclass(frozen=True, slots=True)
class MiniProgramPage(Content):
    """小程序卡片. APPID is an official account's: it must say which mini program it means."""

    msgtype = "miniprogrampage"
    title: str = _text()
    appid: str = _optional()
    pagepath: str = _text()
    thumb_media_id: str = _text()


@dataclass(frozen=True, slots=True)
class Transfer(Content):
    """转发消息 to WeChat's own customer-service console, to KF_ACCOUNT or to anybody there."""

    msgtype = "transfer_customer_service"
    kf_account: str = _optional()


_KINDS: tuple[type[Content], ...] = (
    *(Text, Image, Voice, Video, Music, News, MpNews, MpNewsArticle),
    *(Menu, WxCard, Link, MiniProgramPage, Transfer),
)
CONTENTS: dict[str, type[Content]] = {kind.msgtype: kind for kind in _KINDS}

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
        raise BadContent(NO_KIND, kind=_shown(msgtype))
    _refuse_strangers(data, {"msgtype", kind.msgtype}, "")
    content: Content = _parse(kind, data.get(kind.msgtype, {}), kind.msgtype)
    return content


def _shown(value: object) -> str:
    return _UNSENDABLE.sub("", value if isinstance(value, str) else "")[:40]


def _refuse_strangers(data: Mapping[str, Any], known: Iterable[str], above: str) -> None:
    strangers = sorted(_shown(name) for name in set(data) - set(known))
    if strangers:
        raise BadContent(STRANGE, member=above + strangers[0])


def _parse(kind: type[Any], data: object, path: str) -> Any:
    if not isinstance(data, Mapping):
        raise BadContent(NOT_AN_OBJECT, member=path)
    rules: dict[str, _Rule] = {one.name: one.metadata["rule"] for one in fields(kind)}
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
    if _UNSENDABLE.search(value):
        raise BadContent(UNSENDABLE, member=path)
    if len(value.encode()) > rule.most:
        raise BadContent(TOO_LONG, member=path, most=rule.most)
    if rule.is_url and value and not _is_url(value):
        raise BadContent(NOT_A_URL, member=path)
    return value


def _parse_rows(rule: _Rule, value: object, path: str) -> tuple[Any, ...]:
    if value is None or value == []:
        raise BadContent(MISSING, member=path)
    if not isinstance(value, list):
        raise BadContent(NOT_A_LIST, member=path)
    if len(value) > rule.most:
        raise BadContent(TOO_MANY, member=path, most=rule.most)
    row = cast(type, rule.row)
    return tuple(_parse(row, one, f"{path}.{place}") for place, one in enumerate(value, 1))


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


def _members(thing: Any) -> dict[str, Any]:
    members = {}
    for one in fields(thing):
        value = getattr(thing, one.name)
        if isinstance(value, tuple):
            members[one.name] = [_members(row) for row in value]
        elif value or one.metadata["rule"].is_required:
            members[one.name] = value
    return members


# The passive reply

_Tree = list[tuple[str, Any]]


def passive_xml(content: Content, to_user: str, from_user: str, at: int) -> str:
    """
    The XML of a direct answer, to be sealed: to the openid TO_USER, from the account's gh_ id.

    Raises BadContent for a kind that has none.
    """
    body = _passive_body(content)
    if body is None:
        raise BadContent(NOT_PASSIVE, kind=content.msgtype)
    head: _Tree = [
        ("ToUserName", to_user),
        ("FromUserName", from_user),
        ("CreateTime", at),
        ("MsgType", content.msgtype),
    ]
    return _xml("xml", head + body)


def _passive_body(content: Content) -> _Tree | None:
    """What follows the head; an empty text makes no element."""
    match content:
        case Text():
            return [("Content", content.content)]
        case Image():
            return [("Image", [("MediaId", content.media_id)])]
        case Voice():
            return [("Voice", [("MediaId", content.media_id)])]
        case Video():
            return [("Video", [("MediaId", content.media_id), *_titles(content)])]
        case Music():
            return [("Music", _music(content))]
        case News():
            items = [("item", _article(article)) for article in content.articles]
            return [("ArticleCount", len(items)), ("Articles", items)]
        case Transfer():
            account = content.kf_account
            return [("TransInfo", [("KfAccount", account)])] if account else []
    return None


def _titles(thing: Video | Music | Article) -> _Tree:
    return [("Title", thing.title), ("Description", thing.description)]


def _music(music: Music) -> _Tree:
    return [
        *_titles(music),
        ("MusicUrl", music.musicurl),
        ("HQMusicUrl", music.hqmusicurl),
        ("ThumbMediaId", music.thumb_media_id),
    ]


def _article(article: Article) -> _Tree:
    return [*_titles(article), ("PicUrl", article.picurl), ("Url", article.url)]


def _xml(name: str, value: Any) -> str:
    match value:
        case list():
            inside = "".join(_xml(*child) for child in value if child[1] != "")
        case int():
            inside = str(value)
        case _:
            inside = _cdata(value)
    return f"<{name}>{inside}</{name}>"


def _cdata(text: str) -> str:
    """TEXT for an XML reader to find again: the section's own end is cut in two."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")  # as XML reads them
    clean = _UNSENDABLE.sub("", lines)
    return f"<![CDATA[{clean.replace(']]>', ']]]]><![CDATA[>')}]]>"


# The customer-service message


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


def typing(token: str, openid: str, *, on: bool) -> None:
    """
    message/custom/typing 客服输入状态: whether the user sees that somebody is typing.

    45080 the user must have said something within 30 seconds, 45081 it shows already. Newer pages
    give mini programs …/custom/business/typing, which wants a `businessid` they seldom have.
    """
    body = {"touser": openid, "command": "Typing" if on else "CancelTyping"}
    call("/cgi-bin/message/custom/typing", body, access_token=token, repeat=False)
