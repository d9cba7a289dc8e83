"""What staff, or a merchant, say to a user: one small form for each kind of message."""

from collections.abc import Callable
from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from miniprograms.models import Authorizer
from wechat import replies
from wechat.http import PICTURES, File, kind_of
from wechat.media import IMAGE, LIMITS
from wechat.replies import CUSTOM, BadContent, Content

Uploader = Callable[[File], str]  # a file to its media id

MAX_PICTURE_SIZE = LIMITS[IMAGE][1]


def explain_bad_content(problem: BadContent) -> str:
    return _(problem.sentence) % problem.params


def menu_choices(text: str) -> list[dict[str, str]]:
    """The choices of a msgmenu, of which TEXT has one on each line."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return [{"id": str(number), "content": line} for number, line in enumerate(lines, 1)]


class PictureField(forms.FileField):
    """A picture as WeChat takes it, known by its first bytes and not by its name."""

    default_error_messages = {
        "kind": gettext_lazy("Only JPEG, PNG and GIF pictures can be sent."),
        "size": gettext_lazy("The picture is too large: WeChat takes up to 2 MB."),
    }

    def __init__(self, **kwargs: Any) -> None:
        accepted = {"accept": ",".join(PICTURES)}
        super().__init__(widget=forms.FileInput(attrs=accepted), **kwargs)

    def clean(self, data: Any, initial: Any = None) -> File:
        upload: UploadedFile[Any] = super().clean(data, initial)
        if (upload.size or 0) > MAX_PICTURE_SIZE:
            raise ValidationError(self.error_messages["size"], code="size")
        content = upload.read()
        kind = kind_of(content)
        if kind not in PICTURES:
            raise ValidationError(self.error_messages["kind"], code="kind")
        return File(kind, content)


class MessageForm(forms.Form):
    """One kind of message. `content` makes it of what was filled in."""

    icon: ClassVar[str]
    title: ClassVar[Any]
    kinds: ClassVar[tuple[str, ...]] = tuple(CUSTOM)

    def __init__(self, kind: str, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.label_suffix = ""
        self.kind = kind  # of the account
        self.is_official = kind == Authorizer.Kind.OFFICIAL_ACCOUNT

    def content(self, upload: Uploader) -> Content:
        """What is to be said, its files handed to UPLOAD. Raises BadContent."""
        content = replies.parse_content(self.as_data(upload))
        replies.check_custom(content, self.kind)
        return content

    def as_data(self, upload: Uploader) -> dict[str, Any]:
        """What is to be said as WeChat's JSON, its files handed to UPLOAD."""
        raise NotImplementedError


class TextForm(MessageForm):
    title = gettext_lazy("Text")
    icon = "chat"
    text = forms.CharField(label=gettext_lazy("Message"), widget=forms.Textarea)

    def clean_text(self) -> str:
        text: str = self.cleaned_data["text"].replace("\r\n", "\n")
        if len(text.encode()) > replies.MAX_BYTES:
            raise ValidationError(
                _("Too long: WeChat takes %(most)d bytes, about 680 Chinese characters.")
                % {"most": replies.MAX_BYTES}
            )
        return text

    def as_data(self, upload: Uploader) -> dict[str, Any]:
        return {"msgtype": "text", "text": {"content": self.cleaned_data["text"]}}


class PictureForm(MessageForm):
    title = gettext_lazy("Picture")
    icon = "image"
    picture = PictureField(label=gettext_lazy("Picture"), help_text=gettext_lazy("Up to 2 MB."))

    def as_data(self, upload: Uploader) -> dict[str, Any]:
        return {"msgtype": "image", "image": {"media_id": upload(self.cleaned_data["picture"])}}


def _url_field(label: Any) -> forms.URLField:
    widget = forms.URLInput(attrs={"placeholder": "https://"})
    return forms.URLField(label=label, max_length=1000, assume_scheme="https", widget=widget)


class LinkForm(MessageForm):
    """图文链接; of an official account 图文消息, which leads to a page outside as well."""

    title = gettext_lazy("Link")
    icon = "link"
    heading = forms.CharField(label=gettext_lazy("Title"), max_length=64)
    description = forms.CharField(label=gettext_lazy("Description"), max_length=120)
    url = _url_field(gettext_lazy("Leads to"))
    picture = _url_field(gettext_lazy("Address of its picture"))

    def as_data(self, upload: Uploader) -> dict[str, Any]:
        data = self.cleaned_data
        link = {"title": data["heading"], "description": data["description"], "url": data["url"]}
        if self.is_official:
            return {"msgtype": "news", "news": {"articles": [{**link, "picurl": data["picture"]}]}}
        return {"msgtype": "link", "link": {**link, "thumb_url": data["picture"]}}


class PageForm(MessageForm):
    title = gettext_lazy("Mini program page")
    icon = "apps"
    heading = forms.CharField(label=gettext_lazy("Title"), max_length=64)
    appid = forms.CharField(
        label=gettext_lazy("Appid of the mini program"),
        max_length=32,
        help_text=gettext_lazy("It must be linked to this official account."),
    )
    path = forms.CharField(
        label=gettext_lazy("Page"),
        max_length=1000,
        widget=forms.TextInput(attrs={"placeholder": "pages/index/index"}),
    )
    picture = PictureField(label=gettext_lazy("Picture"), help_text=gettext_lazy("Up to 2 MB."))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not self.is_official:
            del self.fields["appid"]

    def as_data(self, upload: Uploader) -> dict[str, Any]:
        data = self.cleaned_data
        page = {"title": data["heading"], "pagepath": data["path"]}
        if self.is_official:
            page["appid"] = data["appid"].strip()
        page["thumb_media_id"] = upload(data["picture"])
        return {"msgtype": "miniprogrampage", "miniprogrampage": page}


class MenuForm(MessageForm):
    title = gettext_lazy("Menu")
    icon = "list"
    kinds = (Authorizer.Kind.OFFICIAL_ACCOUNT,)
    head = forms.CharField(label=gettext_lazy("Above"), max_length=200, required=False)
    choices = forms.CharField(
        label=gettext_lazy("Choices"),
        max_length=1000,
        help_text=gettext_lazy("One on each line; the user answers by tapping one."),
        widget=forms.Textarea(attrs={"rows": 3}),
    )
    tail = forms.CharField(label=gettext_lazy("Below"), max_length=200, required=False)

    def as_data(self, upload: Uploader) -> dict[str, Any]:
        data = self.cleaned_data
        choices = menu_choices(data["choices"])
        menu = {"head_content": data["head"], "list": choices, "tail_content": data["tail"]}
        return {"msgtype": "msgmenu", "msgmenu": menu}


MESSAGE_FORMS: dict[str, type[MessageForm]] = {
    "text": TextForm,
    "picture": PictureForm,
    "link": LinkForm,
    "page": PageForm,
    "menu": MenuForm,
}


def forms_for(kind: str) -> dict[str, type[MessageForm]]:
    """What the users of an account of KIND can be sent from a form."""
    return {name: form for name, form in MESSAGE_FORMS.items() if kind in form.kinds}
