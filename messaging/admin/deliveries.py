"""The delivery log: what was forwarded to whom, when it was tried, and why it did not arrive."""

import json
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.contrib import admin
from django.db.models import OuterRef, Prefetch, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from django.utils.translation import gettext_lazy as _

from messaging import tasks
from messaging.models import Delivery
from messaging.services import targets
from messaging.services.deliveries import OVERLAP, first_delivery_since
from messaging.services.forwarding.circuit_breaker import is_circuit_open
from messaging.services.forwarding.posting import explain_status, webhook_id, write_body
from messaging.services.kind_names import name_of_kind
from miniprograms.models import Authorizer
from platform_auth.admin.account_links import name_account, reader_of
from platform_auth.admin.acts import ask_about_one, holding
from platform_auth.admin.columns import column, link_to, time_column
from platform_auth.admin.pages import StaffAdmin, UncertainOutcome, ago, label, pretty, table
from platform_auth.admin.redaction import redact
from platform_auth.fields import Unreadable
from platform_auth.forms import is_of_our_time
from platform_auth.models import Push
from platform_auth.operations import Actor
from platform_auth.wakeup import enqueue
from wechat.push import Malformed

NAMED_DAYS = 7  # in the filter

DELIVERY_COLOURS = {
    Delivery.State.DUE: "info",
    Delivery.State.DONE: "success",
    Delivery.State.DEAD: "danger",
}
_SUBJECT = ("what", "target_link", "account", "openid", "state_label")
_PROGRESS = ("received", "next_try", "tried_until", "arrived", "webhook_id")


