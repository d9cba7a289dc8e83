"""The form of each kind of setting: it shows a value and reads one."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminTextareaWidget

from miniprograms.services.settings.domains import DOMAIN_TITLES, SCHEMES
from miniprograms.services.settings.kinds import BadSetting, Kind
from miniprograms.services.settings.registry import KINDS
from platform_auth.forms import capitalise_labels


class LinesField(forms.CharField):
    """A list of texts, one a line."""

    def __init__(self, label: Any, *, rows: int = 4, help_text: Any = "") -> None:
        widget = UnfoldAdminTextareaWidget(attrs={"rows": rows, "spellcheck": "false"})
        super().__init__(label=label, required=False, widget=widget, help_text=help_text)

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list) else value

    def clean(self, value: Any) -> Any:
        return super().clean(value).split()


class SettingForm(forms.Form):
    """What one kind of setting should be. SEEN is the version that the person was shown."""

    seen = forms.IntegerField(widget=forms.HiddenInput)

    def __init__(self, kind: Kind, value: Any, seen: int = 0, data: Any = None) -> None:
        initial = {"seen": seen, **self.fields_of(value)}
        super().__init__(data, initial=initial, label_suffix="")
        self.kind = kind
        self.fields |= self.more_fields()
        capitalise_labels(self)

    def more_fields(self) -> dict[str, forms.Field]:
        """Fields besides those that the class names."""
        return {}

    def fields_of(self, value: Any) -> dict[str, Any]:
        """What the fields show of VALUE, which is None where there is none yet."""
        raise NotImplementedError

    def value_of(self, fields: dict[str, Any]) -> Any:
        """The value that FIELDS, as they were read, come to."""
        raise NotImplementedError

    def clean(self) -> dict[str, Any]:
        fields = super().clean() or self.cleaned_data
        if not self.errors:
            try:
                fields["value"] = self.kind.check(self.value_of(fields))
            except BadSetting as problem:
                self.add_error(None, problem.problems)
        return fields

    def read_value(self) -> Any:
        return self.cleaned_data["value"]


class ServerDomainsForm(SettingForm):
    def more_fields(self) -> dict[str, forms.Field]:
        example = _("One a line, such as %(url)s")
        return {
            name: LinesField(title, help_text=example % {"url": f"{SCHEMES[name]}://a.example.com"})
            for name, title in DOMAIN_TITLES.items()
        }

    def fields_of(self, value: Any) -> dict[str, Any]:
        return dict(value or {})

    def value_of(self, fields: dict[str, Any]) -> Any:
        return {name: fields[name] for name in DOMAIN_TITLES}


class DomainsForm(SettingForm):
    """One list of domains, called TITLE."""

    title: Any
    example: str

    def more_fields(self) -> dict[str, forms.Field]:
        help_text = _("One a line, such as %(url)s") % {"url": self.example}
        return {"urls": LinesField(self.title, rows=8, help_text=help_text)}

    def fields_of(self, value: Any) -> dict[str, Any]:
        return {"urls": value or []}

    def value_of(self, fields: dict[str, Any]) -> Any:
        return fields["urls"]


class WebviewDomainsForm(DomainsForm):
    title = _("web-view domains")
    example = "https://h5.example.com"


class PrefetchDomainsForm(DomainsForm):
    title = _("names looked up ahead")
    example = "api.example.com"


# A new kind gets its line here.
FORMS: dict[str, type[SettingForm]] = {
    "server-domains": ServerDomainsForm,
    "server-domains-direct": ServerDomainsForm,
    "webview-domains": WebviewDomainsForm,
    "webview-domains-direct": WebviewDomainsForm,
    "prefetch-domains": PrefetchDomainsForm,
}


def make_form(kind: str, value: Any, seen: int = 0, data: Any = None) -> SettingForm:
    """The form of KIND, showing VALUE, or filled with DATA."""
    return FORMS[kind](KINDS[kind], value, seen, data)
