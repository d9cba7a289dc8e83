"""The lines of a chat as a phone shows them."""

import re
from collections.abc import Callable, Iterable
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlsplit

from sandbox.pages.html import Child, Html, form, hidden, tag
from sandbox.pages.words import Words
from sandbox.wire.passive import TRANSFER
from sandbox.world.chats import Chat, Line
from sandbox.world.days import written

PAUSE = 300  # seconds without a word, after which the time is shown
LINK = re.compile(r"<a\b([^>]*)>(.*?)</a>", re.DOTALL | re.IGNORECASE)
HREF = re.compile(r"""\bhref\s*=\s*["']([^"']*)""", re.IGNORECASE)
WAYS = {"reply": "Passive reply", "api": "Customer-service message"}
EVENTS = {
    "user_enter_tempsession": "Enter the chat",
    "subscribe": "Subscribe",
    "unsubscribe": "Unsubscribe",
    "CLICK": "Click the menu",
    "VIEW": "Open a link of the menu",
    "SCAN": "Scan the QR code",
    "LOCATION": "Report the location",
}
Content = dict[str, Any]


class Phone:
    """One person's view of a chat; ACTION is where a click in it is posted."""

    def __init__(
        self, words: Words, chat: Chat, name: str, action: str, key: str, base: str
    ) -> None:
        self.words = words
        self.chat = chat
        self.name = name
        self.action = action
        self.key = key
        self.base = base

    def lines(self, after: int = 0) -> Iterable[Html]:
        """The lines after that number, oldest first, with the time where there was a pause."""
        before = 0.0
        for line in self.chat.lines:
            if line.number > after:
                if line.at - before >= PAUSE:
                    yield tag("p", _clock(line.at), class_="aside")
                yield self._line(line)
            before = line.at

    def _line(self, line: Line) -> Html:
        if line.way == "event":
            title = self.words(EVENTS[line.kind]) if line.kind in EVENTS else ""
            key = str(line.content.get("EventKey", ""))
            description = " · ".join(part for part in (title, line.kind, key) if part)
            return tag("p", description, class_="aside")
        if line.way == "notice":
            problem = tag("small", line.problem)
            return tag("p", line.text, " ", problem, class_="aside notice")
        return self._bubble(line)

    def _bubble(self, line: Line) -> Html:
        content = dict(line.content)
        if line.sender == "user":
            show = OF_USERS.get(line.kind, _unknown)
            face = tag("span", self.name[0 if self.name.isascii() else -1], class_="face")
            side = "mine"
        else:
            show = OF_ACCOUNTS.get(line.kind, _unknown)
            url = f"/avatar/{self.chat.account.appid}.svg"
            face = tag("img", src=url, alt="", class_="face", width=40, height=40)
            side = "theirs"
        way = [self.words(WAYS[line.way])] if line.way in WAYS else []
        way += [line.kf_account] if line.kf_account else []
        footer = tag("small", " · ".join(way)) if way else None
        body = tag("div", show(self, content), footer)
        return tag("div", face, body, class_=f"line {side}", data_kind=line.kind)

    # The pieces

    def picture(self, media_id: object) -> Html:
        """A file WeChat keeps."""
        return tag(
            "img", src=f"/sandbox/media/{media_id}", alt=self.words("Picture"), class_="shot"
        )

    def outside(self, url: object) -> Html:
        """A picture somewhere else, which is not fetched, unless it is kept here."""
        path = str(url).removeprefix(self.base)
        if path.startswith("/sandbox/media/"):
            return tag("img", src=path, alt=self.words("Picture"), class_="shot")
        return tag("span", self.words("Picture"), class_="shot blank", title=str(url))

    def choice(self, text: str, number: str) -> Html:
        """One item of a msgmenu: a click sends its text."""
        fields = hidden(kind="text", content=text, bizmsgmenuid=number)
        return form(self.action, self.key, fields, tag("button", text), data_send=True)


def _clock(at: float) -> str:
    return written(at, "%m-%d %H:%M")


def _card(*parts: Child) -> Html:
    return tag("div", *parts, class_="card-bubble")


def _text(phone: Phone, content: Content) -> Html:
    return tag("div", *_linked(phone, content["content"]), class_="bubble")


def _linked(phone: Phone, text: str) -> Iterable[Child]:
    """The text with its links; a link to a mini program leads nowhere here."""
    rest = 0
    for link in LINK.finditer(text):
        yield text[rest : link.start()]
        yield _link(phone, link[1], unescape(link[2]))
        rest = link.end()
    yield text[rest:]


def _link(phone: Phone, attributes: str, label: str) -> Html:
    href = HREF.search(attributes)
    url = urlsplit(unescape(href[1]) if href else "")
    if url.scheme == "weixin" and url.netloc == "bizmsgmenu":
        query = parse_qs(url.query)
        content, number = (query.get(name, [""])[0] for name in ("msgmenucontent", "msgmenuid"))
        return phone.choice(content or label, number)
    if "data-miniprogram-appid" in attributes or url.scheme not in ("http", "https"):
        return tag("span", label, class_="link", title=phone.words("Mini program"))
    return tag("a", label, href=url.geturl(), target="_blank", rel="noreferrer")


