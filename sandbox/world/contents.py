"""What an account may say to a user, by msgtype, and WeChat's checks of it (E6)."""

import re
from collections.abc import Callable
from typing import Any, NamedTuple

from sandbox.world.errors import Refusal
from sandbox.world.permissions import MINI_PROGRAM, OFFICIAL_ACCOUNT

TEXT_BYTES = 2048
MOST_ARTICLES = 1
MEDIA = {"image": "image/", "thumb": "image/", "voice": "audio/", "video": "video/", "news": "news"}
PROGRAM_LINK = re.compile(r"""data-miniprogram-appid=["']([^"']*)""")

Content = dict[str, Any]
FindMedia = Callable[[Any, str], bool]  # a media_id, the kind it must be of


class Kind(NamedTuple):
    """Who may send it, the texts it must have, and the files by the name of their member."""

    accounts: tuple[str, ...]
    texts: tuple[str, ...] = ()
    files: dict[str, str] = {}


_MP, _OA = (MINI_PROGRAM,), (OFFICIAL_ACCOUNT,)

KINDS = {
    "text": Kind(_MP + _OA, ("content",)),
    "image": Kind(_MP + _OA, files={"media_id": "image"}),
    "link": Kind(_MP, ("title", "description", "url", "thumb_url")),
    "miniprogrampage": Kind(_MP + _OA, ("title", "pagepath"), {"thumb_media_id": "thumb"}),
    "voice": Kind(_OA, files={"media_id": "voice"}),
    "video": Kind(_OA, files={"media_id": "video"}),
    "music": Kind(_OA, ("musicurl", "hqmusicurl"), {"thumb_media_id": "thumb"}),
    "news": Kind(_OA),
    "mpnews": Kind(_OA, files={"media_id": "news"}),
    "mpnewsarticle": Kind(_OA, ("article_id",)),
    "msgmenu": Kind(_OA),
    "wxcard": Kind(_OA, ("card_id",)),
}


def check(account_kind: str, msgtype: str, content: Any, find_media: FindMedia) -> None:
    """Raise what WeChat answers to a customer-service message that is not in order."""
    kind = KINDS.get(msgtype)
    if kind is None or account_kind not in kind.accounts:
        raise Refusal(40008)
    if not isinstance(content, dict):
        raise Refusal(47001)
    check_texts(content, kind.texts)
    check_files(msgtype, content, find_media)
    if msgtype == "news":
        _check_articles(content)
    if msgtype == "msgmenu":
        _check_menu(content)


def check_texts(content: Content, names: tuple[str, ...]) -> None:
    """Each is there, and a message's text is not too long."""
    for name in names:
        value = content.get(name)
        if not isinstance(value, str):
            raise Refusal(47001)
        if not value:
            raise Refusal(44004)
    if "content" in names and len(content["content"].encode()) > TEXT_BYTES:
        raise Refusal(45002)


def check_files(msgtype: str, content: Content, find_media: FindMedia) -> None:
    """Each file is one WeChat keeps for this account, of the right kind."""
    for name, of_kind in KINDS[msgtype].files.items():
        if not content.get(name):
            raise Refusal(41006)
        if not find_media(content[name], of_kind):
            raise Refusal(40007)


def _check_articles(content: Content) -> None:
    articles = content.get("articles")
    if not isinstance(articles, list) or not articles:
        raise Refusal(47001)
    if len(articles) > MOST_ARTICLES:
        raise Refusal(45008)
    for article in articles:
        if not isinstance(article, dict):
            raise Refusal(47001)
        check_texts(article, ("title", "description", "url", "picurl"))


def _check_menu(content: Content) -> None:
    items = content.get("list")
    if not isinstance(items, list) or not items:
        raise Refusal(47001)
    for item in items:
        if not isinstance(item, dict) or not str(item.get("id", "")):
            raise Refusal(47001)
        check_texts(item, ("content",))


def programs_named(msgtype: str, content: Content) -> list[str]:
    """The mini programs an official account's message leads to."""
    if msgtype == "miniprogrampage":
        return [str(content.get("appid", ""))]
    return PROGRAM_LINK.findall(content["content"]) if msgtype == "text" else []
