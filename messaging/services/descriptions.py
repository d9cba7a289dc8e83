"""Messages, users' and ours, in words for people: for conversations, the portal and the log."""

from dataclasses import dataclass

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
        """All of it in one line."""
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
    """MESSAGE in words."""
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
            return Description(
                CARD,
                label,
                title=message.title,
                detail=message.page_path,
                media_id=message.thumb_media_id,
            )
    return Description(TEXT, text=messages.text_of(message))


def _link(label: str, title: str, text: str, url: str) -> Description:
    """A link that may be followed: one that is no web address, a script say, is only shown."""
    is_web = url.startswith(("https://", "http://"))
    address, detail = (url, "") if is_web else ("", url)
    return Description(LINK, label, title, text, address, detail)


def describe_content(content: replies.Content) -> Description:  # noqa: C901 -- one line a kind
    """CONTENT, which is ours, in words."""
    label = kind_label(content.msgtype)
    match content:
        case replies.Text():
            return Description(TEXT, text=content.content)
        case replies.Image():
            return Description(PICTURE, label, media_id=content.media_id)
        case replies.Voice():
            return Description(VOICE, label, media_id=content.media_id)
        case replies.Video():
            return Description(FILM, label, title=content.title, text=content.description)
        case replies.Music():
            return _link(label, content.title, content.description, content.musicurl)
        case replies.News():
            first = content.articles[0]
            return _link(label, first.title, first.description, first.url)
        case replies.Link():
            return _link(label, content.title, content.description, content.url)
        case replies.MiniProgramPage():
            return Description(
                CARD,
                label,
                title=content.title,
                detail=content.pagepath,
                media_id=content.thumb_media_id,
            )
        case replies.Menu():
            lines = tuple(choice.content for choice in content.list)
            return Description(
                MENU, label, content.head_content, lines=lines, detail=content.tail_content
            )
        case replies.Transfer():
            return Description(NOTE, label=label)
    ids = (getattr(content, name, "") for name in ("media_id", "article_id", "card_id"))
    return Description(CARD, label, detail=next(filter(None, ids), ""))


def describe_preview(preview: str) -> str:
    """The PREVIEW of a conversation: what was written, or the word for its kind."""
    if preview.startswith("[") and preview.endswith("]"):
        return f"[{kind_label(preview[1:-1])}]"
    return preview
