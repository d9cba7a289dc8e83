"""
Tickets of pages: what an official account's pages (JS-SDK) and cards (卡券) are signed with.
Pages: "JS-SDK使用权限签名算法" and "卡券签名".
"""

import hashlib
from dataclasses import dataclass, field

from wechat.envelope import sign
from wechat.http import call, take_life, take_text

JSAPI, CARD = "jsapi", "wx_card"


@dataclass(frozen=True, slots=True)
class PageTicket:
    """A ticket and its life in seconds."""

    value: str = field(repr=False)
    life: int


def get_ticket(token: str, kind: str) -> PageTicket:
    """ticket/getticket, of KIND jsapi or wx_card; the calls of a day are few."""
    path = "/cgi-bin/ticket/getticket"
    answer = call(path, query={"type": kind}, access_token=token, method="GET")
    return PageTicket(take_text(path, answer, "ticket"), take_life(path, answer))


def sign_page(ticket: str, url: str, *, nonce: str, timestamp: int) -> str:
    """The signature of the page at URL, which is without what follows a "#"."""
    text = f"jsapi_ticket={ticket}&noncestr={nonce}&timestamp={timestamp}&url={url}"
    return hashlib.sha1(text.encode()).hexdigest()


def sign_card(ticket: str, *values: str) -> str:
    """The signature of a card's VALUES, those that are not empty, in any order."""
    return sign(ticket, *values)
