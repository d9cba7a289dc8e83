"""Our own platform: its health, what to paste into WeChat's console, its write-only secrets."""

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _, gettext_lazy
from django.views.decorators.debug import sensitive_post_parameters
from unfold.decorators import action

from platform_auth import registration
from platform_auth.admin.pages import RecordedAdmin, ago, copyable, label, table
from platform_auth.fields import Unreadable
from platform_auth.forms import SECRETS, ComponentForm
from platform_auth.models import Component
from platform_auth.views import TICKET_LIFE

TICKET_LATE = timedelta(minutes=30)

_HEALTH = ("ticket_health", "token_health", "failures", "last_error", "due", "previous_key_uses")


@admin.register(Component)
class ComponentAdmin(RecordedAdmin):
    form = ComponentForm
    list_display = ("name_and_appid", "ticket_health", "token_health", "last_error", "previous_uses")
    ordering = ("appid",)
    actions_detail = ("ask_for_tickets", "refresh_token")
    readonly_fields = (*_HEALTH, "secrets_held", "component_url", "message_url", "domain")

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        writable = (gettext_lazy("Secrets"), {
            "fields": tuple(SECRETS),
            "description": gettext_lazy(
                "They are stored encrypted and never shown. An empty field keeps what is there."
            ),
        })  # fmt: skip
        if obj is None:
            return [(None, {"fields": ("appid", "name")}), writable]
        console = ("component_url", "message_url", "domain")
        return [
            (None, {"fields": ("appid", "name")}),
            (gettext_lazy("Health"), {"fields": _HEALTH}),
            (gettext_lazy("For WeChat's console"), {"fields": console}),
            (gettext_lazy("What is stored"), {"fields": ("secrets_held",)}),
            *([writable] if self.has_change_permission(request, obj) else []),
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        # The secrets are sealed to the appid: another one would make them unreadable.
        return (*self.readonly_fields, *(["appid"] if obj else []))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Only a component that nothing hangs on yet, such as one with a mistyped appid."""
        may = super().has_delete_permission(request, obj)
        return may and (obj is None or not _is_used(obj))

    def has_operate_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("platform_auth.change_component")

    @method_decorator(sensitive_post_parameters())
    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        return super().changeform_view(request, *args, **kwargs)

    def save_model(self, request: HttpRequest, obj: Component, form: Any, change: bool) -> None:
        given = {name: form.cleaned_data.get(name, "") for name in SECRETS}
        secrets = {"secret": given["secret"], "token": given["token"], "aes_key": given["key"]}
        name = form.cleaned_data["name"]
        if change:
            registration.change(obj, name=name, by=request.user, **secrets)
        else:
            made = registration.register(appid=obj.appid, name=name, by=request.user, **secrets)
            obj.pk = made.pk

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        return super(RecordedAdmin, self).log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        return super(RecordedAdmin, self).log_change(request, obj, message)

    @action(
        description=gettext_lazy("Ask WeChat to push tickets now"),
        permissions=["operate"],
        url_path="ask-for-tickets",
        icon="notifications_active",
    )
    def ask_for_tickets(self, request: HttpRequest, object_id: str) -> HttpResponse:
        def act(component: Component, _form: None) -> str:
            said = registration.ask_for_tickets(component, by=request.user)
            return _("WeChat was asked to push tickets; it says: %(said)s") % {"said": said or "ok"}

        return self.ask(
            request,
            object_id,
            act,
            title=_("Ask WeChat to push tickets now"),
            question=_("WeChat then pushes a ticket within ten minutes."),
        )

    @action(
        description=gettext_lazy("Refresh the component token now"),
        permissions=["operate"],
        url_path="refresh-token",
        icon="autorenew",
    )
    def refresh_token(self, request: HttpRequest, object_id: str) -> HttpResponse:
        def act(component: Component, _form: None) -> str:
            if problem := registration.refresh_token(component, by=request.user):
                return _("the old token is still used: %(problem)s") % {"problem": problem}
            return _("there is a new component token.")

        return self.ask(
            request,
            object_id,
            act,
            title=_("Refresh the component token now"),
            question=_("The old token stays valid for five minutes after the new one is made."),
        )

    @admin.display(description=gettext_lazy("component"), ordering="appid")
    def name_and_appid(self, component: Component) -> str:
        return f"{component.name} ({component.appid})" if component.name else component.appid

    @admin.display(description=gettext_lazy("ticket"))
    def ticket_health(self, component: Component) -> SafeString:
        at = component.ticket_received_at
        return _side_by_side(_ticket_label(at), ago(at) if at else "")

    @admin.display(description=gettext_lazy("component token"))
    def token_health(self, component: Component) -> SafeString:
        expires = component.access_token_expires
        if not expires:
            return label(_("none"), "danger")
        at = datetime.fromtimestamp(expires, UTC)
        is_fresh = at > timezone.now()
        box = label(_("fresh"), "success") if is_fresh else label(_("expired"), "danger")
        text = _("expires %(when)s") if is_fresh else _("expired %(when)s")
        return _side_by_side(box, SafeString(text % {"when": ago(at)}))

    @admin.display(description=gettext_lazy("WeChat is asked again"))
    def due(self, component: Component) -> SafeString | str:
        return ago(component.due_at)

    @admin.display(description=gettext_lazy("pushes with the previous key"))
    def previous_uses(self, component: Component) -> SafeString | str:
        uses = component.previous_key_uses
        return label(str(uses), "warning") if uses else "0"

    @admin.display(description=gettext_lazy("secrets"))
    def secrets_held(self, component: Component) -> SafeString | str:
        names = ("app_secret", "message_token", "aes_key", "previous_message_token",
                 "previous_aes_key", "verify_ticket", "access_token")  # fmt: skip
        fields = [(Component._meta.get_field(name).verbose_name, name) for name in names]
        headers = [_("secret"), _("state")]
        return table(headers, [(title, _held(component, name)) for title, name in fields])

    @admin.display(description=gettext_lazy("授权事件接收URL (authorisation events)"))
    def component_url(self, component: Component) -> SafeString:
        return copyable(f"{settings.PUBLIC_URL}/wechat/component/push/")

    @admin.display(description=gettext_lazy("消息与事件接收URL (messages and events)"))
    def message_url(self, component: Component) -> SafeString:
        return copyable(f"{settings.PUBLIC_URL}/wechat/$APPID$/push/")

    @admin.display(description=gettext_lazy("登录授权的发起页域名 (start page's domain)"))
    def domain(self, component: Component) -> SafeString:
        return copyable(urlsplit(settings.PUBLIC_URL).netloc)


def _ticket_label(at: datetime | None) -> SafeString:
    if at is None:
        return label(_("never came"), "danger")
    age = timezone.now() - at
    if age > TICKET_LIFE:
        return label(_("lost"), "danger")
    return label(_("late"), "warning") if age > TICKET_LATE else label(_("fresh"), "success")


def _held(component: Component, name: str) -> SafeString:
    try:
        is_set = bool(getattr(component, name))
    except Unreadable:
        return label(_("cannot be decrypted: its key is not in FIELD_ENCRYPTION_KEYS"), "danger")
    return label(_("set"), "success") if is_set else label(_("not set"))


def _side_by_side(*parts: str) -> SafeString:
    return SafeString(" ".join(parts))


def _is_used(component: Component) -> bool:
    relations = [field for field in Component._meta.related_objects if field.get_accessor_name()]
    return any(
        getattr(component, str(field.get_accessor_name())).exists() for field in relations
    )
