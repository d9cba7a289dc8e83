"""Our own platform: its health, what to paste into WeChat's console, its write-only secrets."""

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_post_parameters

from platform_auth import registration
from platform_auth.acting_component import NoComponent, acting_component
from platform_auth.admin.acts import ask_about_one, holding, saying
from platform_auth.admin.columns import column, secret_label
from platform_auth.admin.old_keys import (
    describe_field_keys,
    describe_message_keys,
    has_previous_keys,
)
from platform_auth.admin.pages import FormAdmin, ago, copyable, label, say, table
from platform_auth.admin.refusals import refusals_table
from platform_auth.errcodes import explain_kept
from platform_auth.fields import key_ids, secret_fields
from platform_auth.forms import SECRETS, ComponentForm
from platform_auth.logins.proof import require_proof
from platform_auth.models import TICKET_LIFE, Component
from platform_auth.operations import Actor

TICKET_WARNING_AFTER = timedelta(minutes=30)

_TOKENS = ("ticket_health", "token_health", "failures", "problem", "due", "previous_keys")
_HEALTH = ("bindings", *_TOKENS)
_CONSOLE = ("component_url", "message_url", "domain", "refusals")
_refresh_token = saying(_("there is a new component token."), registration.refresh_component_token)


def _ask_for_tickets(component: Component, by: Actor) -> object:
    errmsg = registration.request_tickets(component, by=by) or "ok"
    return _("WeChat was asked to push tickets; it says: %(said)s") % {"said": errmsg}


