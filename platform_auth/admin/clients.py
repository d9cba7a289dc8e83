"""API clients: made, changed, given keys and relieved of them."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.enums import ActionVariant

from platform_auth.admin.acts import ask_about_one, button, holding, saying
from platform_auth.admin.call_links import calls_url
from platform_auth.admin.client_form import LISTS, ApiClientForm, LinesField, may_make_keys
from platform_auth.admin.columns import column
from platform_auth.admin.pages import FormAdmin, ago, label
from platform_auth.client_models import ApiClient, ClientKey
from platform_auth.logins.api_clients import (
    begin_client,
    describe_client,
    revoke_all_keys,
    revoke_older_keys,
    rotate_key,
)
from platform_auth.logins.proof import require_proof
from platform_auth.operations import record_operation


@admin.register(ApiClient)
class ApiClientAdmin(FormAdmin):
    asks_outside = False
    form = ApiClientForm
    list_display = ("name", "owner", "scope_list", "accounts", "live_keys", "ends", "last_use")
    list_select_related = ("owner",)
    ordering = ("name", "id")
    sortable_by = ()
    search_fields = ("name__startswith", "owner__username__startswith")
    search_help_text = _("The beginning of a name, or of its owner's")
    raw_id_fields = ("owner",)
    readonly_fields = ("live_keys", "last_use")
    actions_detail = ("call_list", "rotate", "revoke_older", "revoke_all")

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).prefetch_related("keys")

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        bounds = ("rate", "expires_at")
        groups = [
            (None, {"fields": ("name", "owner", "scopes", "appids")}),
            (_("What it is held to"), {"fields": (*LISTS[1:], *bounds)}),
        ]
        keys = [(_("Keys"), {"fields": ("live_keys", "last_use")})]
        return [*groups, *(keys if obj else [])]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return (*self.readonly_fields, *(["owner"] if obj else []))

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name in LISTS:
            return LinesField(label=db_field.verbose_name, help_text=db_field.help_text)
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> Any:
        form = super().get_form(request, obj, change=change, **kwargs)
        form.giver = request.user
        return form

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        may = super().has_change_permission(request, obj)
        return may and (obj is None or may_make_keys(request.user, obj.owner, obj.scopes))

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """What was made with a client goes with it, which takes no right of its own."""
        _all, counts, lacking, protected = super().get_deleted_objects(objs, request)
        may = self.has_delete_permission(request)
        if keys := counts.pop(str(ClientKey._meta.verbose_name_plural), 0):
            counts[str(_("API keys"))] = keys
        return [str(row) for row in objs], counts, set() if may else lacking, protected

    # Whoever may change clients may lock any of them out.
    has_operate_permission = holding("platform_auth.change_apiclient")

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        if self.has_add_permission(request) or self.has_change_permission(request):
            require_proof(request)
        return super().changeform_view(request, *args, **kwargs)

    def save_model(self, request: HttpRequest, obj: ApiClient, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if not change:
            key = begin_client(obj, by=request.user)
            request.new_key = key  # type: ignore[attr-defined]

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: Any = None) -> Any:
        return self._show_key(request, obj, request.new_key)  # type: ignore[attr-defined]

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        record_operation("change_apiclient", by=request.user, result=describe_client(obj))
        return super().log_change(request, obj, message)

    def unfit_acts(self, object_id: Any) -> set[str]:
        client = ApiClient.objects.filter(pk=object_id).first()
        number = client.keys.count() if client else 0
        return {name for name, most in (("revoke_older", 1), ("revoke_all", 0)) if number <= most}

    has_call_log_permission = holding("platform_auth.view_wechatcall")

    @button(_("Calls to WeChat"), "call_log", path="call-log", icon="swap_calls")
    def call_list(self, request: HttpRequest, object_id: str) -> HttpResponse:
        client = self.visible_or_404(request, object_id)
        return HttpResponseRedirect(calls_url(client=client.pk))

    @button(_("New key"), "operate", path="rotate", icon="key", variant=ActionVariant.PRIMARY)
    def rotate(self, request: HttpRequest, object_id: str) -> HttpResponse:
        client = self.visible_or_404(request, object_id)
        if not self.has_change_permission(request, client):
            raise PermissionDenied
        require_proof(request)
        if request.method == "POST":
            return self._show_key(request, client, rotate_key(client, by=request.user))
        question = _(
            "The new key is shown once. The one before stays good until you end it; one before "
            "that ends now."
        )
        return self.ask(request, client, _("New key"), question)

    revoke_older = ask_about_one(
        saying(_("keys revoked: %(number)d."), revoke_older_keys),
        _("End the older key"),
        _("Whoever still uses it is locked out."),
        "operate",
        path="revoke-older",
        icon="key_off",
        needs_proof=True,
    )
    revoke_all = ask_about_one(
        saying(_("keys revoked: %(number)d."), revoke_all_keys),
        _("Revoke all keys"),
        _("The program is locked out until it has a new key."),
        "operate",
        path="revoke-all",
        icon="lock",
        variant=ActionVariant.DANGER,
        needs_proof=True,
    )

    def _show_key(self, request: HttpRequest, client: ApiClient, key: str) -> HttpResponse:
        """The one page that KEY is on."""
        back = self.url_of(client)
        context = {"title": _("Key of an API client"), "client": client, "key": key, "back": back}
        return self.page(request, "admin/clients/key.html", **context)

    scope_list = column(_("scopes"), lambda row: ", ".join(row.scopes))
    ends = column(_("expires"), lambda row: ago(row.expires_at))
    last_use = column(_("last used"), lambda row: ago(row.used_at))

    @admin.display(description=_("accounts"))
    def accounts(self, row: ApiClient) -> str:
        number = len(row.appids)
        if not number:
            return str(_("all of its owner's"))
        return ngettext("%(number)d account", "%(number)d accounts", number) % {"number": number}

    @admin.display(description=_("keys"))
    def live_keys(self, row: ApiClient) -> Any:
        names = [str(key) for key in sorted(row.keys.all(), key=lambda key: key.pk)]
        return " · ".join(names) if names else label(_("none"), "warning")
