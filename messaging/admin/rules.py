"""Automatic replies: the rules in their order, and a box in which they are tried."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.loader import render_to_string
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action

from messaging.admin.rule_form import (
    EVENTS,
    SAID,
    RuleForm,
    Trial,
    TryForm,
    kinds_with,
    ways_of,
)
from messaging.forms import words_for
from messaging.models import Rule
from messaging.services import rules
from messaging.services.describing import describe_content
from messaging.services.rules import Verdict, Why
from miniprograms.models import Authorizer
from miniprograms.services.addresses import RELEASE_TEST_ACCOUNTS
from platform_auth.admin.pages import RecordedAdmin, label, pretty, table
from platform_auth.operations import record_operation
from wechat.messages import window_of
from wechat.replies import BadContent, Content, as_data, parse_content

Trigger, Kind = Rule.Trigger, Authorizer.Kind

HOW = {"passive": _("immediately"), "custom": _("by message")}
TRIGGER_COLOURS = {Trigger.KEYWORD: "info", Trigger.EVENT: "warning", Trigger.DEFAULT: ""}


class ScopeFilter(admin.SimpleListFilter):
    """Whose rules: those for all, or some account's; `account` of the address names one."""

    title = _("account")
    parameter_name = "scope"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return [("all", _("for all accounts")), ("own", _("of one account"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Rule]) -> QuerySet[Rule]:
        if self.value() is None:
            return queryset
        return queryset.filter(authorizer__isnull=self.value() == "all")


@admin.register(Rule)
class RuleAdmin(RecordedAdmin):
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
        (
            _("When"),
            {
                "fields": (
                    *("trigger", "match", "pattern", "event", "event_key"),
                    ("quiet_from", "quiet_until"),
                )
            },
        ),
        (_("What it says"), {"fields": ("kind", *SAID)}),
    )
    conditional_fields = {  # noqa: RUF012 -- as unfold reads it
        "match": "trigger == 'keyword'",
        "pattern": "trigger == 'keyword'",
        "event": "trigger == 'event'",
        "event_key": "trigger == 'event'",
        **{field: f"{kinds_with(field)}.includes(kind)" for field in SAID},
    }

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("authorizer")

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.try_view)
        return [path("try/", view, name="messaging_rule_try"), *super().get_urls()]

    def get_search_results(
        self, request: HttpRequest, queryset: Any, search_term: str
    ) -> tuple[Any, bool]:
        """An account's appid finds what it would say: its own rules, and those for all."""
        if search_term.strip().startswith("wx"):
            theirs = Authorizer.objects.filter(appid=search_term.strip()).first()
            return rules.of_account(queryset, theirs), False
        found: tuple[Any, bool] = super().get_search_results(request, queryset, search_term)
        return found

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        term = request.GET.get("q", "").strip()
        given = {"account": term if term.startswith("wx") else ""}
        box = {"try_form": TryForm(request.user, initial=given), "try_url": _try_url()}
        answer: HttpResponse = super().changelist_view(request, {**box, **(extra_context or {})})
        return answer

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        return {"kind": "text", **super().get_changeform_initial_data(request)}

    def save_model(self, request: HttpRequest, obj: Rule, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        silent = [kind for kind, way in _ways(obj).items() if not way]
        if obj.authorizer_id is None and "kind" in form.fields:
            for kind in silent:
                self.message_user(request, _passed_over(kind), "WARNING")

    def has_copy_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_add_permission(request)

    # Acts

    @admin.action(description=_("Turn on"), permissions=["change"])
    def turn_on(self, request: HttpRequest, queryset: Any) -> None:
        self._turn(request, queryset, on=True)

    @admin.action(description=_("Turn off"), permissions=["change"])
    def turn_off(self, request: HttpRequest, queryset: Any) -> None:
        self._turn(request, queryset, on=False)

    def _turn(self, request: HttpRequest, queryset: Any, *, on: bool) -> None:
        def act(rule: Rule) -> object:
            with transaction.atomic():
                Rule.objects.filter(pk=rule.pk).update(is_on=on)
                record_operation("turn_rule_on" if on else "turn_rule_off", by=request.user,
                       appid=_appid(rule), result=str(rule))  # fmt: skip
            return _("it is on.") if on else _("it is off.")

        self.tell_each(request, queryset, act)

    @admin.action(description=_("Copy"), permissions=["copy"])
    def copy_selected(self, request: HttpRequest, queryset: Any) -> None:
        def act(rule: Rule) -> object:
            return _("copied as “%(name)s”, which is off.") % {"name": _copy(rule, request.user)}

        self.tell_each(request, queryset, act)

    @action(description=_("Copy"), permissions=["copy"], url_path="copy", icon="content_copy")
    def copy_one(self, request: HttpRequest, object_id: str) -> HttpResponse:
        rule = self.visible_or_404(request, object_id)
        if request.method == "POST":
            made = _copy(rule, request.user)
            self.message_user(request, _("This is the copy. It is off."))
            return HttpResponseRedirect(self.url_of(made))
        return self.page(
            request,
            "admin/ask.html",
            rows=[rule],
            title=_("Copy"),
            question=_("The copy is off until you turn it on."),
            back=self.url_of(rule),
        )

    # Trying

    def try_view(self, request: HttpRequest) -> HttpResponse:
        """What the rules would make of a message: nothing is written, and nobody is called."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        form = TryForm(request.user, request.POST or None, initial=request.GET.dict())
        context = _outcome(form.trial) if form.is_bound and form.is_valid() else {}
        return self.page(
            request,
            "admin/rules/try.html",
            title=_("Try the automatic replies"),
            try_form=form,
            try_url=_try_url(),
            back=reverse("admin:messaging_rule_changelist"),
            **context,
        )

    # Columns

    @admin.display(description=_("when"))
    def when(self, rule: Rule) -> SafeString:
        trigger = label(rule.get_trigger_display(), TRIGGER_COLOURS[Trigger(rule.trigger)])
        quiet = format_html("<small>{}</small>", quiet_hours(rule)) if rule.quiet_from else ""
        what = "" if rule.trigger == Trigger.DEFAULT else what_fits(rule)
        return format_html('<span class="rule-when">{} {} {}</span>', trigger, what, quiet)

    @admin.display(description=_("says"))
    def says(self, rule: Rule) -> str:
        content = _content(rule)
        return Truncator(describe_content(content).line).chars(60) if content else "–"

    @admin.display(description=_("said by"))
    def said_by(self, rule: Rule) -> SafeString:
        kinds = [rule.authorizer.kind] if rule.authorizer else Kind.values
        ways = _ways(rule)
        labels = [label(f"{Kind(kind).label} · {HOW[ways[kind]]}", "success") for kind in kinds
                  if ways[kind]]  # fmt: skip
        nobody = label(_("nobody"), "danger")
        return render_to_string("admin/rules/labels.html", {"labels": labels or [nobody]})

    @admin.display(description=_("account"))
    def account(self, rule: Rule) -> str:
        return str(rule.authorizer or _("all accounts"))


def what_fits(rule: Rule) -> str:
    """What RULE waits for, in words."""
    match rule.trigger:
        case Trigger.KEYWORD:
            return f"{rule.get_match_display()}: {rule.pattern}"
        case Trigger.EVENT:
            key = f" ({rule.event_key})" if rule.event_key else ""
            return f"{EVENTS.get(rule.event, rule.event)}{key}"
    return str(rule.get_trigger_display())


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
    return ways_of(content) if content else dict.fromkeys(Kind.values, "")


def _passed_over(kind: str) -> str:
    sentence = gettext(
        "An account of the kind “%(kind)s” cannot say this: there the next rule speaks."
    )
    return sentence % {"kind": Kind(kind).label}


def _copy(rule: Rule, by: Any) -> Rule:
    with transaction.atomic():
        made = Rule.objects.get(pk=rule.pk)
        made.pk = None
        made._state.adding = True
        made.is_on = False
        made.name = Truncator(gettext("Copy of %(name)s") % {"name": rule.name}).chars(100)
        made.save()
        record_operation("copy_rule", by=by, appid=_appid(rule), result=f"{rule}: {made.pk}")
    return made


def _appid(rule: Rule) -> str:
    return rule.authorizer.appid if rule.authorizer else ""


def _try_url() -> str:
    return reverse("admin:messaging_rule_try")


# ── what would be said ──────────────────────────────────────────────────────────────────────────

WHY = {
    Why.SPEAKS: (_("speaks"), "success"),
    Why.OTHER: (_("does not fit"), ""),
    Why.QUIET: (_("quiet at this time"), "warning"),
    Why.SLOW: (_("its regular expression takes too long"), "danger"),
}


def _outcome(trial: Trial) -> dict[str, Any]:
    """What the page tells of TRIAL."""
    found = rules.in_order(rules.of_account(Rule.objects.select_related("authorizer"),
                                            trial.authorizer))  # fmt: skip
    on = [rule for rule in found if rule.is_on]
    judged = list(rules.judge(on, trial.message, trial.account_kind, trial.at))
    verdicts = {one.rule.pk: one for one in judged}
    rows = [(rule.position, rule, what_fits(rule), _why(rule, verdicts.get(rule.pk)))
            for rule in found]  # fmt: skip
    headers = [_("position"), _("rule"), _("when"), _("outcome")]
    speaking = next((one for one in judged if one.why is Why.SPEAKS), None)
    return {
        "is_tried": True,
        "is_release_test": trial.authorizer is not None
        and RELEASE_TEST_ACCOUNTS.get(trial.authorizer.appid) == trial.authorizer.user_name,
        "speaking": speaking,
        "said": _said(speaking) if speaking else {},
        "is_closed": bool(speaking) and window_of(trial.account_kind, trial.message) is None,
        "verdicts": table(headers, rows),
    }


def _said(verdict: Verdict) -> dict[str, Any]:
    content = verdict.content
    if content is None:
        return {}
    return {"told": describe_content(content), "json": pretty(as_data(content))}


def _why(rule: Rule, verdict: Verdict | None) -> SafeString | str:
    if not rule.is_on:
        return label(_("off"))
    if verdict is None:
        return str(_("not asked any more"))
    if verdict.problem is not None:
        return label(words_for(verdict.problem), "danger")
    return label(*WHY[verdict.why])
