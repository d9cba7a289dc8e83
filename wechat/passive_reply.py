"""
A content as the direct answer to a push (被动回复), in XML.

Pages: developers.weixin.qq.com, "被动回复用户消息", "转发消息".
"""

from typing import Any

from wechat.replies import (
    NOT_PASSIVE,
    UNSENDABLE_CHARACTERS,
    Article,
    BadContent,
    Content,
    Image,
    Music,
    News,
    Text,
    Transfer,
    Video,
    Voice,
)

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


def _titles(content: Video | Music | Article) -> _Tree:
    return [("Title", content.title), ("Description", content.description)]


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
    clean = UNSENDABLE_CHARACTERS.sub("", lines)
    return f"<![CDATA[{clean.replace(']]>', ']]]]><![CDATA[>')}]]>"
