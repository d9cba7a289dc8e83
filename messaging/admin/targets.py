"""Forward targets: the back ends that are told of messages, how they are, and what staff do."""

import json
from datetime import UTC, datetime
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.db.models import IntegerField, OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timezone import localtime
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.admin import TabularInline
from unfold.enums import ActionVariant

from messaging import tasks
from messaging.admin.target_acts import TargetActs
from messaging.admin.target_forms import (
    ForwardRuleForm,
    TargetForm,
    address_problem,
)
from messaging.models import Delivery, ForwardRule, Target
from messaging.outbound import Undelivered
from messaging.services import targets
from messaging.services.forwarding import posting
from messaging.services.forwarding.circuit_breaker import is_circuit_open
from platform_auth.admin.acts import ask_about_one, button, holding, saying
from platform_auth.admin.columns import column, link, secret_label
from platform_auth.admin.pages import RecordedAdmin, ago, label
from platform_auth.fields import Unreadable
from platform_auth.installation import is_real
from platform_auth.leases import release_db_connection
from platform_auth.logins.proof import require_proof
from platform_auth.operations import Actor
from platform_auth.wakeup import enqueue

MAX_COUNTED = 1_000
MAX_RULES = 100  # a tag says the same of many accounts


class ForwardRuleInline(TabularInline):
    model = ForwardRule
    form = ForwardRuleForm
    raw_id_fields = ("authorizer",)
    verbose_name = _("line")
    verbose_name_plural = _("What it is told of")
    template_before = "admin/targets/rules.html"
    max_num = MAX_RULES

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("authorizer", "tag").order_by("pk")

    def get_extra(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> int:
        return 0 if obj else 1


def _receiver_page(url: str) -> str:
    """Where the demo's receiver, if URL is of it, is given secrets; "" for others."""
    sandbox = urlsplit(settings.WECHAT_API_URL)
    parts = urlsplit(url)
    is_demo = not is_real() and parts.netloc == sandbox.netloc
    return f"{parts.scheme}://{parts.netloc}/sandbox/receiver/" if is_demo else ""


def _switch_on(target: Target, by: Actor) -> object:
    targets.switch_target(target, on=True, by=by)
    enqueue(tasks.forward)
    return _("it is told of messages from now on.")


def _resend_all(target: Target, by: Actor) -> object:
    number = targets.resend_deliveries(target.deliveries.filter(state=Delivery.State.DEAD), by=by)
    enqueue(tasks.forward)
    return _("Sent again: %(number)d.") % {"number": number}


@admin.register(Target)
class TargetAdmin(TargetActs, RecordedAdmin):
    form = TargetForm
    inlines = (ForwardRuleInline,)
    list_display = ("name", "host", "health", "told_of", "answers", "waiting", "given_up")
    list_filter = ("is_on", "answers")
    ordering = ("name", "id")
    sortable_by = ()
    search_fields = ("name__startswith",)
    search_help_text = _("The beginning of a name")
    actions_detail = (
        "test",
        "switch_on",
        "switch_off",
        "resend_all",
        {
            "title": _("More"),
            "items": ["send_example", "resend_since", "rotate_secret", "guide"],
        },
    )
    readonly_fields = ("health", "error", "waiting", "given_up", "secret_held", "host")
    troubles = (Undelivered, Unreadable)

    def get_queryset(self, request: HttpRequest) -> Any:
        deliveries = Delivery.objects.filter(target=OuterRef("pk"))
        rows = super().get_queryset(request)
        return rows.annotate(
            due=_Count(deliveries.filter(state=Delivery.State.DUE)),
            dead=_Count(deliveries.filter(state=Delivery.State.DEAD)),
            rule_count=_Count(ForwardRule.objects.filter(target=OuterRef("pk"))),
        )

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is None:
            return [(None, {"fields": ("name", "url", "is_on", "answers", "concurrency")})]
        # All but the host of an address may hold a secret: it is for those who may write it.
        address = "url" if self.has_change_permission(request, obj) else "host"
        health = ("health", "error", "waiting", "given_up")
        return [
            (None, {"fields": ("name", address, "answers", "concurrency")}),
            (_("Health"), {"fields": health}),
            (_("Signing secret"), {"fields": ("secret_held",)}),
        ]

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> Any:
        form = super().get_form(request, obj, change=change, **kwargs)
        form.problem = getattr(request, "problem_of_address", "")
        return form

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        """The address is looked up before the transaction in which the form is saved."""
        if object_id is None and self.has_add_permission(request):  # then the secret is shown
            require_proof(request)
        if request.method == "POST":
            problem = self._problem_of_address(request, object_id)
            request.problem_of_address = problem  # type: ignore[attr-defined]
        return super().changeform_view(request, object_id, form_url, extra_context)

    def _problem_of_address(self, request: HttpRequest, object_id: str | None) -> str:
        url = request.POST.get("url", "").strip()
        row = self.get_object(request, unquote(object_id)) if object_id else None
        may = self.has_change_permission(request) if object_id else self.has_add_permission(request)
        if not url or not may or (row and row.url == url):
            return ""
        release_db_connection()
        return address_problem(url)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        if not form.instance.rules.exists():
            messages.warning(request, _("It is told of nothing yet: add a line."))

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: Any = None) -> Any:
        return self._show_secret(request, obj, obj.secret)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Without a line for each delivery, of which there may be millions."""
        counts = {
            self.opts.verbose_name_plural: len(objs),
            Delivery._meta.verbose_name_plural: sum(_count_capped(row.deliveries) for row in objs),
            ForwardRule._meta.verbose_name_plural: sum(_count_capped(row.rules) for row in objs),
        }
        listed = {str(name): _at_most(number) for name, number in counts.items() if number}
        return [str(row) for row in objs], listed, set(), []

    has_operate_permission = holding("messaging.change_target")
    has_resend_permission = holding("messaging.resend_delivery")

    def unfit_acts(self, object_id: Any) -> set[str]:
        target = Target.objects.filter(pk=object_id).first()
        if target is None:
            return set()
        is_fit = {
            "switch_on": not target.is_on,
            "switch_off": target.is_on,
            "resend_all": target.deliveries.filter(state=Delivery.State.DEAD).exists(),
        }
        return {name for name, fits in is_fit.items() if not fits}

    test = ask_about_one(
        lambda target, by: targets.send_test(target, by=by),
        _("Test"),
        _("A message of the type test is sent to it now, with nobody's data in it."),
        "operate",
        path="test",
        icon="network_check",
        variant=ActionVariant.PRIMARY,
    )
    switch_on = ask_about_one(
        _switch_on,
        _("Switch on"),
        _("It is told of messages from now on, and gets what still waits for it."),
        "operate",
        path="switch-on",
        icon="toggle_on",
    )
    switch_off = ask_about_one(
        saying(_("it is told of nothing any more."), partial(targets.switch_target, on=False)),
        _("Switch off"),
        _("It is not told of new messages. What waits for it stays, and is given up after a day."),
        "operate",
        path="switch-off",
        icon="toggle_off",
    )
    resend_all = ask_about_one(
        _resend_all,
        _("Resend all given up"),
        _("All that was given up is sent again, what is older first."),
        "resend",
        path="resend-all",
        icon="replay",
    )

    @button(_("New signing secret"), "operate", path="rotate-secret", icon="key")
    def rotate_secret(self, request: HttpRequest, object_id: str) -> HttpResponse:
        target = self.visible_or_404(request, object_id)
        require_proof(request)
        if request.method == "POST":
            try:
                secret = targets.rotate_secret(target, by=request.user)
            except Unreadable as problem:
                messages.error(request, str(problem))
                return HttpResponseRedirect(self.url_of(target))
            return self._show_secret(request, target, secret)
        question = _(
            "The new secret is shown once. For a day all is signed with the present one as well; "
            "one before that ends now."
        )
        return self.ask(request, target, _("New signing secret"), question)

    @button(_("For its developer"), "view", path="guide", icon="description")
    def guide(self, request: HttpRequest, object_id: str) -> HttpResponse:
        target = self.visible_or_404(request, object_id)
        return self.page(
            request,
            "admin/targets/guide.html",
            title=_("For its developer"),
            target=target,
            seconds=int(posting.POST_TIMEOUT),
            example=_example(),
            reply=_indented(_EXAMPLE_REPLY),
            back=self.url_of(target),
        )

    def _show_secret(self, request: HttpRequest, target: Target, secret: str) -> HttpResponse:
        """The one page that SECRET is on."""
        return self.page(
            request,
            "admin/targets/secret.html",
            title=_("Signing secret"),
            target=target,
            secret=secret,
            until=target.previous_until,
            receiver=_receiver_page(target.url),
            guide=reverse("admin:messaging_target_guide", args=[target.pk]),
            back=self.url_of(target),
        )

    host = column(_("address"), lambda row: urlsplit(row.url).netloc)

    @admin.display(description=_("health"))
    def health(self, row: Target) -> SafeString:
        if not row.is_on:
            return label(_("off"))
        if not row.failures:
            return label(_("ok"), "success")
        times = _("%(number)d in a row") % {"number": row.failures}
        if not is_circuit_open(row):
            return format_html("{} {}", label(_("failing"), "warning"), times)
        until, badge = row.paused_until, label(_("left alone"), "danger")
        if until is None or until <= timezone.now():
            return format_html("{} {}", badge, times)
        end = _("until %(time)s") % {"time": date_format(localtime(until), "H:i:s")}
        return format_html("{} {}", badge, _("%(end)s; %(times)s") % {"end": end, "times": times})

    error = column(_("last error"), lambda row: row.last_error or "–")

    @admin.display(description=_("told of"))
    def told_of(self, row: Any) -> SafeString | str:
        if not row.rule_count:
            return label(_("nothing"), "warning")
        text = ngettext("%(number)s rule", "%(number)s rules", row.rule_count)
        return text % {"number": _at_most(row.rule_count)}

    waiting = column(_("waiting"), lambda row: _deliveries_link(row, Delivery.State.DUE, row.due))
    given_up = column(
        _("given up"), lambda row: _deliveries_link(row, Delivery.State.DEAD, row.dead)
    )

    @admin.display(description=_("state"))
    def secret_held(self, row: Target) -> SafeString:
        badge, until = secret_label(row, "secret", "danger"), row.previous_until
        if until is None or until <= timezone.now():
            return badge
        return format_html(
            "{} {} {}", badge, _("The one before is used as well; it ends"), ago(until)
        )


class _Count(Subquery):
    """How many rows a target of the list has, counted up to MAX_COUNTED and one more."""

    template = "(SELECT COUNT(*) FROM (%(subquery)s) AS counted)"
    output_field = IntegerField()

    def __init__(self, rows: QuerySet[Any]) -> None:
        super().__init__(rows.order_by().values("pk")[: MAX_COUNTED + 1])


def _count_capped(rows: Any) -> int:
    return int(rows.order_by()[: MAX_COUNTED + 1].count())


def _at_most(number: int) -> str:
    return f"{MAX_COUNTED}+" if number > MAX_COUNTED else str(number)


def _deliveries_link(row: Target, state: Delivery.State, number: int) -> SafeString | str:
    if not number:
        return "–"
    url = reverse("admin:messaging_delivery_changelist")
    narrowed = f"{url}?target__id__exact={row.pk}&state__exact={state}"
    return link(narrowed, _at_most(number))


_EXAMPLE = {
    "appid": "wx0123456789abcdef",
    "user_name": "gh_0123456789ab",
    "openid": "oExample-Example-Example-123",
    "kind": "text",
    "msg_id": "24681012141618202",
    "created": 1767225600,
    "message": {
        "ToUserName": "gh_0123456789ab",
        "FromUserName": "oExample-Example-Example-123",
        "CreateTime": "1767225600",
        "MsgType": "text",
        "Content": "你好",
        "MsgId": "24681012141618202",
    },
}
_EXAMPLE_REPLY = {"reply": {"msgtype": "text", "text": {"content": "你好！"}}}


def _example() -> str:
    """A message as it is sent, but for the indentation."""
    at = datetime.fromtimestamp(1767225600, UTC)
    return _indented(json.loads(posting.encode_payload("message.text", at, _EXAMPLE)))


def _indented(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2)
