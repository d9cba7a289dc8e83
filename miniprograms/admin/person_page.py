"""The page of a person: how they log in, and the accounts of a merchant."""

from typing import Any

from django.contrib import admin
from django.contrib.auth.models import User
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from miniprograms.admin.authorizer_columns import ACCOUNT_STATE_COLOURS
from miniprograms.admin.own_parts import MOST, list_url
from miniprograms.models import Authorizer
from platform_auth.admin.account_links import MAY_VIEW_ACCOUNTS, name_account, reader_of
from platform_auth.admin.columns import column, link
from platform_auth.admin.invitations import InvitingAdmin
from platform_auth.admin.pages import ago, label, say, table
from platform_auth.logins.invitations import GOOD_FOR, is_invited
from platform_auth.models import Operation

_LOGIN = ("username", "password_state")
_PERSON = ("first_name", "last_name", "email")
_DATES = ("last_login", "date_joined")
_STAFF = ("is_staff", "is_superuser", "groups")


class PersonPage(InvitingAdmin):
    """
    The page of a person, without the digest of their password. That of a merchant lists their
    accounts, and what would make staff of them is folded away.
    """

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is None:
            return super().get_fieldsets(request, obj)
        person = [(None, {"fields": _LOGIN}), (_("Personal info"), {"fields": _PERSON})]
        dates = (_("Important dates"), {"fields": _DATES})
        if obj.is_staff or obj.is_superuser:
            rights = (_("Rights"), {"fields": ("is_active", *_STAFF)})
            return [*person, rights, _single_permissions(), dates]
        own = (_("Mini programs and official accounts"), {"fields": ("accounts",)})
        login = (_("Login"), {"fields": ("is_active",)})
        shown = [*person, own, login, dates]
        if not getattr(request.user, "is_superuser", False):
            return shown
        fields = (*_STAFF, "user_permissions")
        return [*shown, (_("Make staff of them"), {"fields": fields, "classes": ["collapse"]})]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ("password_state", "accounts", *super().get_readonly_fields(request, obj))

    @admin.display(description=_("password"))
    def password_state(self, user: User) -> SafeString:
        """Whether they have one, or how their invitation stands; where to set another."""
        if not is_invited(user):
            text = label(_("set"), "success") if user.has_usable_password() else label(_("not set"))
            url = reverse("admin:auth_user_password_change", args=[user.pk])
            return format_html("{} {}", text, link(url, _("Set another")))
        return _describe_invitation(user)

    accounts = column(_("accounts"), lambda user: _accounts_of(user))


def _single_permissions() -> tuple[Any, dict[str, Any]]:
    return _("Single permissions"), {"fields": ("user_permissions",), "classes": ["collapse"]}


def _describe_invitation(user: User) -> SafeString:
    """How the invitation of USER stands, who has not followed it."""
    invitations = Operation.objects.filter(action="invite_user", result=str(user))
    at = invitations.order_by("-id").values_list("at", flat=True).first()
    if at is None:
        return label(_("not set"), "warning")
    if timezone.now() - at >= GOOD_FOR:
        text = _("the invitation has run out; invite again")
        return label(text, "danger")
    end = say(_("the link runs out %(when)s"), when=ago(at + GOOD_FOR))
    return format_html("{} {}", label(_("invited, has not set a password yet"), "warning"), end)


def _accounts_of(user: User) -> SafeString | str:
    """The accounts of USER, for whoever may look at accounts; the newest first."""
    reader = reader_of(user)
    if reader is None or not reader.has_perm(MAY_VIEW_ACCOUNTS):
        return "–"
    rows = list(Authorizer.objects.filter(owner=user).order_by("-id")[: MOST + 1])
    if not rows:
        return format_html("{}", _("None yet: send them a bind link, or let them log in and bind."))
    cells = [
        (
            name_account(row.appid, row.nick_name, reader),
            row.get_kind_display(),
            label(row.get_state_display(), ACCOUNT_STATE_COLOURS.get(row.state, "")),
        )
        for row in rows[:MOST]
    ]
    shown = table([_("name"), _("kind"), _("state")], cells)
    if len(rows) <= MOST:
        return format_html("{}", shown)
    return format_html(
        "{}<p>{}</p>", shown, link(list_url("miniprograms_authorizer", q=str(user)), _("All"))
    )
