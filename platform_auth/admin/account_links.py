"""
Links to the page of an account, and its header on the pages of whatever is about it. Staff pages of
all apps have them; the page itself stands above most of these apps, and says here how it begins.
"""

import re
from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin

MAY_VIEW_ACCOUNTS = "miniprograms.view_authorizer"
_APPID = re.compile(r"wx[0-9a-zA-Z]{16}", re.ASCII)

# What the header of an account shows to a person, with one of its tabs as the one that is open.
MakeHeader = Callable[[Any, str, str], object]
_makers: list[MakeHeader] = []


def set_account_header(make: MakeHeader) -> None:
    """The header of an account is what MAKE makes of its appid."""
    _makers[:] = [make]


def account_header(user: Any, appid: str, tab: str = "") -> object:
    """The header for USER, with TAB open; None where there is none that they may see."""
    if not appid or not user.has_perm(MAY_VIEW_ACCOUNTS):
        return None
    return next((make(user, appid, tab) for make in _makers), None)


def link_account(appid: str, reader: Any, text: object = "", tab: str = "") -> SafeString | str:
    """
    APPID, or TEXT in its place, with a link to the page of this account, or a TAB of it, where
    READER may see it. The address is made of the appid alone, so that no list looks for accounts.
    """
    shown = text or appid or "–"
    if not appid or reader is None or not reader.has_perm(MAY_VIEW_ACCOUNTS):
        return format_html("{}", shown)
    url = reverse("admin:account-of-appid", args=[appid]) + (f"?tab={tab}" if tab else "")
    return format_html('<a href="{}" class="text-link">{}</a>', url, shown)


def name_account(appid: str, name: str, reader: Any, tab: str = "") -> SafeString | str:
    """The account called NAME, with its appid below the name, and the same link."""
    if not appid:
        return "–"
    names = format_html("<strong>{}</strong><small>{}</small>", name or "–", appid)
    text = format_html('<span class="staff-names">{}</span>', names)
    return link_account(appid, reader, text, tab)


def reader_of(row: Any) -> Any:
    """Who looks at ROW; None where nobody does, as in a file."""
    return getattr(row, "reader", None)


def _appid_in(request: HttpRequest) -> str:
    """The account that a list is narrowed to."""
    terms = [request.GET.get(name, "").strip() for name in ("q", "account")]
    return next(filter(_APPID.fullmatch, terms), "")


class AccountLinks(ModelAdmin):
    """
    Rows that know by whom they are looked at, as `reader`, so that their columns can link to
    accounts; and the header of an account where all on the page is about it.
    """

    account_tab = ""  # the tab of an account that these rows belong to

    def appid_of(self, row: Any) -> str:
        """Of which account ROW tells; "" if of none."""
        return str(getattr(row, "appid", "") or "")

    def get_object(self, request: HttpRequest, object_id: str, *args: Any) -> Any:
        row = super().get_object(request, object_id, *args)
        if row is not None:
            row.reader = request.user
        return row

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        term = _appid_in(request)
        header = (
            {"account_header": account_header(request.user, term, self.account_tab)} if term else {}
        )
        answer: HttpResponse = super().changelist_view(request, {**header, **(extra_context or {})})
        changes = (getattr(answer, "context_data", None) or {}).get("cl")
        for row in changes.result_list if changes else ():
            row.reader = request.user
        return answer

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        row = kwargs.get("obj")
        if row is not None and "account_header" not in context:
            context["account_header"] = account_header(
                request.user, self.appid_of(row), self.account_tab
            )
        answer: HttpResponse = super().render_change_form(request, context, *args, **kwargs)
        return answer
