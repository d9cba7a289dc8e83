"""The form of a new campaign."""

import re
from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldBooleanWidget,
)

from audits.admin.ext_form import ObjectField
from audits.admin.forms import TemplateField, TemplateSelect
from audits.models import Campaign, CodeTemplate
from audits.services import campaigns
from audits.services.summaries import order_key
from miniprograms.models import Authorizer, Tag
from platform_auth.forms import TextField

_SEPARATORS = re.compile(r"[\s,;，；、]+")
# These say which template goes to whom; the other fields are the campaign's own.
_CHOICE_FIELDS = {"template", "appids", "state", "merchant", "name", "tag", "live_below"}
_CHOICE_FIELDS |= {"never_live", "only_uploads"}


def initial_of(query: Mapping[str, str]) -> dict[str, Any]:
    """What an address says about a new campaign: its choice, and a template with its version."""
    values: dict[str, Any] = {name: query[name] for name in sorted(_CHOICE_FIELDS & query.keys())}
    number = str(values.pop("template", ""))
    if number.isascii() and number.isdigit() and len(number) < 16:
        template = CodeTemplate.objects.filter(pk=int(number), gone_at=None).first()
        if template is not None:
            values |= {"template": template.pk, **texts_of(template)}
    return values


def texts_of(template: CodeTemplate) -> dict[str, str]:
    """Version and description of TEMPLATE, as far as WeChat takes them with an upload."""
    return {"user_version": template.user_version, "user_desc": template.user_desc[:500]}


class NumberField(forms.IntegerField):
    """A whole number in the admin's look."""

    widget = UnfoldAdminIntegerFieldWidget


class CampaignForm(forms.Form):
    """Which template goes to whom, and by which rules. Releasing by itself takes that right."""

    template = TemplateField(
        CodeTemplate.objects.filter(gone_at=None).order_by("-template_id"),
        label=_("template"),
        widget=TemplateSelect,
    )
    user_version = TextField(_("version"), 64, help_text=_("Empty: that of the template."))
    user_desc = TextField(_("description"), 500, help_text=_("Empty: that of the template."))
    ext = ObjectField(
        _("ext.json, for this upload"),
        rows=4,
        help_text=_(
            'The same for all, over the values of each: {"ext": {"theme": "green"}}. Mostly empty.'
        ),
    )
    appids = forms.CharField(
        label=_("appids"),
        required=False,
        help_text=_("One a line. Empty: all mini programs that the next fields let through."),
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 4, "spellcheck": "false"}),
    )
    state = forms.ChoiceField(
        label=_("state"),
        choices=[
            ("", _("any")),
            *(
                choice
                for choice in Authorizer.State.choices
                if choice[0] != Authorizer.State.UNBOUND
            ),
        ],
        initial=Authorizer.State.BOUND,
        required=False,
        widget=UnfoldAdminSelectWidget,
    )
    merchant = TextField(_("merchant"), help_text=_("A user name"))
    name = TextField(_("part of the name"))
    tag = forms.ModelChoiceField(
        Tag.objects.all(),
        label=_("tag"),
        required=False,
        to_field_name="name",
        empty_label=_("any"),
        widget=UnfoldAdminSelectWidget,
    )
    live_below = TextField(
        _("live version below"),
        64,
        help_text=_("Such as 2.0.0: where an older version is live by our records."),
    )
    never_live = forms.BooleanField(
        label=_("nothing was ever live"),
        required=False,
        help_text=_("Only these; with a version in the field before, those as well."),
        widget=UnfoldBooleanWidget,
    )
    canary_size = NumberField(
        label=_("canary wave"),
        min_value=0,
        initial=5,
        help_text=_("So many go first; the rest follows once all of these are released."),
    )
    concurrency = NumberField(
        label=_("at once"),
        min_value=1,
        max_value=200,
        initial=20,
        help_text=_("How many are being uploaded and submitted at the same time."),
    )
    daily_budget = NumberField(
        label=_("submissions a day"),
        min_value=1,
        required=False,
        help_text=_("Empty: as many as WeChat takes."),
    )
    most_failures = NumberField(
        label=_("failures, per cent"),
        min_value=0,
        max_value=100,
        initial=10,
        help_text=_("It pauses once more than this of what was begun has failed."),
    )
    when_open = forms.ChoiceField(
        label=_("where another audit is open"),
        choices=Campaign.WhenOpen.choices,
        widget=UnfoldAdminSelectWidget,
    )
    only_uploads = forms.BooleanField(
        label=_("only upload"),
        required=False,
        help_text=_("The code can be tried out; nothing is submitted for review."),
        widget=UnfoldBooleanWidget,
    )
    auto_release = forms.BooleanField(
        label=_("release automatically"),
        required=False,
        help_text=_("As soon as a version has passed. Otherwise somebody clicks."),
        widget=UnfoldBooleanWidget,
    )

    def __init__(self, user: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user
        if not user.has_perm("audits.release_audit"):
            del self.fields["auto_release"]

    def clean_appids(self) -> list[str]:
        """As pasted: by line, comma or blank."""
        return [appid for appid in _SEPARATORS.split(self.cleaned_data["appids"]) if appid]

    def clean_merchant(self) -> User | None:
        name = self.cleaned_data["merchant"]
        if not name:
            return None
        user: User | None = User.objects.filter(username=name).first()
        if user is None:
            raise ValidationError(_("There is no user of that name."))
        return user

    def clean_live_below(self) -> str:
        version: str = self.cleaned_data["live_below"]
        if version and not order_key(version):
            raise ValidationError(_("No number is in it, so nothing can be older."))
        return version

    def clean(self) -> dict[str, Any]:
        """What stays empty is the template's."""
        cleaned: dict[str, Any] = super().clean() or {}
        template = cleaned.get("template")
        for name in ("user_version", "user_desc"):
            if template is None or cleaned.get(name) != "":
                continue
            cleaned[name] = texts_of(template)[name]
            if not cleaned[name]:
                self.add_error(name, _("The template has none: write it here."))
        return cleaned

    def create(self) -> Campaign:
        """The campaign, prepared. Raises CannotAct."""
        data = self.cleaned_data
        chosen = campaigns.choose_programs(
            data["template"],
            appids=data["appids"],
            state=data["state"],
            owner=data["merchant"],
            name=data["name"],
            tag=data["tag"].name if data["tag"] else "",
            live_below=data["live_below"],
            never_live=data["never_live"],
        )
        rules = {name: value for name, value in data.items() if name not in _CHOICE_FIELDS}
        rules["submits"] = not data["only_uploads"]
        return campaigns.create_campaign(data["template"], chosen, by=self.user, **rules)
