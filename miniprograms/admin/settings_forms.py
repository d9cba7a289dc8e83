"""The form of each kind of setting: it shows a value and reads one."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminTextareaWidget

from miniprograms.services.settings.domains import DOMAIN_TITLES, SCHEMES
from miniprograms.services.settings.kinds import BadSetting, Kind
from miniprograms.services.settings.order_path import MAX_PATH, MAX_REMARK
from miniprograms.services.settings.privacy import (
    CONTACTS,
    FOUND_KEYS,
    MAX_TEXT,
    OWNER_TITLES,
    PRIVACY_TITLES,
    owner_of,
    privacy_title,
    uses_of,
)
from miniprograms.services.settings.registry import KINDS
from platform_auth.forms import TextField, capitalise_labels


class LinesField(forms.CharField):
    """A list of texts, one a line."""

    def __init__(self, label: Any, *, rows: int = 4, help_text: Any = "") -> None:
        widget = UnfoldAdminTextareaWidget(attrs={"rows": rows, "spellcheck": "false"})
        super().__init__(label=label, required=False, widget=widget, help_text=help_text)

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list) else value

    def clean(self, value: Any) -> Any:
        return super().clean(value).split()


class UsesField(forms.CharField):
    """What kinds of data are used for, one a line: a key, =, and the words."""

    def __init__(self, label: Any, *, help_text: Any = "") -> None:
        widget = UnfoldAdminTextareaWidget(attrs={"rows": 3, "spellcheck": "false"})
        super().__init__(label=label, required=False, widget=widget, help_text=help_text)

    def clean(self, value: Any) -> Any:
        uses = {}
        for line in super().clean(value).splitlines():
            key, separator, text = line.partition("=")
            if separator:
                uses[key.strip()] = text.strip()
            elif line.strip():
                raise ValidationError(_("There is no = in this line: %(line)s") % {"line": line})
        return uses


class SettingForm(forms.Form):
    """
    What one kind of setting should be. SEEN is the version that the person was shown, AT_WECHAT
    what WeChat has; a value that IS_PART of a profile may leave things open.
    """

    seen = forms.IntegerField(widget=forms.HiddenInput)

    def __init__(
        self,
        kind: Kind,
        value: Any,
        seen: int = 0,
        data: Any = None,
        *,
        at_wechat: Any = None,
        is_part: bool = False,
    ) -> None:
        initial = {"seen": seen, **self.fields_of(value)}
        super().__init__(data, initial=initial, label_suffix="")
        self.kind, self.value, self.at_wechat, self.is_part = kind, value, at_wechat, is_part
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
                fields["value"] = self._check(self.value_of(fields))
            except BadSetting as problem:
                self.add_error(None, problem.problems)
        return fields

    def _check(self, value: Any) -> Any:
        check_part = self.kind.check_part if self.is_part else None
        return (check_part or self.kind.check)(value)

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


CONTACT_HELP = _("WeChat wants at least one of the four.")
OWNER_HELP = {
    "contact_phone": CONTACT_HELP,
    "notice_method": _("Such as: by a window in the mini program."),
    "store_expire_timestamp": _("Such as: 30 days. Empty: no longer than is needed."),
    "store_region": _("Wanted of owners abroad."),
}
FILE = "ext_file_media_id"


class OwnerForm(SettingForm):
    """How users reach the owner, and how long data is kept."""

    names = tuple(name for name in OWNER_TITLES if name != FILE)

    def more_fields(self) -> dict[str, forms.Field]:
        fields: dict[str, forms.Field] = {
            name: TextField(OWNER_TITLES[name], MAX_TEXT, help_text=OWNER_HELP.get(name, ""))
            for name in self.names
        }
        if self.is_part:
            fields[CONTACTS[0]].help_text = _(
                "All four empty: each mini program keeps the contacts that it has."
            )
        return fields

    def fields_of(self, value: Any) -> dict[str, Any]:
        return dict(value or {})

    def value_of(self, fields: dict[str, Any]) -> Any:
        return {name: fields[name] for name in self.names}


class GuidelineForm(OwnerForm):
    """
    The whole guideline: a field for each kind of data that the code was found to use, or that it
    explains, and lines for others. In a profile, which is about no code, all of WeChat's have one.
    """

    def more_fields(self) -> dict[str, forms.Field]:
        in_code = (self.at_wechat or {}).get(FOUND_KEYS, [])
        all_keys = PRIVACY_TITLES if self.is_part else ()
        keys = dict.fromkeys([*in_code, *uses_of(self.value), *all_keys])
        self.keys = {f"use_{number}": key for number, key in enumerate(keys)}
        fields = super().more_fields()
        for name, key in self.keys.items():
            fields[name] = TextField(
                _("what it is used for: %(data)s") % {"data": privacy_title(key)},
                MAX_TEXT,
                help_text=_("WeChat has found it in the code (%(key)s).") % {"key": key}
                if key in in_code
                else key,
                initial=uses_of(self.value).get(key, ""),
            )
        others = [key for key in PRIVACY_TITLES if key not in keys]
        fields["others"] = UsesField(
            _("other kinds of data"),
            help_text=_("One a line, such as Address = to deliver. WeChat's: %(keys)s.")
            % {"keys": ", ".join(others)}
            if others
            else _("One a line: a name of your own, =, and what it is used for."),
        )
        return fields

    def fields_of(self, value: Any) -> dict[str, Any]:
        return owner_of(value)

    def value_of(self, fields: dict[str, Any]) -> Any:
        owner = super().value_of(fields)
        if file := owner_of(self.value).get(FILE):
            owner[FILE] = file  # it has a form of its own
        uses = {key: fields[name] for name, key in self.keys.items() if fields[name]}
        rows = {**fields["others"], **uses}
        return {
            "owner_setting": owner,
            "setting_list": [{"privacy_key": key, "privacy_text": rows[key]} for key in rows],
        }


class OrderPageForm(SettingForm):
    path = TextField(_("path"), MAX_PATH, help_text=_("Such as pages/order/list."), required=True)
    img_list = LinesField(
        _("addresses of pictures"), rows=2, help_text=_("For the reviewer, one a line, up to ten.")
    )
    video = TextField(_("address of a film"), 500)
    test_remark = TextField(_("remark for the reviewer"), MAX_REMARK, rows=2)

    def fields_of(self, value: Any) -> dict[str, Any]:
        return dict(value or {})

    def value_of(self, fields: dict[str, Any]) -> Any:
        return {name: fields[name] for name in ("path", "img_list", "video", "test_remark")}


class LibraryForm(SettingForm):
    version = TextField(_("version"), 12, help_text=_("Such as 2.20.0."), required=True)

    def fields_of(self, value: Any) -> dict[str, Any]:
        return {"version": value or ""}

    def value_of(self, fields: dict[str, Any]) -> Any:
        return fields["version"]


# A new kind gets its line here.
FORMS: dict[str, type[SettingForm]] = {
    "server-domains": ServerDomainsForm,
    "server-domains-direct": ServerDomainsForm,
    "webview-domains": WebviewDomainsForm,
    "webview-domains-direct": WebviewDomainsForm,
    "privacy-guideline": GuidelineForm,
    "privacy-owner-online": OwnerForm,
    "order-path": OrderPageForm,
    "prefetch-domains": PrefetchDomainsForm,
    "base-library": LibraryForm,
}


def make_form(
    kind: str, value: Any, seen: int = 0, data: Any = None, **context: Any
) -> SettingForm:
    """The form of KIND, showing VALUE, or filled with DATA; CONTEXT is what the form knows more."""
    return FORMS[kind](KINDS[kind], value, seen, data, **context)