class ReceivedFilter(admin.SimpleListFilter):
    """By the day on which the push came in, or the event happened."""

    title = _("received")
    parameter_name = "received"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        today = timezone.localdate()
        days = [today - timedelta(days=back) for back in range(NAMED_DAYS)]
        named = [(day.isoformat(), date_format(day, "SHORT_DATE_FORMAT")) for day in days[2:]]
        return [
            ("hour", _("in the last hour")),
            (days[0].isoformat(), _("today")),
            (days[1].isoformat(), _("yesterday")),
            *named,
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        if value == "hour":
            return _between(queryset, timezone.now() - timedelta(hours=1), None)
        try:
            day = date.fromisoformat(value or "")
        except ValueError:
            return queryset
        if not is_of_our_time(day):
            return queryset.none()
        begin = timezone.make_aware(datetime.combine(day, time.min))
        return _between(queryset, begin, begin + timedelta(days=1))


def _between(rows: QuerySet[Any], begin: datetime, end: datetime | None) -> QuerySet[Any]:
    """
    Those of ROWS made from BEGIN on, and before END. Their ids narrow them down, since the time has
    no index; transactions that overlap may have them in another order, but not by as much.
    """
    rows = rows.filter(created_at__gte=begin, pk__gte=first_delivery_since(begin - OVERLAP))
    if end is None:
        return rows
    return rows.filter(created_at__lt=end, pk__lt=first_delivery_since(end + OVERLAP))


GIVE_UP_QUESTION = _(
    "It is not tried again by itself. What comes after it from the same user can go on."
)


def _resend(row: Delivery, by: Actor) -> object:
    if not targets.resend_deliveries(Delivery.objects.filter(pk=row.pk), by=by):
        return UncertainOutcome(_("it is being sent just now, or has not failed."))
    enqueue(tasks.forward)
    return _("it is sent again.")


def _give_up(row: Delivery, by: Actor) -> object:
    if not targets.give_up_deliveries(Delivery.objects.filter(pk=row.pk), by=by):
        return UncertainOutcome(_("it is being sent just now, or has been."))
    return _("given up.")


@admin.register(Delivery)
class DeliveryAdmin(StaffAdmin):
    account_tab = "log"
    live_columns = ("state_label", "tries", "error")
    asks_outside = False
    list_display = (
        "what",
        "account",
        "openid",
        "target",
        "state_label",
        "tries",
        "error",
        "received",
    )
    list_display_links = ("what",)
    list_filter = ("target", "state", ReceivedFilter)
    list_select_related = ()
    ordering = ("-id",)
    sortable_by = ()
    search_fields = ("appid",)
    search_help_text = _("An appid, or a user's openid")
    fieldsets = (
        (_("Delivery"), {"fields": (*_SUBJECT, *_PROGRESS)}),
        (_("Tries"), {"fields": ("attempts",)}),
        (_("What is sent"), {"fields": ("message",)}),
    )
    readonly_fields = (*_SUBJECT, *_PROGRESS, "attempts", "message")
    actions = ("resend", "give_up")
    actions_detail = ("resend_one", "give_up_one")

    def get_queryset(self, request: HttpRequest) -> Any:
        """Without a join: PostgreSQL would read all newer pushes to find those of a page."""
        pushes = Prefetch("push", Push.objects.defer("body"))
        name = Authorizer.objects.filter(appid=OuterRef("appid")).values("nick_name")[:1]
        rows = super().get_queryset(request).annotate(account_name=Subquery(name))
        return rows.prefetch_related(pushes, "event", "target")

    def find_rows(self, queryset: Any, term: str) -> Any:
        name = "appid" if term.startswith("wx") else "push__openid"
        return queryset.filter(**{name: term})

    # Acts

    has_resend_permission = holding("messaging.resend_delivery")

    def unfit_acts(self, object_id: Any) -> set[str]:
        """Only what is dead or has failed can be sent again, only what is due given up."""
        row = Delivery.objects.filter(pk=object_id)
        acts = {"resend_one": row.stuck(), "give_up_one": row.waiting()}
        return {name for name, fitting in acts.items() if not fitting.exists()}

    @admin.action(description=_("Resend the selected"), permissions=["resend"])
    def resend(self, request: HttpRequest, queryset: Any) -> None:
        number = targets.resend_deliveries(queryset, by=request.user)
        enqueue(tasks.forward)
        self.message_user(request, _resent_sentence(number), "SUCCESS" if number else "WARNING")

    @admin.action(description=_("Give up the selected"), permissions=["resend"])
    def give_up(self, request: HttpRequest, queryset: Any) -> HttpResponse | None:
        return self.confirm_chosen(
            request,
            queryset,
            lambda row: _give_up(row, request.user),
            action="give_up",
            title=_("Give up"),
            question=GIVE_UP_QUESTION,
        )

    resend_one = ask_about_one(
        _resend,
        _("Resend"),
        _("It is sent again at once, and tried again for a day."),
        "resend",
        path="resend",
        icon="replay",
    )
    give_up_one = ask_about_one(
        _give_up, _("Give up"), GIVE_UP_QUESTION, "resend", path="give-up", icon="block"
    )

    # Columns and fields

    what = column(_("kind"), lambda row: _kind_in_words(row.kind))
    account = column(
        _("account"), lambda row: name_account(row.appid, row.account_name, reader_of(row))
    )

    target_link = column(_("target"), lambda row: link_to(row.target))
    openid = column(_("user"), lambda row: row.openid or "–")

    @admin.display(description=_("state"))
    def state_label(self, row: Delivery) -> SafeString:
        """Of what has failed and is tried again, with the time of that."""
        if row.state != Delivery.State.DUE or not row.failures:
            return label(row.get_state_display(), DELIVERY_COLOURS[Delivery.State(row.state)])
        text = label(_("waits for another try"), "warning")
        return format_html("{} <small>{}</small>", text, _next_time(row))

    tries = column(_("tries"), lambda row: str(len(row.log)))
    error = column(_("last error"), lambda row: Truncator(row.last_error).chars(60) or "–")
    received = column(_("received"), lambda row: ago(_happened_at(row)))

    @admin.display(description=_("next attempt"))
    def next_try(self, row: Delivery) -> object:
        if row.state != Delivery.State.DUE:
            return "–"
        if not row.target.is_on:
            return _("once the target is switched on")
        older = _older(row)
        if older is not None:
            user_wrote = _("once what the user wrote before has arrived")
            return link_to(
                older, user_wrote if row.openid else _("once what came before has arrived")
            )
        return _next_time(row)

    @admin.display(description=_("tried until"))
    def tried_until(self, row: Delivery) -> SafeString | str:
        return ago(row.give_up_at) if row.state == Delivery.State.DUE else "–"

    arrived = time_column("done_at", _("delivered"))
    webhook_id = column("webhook-id", webhook_id)

    @admin.display(description=_("tries"))
    def attempts(self, row: Delivery) -> SafeString | str:
        headers = [_("time"), _("HTTP status"), "ms", _("why")]
        return table(
            headers,
            [
                (_exactly(at), status or "–", milliseconds, _explain_attempt(status, reason))
                for at, status, milliseconds, reason in reversed(row.log)
            ],
        )

    @admin.display(description=_("message"))
    def message(self, row: Delivery) -> object:
        try:
            return pretty(redact(json.loads(write_body(row))))
        except Unreadable:
            return _("It cannot be decrypted: its key is not in FIELD_ENCRYPTION_KEYS.")
        except Malformed:
            return _("It is not kept any more.")


def _kind_in_words(kind: str) -> SafeString | str:
    """KIND in words, and by the name that back ends get to know."""
    words = name_of_kind(kind)
    if not words:
        return kind or "–"
    return format_html('<span class="staff-names">{}<small>{}</small></span>', words, kind)


def _happened_at(row: Delivery) -> datetime | None:
    if row.event:
        return row.event.at
    return row.push.received_at if row.push else None


def _older(row: Delivery) -> Delivery | None:
    """What ROW waits for: something of the same user, or account, that has to be taken first."""
    waiting = Delivery.objects.waiting().filter(target=row.target_id, user=row.user)
    return waiting.filter(pk__lt=row.pk).order_by("pk").first()


def _next_time(row: Delivery) -> object:
    """When ROW is tried next, as far as it and its target know."""
    if not row.target.is_on:
        return _("once the target is switched on")
    paused_until = row.target.paused_until if is_circuit_open(row.target) else None
    at = paused_until or row.due_at
    if at is None:
        return _("once what came before has arrived")
    soon = timezone.now() + timedelta(minutes=1)
    return _("within a minute") if at < soon else ago(at)


def _exactly(at: int) -> SafeString:
    local = timezone.localtime(datetime.fromtimestamp(at, UTC))
    parts = ((local.strftime(form),) for form in ("%Y-%m-%d", "%H:%M:%S"))
    return format_html_join(" ", '<span class="whitespace-nowrap">{}</span>', parts)


def _explain_attempt(status: int, reason: str) -> str:
    """REASON, in the reader's language where STATUS tells it: the worker wrote it in another."""
    return explain_status(status) if status and not 200 <= status < 300 else reason or "–"


def _resent_sentence(number: int) -> object:
    if not number:
        return _("Nothing of it was given up, or waits for another try.")
    return _("Sent again: %(number)d.") % {"number": number}
