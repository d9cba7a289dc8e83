"""What happened, and the delivery log: what was sent to whom, when it was tried, and why not."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone
from django.utils.text import Truncator
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext_lazy as _

from notices import tasks
from notices.kinds import KINDS, Severity
from notices.models import Message, Notice
from notices.services import sending
from notices.services.texts import describe_for_staff
from platform_auth.admin.acts import ask_about_one, holding
from platform_auth.admin.columns import (
    account_column,
    choice_column,
    column,
    link,
    link_to,
    time_column,
)
from platform_auth.admin.pages import StaffAdmin, UncertainOutcome, ago, label, table
from platform_auth.operations import Actor
from platform_auth.wakeup import enqueue

COLOURS = {
    Message.State.DUE: "info",
    Message.State.DONE: "success",
    Message.State.DEAD: "danger",
}
SEVERITY_COLOURS = {Severity.URGENT: "danger", Severity.ATTENTION: "warning"}


class KindFilter(admin.SimpleListFilter):
    title = _("kind")
    parameter_name = "about"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return [(name, kind.label) for name, kind in KINDS.items()]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset.filter(kind=self.value()) if self.value() in KINDS else queryset


def _put_into_words(notices: Iterable[Any]) -> None:
    """Give NOTICES their `words`, for whoever looks at them, by as many statements as for one."""
    rows = list(notices)
    described = describe_for_staff(rows, get_language() or "")
    for row in rows:
        row.words = described.get(row.pk) or {"title": row.kind, "text": "–", "url": ""}


class WordedAdmin(StaffAdmin):
    """Pages of rows that are, or are about, notices."""

    def notices_of(self, row: Any) -> list[Any]:
        raise NotImplementedError

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        changes = super().get_changelist_instance(request)
        _put_into_words(notice for row in changes.result_list for notice in self.notices_of(row))
        return changes

    def get_object(self, request: HttpRequest, object_id: str, *args: Any) -> Any:
        row = super().get_object(request, object_id, *args)
        _put_into_words(self.notices_of(row) if row is not None else ())
        return row


@admin.register(Notice)
class NoticeAdmin(WordedAdmin):
    account_tab = "log"
    asks_outside = False
    list_display = ("title", "account", "kind_label", "severity", "happened")
    list_filter = (KindFilter,)
    ordering = ("-id",)
    sortable_by = ()
    search_fields = ("appid",)
    search_help_text = _("An appid")
    fields = ("title", "account", "kind_label", "severity", "happened", "text", "leads_to", "sent")
    readonly_fields = fields

    def find_rows(self, queryset: Any, term: str) -> Any:
        return queryset.filter(appid=term)

    def notices_of(self, row: Any) -> list[Any]:
        return [row]

    title = column(_("notice"), lambda row: row.words["title"])
    text = column(_("text"), lambda row: row.words["text"])
    kind_label = column(_("kind"), lambda row: KINDS[row.kind].label if row.kind in KINDS else "–")
    happened = time_column("created_at", _("time"))
    account = account_column(_("account"))

    @admin.display(description=_("severity"))
    def severity(self, row: Notice) -> object:
        severity = KINDS[row.kind].severity if row.kind in KINDS else Severity.NEWS
        return label(severity.label, SEVERITY_COLOURS.get(severity, ""))

    @admin.display(description=_("leads to"))
    def leads_to(self, row: Any) -> object:
        url = row.words["url"]
        return link(url, url) if url else "–"

    @admin.display(description=_("Sent to"))
    def sent(self, row: Notice) -> object:
        rows = row.addressings.select_related("channel", "message").order_by("pk")[:100]
        return table(
            [_("channel"), _("state")], [(link_to(one.channel), _state_of(one)) for one in rows]
        )


def _state_of(addressing: Any) -> object:
    message = addressing.message
    if message is None:
        return _("waits until %(time)s") % {
            "time": timezone.localtime(addressing.due_at).strftime("%Y-%m-%d %H:%M")
        }
    return link_to(message, label(message.get_state_display(), COLOURS[message.state]))


def _resend(row: Message, by: Actor) -> object:
    if not sending.resend_messages(Message.objects.filter(pk=row.pk), by=by):
        return UncertainOutcome(_("it had not been given up."))
    enqueue(tasks.send_notices)
    return _("it is sent again.")


@admin.register(Message)
class MessageAdmin(WordedAdmin):
    asks_outside = False
    list_display = ("number", "channel", "contents", "state_label", "tries", "error", "made")
    list_filter = ("state", "channel__type", "channel")
    list_select_related = ("channel",)
    ordering = ("-id",)
    sortable_by = ()
    search_fields = ("reference__startswith",)
    search_help_text = _("The number at the end of a message")
    fields = (
        "number",
        "channel",
        "contents",
        "state_label",
        "made",
        "next_try",
        "arrived",
        "attempts",
    )
    readonly_fields = fields
    actions = ("resend",)
    actions_detail = ("resend_one",)

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).prefetch_related("addressings__notice")

    def notices_of(self, row: Any) -> list[Any]:
        return [addressing.notice for addressing in row.addressings.all()]

    has_resend_permission = holding("notices.resend_message")

    def unfit_acts(self, object_id: Any) -> set[str]:
        dead = Message.objects.filter(pk=object_id, state=Message.State.DEAD)
        return set() if dead.exists() else {"resend_one"}

    @admin.action(description=_("Resend the selected"), permissions=["resend"])
    def resend(self, request: HttpRequest, queryset: Any) -> None:
        number = sending.resend_messages(queryset, by=request.user)
        enqueue(tasks.send_notices)
        sentence = _("Sent again: %(number)d.") % {"number": number}
        self.message_user(request, sentence, "SUCCESS" if number else "WARNING")

    resend_one = ask_about_one(
        _resend,
        _("Resend"),
        _("It is sent again at once, and tried again for a day."),
        "resend",
        path="resend",
        icon="replay",
    )

    number = column(_("number"), lambda row: row.reference[:8])
    state_label = choice_column("state", _("state"), COLOURS)
    tries = column(_("tries"), lambda row: str(len(row.log)))
    error = column(_("last error"), lambda row: Truncator(row.last_error).chars(60) or "–")
    made = time_column("created_at", _("created"))
    arrived = time_column("done_at", _("delivered"))

    @admin.display(description=_("notices"))
    def contents(self, row: Message) -> object:
        notices = self.notices_of(row)
        if not notices:
            return "–"
        first = link_to(notices[0], notices[0].words["title"])
        if len(notices) == 1:
            return first
        number = len(notices)
        return ngettext("%(number)d notice", "%(number)d notices", number) % {"number": number}

    @admin.display(description=_("next attempt"))
    def next_try(self, row: Message) -> object:
        if row.state != Message.State.DUE:
            return "–"
        if not row.channel.is_on:
            return _("once the channel is switched on")
        return ago(row.channel.paused_until or row.due_at)

    @admin.display(description=_("tries"))
    def attempts(self, row: Message) -> object:
        rows = [
            (_exactly(at), milliseconds, reason or _("delivered"))
            for at, milliseconds, reason in reversed(row.log)
        ]
        return table([_("time"), "ms", _("why")], rows)


def _exactly(at: int) -> str:
    return timezone.localtime(datetime.fromtimestamp(at, UTC)).strftime("%Y-%m-%d %H:%M:%S")
