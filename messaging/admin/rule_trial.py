"""The box in which staff try the automatic replies: a message, and what the rules make of it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from messaging.admin.rule_form import describe_condition, event_choices
from messaging.forms import explain_bad_content
from messaging.models import Rule
from messaging.services import rules
from messaging.services.descriptions import describe_content
from messaging.services.rules import RuleOutcome, RuleResult
from miniprograms.models import Authorizer
from miniprograms.services.addresses import RELEASE_TEST_ACCOUNTS
from platform_auth.admin.pages import label, pretty, table
from platform_auth.forms import TextField, TimeField, capitalise_labels
from wechat.messages import Message, read_message
from wechat.push import Push
from wechat.replies import CUSTOM, as_data
from wechat.reply_windows import window_of

OUTCOME_LABELS = {
    RuleOutcome.SPEAKS: (_("speaks"), "success"),
    RuleOutcome.OTHER: (_("does not fit"), ""),
    RuleOutcome.QUIET: (_("quiet at this time"), "warning"),
    RuleOutcome.SLOW: (_("its regular expression takes too long"), "danger"),
}


@dataclass(frozen=True)
class Trial:
    """What the rules are tried with."""

    authorizer: Authorizer | None
    account_kind: str
    message: Message
    at: datetime


class TryForm(forms.Form):
    """A message, or an event, that nobody has sent."""

    account = TextField(
        _("account"),
        help_text=_("Its appid. Empty: only the rules for all are tried."),
        widget=UnfoldAdminTextInputWidget(attrs={"placeholder": "wx…"}),
    )
    kind = forms.ChoiceField(
        label=_("if empty, kind of account"),
        choices=[(kind, Authorizer.Kind(kind).label) for kind in CUSTOM],
        required=False,
        widget=UnfoldAdminSelectWidget,
    )
    event = forms.ChoiceField(
        label=_("what happens"), required=False, widget=UnfoldAdminSelectWidget
    )
    text = TextField(_("the user writes"), 2048, rows=2)
    event_key = TextField(_("event key"), 128)
    at = TimeField(
        label=_("at"),
        required=False,
        help_text=_("Empty: now."),
        widget=UnfoldAdminTextInputWidget(attrs={"type": "datetime-local"}),
    )

    def __init__(self, user: Any, data: Any = None, initial: Any = None) -> None:
        super().__init__(data, initial=initial, label_suffix="")
        capitalise_labels(self)
        self.user = user
        choices = [("", gettext("The user writes")), *event_choices()]
        self.fields["event"].choices = choices  # type: ignore[attr-defined]

    def clean_account(self) -> Authorizer | None:
        """An account that this person may see."""
        appid = self.cleaned_data["account"].strip()
        if not appid:
            return None
        rows = Authorizer.objects.visible_to(self.user)
        account: Authorizer | None = rows.filter(appid=appid).first()
        if account is None:
            raise ValidationError(_("There is no account with this appid."))
        return account

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if not data.get("event") and not data.get("text", "").strip():
            self.add_error("text", _("What does the user write?"))
        return data

    @property
    def trial(self) -> Trial:
        """What was filled in, as WeChat would push it."""
        data = self.cleaned_data
        authorizer = data["account"]
        at = data["at"] or timezone.now()
        fields = {"CreateTime": str(int(at.timestamp()))}
        if event := data["event"]:
            fields |= {"MsgType": "event", "Event": event, "EventKey": data["event_key"]}
        else:
            fields |= {"MsgType": "text", "Content": data["text"]}
        message = read_message(Push(event or "text", fields))
        kind = authorizer.kind if authorizer else data["kind"] or Authorizer.Kind.MINI_PROGRAM
        return Trial(authorizer, kind, message, at)


def trial_context(trial: Trial) -> dict[str, Any]:
    candidates = rules.rules_for_account(
        Rule.objects.select_related("authorizer"), trial.authorizer
    )
    ordered = rules.sort_rules(candidates)
    active = [rule for rule in ordered if rule.is_on]
    results = {
        result.rule.pk: result
        for result in rules.evaluate_rules(active, trial.message, trial.account_kind, trial.at)
    }
    rows = [
        (rule.position, rule, describe_condition(rule), _result_label(rule, results.get(rule.pk)))
        for rule in ordered
    ]
    is_speaking = (result for result in results.values() if result.outcome is RuleOutcome.SPEAKS)
    speaking = next(is_speaking, None)
    headers = [_("position"), _("rule"), _("when"), _("outcome")]
    return {
        "is_tried": True,
        "is_release_test": trial.authorizer is not None
        and RELEASE_TEST_ACCOUNTS.get(trial.authorizer.appid) == trial.authorizer.user_name,
        "speaking": speaking,
        "reply": _describe_reply(speaking) if speaking else {},
        "is_closed": bool(speaking) and window_of(trial.account_kind, trial.message) is None,
        "results": table(headers, rows),
    }


def _describe_reply(result: RuleResult) -> dict[str, Any]:
    content = result.content
    if content is None:
        return {}
    return {"description": describe_content(content), "json": pretty(as_data(content))}


def _result_label(rule: Rule, result: RuleResult | None) -> SafeString | str:
    if not rule.is_on:
        return label(_("off"))
    if result is None:
        return str(_("not asked any more"))
    if result.problem is not None:
        return label(explain_bad_content(result.problem), "danger")
    return label(*OUTCOME_LABELS[result.outcome])
