"""Permission sets that accounts lack: who must authorise again, and who was asked and has."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import BadRequest, PermissionDenied
from django.db.models import Q
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from miniprograms.models import Authorizer, AuthorizerQuerySet, PermissionRequest
from miniprograms.permissions import NEEDS
from miniprograms.services.permission_drift import (
    ask_to_authorise_again,
    count_needs,
    waiting_requests,
)
from platform_auth.admin.account_links import link_account, reader_of
from platform_auth.admin.acts import button, holding
from platform_auth.admin.filters import choice_filter
from platform_auth.admin.pages import StaffAdmin, ago, label, table
from platform_auth.listing import with_detail
from platform_auth.person_names import name_person

MAX_ASKED = 200  # accounts at once; nobody waits for WeChat here
MOST_SHOWN = 200  # requests on the page

_KINDS = dict(Authorizer.Kind.choices)


def _need_name(code: str) -> str:
    return next((str(need.name) for need in NEEDS if need.code == code), code)


def _lacks(code: str) -> Callable[[], Q]:
    return lambda: AuthorizerQuerySet.lacking_condition(code)


LacksFilter = choice_filter(
    _("lacks the permission for"),
    "lacks",
    {
        "any": (_("anything"), _lacks("")),
        **{
            need.code: (with_detail(_KINDS[need.kind], need.set_names), _lacks(need.code))
            for need in NEEDS
        },
    },
)


class PermissionColumns:
    """What an account does not let us do, on its page."""

    @admin.display(description=_("lacking"))
    def lacking(self, row: Authorizer) -> SafeString | str:
        """Function by function, with the set that is missing."""
        if not row.lacking_needs:
            return "–"
        text = _("Its administrator must authorise again and leave these ticked:")
        cells = [(need.name, label(need.set_names, "warning")) for need in row.lacking_needs]
        return format_html("{} {}", text, table([_("function"), _("permission sets")], cells))


class AskingPages(PermissionColumns, StaffAdmin):
    """Adds the ways to ask owners to authorise us again to the admin of accounts."""

    has_invite_permission = holding("miniprograms.invite_merchant")

    @admin.action(description=_("Ask to authorise again"), permissions=["invite"])
    def ask_again(self, request: HttpRequest, queryset: Any) -> HttpResponse | None:
        rows = list(queryset.select_related("owner")[: MAX_ASKED + 1])
        if len(rows) > MAX_ASKED:
            text = _("Nothing was done: choose at most %(most)d at once.") % {"most": MAX_ASKED}
            self.message_user(request, text, messages.ERROR)
            return None
        return self._ask_again(request, rows, request.get_full_path())

    @button(_("Ask to authorise again"), "invite", path="ask-again", icon="qr_code_scanner")
    def ask_one_again(self, request: HttpRequest, object_id: str) -> HttpResponse:
        row = self.visible_or_404(request, object_id)
        if request.method == "POST":
            back = self.url_of(row)
            return self._ask_again(request, [row], back) or HttpResponseRedirect(back)
        question = _("Whoever opens the link within three days can authorise this account again.")
        return self.ask(request, row, _("Ask to authorise again"), question)

    def _ask_again(self, request: HttpRequest, rows: list[Any], back: str) -> HttpResponse | None:
        """A page with a link for each of ROWS that lacks something; it is not shown again."""
        invitations = []
        for row in rows:
            if invitation := ask_to_authorise_again(row, by=request.user):
                invitations.append(invitation)
            elif row.lacking_needs:
                text = _("%(row)s has no merchant who could authorise it.") % {"row": row}
                self.message_user(request, text, messages.WARNING)
            else:
                text = _("%(row)s lacks nothing.") % {"row": row}
                self.message_user(request, text)
        if not invitations:
            return None
        title = _("Ask to authorise again")
        context = {"title": title, "invitations": invitations, "back": back}
        context["progress"] = reverse("admin:miniprograms_permissionrequest_changelist")
        return self.page(request, "admin/accounts/ask_again.html", **context)


@admin.register(PermissionRequest)
class PermissionRequestAdmin(StaffAdmin):
    """In the place of a list: which functions lack permissions, and who has been asked."""

    list_title = _("Permissions that are missing")
    asks_outside = False
    fields = ("account", "function", "asked_at", "asked_by")
    readonly_fields = fields

    def title_of(self, row: Any) -> str:
        return f"{row.authorizer}: {_need_name(row.need)}"

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        if request.GET:
            raise BadRequest
        needs = count_needs()
        waiting = list(waiting_requests()[: MOST_SHOWN + 1])
        still = [row for row in waiting if row.need in row.authorizer.lacks.split()]
        return self.page(
            request,
            "admin/accounts/permissions.html",
            title=_("Permissions that are missing"),
            counts=[(counts, _KINDS[counts.need.kind]) for counts in needs],
            accounts=reverse("admin:miniprograms_authorizer_changelist"),
            waiting=self._waiting_table(still[:MOST_SHOWN], request.user) if still else "",
            was_asked=any(counts.asked for counts in needs),
            has_more=len(waiting) > MOST_SHOWN,
        )

    def _waiting_table(self, rows: list[Any], reader: Any) -> object:
        for row in rows:
            row.reader = reader
        headers = [_("account"), _("merchant"), _("function"), _("asked"), _("asked by")]
        cells = [
            (
                self.account(row),
                name_person(row.authorizer.owner) if row.authorizer.owner else "–",
                _need_name(row.need),
                ago(row.asked_at),
                row.asked_by or "–",
            )
            for row in rows
        ]
        return table(headers, cells)

    @admin.display(description=_("account"))
    def account(self, row: PermissionRequest) -> SafeString | str:
        account = row.authorizer
        text = f"{account.nick_name} {account.appid}".strip()
        return link_account(account.appid, reader_of(row), text)

    @admin.display(description=_("function"))
    def function(self, row: PermissionRequest) -> str:
        return _need_name(row.need)
