"""Pushes: what WeChat pushed, decoded and redacted, and the button that runs it again."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import OuterRef, Subquery
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action

from messaging.models import Reply
from messaging.services.history import describe_reply
from messaging.services.kind_names import name_of_kind
from miniprograms.models import Authorizer
from platform_auth.admin.account_links import name_account, reader_of
from platform_auth.admin.columns import column
from platform_auth.admin.pages import StaffAdmin, ago, label, pretty
from platform_auth.admin.spreadsheet import csv_lines, csv_response
from platform_auth.fields import Unreadable
from platform_auth.models import Push
from platform_auth.operations import record_operation
from webhooks import processing
from webhooks.admin import push_export, push_search
from webhooks.admin.push_search import LogFilter
from webhooks.admin.push_words import describe_push, fields_of
from wechat.errors import WeChatError
from wechat.push import Malformed

EXPORT = "platform_auth.export_push"
TWO_LINES = '<span class="log-two">{}<small>{}</small></span>'

COLOURS = {Push.State.DONE: "success", Push.State.FAILED: "danger", Push.State.IGNORED: ""}


@admin.register(Push)
class PushAdmin(StaffAdmin):
    account_tab = "log"
    live_columns = ("outcome",)
    asks_outside = False
    list_display = ("received", "account", "kind_in_words", "in_short", "user_in_short", "outcome")
    list_display_links = ("received",)
    list_filter = (LogFilter,)
    list_filter_sheet = True
    list_before_template = "admin/pushes/bar.html"
    change_list_template = "admin/pushes/list.html"
    ordering = ("-received_at", "-id")
    sortable_by = ()
    fields = (
        "says",
        "kind_in_words",
        "account",
        "user",
        "state_label",
        "answer",
        "message",
        "component",
        "attempts",
        "error",
        "created",
        "received_at",
        "retry_at",
    )
    readonly_fields = fields
    actions = ("replay",)
    actions_detail = ("replay_one",)
    troubles = (WeChatError, Unreadable)

    class Media:
        css = {"all": ("log.css",)}

    def get_queryset(self, request: HttpRequest) -> Any:
        name = Authorizer.objects.filter(appid=OuterRef("appid")).values("nick_name")[:1]
        return super().get_queryset(request).annotate(account_name=Subquery(name))

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.export_view)
        return [path("export/", view, name="platform_auth_push_export"), *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        export = reverse("admin:platform_auth_push_export")
        bar = {
            **push_search.search_bar(request),
            "export_url": self._may_export(request) and export,
        }
        answer: HttpResponse = super().changelist_view(request, {**bar, **(extra_context or {})})
        return answer

    def has_replay_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("platform_auth.replay_push")

    def _may_export(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request) and request.user.has_perm(EXPORT)

    def export_view(self, request: HttpRequest) -> StreamingHttpResponse:
        """What is found, as CSV."""
        if not self._may_export(request):
            raise PermissionDenied
        rows = push_search.LogForm(request.GET).narrow(Push.objects.all())
        account = request.GET.get("account", "").strip()
        appid = account[:32] if account.startswith("wx") else ""
        record_operation(
            "export_push", by=request.user, appid=appid, result=push_search.describe_search(request)
        )
        lines = csv_lines(push_export.EXPORT_TITLES, push_export.export_rows(rows))
        return csv_response(f"messages-{timezone.localtime():%Y%m%d-%H%M}", lines)

    @admin.action(description=_("Replay the selected pushes"), permissions=["replay"])
    def replay(self, request: HttpRequest, queryset: Any) -> None:
        self.carry_out_each(request, queryset, lambda push: _replay(push, request.user))

    @action(description=_("Replay"), permissions=["replay"], url_path="replay", icon="replay")
    def replay_one(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self.confirm(
            request,
            object_id,
            lambda push, form: _replay(push, request.user),
            title=_("Replay"),
            question=_("What this push asks for is done again, now."),
        )

    # Columns and fields

    @admin.display(description=_("received"))
    def received(self, push: Push) -> SafeString | str:
        return ago(push.received_at)

    account = column(
        _("account"), lambda push: name_account(push.appid, push.account_name, reader_of(push))
    )

    def title_of(self, row: Any) -> str:
        return str(name_of_kind(row.kind) or row.kind)

    @admin.display(description=_("kind"))
    def kind_in_words(self, push: Push) -> SafeString | str:
        words = name_of_kind(push.kind)
        if not words:
            return push.kind or "–"
        return format_html(TWO_LINES, words, push.kind)

    @admin.display(description=_("says"))
    def says(self, push: Push) -> SafeString:
        return format_html('<span class="log-says">{}</span>', describe_push(push) or "–")

    @admin.display(description=_("says"))
    def in_short(self, push: Push) -> SafeString:
        line = Truncator(describe_push(push)).chars(100)
        return format_html('<span class="log-says">{}</span>', line or "–")

    @admin.display(description=_("user"))
    def user(self, push: Push) -> str:
        return push.openid or "–"

    @admin.display(description=_("user"))
    def user_in_short(self, push: Push) -> SafeString | str:
        """The end of the openid, which differs most, as a link to all that came from this user."""
        if not push.openid:
            return "–"
        link = '<a href="?{}" title="{}" class="text-link log-user">…{}</a>'
        query = urlencode({"user": push.openid})
        return format_html(link, query, push.openid, push.openid[-6:])

    @admin.display(description=_("state"))
    def state_label(self, push: Push) -> SafeString:
        return label(push.get_state_display(), COLOURS.get(Push.State(push.state), ""))

    @admin.display(description=_("state"))
    def outcome(self, push: Push) -> SafeString:
        return format_html(
            '<span class="log-two">{}<small class="staff-error" title="{}">{}</small></span>',
            self.state_label(push),
            push.error,
            Truncator(push.error).chars(60),
        )

    @admin.display(description=_("answer"))
    def answer(self, push: Push) -> SafeString | str:
        """What we said to it, and what became of that."""
        reply = Reply.objects.filter(reply_to=push).select_related("rule").first()
        if reply is None:
            return "–"
        by = f" ({reply.rule})" if reply.rule else ""
        state = label(reply.get_state_display())
        return format_html("{} {}{}", state, describe_reply(reply).line, by)

    @admin.display(description=_("message"))
    def message(self, push: Push) -> object:
        try:
            return pretty(fields_of(push))
        except Unreadable:
            return _("It cannot be decrypted: its key is not in FIELD_ENCRYPTION_KEYS.")
        except Malformed:
            return (
                _("It is not XML that we understand.")
                if push.body
                else _("It is not kept any more.")
            )


def _replay(push: Push, by: Any) -> object:
    """Run the handler of PUSH again; a sentence about the outcome."""
    if push.state == Push.State.IGNORED:
        return _("there is nothing to do for such a push.")
    with transaction.atomic():
        processing.replay(push)
        push.refresh_from_db()
        record_operation(
            "replay_push", by=by, appid=push.appid, result=f"{push.kind}: {push.state}"
        )
    match push.state:
        case Push.State.DONE:
            return _("done.")
        case Push.State.FAILED:
            return _("it failed again: %(error)s") % {"error": push.error}
        case _other:
            return _("nothing to do: %(why)s") % {"why": push.error}
