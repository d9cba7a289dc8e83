"""Attempts to bind; unclaimed accounts are assigned to a merchant or refused here."""

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldForeignKeyRawIdWidget

from miniprograms.models import Binding
from miniprograms.services.unclaimed import NotUnclaimed, assign_unclaimed, refuse_unclaimed
from platform_auth.admin.acts import ask_about_chosen, ask_about_one, button, holding, saying
from platform_auth.admin.columns import (
    account_column,
    choice_column,
    column,
    named_account_column,
    time_column,
)
from platform_auth.admin.pages import StaffAdmin
from platform_auth.fields import Unreadable
from platform_auth.operations import Actor
from wechat.errors import WeChatError

STATUS_COLOURS = {
    Binding.Status.TRADING: "info",
    Binding.Status.BOUND: "success",
    Binding.Status.UNCLAIMED: "warning",
    Binding.Status.FAILED: "danger",
}

_ACCOUNT = (
    "status_label",
    "reason",
    "account_appid",
    "nick_name",
    "principal_name",
    "user",
    "account",
)
_REQUEST = ("component", "auth_type", "expected_appid", "on_device")
_COURSE = ("started_at", "expires_at", "finished_at", "failures", "last_error")


class AssignForm(forms.Form):
    """To whom an unclaimed account goes."""

    user = forms.ModelChoiceField(
        User.objects.filter(is_active=True),
        label=_("merchant"),
        help_text=_("The magnifying glass opens the list of users."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        relation = Binding._meta.get_field("user").remote_field
        self.fields["user"].widget = UnfoldForeignKeyRawIdWidget(relation, admin.site)


REFUSE_QUESTION = _(
    "The account stays as it is: nobody's, or with the merchant who had it. Its owner can cancel "
    "the authorisation in WeChat."
)
_refuse = saying(_("refused."), refuse_unclaimed)


def _assign(row: Binding, user: User, by: Actor) -> object:
    authorizer = assign_unclaimed(row, user=user, by=by)
    if authorizer.last_error:
        text = _("now belongs to %(user)s; its token comes later: %(problem)s")
        return text % {"user": user, "problem": authorizer.last_error}
    return _("now belongs to %(user)s.") % {"user": user}


@admin.register(Binding)
class BindingAdmin(StaffAdmin):
    account_tab = "people"
    live_columns = ("status_label", "reason")
    list_display = ("status_label", "account_appid", "name", "merchant", "reason", "started")
    list_display_links = ("status_label",)
    list_filter = ("status", "parked_because")
    list_select_related = ("user",)
    ordering = ("-id",)
    search_fields = ("appid", "user__username")
    search_help_text = _("An appid or a merchant")
    fields = (*_ACCOUNT, *_REQUEST, *_COURSE)
    readonly_fields = fields
    actions = ("refuse",)
    actions_detail = ("assign_one", "refuse_one")
    troubles = (WeChatError, Unreadable, NotUnclaimed)

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("user", "authorizer", "component")

    def find_rows(self, queryset: Any, term: str) -> Any:
        merchant = User.objects.filter(username=term).first()
        return queryset.filter(user=merchant) if merchant else queryset.filter(appid=term)

    has_resolve_permission = holding("miniprograms.resolve_binding")

    def unfit_acts(self, object_id: Any) -> set[str]:
        """Only an unclaimed account can be decided on."""
        is_unclaimed = Binding.objects.unclaimed().filter(pk=object_id).exists()
        return set() if is_unclaimed else set(self.actions_detail)

    refuse = ask_about_chosen(_refuse, _("Refuse"), REFUSE_QUESTION, "resolve", name="refuse")
    refuse_one = ask_about_one(
        _refuse,
        _("Refuse"),
        REFUSE_QUESTION,
        "resolve",
        path="refuse",
        icon="block",
        variant=ActionVariant.DANGER,
    )

    @button(
        _("Assign to a merchant"),
        "resolve",
        path="assign",
        icon="person_check",
        variant=ActionVariant.PRIMARY,
    )
    def assign_one(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self.confirm(
            request,
            object_id,
            lambda row, form: _assign(row, form.cleaned_data["user"], request.user),
            title=_("Assign to a merchant"),
            question=_("The account becomes this merchant's, whoever it belonged to before."),
            form=lambda request, row: AssignForm(
                request.POST or None, initial={"user": row.user_id}
            ),
        )

    status_label = choice_column("status", _("status"), STATUS_COLOURS, "status")
    name = column(_("name"), lambda row: row.nick_name or "–")
    merchant = column(_("merchant"), lambda row: row.user.get_username() if row.user else "–")
    reason = column(_("parked because"), lambda row: row.get_parked_because_display() or "–")
    account_appid = account_column(_("appid"), ordering="appid")
    expected_appid = account_column(_("expected appid"), lambda row: row.biz_appid)
    account = named_account_column(_("account"), lambda row: row.authorizer)
    on_device = column(_("device"), lambda row: row.get_device_display())
    started = time_column("started_at", _("started"), "started_at")
