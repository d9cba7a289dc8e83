"""What staff say about a forward target: where it is, and which messages it is told of."""

import re
from collections.abc import Sequence
from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from messaging.admin.rule_form import EVENT_LABELS
from messaging.models import ForwardRule, Target
from messaging.outbound import Undelivered, check_url
from messaging.services.descriptions import kind_label
from messaging.services.event_types.catalogue import EVENT_TYPES, GROUPS, OWN_TYPES
from messaging.services.event_types.wechat_types import COMPONENT_TYPES
from platform_auth.admin.shown_rows import ShownRowForm
from platform_auth.text_rules import TextRule, as_long_as, broken_rules, made_of
from wechat.messages import EVENTS, MESSAGES

EVERYTHING = "*"
_GROUPS = {EVERYTHING: _("all messages and events"), **GROUPS}
_SHORT_NAMED = ("message", "event")  # what is after the dot says enough
_BY_ANY_NAME = {name.lower(): name for name in (*EVENT_TYPES, *_GROUPS)} | {
    kind.lower(): f"{group}.{kind}"
    for group, kinds in zip(_SHORT_NAMED, (MESSAGES, EVENTS), strict=True)
    for kind in kinds
}
_KIND_FORM = re.compile(r"(?:(?:message|event|component)\.)?[\w-]{1,56}", re.ASCII)


def offer_kinds(present: str) -> list[tuple[object, list[tuple[str, str]]]]:
    """All kinds of the catalogue to choose from, in words; and the PRESENT one, whatever it is."""
    own = [(entry.name, entry.description) for entry in OWN_TYPES]
    news = [(entry.name, "") for entry in COMPONENT_TYPES]
    messages = [(f"message.{kind}", kind_label(kind)) for kind in MESSAGES]
    events = [(f"event.{kind}", EVENT_LABELS.get(kind, "")) for kind in EVENTS]
    groups: list[tuple[object, Sequence[tuple[str, object]]]] = [
        (_("many at once"), list(_GROUPS.items())),
        (_("accounts and code"), own),
        (_("messages of users"), messages),
        (_("events of users"), events),
        (_("what WeChat tells the platform"), news),
    ]
    offered = {name for _title, kinds in groups for name, _word in kinds}
    if present and present not in offered:
        groups.append((_("written by somebody"), [(present, "")]))
    return [
        (title, [(name, f"{word} · {name}" if word else name) for name, word in kinds])
        for title, kinds in groups
    ]


def address_problem(url: str) -> str:
    """Why nothing can be sent to URL, in words; "" if it can. Asks the network for its address."""
    try:
        check_url(url)
    except Undelivered as problem:
        return str(problem)
    return ""


class TargetForm(forms.ModelForm[Target]):
    """PROBLEM is what is wrong with the address: it is looked up before a transaction begins."""

    problem: ClassVar[str] = ""

    class Meta:
        model = Target
        fields = ("name", "url", "is_on", "answers", "concurrency")
        help_texts: ClassVar[dict[str, Any]] = {
            "url": _(
                "https:// and a public address. Hosts of your own network only if the operators "
                "list them in FORWARD_INTERNAL_HOSTS."
            ),
            "answers": _(
                "What it answers is said to the user, if it comes in time: as the reply itself, "
                "later as a customer-service message."
            ),
            "concurrency": _("How many requests it may get at the same time."),
        }

    def clean_url(self) -> str:
        if self.problem:
            raise ValidationError(self.problem)
        url: str = self.cleaned_data["url"]
        return url


_KIND_RULES = (
    TextRule(
        _("A kind begins with message., event. or component., or has no dot."),
        lambda text: "." not in text or text.split(".")[0] in ("message", "event", "component"),
    ),
    made_of(r"\w.-", _("A kind has letters, digits, _ and - only; here is: %(odd)s")),
    as_long_as(1, 66, _("A kind has up to 56 characters; this has %(length)d.")),
)


class KindField(forms.CharField):
    """A kind WeChat documents, a group of them, or any other that somebody writes."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=64, **kwargs)

    def prepare_value(self, value: Any) -> Any:
        return EVERYTHING if value == "" and self.required else value

    def has_changed(self, initial: Any, data: Any) -> bool:
        return super().has_changed(self.prepare_value(initial), data)

    def clean(self, value: Any) -> str:
        text = super().clean(value)
        if not text:
            return ""
        kind = _BY_ANY_NAME.get(text.lower(), text)
        is_known = kind == EVERYTHING or kind in EVENT_TYPES
        if not is_known and not _KIND_FORM.fullmatch(kind):
            hint = _("Write a kind such as message.text, message or event for all of these, or *.")
            raise ValidationError([*broken_rules(kind, _KIND_RULES), hint])
        return "" if kind == EVERYTHING else kind


class ForwardRuleForm(ShownRowForm):
    """One line: of these accounts, these messages."""

    kind = KindField(label=_("kind"), widget=UnfoldAdminSelectWidget)
    other_kind = KindField(
        label=_("or another kind"),
        required=False,
        widget=UnfoldAdminTextInputWidget(
            attrs={"placeholder": "event.…", "autocapitalize": "none", "spellcheck": "false"}
        ),
    )

    class Meta:
        model = ForwardRule
        fields = ("kind", "other_kind", "authorizer", "tag")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        widget: Any = self.fields["kind"].widget
        widget.choices = offer_kinds(str(self["kind"].value() or ""))

    def clean(self) -> dict[str, Any]:
        """What somebody wrote counts, not what was chosen before."""
        values: dict[str, Any] = super().clean() or self.cleaned_data
        if self.data.get(self.add_prefix("other_kind"), "").strip() and "other_kind" in values:
            values["kind"] = values["other_kind"]
        return values
