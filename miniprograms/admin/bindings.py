"""Attempts to bind; those parked for staff are assigned to a merchant or refused here."""

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldForeignKeyRawIdWidget

from miniprograms.models import Binding
from miniprograms.services.unclaimed import NotUnclaimed, assign_unclaimed, refuse_unclaimed
from platform_auth.admin.pages import StaffAdmin, ago, label
from platform_auth.fields import Unreadable
from wechat.errors import WeChatError

Status = Binding.Status

COLOURS = {
    Status.OPEN: "",
    Status.TRADING: "info",
    Status.BOUND: "success",
    Status.PARKED: "warning",
    Status.REFUSED: "",
    Status.FAILED: "danger",
}


class AssignForm(forms.Form):
    """To whom a parked account goes."""

    user = forms.ModelChoiceField(
        User.objects.filter(is_active=True),
        label=_("merchant"),
        help_text=_("The magnifying glass opens the list of users."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        relation = Binding._meta.get_field("user").remote_field
        self.fields["user"].widget = UnfoldForeignKeyRawIdWidget(relation, admin.site)


@admin.register(Binding)
class BindingAdmin(StaffAdmin):
    list_display = ("status_label", "appid", "name", "merchant", "why", "started")
    list_display_links = ("status_label", "appid")
    list_filter = ("status", "parked_because")
    list_select_related = ("user",)
    ordering = ("-id",)
    search_fields = ("appid", "user__username")
    search_help_text = _("An appid or a merchant")
    fields = ("status_label", "why", "appid", "nick_name", "principal_name", "user", "account",
              "component", "auth_type", "biz_appid", "on_device", "started_at", "expires_at",
              "finished_at", "failures", "last_error")  # fmt: skip
    readonly_fields = fields
    actions = ("refuse",)
    actions_detail = ("assign_one", "refuse_one")
    troubles = (WeChatError, Unreadable, NotUnclaimed)

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("user", "authorizer", "component")

    def get_search_results(
        self, request: HttpRequest, queryset: Any, search_term: str
    ) -> tuple[Any, bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        merchant = User.objects.filter(username=term).first()
        return (queryset.filter(user=merchant) if merchant else queryset.filter(appid=term)), False

    def has_resolve_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("miniprograms.resolve_binding")

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        """Only a parked binding can be decided on."""
        if not Binding.objects.parked().filter(pk=object_id).exists():
            return []
        return list(super().get_actions_detail(request, object_id))

    @admin.action(description=_("Refuse"), permissions=["resolve"])
    def refuse_unclaimed(self, request: HttpRequest, queryset: Any) -> HttpResponse | None:
        return self.ask_about(
            request,
            queryset,
            lambda row: _refuse(row, request.user),
            action="refuse",
            title=_("Refuse"),
            question=REFUSE_QUESTION,
        )

    @action(
        description=_("Assign to a merchant"),
        permissions=["resolve"],
        url_path="assign",
        icon="person_check",
        variant=ActionVariant.PRIMARY,
    )
    def assign_one(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self.ask(
            request,
            object_id,
            lambda row, form: _assign(row, form.cleaned_data["user"], request.user),
            title=_("Assign to a merchant"),
            question=_("The account becomes this merchant's, whoever it belonged to before."),
            form=lambda request, row: AssignForm(
                request.POST or None, initial={"user": row.user_id}
            ),
        )

    @action(
        description=_("Refuse"),
        permissions=["resolve"],
        url_path="refuse",
        icon="block",
        variant=ActionVariant.DANGER,
    )
    def refuse_one(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self.ask(
            request,
            object_id,
            lambda row, form: _refuse(row, request.user),
            title=_("Refuse"),
            question=REFUSE_QUESTION,
        )

    @admin.display(description=_("status"), ordering="status")
    def status_label(self, row: Binding) -> SafeString:
        return label(row.get_status_display(), COLOURS.get(Status(row.status), ""))

    @admin.display(description=_("name"))
    def name(self, row: Binding) -> str:
        return row.nick_name or "–"

    @admin.display(description=_("merchant"))
    def merchant(self, row: Binding) -> str:
        return row.user.get_username() if row.user else "–"

    @admin.display(description=_("parked because"))
    def why(self, row: Binding) -> str:
        return row.get_parked_because_display() or "–"

    @admin.display(description=_("account"))
    def account(self, row: Binding) -> SafeString | str:
        if row.authorizer is None:
            return "–"
        url = reverse("admin:miniprograms_authorizer_change", args=[row.authorizer.pk])
        return format_html('<a href="{}" class="text-link">{}</a>', url, row.authorizer)

    @admin.display(description=_("device"))
    def on_device(self, row: Binding) -> str:
        return row.get_device_display()

    @admin.display(description=_("started"), ordering="started_at")
    def started(self, row: Binding) -> SafeString | str:
        return ago(row.started_at)


REFUSE_QUESTION = _(
    "The account stays as it is: nobody's, or with the merchant who had it. Its owner can cancel "
    "the authorisation in WeChat."
)


def _assign(row: Binding, user: User, by: Any) -> object:
    authorizer = assign_unclaimed(row, user=user, by=by)
    if authorizer.last_error:
        text = _("now belongs to %(user)s; its token comes later: %(problem)s")
        return text % {"user": user, "problem": authorizer.last_error}
    return _("now belongs to %(user)s.") % {"user": user}


def _refuse(row: Binding, by: Any) -> object:
    refuse_unclaimed(row, by=by)
    return _("refused.")
