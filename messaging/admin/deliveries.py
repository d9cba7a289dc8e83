"""The delivery log: what was forwarded to whom, when it was tried, and why it did not arrive."""

import json
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.contrib import admin
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action

from messaging import tasks
from messaging.models import Delivery
from messaging.services import targets
from messaging.services.delivering import explain, is_circuit_open, message_id, write_body
from miniprograms.models import Authorizer
from platform_auth.admin.pages import Doubt, StaffAdmin, ago, label, pretty, table
from platform_auth.admin.redaction import redact
from platform_auth.fields import Unreadable
from platform_auth.models import Push
from platform_auth.wakeup import enqueue
from wechat.errors import Untrusted

DAYS = 7  # that the filter names

State = Delivery.State

COLOURS = {State.DUE: "info", State.DONE: "success", State.DEAD: "danger"}


class ReceivedFilter(admin.SimpleListFilter):
    """By the day on which the push came in. The inbox knows which pushes those are."""

    title = _("received")
    parameter_name = "received"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        today = timezone.localdate()
        days = [today - timedelta(days=back) for back in range(DAYS)]
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
        begin = timezone.make_aware(datetime.combine(day, time.min))
        return _between(queryset, begin, begin + timedelta(days=1))


def _between(rows: QuerySet[Any], begin: datetime, end: datetime | None) -> QuerySet[Any]:
    """Those of ROWS whose push came in from BEGIN on, and before END."""
    first = _first_push(begin)
    if first is None:
        return rows.none()
    rows = rows.filter(push_id__gte=first)
    after = _first_push(end) if end else None
    return rows if after is None else rows.filter(push_id__lt=after)


def _first_push(since: datetime) -> int | None:
    pushes = Push.objects.filter(received_at__gte=since).order_by("received_at")
    return pushes.values_list("pk", flat=True).first()


