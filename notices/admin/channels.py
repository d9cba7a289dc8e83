"""Channels: who is told of what, and whether it arrives."""

from typing import Any
from urllib.parse import urlsplit

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.admin import TabularInline
from unfold.enums import ActionVariant

from messaging.outbound import Undelivered
from notices import tasks
from notices.admin.channel_form import ChannelForm, NoticeRuleForm, address_problem
from notices.models import Channel, Message, NoticeRule
from notices.services import sending
from platform_auth.admin.acts import ask_about_one, button, holding
from platform_auth.admin.columns import choice_column, column, secret_label
from platform_auth.admin.pages import RecordedAdmin, ago, label
from platform_auth.fields import Unreadable, read_or_empty
from platform_auth.leases import release_db_connection
from platform_auth.listing import list_words
from platform_auth.logins.proof import require_proof
from platform_auth.operations import Actor
from platform_auth.wakeup import enqueue

MAX_RULES = 100
MAX_COUNTED = 1_000


class NoticeRuleInline(TabularInline):
    model = NoticeRule
    form = NoticeRuleForm
    verbose_name = _("line")
    verbose_name_plural = _("What about")
    max_num = MAX_RULES

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("tag").order_by("pk")

    def get_extra(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> int:
        return 0 if obj else 1


def _resend_all(channel: Channel, by: Actor) -> object:
    number = sending.resend_messages(channel.messages.all(), by=by)
    enqueue(tasks.send_notices)
    return _("Sent again: %(number)d.") % {"number": number}


@admin.register(Channel)
class ChannelAdmin(RecordedAdmin):
    form = ChannelForm
    inlines = (NoticeRuleInline,)
    list_display = ("name", "type_label", "owner", "destination", "health", "told_of")
    list_filter = ("type", "is_on")
    list_select_related = ("owner",)
    ordering = ("name", "id")
    sortable_by = ()
    search_fields = ("name__startswith", "owner__username__startswith")
    search_help_text = _("The beginning of a name, or of a merchant's")
    actions_detail = ("test", "resend_all", "rotate_secret")
    readonly_fields = ("owner", "health", "error", "destination", "secret_held")
    troubles = (Undelivered, Unreadable)

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).prefetch_related("rules")

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        about = ("name", "type", "is_on", "language", ("quiet_from", "quiet_until"))
        if obj is None:
            return [(None, {"fields": (*about, "new_address", "new_secret")})]
        kept = ("destination", "secret_held")
        written = ("new_address", "new_secret") if self.has_change_permission(request, obj) else ()
        return [
            (None, {"fields": (*about, "owner")}),
            (_("Health"), {"fields": ("health", "error")}),
            (_("Address"), {"fields": (*kept, *written)}),
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """What an address means hangs on the type."""
        return (*self.readonly_fields, "type") if obj else self.readonly_fields

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
        if object_id is None and self.has_add_permission(request):  # a secret may be shown then
            require_proof(request)
        if request.method == "POST":
            problem = self._problem_of_address(request, object_id)
            request.problem_of_address = problem  # type: ignore[attr-defined]
        return super().changeform_view(request, object_id, form_url, extra_context)

    def _problem_of_address(self, request: HttpRequest, object_id: str | None) -> str:
        address = request.POST.get("new_address", "").strip()
        may = self.has_change_permission(request) if object_id else self.has_add_permission(request)
        if not address or not may:
            return ""
        row = self.get_object(request, unquote(object_id)) if object_id else None
        release_db_connection()
        return address_problem(row.type if row else request.POST.get("type", ""), address)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        if not form.instance.rules.exists():
            messages.warning(request, _("It is told of nothing yet: add a line."))

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: Any = None) -> Any:
        if obj.type == Channel.Type.WEBHOOK:
            return self._show_secret(request, obj, obj.secret)
        return super().response_add(request, obj, post_url_continue)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Without a line for each message."""
        count = sum(row.messages.order_by()[:MAX_COUNTED].count() for row in objs)
        counts = {str(self.opts.verbose_name_plural): len(objs)}
        if count:
            counts[str(Message._meta.verbose_name_plural)] = count
        return [str(row) for row in objs], counts, set(), []

    has_operate_permission = holding("notices.change_channel")
    has_resend_permission = holding("notices.resend_message")

    def unfit_acts(self, object_id: Any) -> set[str]:
        channel = Channel.objects.filter(pk=object_id).first()
        if channel is None:
            return set()
        is_fit = {
            "resend_all": channel.messages.filter(state=Message.State.DEAD).exists(),
            "rotate_secret": channel.type == Channel.Type.WEBHOOK,
        }
        return {name for name, fits in is_fit.items() if not fits}

    test = ask_about_one(
        lambda channel, by: sending.send_test(channel, by=by),
        _("Test"),
        _("A message that says it is a test is sent there now."),
        "operate",
        path="test",
        icon="network_check",
        variant=ActionVariant.PRIMARY,
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
        channel = self.visible_or_404(request, object_id)
        require_proof(request)
        if request.method == "POST":
            secret = sending.rotate_secret(channel, by=request.user)
            return self._show_secret(request, channel, secret)
        question = _(
            "The new secret is shown once. Whatever is sent from now on is signed with it."
        )
        return self.ask(request, channel, _("New signing secret"), question)

    def _show_secret(self, request: HttpRequest, channel: Channel, secret: str) -> HttpResponse:
        """The one page that SECRET is on."""
        return self.page(
            request,
            "admin/notices/secret.html",
            title=_("Signing secret"),
            channel=channel,
            secret=secret,
            back=self.url_of(channel),
        )

    type_label = choice_column("type", _("type"), {})

    @admin.display(description=_("address"))
    def destination(self, row: Channel) -> SafeString | str:
        """Of an address that may hold a key, the host alone."""
        address = read_or_empty(row, "address")
        if row.type != Channel.Type.EMAIL:
            return urlsplit(address).netloc or "–"
        return address or (row.owner.email if row.owner else "") or "–"

    @admin.display(description=_("health"))
    def health(self, row: Channel) -> SafeString:
        if not row.is_on:
            return label(_("off"))
        if not row.failures:
            return label(_("ok"), "success")
        times = _("%(number)d in a row") % {"number": row.failures}
        if row.paused_until is None or row.paused_until <= timezone.now():
            return format_html("{} {}", label(_("failing"), "warning"), times)
        badge = label(_("left alone"), "danger")
        return format_html("{} {} · {}", badge, times, ago(row.paused_until))

    error = column(_("last error"), lambda row: row.last_error or "–")

    @admin.display(description=_("What about"))
    def told_of(self, row: Channel) -> SafeString | str:
        rules = [str(rule) for rule in row.rules.all()]
        return list_words(rules[:3]) + ("…" if len(rules) > 3 else "") or label(
            _("nothing"), "warning"
        )

    secret_held = column(_("signing secret"), lambda row: secret_label(row, "secret"))