def _image(phone: Phone, content: Content) -> Html:
    return phone.picture(content["media_id"])


def _voice(phone: Phone, content: Content) -> Html:
    return tag("div", f"))) {phone.words('Voice')}", class_="bubble")


def _video(phone: Phone, content: Content) -> Html:
    thumb = content.get("thumb_media_id")
    shot = phone.picture(thumb) if thumb else tag("span", class_="shot blank")
    title = content.get("title")
    return _card(
        tag("span", shot, tag("b", "▶"), class_="film"), tag("b", title) if title else None
    )


def _music(phone: Phone, content: Content) -> Html:
    title = content.get("title") or phone.words("Music")
    text = tag("span", tag("b", title), tag("small", content.get("description", "")))
    shot = phone.picture(content["thumb_media_id"])
    return tag("div", text, shot, class_="card-bubble side")


def _news(phone: Phone, content: Content) -> Html:
    first, *others = content["articles"]
    rows = [tag("p", article.get("title", "")) for article in others]
    return _card(
        phone.outside(first.get("picurl", "")),
        tag("b", _title(first)),
        tag("small", first.get("description", "")),
        *rows,
    )


def _title(article: Content) -> Child:
    url, title = str(article.get("url", "")), str(article.get("title", ""))
    if urlsplit(url).scheme not in ("http", "https"):
        return title
    return tag("a", title, href=url, target="_blank", rel="noreferrer")


def _article(phone: Phone, content: Content) -> Html:
    number = content.get("article_id") or content.get("media_id")
    return _card(tag("b", phone.words("Article")), tag("code", str(number)))


def _link_card(phone: Phone, content: Content) -> Html:
    text = tag("span", tag("b", _title(content)), tag("small", content["description"]))
    return tag("div", text, phone.outside(content["thumb_url"]), class_="card-bubble side")


def _program_page(phone: Phone, content: Content) -> Html:
    return _card(
        tag("b", content["title"]),
        phone.picture(content["thumb_media_id"]),
        tag("small", f"{phone.words('Mini program')} · {content['pagepath']}"),
    )


def _menu(phone: Phone, content: Content) -> Html:
    items = [phone.choice(str(item["content"]), str(item["id"])) for item in content["list"]]
    head, tail = (content.get(name) for name in ("head_content", "tail_content"))
    return tag(
        "div",
        tag("p", head) if head else None,
        items,
        tag("p", tail) if tail else None,
        class_="bubble menu",
    )


def _coupon(phone: Phone, content: Content) -> Html:
    return _card(tag("b", phone.words("Coupon")), tag("code", content["card_id"]))


def _transfer(phone: Phone, content: Content) -> Html:
    return tag(
        "div",
        phone.words("Handed over to customer service"),
        " ",
        content["kf_account"],
        class_="bubble",
    )


def _user_text(phone: Phone, content: Content) -> Html:
    return tag("div", content.get("Content", ""), class_="bubble")


def _user_image(phone: Phone, content: Content) -> Html:
    return phone.outside(content.get("PicUrl", ""))


def _user_video(phone: Phone, content: Content) -> Html:
    return _video(phone, {"thumb_media_id": content.get("ThumbMediaId")})


def _location(phone: Phone, content: Content) -> Html:
    place = f"{content.get('Location_X')}, {content.get('Location_Y')}"
    return _card(
        tag("b", content.get("Label", "")),
        tag("small", place),
        tag("span", "◎", class_="shot blank map"),
    )


def _user_link(phone: Phone, content: Content) -> Html:
    article = {"title": content.get("Title", ""), "url": content.get("Url", "")}
    return _card(tag("b", _title(article)), tag("small", content.get("Description", "")))


def _user_page(phone: Phone, content: Content) -> Html:
    return _card(
        tag("b", content.get("Title", "")),
        phone.outside(content.get("ThumbUrl", "")),
        tag("small", f"{phone.words('Mini program')} · {content.get('PagePath', '')}"),
    )


def _unknown(phone: Phone, content: Content) -> Html:
    return tag("div", str(content), class_="bubble")


Show = Callable[[Phone, Content], Html]

OF_ACCOUNTS: dict[str, Show] = {
    "text": _text,
    "image": _image,
    "voice": _voice,
    "video": _video,
    "music": _music,
    "news": _news,
    "mpnews": _article,
    "mpnewsarticle": _article,
    "link": _link_card,
    "miniprogrampage": _program_page,
    "msgmenu": _menu,
    "wxcard": _coupon,
    TRANSFER: _transfer,
}
OF_USERS: dict[str, Show] = {
    "text": _user_text,
    "image": _user_image,
    "voice": _voice,
    "video": _user_video,
    "shortvideo": _user_video,
    "location": _location,
    "link": _user_link,
    "miniprogrampage": _user_page,
}
