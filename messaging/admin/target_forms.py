"""What staff say about a forward target: where it is, and which messages it is told of."""

import re
from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminTextInputWidget

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


def suggested_kinds() -> list[tuple[str, object]]:
    """What the field for a kind suggests: all of the catalogue, mostly in words."""
    own = [(entry.name, entry.description) for entry in OWN_TYPES]
    news = [(entry.name, "") for entry in COMPONENT_TYPES]
    messages = [(f"message.{kind}", kind_label(kind)) for kind in MESSAGES]
    events = [(f"event.{kind}", EVENT_LABELS.get(kind, "")) for kind in EVENTS]
    return [*_GROUPS.items(), *own, *messages, *events, *news]


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

    widget = UnfoldAdminTextInputWidget

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=64, **kwargs)
        self.widget.attrs |= {
            "list": "forward-kinds",
            "placeholder": "message.text",
            "autocapitalize": "none",
            "spellcheck": "false",
        }

    def prepare_value(self, value: Any) -> Any:
        return EVERYTHING if value == "" else value

    def has_changed(self, initial: Any, data: Any) -> bool:
        return super().has_changed(self.prepare_value(initial), data)

    def clean(self, value: Any) -> str:
        text = super().clean(value)
        kind = _BY_ANY_NAME.get(text.lower(), text)
        is_known = kind == EVERYTHING or kind in EVENT_TYPES
        if not is_known and not _KIND_FORM.fullmatch(kind):
            hint = _("Write a kind such as message.text, message or event for all of these, or *.")
            raise ValidationError([*broken_rules(kind, _KIND_RULES), hint])
        return "" if kind == EVERYTHING else kind


class ForwardRuleForm(ShownRowForm):
    """One line: of these accounts, these messages."""

    kind = KindField(label=_("kind"))

    class Meta:
        model = ForwardRule
        fields = ("kind", "authorizer", "tag")
