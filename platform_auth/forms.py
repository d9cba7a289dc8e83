"""Forms for staff."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from django import forms
from django.contrib.auth.models import Permission
from django.core.exceptions import ValidationError
from django.utils.text import capfirst
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminPasswordWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from platform_auth.fields import Unreadable
from platform_auth.listing import with_detail
from platform_auth.models import Component
from platform_auth.registration import check_values, demand_replaceable

# Form field → model field. They differ in name so that no form ever takes a secret from a row.
SECRETS = {"secret": "app_secret", "token": "message_token", "key": "aes_key"}


def capitalise_labels(form: forms.BaseForm) -> None:
    """Labels as the admin writes those of its own; the name of a file stays as it is."""
    for field in form.fields.values():
        if not str(field.label).startswith("ext.json"):
            field.label = capfirst(field.label)


def is_of_our_time(at: date) -> bool:
    """Whether AT can be reckoned with in every zone; nothing of ours is older or so far away."""
    return 2000 <= at.year < 2100


class TimeField(forms.DateTimeField):
    """A time of ours: another is as wrong as no time at all."""

    def to_python(self, value: Any) -> datetime | None:
        try:
            at = super().to_python(value)
        except OverflowError:
            raise ValidationError(self.error_messages["invalid"], code="invalid") from None
        if at is not None and not is_of_our_time(at):
            raise ValidationError(self.error_messages["invalid"], code="invalid")
        return at


class TextField(forms.CharField):
    """Text in the admin's look, which may stay empty unless it is REQUIRED."""

    def __init__(
        self, label: object, max_length: int | None = None, *, rows: int = 1, **kwargs: Any
    ) -> None:
        area = UnfoldAdminTextareaWidget(attrs={"rows": rows})
        widget = area if rows > 1 else UnfoldAdminTextInputWidget()
        kwargs = {"label": label, "required": False, "widget": widget, **kwargs}
        super().__init__(max_length=max_length, **kwargs)


class WriteOnlyField(forms.CharField):
    """A secret that can be given and never comes back: "" means keep what is there."""

    def __init__(self, **kwargs: Any) -> None:
        attrs = {"autocomplete": "new-password"}
        super().__init__(widget=UnfoldAdminPasswordWidget(attrs), required=False, **kwargs)


class ComponentForm(forms.ModelForm[Component]):
    """Our own platform. The secrets are write-only, and all needed at first."""

    secret = WriteOnlyField(label=_("AppSecret"))
    token = WriteOnlyField(
        label=_("message token"),
        help_text=_("消息校验Token. The one before stays accepted as the previous token."),
    )
    key = WriteOnlyField(
        label=_("EncodingAESKey"),
        help_text=_("消息加解密Key, 43 characters. The one before stays accepted, too."),
    )

    class Meta:
        model = Component
        fields = ("appid", "name", "is_offered")
        widgets = {
            "appid": UnfoldAdminTextInputWidget,
            "name": UnfoldAdminTextInputWidget,
            "is_offered": UnfoldBooleanSwitchWidget,
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        is_new = self.instance.pk is None
        for name in SECRETS:
            if name in self.fields:
                self.fields[name].required = is_new
                if not is_new:
                    self.fields[name].widget.attrs["placeholder"] = _("Leave empty to keep it.")

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        secrets = {model: cleaned.get(field) for field, model in SECRETS.items()}
        try:
            check_values({name: value for name, value in secrets.items() if value})
        except ValidationError as error:
            self._add_errors(error.message_dict)
        if self.instance.pk:
            self._refuse_to_lose([name for name, value in secrets.items() if value])
        return cleaned

    def _refuse_to_lose(self, names: list[str]) -> None:
        """New secrets NAMES must not take the place of what is unreadable only for now."""
        try:
            demand_replaceable(self.instance, names)
        except Unreadable as problem:
            self.add_error(None, str(problem))

    def _add_errors(self, problems: Mapping[str, list[str]]) -> None:
        for field, model in SECRETS.items():
            if model in problems:
                self.add_error(field, problems[model])


class PermissionChoices(forms.ModelMultipleChoiceField[Permission]):
    """
    Permissions in the reader's language: the database has their names in English only, and as they
    were when each was made.
    """

    VERBS = {"add": _("add"), "change": _("change"), "delete": _("delete"), "view": _("view")}

    def label_from_instance(self, obj: Permission) -> str:
        verb, _separator, model = obj.codename.partition("_")
        if verb in self.VERBS and model == obj.content_type.model:
            return with_detail(obj.content_type, self.VERBS[verb])
        owner = obj.content_type.model_class()
        ours = dict(owner._meta.permissions) if owner else {}
        return with_detail(obj.content_type, ours.get(obj.codename) or gettext(obj.name))