class ComponentPages(FormAdmin):
    """The list and the page of a component; what apps above know of it is added there."""

    form = ComponentForm
    list_display = (
        "name_and_appid",
        "bindings",
        "ticket_health",
        "token_health",
        "problem",
        "previous_uses",
    )
    ordering = ("appid",)
    actions_detail: tuple[str, ...] = ("ask_for_tickets", "refresh_token", "drop_previous_keys")
    readonly_fields = (*_HEALTH, "secrets_held", "old_field_keys", *_CONSOLE)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        description = _(
            "They are stored encrypted and never shown. An empty field keeps what is there."
        )
        writable = (_("Secrets"), {"fields": tuple(SECRETS), "description": description})
        if obj is None:
            return [(None, {"fields": ("appid", "name", "is_offered")}), writable]
        return [
            (None, {"fields": ("appid", "name", "is_offered")}),
            (_("Health"), {"fields": _HEALTH}),
            (_("For WeChat's console"), {"fields": _CONSOLE}),
            (_("What is stored"), {"fields": ("secrets_held", "old_field_keys")}),
            *([writable] if self.has_change_permission(request, obj) else []),
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        # The secrets are sealed to the appid: another one would make them unreadable.
        return (*self.readonly_fields, *(["appid"] if obj else []))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Only a component that nothing hangs on yet, such as one with a mistyped appid."""
        may = super().has_delete_permission(request, obj)
        return may and (obj is None or not _is_used(obj))

    has_operate_permission = holding("platform_auth.change_component")

    @method_decorator(sensitive_post_parameters())
    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        if self.has_change_permission(request):
            require_proof(request)
        return super().changeform_view(request, *args, **kwargs)

    def save_model(self, request: HttpRequest, obj: Component, form: Any, change: bool) -> None:
        cleaned = form.cleaned_data
        secrets = {"secret": cleaned.get("secret", ""), "token": cleaned.get("token", "")}
        secrets["aes_key"], name = cleaned.get("key", ""), cleaned["name"]
        if change:
            registration.change_component(
                obj, name=name, is_offered=cleaned["is_offered"], by=request.user, **secrets
            )
        else:
            registered = registration.register_component(
                appid=obj.appid,
                name=name,
                is_offered=cleaned["is_offered"],
                by=request.user,
                **secrets,
            )
            obj.pk = registered.pk

    ask_for_tickets = ask_about_one(
        _ask_for_tickets,
        _("Ask WeChat to push tickets now"),
        _("WeChat then pushes a ticket within ten minutes."),
        "operate",
        path="ask-for-tickets",
        icon="notifications_active",
    )
    refresh_token = ask_about_one(
        _refresh_token,
        _("Refresh the component token now"),
        _("The old token stays valid for five minutes after the new one is made."),
        "operate",
        path="refresh-token",
        icon="autorenew",
    )

    drop_previous_keys = ask_about_one(
        saying(_("the previous keys are dropped."), registration.drop_previous_keys),
        _("Drop the previous message keys"),
        _(
            "Pushes that WeChat still seals with them are refused then. The component's page says "
            "whether they can go."
        ),
        "operate",
        path="drop-previous-keys",
        icon="key_off",
        needs_proof=True,
    )

    def unfit_acts(self, object_id: Any) -> set[str]:
        row = Component.objects.filter(pk=object_id).first()
        is_there = row is not None and has_previous_keys(row)
        return super().unfit_acts(object_id) | (set() if is_there else {"drop_previous_keys"})

    @admin.display(description=_("component"), ordering="appid")
    def name_and_appid(self, component: Component) -> str:
        return f"{component.name} ({component.appid})" if component.name else component.appid

    @admin.display(description=_("new bindings"))
    def bindings(self, component: Component) -> SafeString | str:
        """Whether new bindings are its, by itself or by a choice."""
        try:
            acts = acting_component().pk == component.pk
        except NoComponent:
            acts = False
        if acts:
            return label(_("acts for them"), "success")
        return label(_("may be chosen"), "info") if component.is_offered else "–"

    ticket_health = column(_("ticket"), lambda component: ticket_health(component))
    token_health = column(_("component token"), lambda component: token_health(component))
    due = column(_("WeChat is asked again"), lambda component: ago(component.due_at))
    problem = column(_("last error"), lambda component: explain_kept(component.last_error) or "–")
    refusals = column(_("refused requests"), lambda component: refusals_table())

    @admin.display(description=_("pushes with the previous key"))
    def previous_uses(self, component: Component) -> SafeString | str:
        uses = component.previous_key_uses
        return label(str(uses), "warning") if uses else "0"

    @admin.display(description=_("previous message keys"))
    def previous_keys(self, component: Component) -> str:
        return describe_message_keys(component) or "–"

    @admin.display(description=_("field keys"))
    def old_field_keys(self, component: Component) -> str:
        """Those of the whole platform, whichever component it is."""
        fingerprints = say(_("Their fingerprints: %(ids)s."), ids=", ".join(key_ids()))
        sentences = [fingerprints, *describe_field_keys()]
        return format_html_join("", "<p>{}</p>", ((sentence,) for sentence in sentences))

    @admin.display(description=_("secrets"))
    def secrets_held(self, component: Component) -> SafeString | str:
        fields = secret_fields(Component)
        rows = [(field.verbose_name, secret_label(component, field.name)) for field in fields]
        return table([_("secret"), _("state")], rows)

    @admin.display(description=_("授权事件接收URL (authorisation events)"))
    def component_url(self, component: Component) -> SafeString:
        return copyable(f"{settings.PUBLIC_URL}/wechat/component/push/")

    @admin.display(description=_("消息与事件接收URL (messages and events)"))
    def message_url(self, component: Component) -> SafeString:
        return copyable(f"{settings.PUBLIC_URL}/wechat/$APPID$/push/")

    @admin.display(description=_("登录授权的发起页域名 (start page's domain)"))
    def domain(self, component: Component) -> SafeString:
        return copyable(urlsplit(settings.PUBLIC_URL).netloc)


def ticket_health(component: Component) -> SafeString:
    """Whether tickets come, and when the last one did; whether all pushes have stopped."""
    at, silent = component.ticket_received_at, component.silent_since
    muted = label(_("WeChat sends no pushes"), "danger") if silent else ""
    return format_html("{} {} {}", _ticket_label(at), ago(at) if at else "", muted)


def _ticket_label(at: datetime | None) -> SafeString:
    if at is None:
        return label(_("never came"), "danger")
    age = timezone.now() - at
    if age > TICKET_LIFE:
        return label(_("lost"), "danger")
    return (
        label(_("late"), "warning") if age > TICKET_WARNING_AFTER else label(_("fresh"), "success")
    )


def token_health(component: Component) -> SafeString:
    """Whether there is a component token, and until when."""
    if not component.access_token_expires:
        return label(_("none"), "danger")
    at = datetime.fromtimestamp(component.access_token_expires, UTC)
    is_fresh = at > timezone.now()
    box = label(_("fresh"), "success") if is_fresh else label(_("expired"), "danger")
    return format_html("{} {}", box, ago(at))


def _is_used(component: Component) -> bool:
    relations = [field for field in Component._meta.related_objects if field.get_accessor_name()]
    return any(getattr(component, str(field.get_accessor_name())).exists() for field in relations)
