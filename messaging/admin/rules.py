"""Automatic replies: the rules in their order, and a box in which they are tried."""

from functools import partial
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Q
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.loader import render_to_string
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from messaging.admin.rule_form import (
    REPLY_FIELDS,
    RuleForm,
    describe_condition,
    kinds_with,
    ways_of,
)
from messaging.admin.rule_trial import TryForm, trial_context
from messaging.models import Rule
from messaging.services import rules
from messaging.services.descriptions import describe_content
from miniprograms.models import Authorizer
from platform_auth.admin.acts import button, do_to_chosen
from platform_auth.admin.columns import named_account_column
from platform_auth.admin.filters import choice_filter
from platform_auth.admin.pages import RecordedAdmin, label
from platform_auth.operations import Actor, record_operation
from wechat.replies import CUSTOM, BadContent, Content, parse_content

_WHEN = ("trigger", "match", "pattern", "event", "event_key", ("quiet_from", "quiet_until"))

WAY_LABELS = {"passive": _("immediately"), "custom": _("by message")}
TRIGGER_COLOURS = {
    Rule.Trigger.KEYWORD: "info",
    Rule.Trigger.EVENT: "warning",
    Rule.Trigger.DEFAULT: "",
}


# Whose rules: those for all, or some account's; `account` of the address names one.
ScopeFilter = choice_filter(
    _("account"),
    "scope",
    {
        "all": (_("for all accounts"), lambda: Q(authorizer=None)),
        "own": (_("of one account"), lambda: ~Q(authorizer=None)),
    },
)


def _turn(is_on: bool, rule: Rule, by: Actor) -> object:
    with transaction.atomic():
        Rule.objects.filter(pk=rule.pk).update(is_on=is_on)
        action = "turn_rule_on" if is_on else "turn_rule_off"
        record_operation(action, by=by, appid=_appid(rule), result=str(rule))
    return _("it is on.") if is_on else _("it is off.")