@admin.register(Delivery)
class DeliveryAdmin(StaffAdmin):
    list_display = ("what", "account", "openid", "target", "state_label", "tries", "error_in_short",
                    "received")  # fmt: skip
    list_display_links = ("what",)
    list_filter = ("target", "state", ReceivedFilter)
    list_select_related = ()
    ordering = ("-push_id", "-id")
    sortable_by = ()
    search_fields = ("appid",)
    search_help_text = _("An appid, or a user's openid")
    fieldsets = (
        (
            _("Delivery"),
            {
                "fields": (
                    *("what", "target_link", "account_link", "openid", "state_label"),
                    *("received", "next_try", "tried_until", "arrived", "webhook_id"),
                )
            },
        ),
        (_("Tries"), {"fields": ("attempts",)}),
        (_("What is sent"), {"fields": ("message",)}),
    )
    readonly_fields = (
        *("what", "target_link", "account_link", "openid", "state_label", "received", "next_try"),
        *("tried_until", "arrived", "webhook_id", "attempts", "message"),
    )
    actions = ("resend", "give_up")
    actions_detail = ("resend_one", "give_up_one")

    def get_queryset(self, request: HttpRequest) -> Any:
        """Without a join: PostgreSQL would read all newer pushes to find those of a page."""
        pushes = Prefetch("push", Push.objects.defer("body"))
        return super().get_queryset(request).prefetch_related(pushes, "target")

    def get_search_results(
        self, request: HttpRequest, queryset: Any, search_term: str
    ) -> tuple[Any, bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        name = "appid" if term.startswith("wx") else "push__openid"
        return queryset.filter(**{name: term}), False

    # Acts

    def has_resend_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("messaging.resend_delivery")

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        """Only what fits the state it is in."""
        state = Delivery.objects.filter(pk=object_id).values_list("state", flat=True).first()
        fitting = (
            {State.DEAD: "resend_one", State.DUE: "give_up_one"}.get(State(state))
            if state
            else None
        )
        buttons = super().get_actions_detail(request, object_id)
        return [one for one in buttons if str(one.action_name).endswith(f"_{fitting}")]

    @admin.action(description=_("Resend the selected"), permissions=["resend"])
    def resend(self, request: HttpRequest, queryset: Any) -> None:
        number = targets.resend(queryset, by=request.user)
        enqueue(tasks.forward)
        self.message_user(request, _resent(number), "SUCCESS" if number else "WARNING")

    @admin.action(description=_("Give up the selected"), permissions=["resend"])
    def give_up(self, request: HttpRequest, queryset: Any) -> HttpResponse | None:
        return self.ask_about(
            request,
            queryset,
            lambda row: _give_up(row, request.user),
            action="give_up",
            title=_("Give up"),
            question=GIVE_UP_QUESTION,
        )

    @action(description=_("Resend"), permissions=["resend"], url_path="resend", icon="replay")
    def resend_one(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self.ask(
            request,
            object_id,
            lambda row, form: _resend(row, request.user),
            title=_("Resend"),
            question=_("It is sent again at once, and tried again for a day."),
        )

    @action(description=_("Give up"), permissions=["resend"], url_path="give-up", icon="block")
    def give_up_one(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self.ask(
            request,
            object_id,
            lambda row, form: _give_up(row, request.user),
            title=_("Give up"),
            question=GIVE_UP_QUESTION,
        )

    # Columns and fields

    @admin.display(description=_("kind"))
    def what(self, row: Delivery) -> str:
        return row.push.kind

    @admin.display(description=_("account"))
    def account(self, row: Delivery) -> str:
        return row.appid

    @admin.display(description=_("account"))
    def account_link(self, row: Delivery) -> SafeString | str:
        found = Authorizer.objects.filter(appid=row.appid).only("appid", "nick_name").first()
        if found is None:
            return row.appid
        url = reverse("admin:miniprograms_authorizer_change", args=[found.pk])
        text = f"{found.nick_name} ({row.appid})" if found.nick_name else row.appid
        return format_html('<a href="{}" class="text-link">{}</a>', url, text)

    @admin.display(description=_("target"))
    def target_link(self, row: Delivery) -> SafeString:
        url = reverse("admin:messaging_target_change", args=[row.target_id])
        return format_html('<a href="{}" class="text-link">{}</a>', url, row.target)

    @admin.display(description=_("user"))
    def openid(self, row: Delivery) -> str:
        return row.push.openid or "–"

    @admin.display(description=_("state"))
    def state_label(self, row: Delivery) -> SafeString:
        return label(row.get_state_display(), COLOURS[State(row.state)])

    @admin.display(description=_("tries"))
    def tries(self, row: Delivery) -> str:
        return str(len(row.log))

    @admin.display(description=_("last error"))
    def error_in_short(self, row: Delivery) -> str:
        return Truncator(row.last_error).chars(60) or "–"

    @admin.display(description=_("received"))
    def received(self, row: Delivery) -> SafeString | str:
        return ago(row.push.received_at)

    @admin.display(description=_("next attempt"))
    def next_try(self, row: Delivery) -> object:
        if row.state != State.DUE:
            return "–"
        if not row.target.is_on:
            return _("once the target is switched on")
        older = _older(row)
        if older is not None:
            url = reverse("admin:messaging_delivery_change", args=[older.pk])
            text = _("once what the user wrote before has arrived")
            return format_html('<a href="{}" class="text-link">{}</a>', url, text)
        rest = row.target.paused_until if is_circuit_open(row.target) else None
        return ago(rest or row.due_at)

    @admin.display(description=_("tried until"))
    def tried_until(self, row: Delivery) -> SafeString | str:
        return ago(row.give_up_at) if row.state == State.DUE else "–"

    @admin.display(description=_("delivered"))
    def arrived(self, row: Delivery) -> SafeString | str:
        return ago(row.done_at)

    @admin.display(description="webhook-id")
    def webhook_id(self, row: Delivery) -> str:
        return message_id(row.push)

    @admin.display(description=_("tries"))
    def attempts(self, row: Delivery) -> SafeString | str:
        headers = [_("time"), _("HTTP status"), "ms", _("why")]
        return table(
            headers,
            [
                (_exactly(at), status or "–", milliseconds, _why(status, why))
                for at, status, milliseconds, why in reversed(row.log)
            ],
        )

    @admin.display(description=_("message"))
    def message(self, row: Delivery) -> object:
        try:
            return pretty(redact(json.loads(write_body(row.push))))
        except Unreadable:
            return _("It cannot be decrypted: its key is not in FIELD_ENCRYPTION_KEYS.")
        except Untrusted:
            return _("It is not kept any more.")


GIVE_UP_QUESTION = _(
    "It is not tried again by itself. What comes after it from the same user can go on."
)


def _older(row: Delivery) -> Delivery | None:
    """What ROW waits for: something of the same user that its target has to take first."""
    waiting = Delivery.objects.filter(target=row.target_id, user=row.user, state=State.DUE)
    return waiting.filter(pk__lt=row.pk).order_by("pk").first()


def _exactly(at: int) -> SafeString:
    local = timezone.localtime(datetime.fromtimestamp(at, UTC))
    parts = ((local.strftime(form),) for form in ("%Y-%m-%d", "%H:%M:%S"))
    return format_html_join(" ", '<span class="whitespace-nowrap">{}</span>', parts)


def _why(status: int, why: str) -> str:
    """WHY, in the reader's language where STATUS tells it: the worker wrote it in another."""
    return explain(status) if status and not 200 <= status < 300 else why or "–"


def _resent(number: int) -> object:
    if not number:
        return _("Nothing of it had been given up.")
    return _("Sent again: %(number)d.") % {"number": number}


def _resend(row: Delivery, by: Any) -> object:
    if not targets.resend(Delivery.objects.filter(pk=row.pk), by=by):
        return Doubt(_("it had not been given up."))
    enqueue(tasks.forward)
    return _("it is sent again.")


def _give_up(row: Delivery, by: Any) -> object:
    if not targets.give_up(Delivery.objects.filter(pk=row.pk), by=by):
        return Doubt(_("it is being sent just now, or has been."))
    return _("given up.")
