"""What staff say about an API client, and who of them may say it."""

from typing import Any, ClassVar

from django import forms
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldAdminTextareaWidget

from platform_auth.client_models import GRAVE_SCOPES, SCOPES, ApiClient

LISTS = ("appids", "path_prefixes", "return_hosts", "redirect_hosts", "addresses")


def may_make_keys(giver: Any, owner: User | None, scopes: list[str]) -> bool:
    """
    Whether GIVER may have a key with SCOPES in their hands that acts for OWNER: for staff only
    superusers, and what a key with a grave scope can do they must be allowed to do themselves.
    """
    is_of_staff = owner is not None and (owner.is_staff or owner.is_superuser)
    if is_of_staff and not giver.is_superuser:
        return False
    return all(giver.has_perm(GRAVE_SCOPES[scope]) for scope in scopes if scope in GRAVE_SCOPES)


class LinesField(forms.CharField):
    """A list, an entry a line."""

    def __init__(self, **kwargs: Any) -> None:
        widget = UnfoldAdminTextareaWidget(attrs={"rows": 3, "spellcheck": "false"})
        super().__init__(widget=widget, required=False, **kwargs)

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list) else value

    def has_changed(self, initial: Any, data: Any) -> bool:
        return super().has_changed(self.prepare_value(initial), self.prepare_value(data))

    def clean(self, value: Any) -> Any:
        return list(dict.fromkeys((super().clean(value) or "").split()))


class ApiClientForm(forms.ModelForm[ApiClient]):
    giver: ClassVar[Any] = None  # who fills it in

    scopes = forms.MultipleChoiceField(
        label=_("Scopes"),
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
    )

    class Meta:
        model = ApiClient
        fields = ("name", "owner", "scopes", *LISTS, "rate", "expires_at")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["scopes"].choices = [  # type: ignore[attr-defined]
            (name, f"{text} ({name})") for name, text in SCOPES.items()
        ]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        owner = cleaned.get("owner") or getattr(self.instance, "owner", None)
        if not may_make_keys(self.giver, owner, cleaned.get("scopes", [])):
            raise ValidationError(
                _("You cannot make a key that may do more than you may, or that acts for staff.")
            )
        return cleaned