@admin.register(Rule)
class RuleAdmin(RecordedAdmin):
    asks_outside = False
    account_tab = "messages"
    form = RuleForm
    list_display = ("name", "position", "is_on", "when", "says", "said_by", "account")
    list_display_links = ("name",)
    list_editable = ("position", "is_on")
    list_filter = (ScopeFilter, "trigger", "is_on")
    list_select_related = ("authorizer",)
    list_before_template = "admin/rules/box.html"
    ordering = ("position", "id")
    sortable_by = ()
    search_fields = ("name", "pattern")
    search_help_text = _("A part of the name or of the text; or an account's appid")
    autocomplete_fields = ("authorizer",)
    actions = ("turn_on", "turn_off", "copy_selected")
    actions_detail = ("copy_one",)
    fieldsets = (
        (None, {"fields": ("name", "authorizer", ("position", "is_on"))}),
        (_("When"), {"fields": _WHEN}),
        (_("What it says"), {"fields": ("kind", *REPLY_FIELDS)}),
    )
    conditional_fields = {
        "match": "trigger == 'keyword'",
        "pattern": "trigger == 'keyword'",
        "event": "trigger == 'event'",
        "event_key": "trigger == 'event'",
        **{field: f"{kinds_with(field)}.includes(kind)" for field in REPLY_FIELDS},
    }

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.try_view)
        return [path("try/", view, name="messaging_rule_try"), *super().get_urls()]

    def find_rows(self, queryset: Any, term: str) -> Any:
        """An account's appid finds what it would say: its own rules, and those for all."""
        if not term.startswith("wx"):
            return None
        account = Authorizer.objects.filter(appid=term).first()
        return rules.rules_for_account(queryset, account)

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        term = request.GET.get("q", "").strip()
        initial = {"account": term if term.startswith("wx") else ""}
        box = {"try_form": TryForm(request.user, initial=initial), "try_url": _try_url()}
        answer: HttpResponse = super().changelist_view(request, {**box, **(extra_context or {})})
        return answer

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        return {"kind": "text", **super().get_changeform_initial_data(request)}

    def save_model(self, request: HttpRequest, obj: Rule, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        silent = [kind for kind, way in _ways(obj).items() if not way and kind in CUSTOM]
        if obj.authorizer_id is None and "kind" in form.fields:
            for kind in silent:
                self.message_user(request, _skipped_sentence(kind), "WARNING")

    def has_copy_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(self.has_add_permission(request))

    turn_on = do_to_chosen(partial(_turn, True), _("Turn on"), "change")
    turn_off = do_to_chosen(partial(_turn, False), _("Turn off"), "change")
    copy_selected = do_to_chosen(
        lambda rule, by: _("copied as “%(name)s”, which is off.") % {"name": _copy(rule, by)},
        _("Copy"),
        "copy",
    )

    @button(_("Copy"), "copy", path="copy", icon="content_copy")
    def copy_one(self, request: HttpRequest, object_id: str) -> HttpResponse:
        rule = self.visible_or_404(request, object_id)
        if request.method == "POST":
            copy = _copy(rule, request.user)
            self.message_user(request, _("This is the copy. It is off."))
            return HttpResponseRedirect(self.url_of(copy))
        question = _("The copy is off until you turn it on.")
        return self.ask(request, rule, _("Copy"), question)

    def try_view(self, request: HttpRequest) -> HttpResponse:
        """What the rules would make of a message: nothing is written, and nobody is called."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        form = TryForm(request.user, request.POST or None, initial=request.GET.dict())
        context = trial_context(form.trial) if form.is_bound and form.is_valid() else {}
        return self.page(
            request,
            "admin/rules/try.html",
            title=_("Try the automatic replies"),
            try_form=form,
            try_url=_try_url(),
            back=reverse("admin:messaging_rule_changelist"),
            **context,
        )

    @admin.display(description=_("when"))
    def when(self, rule: Rule) -> SafeString:
        trigger = label(rule.get_trigger_display(), TRIGGER_COLOURS[Rule.Trigger(rule.trigger)])
        quiet = format_html("<small>{}</small>", quiet_hours(rule)) if rule.quiet_from else ""
        condition = "" if rule.trigger == Rule.Trigger.DEFAULT else describe_condition(rule)
        return format_html('<span class="rule-when">{} {} {}</span>', trigger, condition, quiet)

    @admin.display(description=_("says"))
    def says(self, rule: Rule) -> str:
        content = _content(rule)
        return Truncator(describe_content(content).line).chars(60) if content else "–"

    @admin.display(description=_("said by"))
    def said_by(self, rule: Rule) -> SafeString:
        kinds = [rule.authorizer.kind] if rule.authorizer else Authorizer.Kind.values
        ways = _ways(rule)
        labels = [
            label(f"{Authorizer.Kind(kind).label} · {WAY_LABELS[ways[kind]]}", "success")
            for kind in kinds
            if ways[kind]
        ]
        nobody = label(_("nobody"), "danger")
        return render_to_string("admin/rules/labels.html", {"labels": labels or [nobody]})

    account = named_account_column(
        _("account"), lambda rule: rule.authorizer, _("all accounts"), tab="messages"
    )


def quiet_hours(rule: Rule) -> str:
    """When RULE says nothing, in words."""
    if rule.quiet_from is None or rule.quiet_until is None:
        return ""
    hours = f"{rule.quiet_from:%H:%M}–{rule.quiet_until:%H:%M}"
    return gettext("quiet %(hours)s") % {"hours": hours}


def _content(rule: Rule) -> Content | None:
    try:
        return parse_content(rule.content)
    except BadContent:
        return None


def _ways(rule: Rule) -> dict[str, str]:
    content = _content(rule)
    return ways_of(content) if content else dict.fromkeys(Authorizer.Kind.values, "")


def _skipped_sentence(kind: str) -> str:
    sentence = gettext(
        "An account of the kind “%(kind)s” cannot say this: there the next rule speaks."
    )
    return sentence % {"kind": Authorizer.Kind(kind).label}


def _copy(rule: Rule, by: Any) -> Rule:
    with transaction.atomic():
        copy = Rule.objects.get(pk=rule.pk)
        copy.pk = None
        copy._state.adding = True
        copy.is_on = False
        copy.name = Truncator(gettext("Copy of %(name)s") % {"name": rule.name}).chars(100)
        copy.save()
        record_operation("copy_rule", by=by, appid=_appid(rule), result=f"{rule}: {copy.pk}")
    return copy


def _appid(rule: Rule) -> str:
    return rule.authorizer.appid if rule.authorizer else ""


def _try_url() -> str:
    return reverse("admin:messaging_rule_try")
