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
from wechat.http import File
from wechat.media import IMAGE, LIMITS
from wechat.replies import BadContent, Content

Upload = Callable[[File], str]  # a file to its media id

LARGEST = LIMITS[IMAGE][1]
_BEGINNINGS = {
    b"\xff\xd8\xff": "image/jpeg",
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"GIF8": "image/gif",
}


def words_for(problem: BadContent) -> str:
    """Why WeChat would not take a content."""
    return _(problem.sentence) % problem.params


class PictureField(forms.FileField):
    """A picture as WeChat takes it, known by its first bytes and not by its name."""

    default_error_messages = {  # noqa: RUF012 -- as Django reads it
        "kind": gettext_lazy("Only JPEG, PNG and GIF pictures can be sent."),
        "size": gettext_lazy("The picture is too large: WeChat takes up to 2 MB."),
    }

    def __init__(self, **kwargs: Any) -> None:
        accepted = {"accept": ",".join(_BEGINNINGS.values())}
        super().__init__(widget=forms.FileInput(attrs=accepted), **kwargs)

    def clean(self, data: Any, initial: Any = None) -> File:
        upload: UploadedFile[Any] = super().clean(data, initial)
        if (upload.size or 0) > LARGEST:
            raise ValidationError(self.error_messages["size"], code="size")
        content = upload.read()
        kinds = (kind for begin, kind in _BEGINNINGS.items() if content.startswith(begin))
        kind = next(kinds, None)
        if kind is None:
            raise ValidationError(self.error_messages["kind"], code="kind")
        return File(kind, content)


class Way(forms.Form):
    """One kind of message. `content` makes it of what was filled in."""

    icon: ClassVar[str]
    title: ClassVar[Any]
    kinds: ClassVar[tuple[str, ...]] = tuple(Authorizer.Kind.values)

    def __init__(self, kind: str, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.label_suffix = ""
        self.kind = kind  # of the account
        self.is_official = kind == Authorizer.Kind.OFFICIAL_ACCOUNT

    def content(self, upload: Upload) -> Content:
        """What is to be said, its files handed to UPLOAD. Raises BadContent."""
        content = replies.parse_content(self.data_of(upload))
        replies.check_custom(content, self.kind)
        return content

    def data_of(self, upload: Upload) -> dict[str, Any]:
        """The same as WeChat's JSON."""
        raise NotImplementedError


class TextWay(Way):
    title = gettext_lazy("Text")
    icon = "chat"
    text = forms.CharField(label=gettext_lazy("Message"), widget=forms.Textarea)

    def clean_text(self) -> str:
        text: str = self.cleaned_data["text"].replace("\r\n", "\n")
        if len(text.encode()) > replies.LONGEST:
            raise ValidationError(
                _("Too long: WeChat takes %(most)d bytes, about 680 Chinese characters.")
                % {"most": replies.LONGEST}
            )
        return text

    def data_of(self, upload: Upload) -> dict[str, Any]:
        return {"msgtype": "text", "text": {"content": self.cleaned_data["text"]}}


class PictureWay(Way):
    title = gettext_lazy("Picture")
    icon = "image"
    picture = PictureField(label=gettext_lazy("Picture"), help_text=gettext_lazy("Up to 2 MB."))

    def data_of(self, upload: Upload) -> dict[str, Any]:
        return {"msgtype": "image", "image": {"media_id": upload(self.cleaned_data["picture"])}}


class LinkWay(Way):
    """图文链接; of an official account 图文消息, which leads to a page outside as well."""

    title = gettext_lazy("Link")
    icon = "link"
    heading = forms.CharField(label=gettext_lazy("Title"), max_length=64)
    description = forms.CharField(label=gettext_lazy("Description"), max_length=120)
    url = forms.URLField(
        label=gettext_lazy("Leads to"), max_length=1000, assume_scheme="https",
        widget=forms.URLInput(attrs={"placeholder": "https://"}),
    )  # fmt: skip
    picture = forms.URLField(
        label=gettext_lazy("Address of its picture"), max_length=1000, assume_scheme="https",
        widget=forms.URLInput(attrs={"placeholder": "https://"}),
    )  # fmt: skip

    def data_of(self, upload: Upload) -> dict[str, Any]:
        said = self.cleaned_data
        both = {"title": said["heading"], "description": said["description"], "url": said["url"]}
        if self.is_official:
            return {"msgtype": "news", "news": {"articles": [{**both, "picurl": said["picture"]}]}}
        return {"msgtype": "link", "link": {**both, "thumb_url": said["picture"]}}


class PageWay(Way):
    title = gettext_lazy("Mini program page")
    icon = "apps"
    heading = forms.CharField(label=gettext_lazy("Title"), max_length=64)
    appid = forms.CharField(
        label=gettext_lazy("Appid of the mini program"), max_length=32,
        help_text=gettext_lazy("It must be linked to this official account."),
    )  # fmt: skip
    path = forms.CharField(
        label=gettext_lazy("Page"), max_length=1000,
        widget=forms.TextInput(attrs={"placeholder": "pages/index/index"}),
    )  # fmt: skip
    picture = PictureField(label=gettext_lazy("Picture"), help_text=gettext_lazy("Up to 2 MB."))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not self.is_official:
            del self.fields["appid"]

    def data_of(self, upload: Upload) -> dict[str, Any]:
        said = self.cleaned_data
        page = {"title": said["heading"], "pagepath": said["path"]}
        if self.is_official:
            page["appid"] = said["appid"].strip()
        page["thumb_media_id"] = upload(said["picture"])
        return {"msgtype": "miniprogrampage", "miniprogrampage": page}


class MenuWay(Way):
    title = gettext_lazy("Menu")
    icon = "list"
    kinds = (Authorizer.Kind.OFFICIAL_ACCOUNT,)
    head = forms.CharField(label=gettext_lazy("Above"), max_length=200, required=False)
    choices = forms.CharField(
        label=gettext_lazy("Choices"), max_length=1000,
        help_text=gettext_lazy("One on each line; the user answers by tapping one."),
        widget=forms.Textarea(attrs={"rows": 3}),
    )  # fmt: skip
    tail = forms.CharField(label=gettext_lazy("Below"), max_length=200, required=False)

    def data_of(self, upload: Upload) -> dict[str, Any]:
        said = self.cleaned_data
        lines = [line.strip() for line in said["choices"].splitlines() if line.strip()]
        choices = [{"id": str(place), "content": line} for place, line in enumerate(lines, 1)]
        menu = {"head_content": said["head"], "list": choices, "tail_content": said["tail"]}
        return {"msgtype": "msgmenu", "msgmenu": menu}


WAYS: dict[str, type[Way]] = {
    "text": TextWay,
    "picture": PictureWay,
    "link": LinkWay,
    "page": PageWay,
    "menu": MenuWay,
}


def ways_for(kind: str) -> dict[str, type[Way]]:
    """What the users of an account of KIND can be sent from a form."""
    return {name: way for name, way in WAYS.items() if kind in way.kinds}
