"""Messages, users' and ours, in words for people: for conversations, the portal and the log."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from messaging.services.event_descriptions import describe_event, describe_point
from wechat import messages, replies

TEXT, PICTURE, VOICE, FILM, PLACE = "text", "picture", "voice", "film", "place"
LINK, CARD, MENU, NOTE = "link", "card", "menu", "note"


@dataclass(frozen=True, slots=True)
class Description:
    """
    What a person is shown: FORM says how, LABEL what it is, MEDIA_ID which file of WeChat's it has.

    A NOTE is something that happened; all others are something that was said.
    """

    form: str
    label: str = ""
    title: str = ""
    text: str = ""
    url: str = ""
    detail: str = ""
    media_id: str = ""
    lines: tuple[str, ...] = ()

    @property
    def line(self) -> str:
        label = f"[{self.label}]" if self.label and self.form != NOTE else self.label
        parts = [label, self.title, self.text, *self.lines, self.detail, self.url]
        return " ".join(part for part in parts if part)


def kind_label(kind: str) -> str:
    """What a message of KIND, by WeChat's name, is called."""
    labels = {
        "text": _("text"),
        "image": _("picture"),
        "voice": _("voice message"),
        "video": _("film"),
        "shortvideo": _("film"),
        "music": _("music"),
        "location": _("place"),
        "link": _("link"),
        "news": _("article"),
        "mpnews": _("article"),
        "mpnewsarticle": _("article"),
        "miniprogrampage": _("mini program page"),
        "msgmenu": _("menu"),
        "wxcard": _("coupon"),
        "transfer_customer_service": _("handed to WeChat's own customer service"),
    }
    return labels.get(kind, kind)


def describe_message(message: messages.Message) -> Description:
    if message.is_event or isinstance(message, messages.Unknown):
        return Description(NOTE, label=describe_event(message))
    label = kind_label(message.kind)
    match message:
        case messages.ImageMessage():
            return Description(PICTURE, label, media_id=message.media_id)
        case messages.VoiceMessage():
            return Description(VOICE, label, text=message.recognition, media_id=message.media_id)
        case messages.VideoMessage():
            return Description(FILM, label)
        case messages.LocationMessage():
            point = describe_point(message.location_x, message.location_y)
            return Description(PLACE, label, title=message.label, detail=point)
        case messages.LinkMessage():
            return _link(label, message.title, message.description, message.url)
        case messages.MiniProgramPageMessage():
            title, path = message.title, message.page_path
            return Description(CARD, label, title, detail=path, media_id=message.thumb_media_id)
    return Description(TEXT, text=messages.text_of(message))


def _link(label: str, title: str, text: str, url: str) -> Description:
    """A link that may be followed: one that is no web address, a script say, is only shown."""
    is_web = url.startswith(("https://", "http://"))
    address, detail = (url, "") if is_web else ("", url)
    return Description(LINK, label, title, text, address, detail)


def describe_content(content: replies.Content) -> Description:
    describe = _CONTENTS.get(type(content), _describe_card)
    return describe(kind_label(content.msgtype), content)


def _describe_news(label: str, news: replies.News) -> Description:
    first = news.articles[0]
    return _link(label, first.title, first.description, first.url)


def _describe_menu(label: str, menu: replies.Menu) -> Description:
    lines = tuple(choice.content for choice in menu.list)
    return Description(MENU, label, menu.head_content, lines=lines, detail=menu.tail_content)


def _describe_card(label: str, content: replies.Content) -> Description:
    """Something of the account's own that only WeChat can show."""
    ids = (getattr(content, name, "") for name in ("media_id", "article_id", "card_id"))
    return Description(CARD, label, detail=next(filter(None, ids), ""))


_CONTENTS: dict[type[replies.Content], Callable[[str, Any], Description]] = {
    replies.Text: lambda label, text: Description(TEXT, text=text.content),
    replies.Image: lambda label, image: Description(PICTURE, label, media_id=image.media_id),
    replies.Voice: lambda label, voice: Description(VOICE, label, media_id=voice.media_id),
    replies.Video: lambda label, video: Description(FILM, label, video.title, video.description),
    replies.Music: lambda label, it: _link(label, it.title, it.description, it.musicurl),
    replies.News: _describe_news,
    replies.Link: lambda label, link: _link(label, link.title, link.description, link.url),
    replies.MiniProgramPage: lambda label, page: Description(
        CARD, label, page.title, detail=page.pagepath, media_id=page.thumb_media_id
    ),
    replies.Menu: _describe_menu,
    replies.Transfer: lambda label, transfer: Description(NOTE, label),
}


def describe_preview(preview: str) -> str:
    """The PREVIEW of a conversation: what was written, or the word for its kind."""
    if preview.startswith("[") and preview.endswith("]"):
        return f"[{kind_label(preview[1:-1])}]"
    return preview
