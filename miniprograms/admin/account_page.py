"""One place for an account: its header on every page that is about it, and the tabs below it."""

from functools import partial
from typing import Any

from django.contrib import messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext_lazy as _

from miniprograms.admin.account_header import account_rows, make_header
from miniprograms.admin.account_parts import LOG, MESSAGES, OVERVIEW, PEOPLE, Part, parts_for
from miniprograms.admin.facts import facts_for
from miniprograms.models import Authorizer
from platform_auth.admin.account_links import account_header
from platform_auth.admin.live_lists import answer_changed
from platform_auth.admin.pages import StaffAdmin
from platform_auth.models import Component

_TABS = {MESSAGES: _("Messages"), PEOPLE: _("People"), LOG: _("Events and log")}


_OF_PROGRAMS = {"settings_page", "testers_page", "interfaces_page"}
# What asks WeChat in the account's name.
_NEEDING_TOKENS = {"refresh_one", "sync_one", "unbind_one", "testers_page", "interfaces_page"}
_NEEDING_TOKENS |= {"calls_page", "calling_page"}


class AccountPages(StaffAdmin):
    """Adds header and tabs to the admin of accounts; its page of an account is the overview."""

    change_form_template = "admin/accounts/overview.html"
    account_tab = OVERVIEW

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        tabs = [
            path(
                f"<path:object_id>/{name}/",
                wrap(partial(self.tab_page, tab=name)),
                name=f"miniprograms_authorizer_{name}",
            )
            for name in _TABS
        ]
        return [
            path("of/<str:appid>/", wrap(self.page_of_appid), name="account-of-appid"),
            path(
                "<int:object_id>/header/",
                wrap(self.header_now),
                name="miniprograms_authorizer_header",
            ),
            *tabs,
            *super().get_urls(),
        ]

    def page_of_appid(self, request: HttpRequest, appid: str) -> HttpResponse:
        """Leads to the page of APPID, so that other pages need to know nothing but that."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        row = account_rows(request.user).filter(appid=appid).first()
        if row is not None:
            tabs = {tab.name: tab.url for tab in make_header(request.user, row, "").tabs}
            return HttpResponseRedirect(tabs.get(request.GET.get("tab", ""), self.url_of(row)))
        component = Component.objects.filter(appid=appid).only("pk").first()
        if component is not None and request.user.has_perm("platform_auth.view_component"):
            url = reverse("admin:platform_auth_component_change", args=[component.pk])
            return HttpResponseRedirect(url)
        text = _("%(appid)s is no account of ours: it was never bound, or is WeChat's own.")
        self.message_user(request, text % {"appid": appid}, messages.WARNING)
        return HttpResponseRedirect(reverse("admin:miniprograms_authorizer_changelist"))

    def unfit_acts(self, object_id: Any) -> set[str]:
        rows = Authorizer.objects.filter(pk=object_id)
        row = rows.only("appid", "kind", "state", "func_info", "owner_id").first()
        return super().unfit_acts(object_id) | (self.unfit_for(row) if row else set())

    def unfit_for(self, row: Authorizer) -> set[str]:
        """What is no good for ROW: for its kind, while it is not authorised, or ever."""
        unfit = set() if row.kind == Authorizer.Kind.MINI_PROGRAM else {*_OF_PROGRAMS}
        if row.state == Authorizer.State.UNBOUND:
            unfit |= _NEEDING_TOKENS
        if not row.lacking_needs:
            unfit.add("ask_one_again")
        if row.owner_id is None:
            unfit.add("bind_link")
        return unfit

    def tab_page(self, request: HttpRequest, object_id: str, tab: str) -> HttpResponse:
        """A tab that is made of parts."""
        row = self.account_or_404(request, object_id)
        parts = parts_for(request.user, tab, row)
        if not parts:
            raise PermissionDenied
        return self.page(
            request,
            "admin/accounts/tab.html",
            title=_TABS[tab],
            row=row,
            account_header=make_header(request.user, row, tab),
            parts=_show_parts(request, row, parts),
        )

    def header_now(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """The header by itself, for a page that shows an older one; 304 if that is the same."""
        row = self.account_or_404(request, str(object_id))
        header = make_header(request.user, row, request.GET.get("tab", ""))
        html = render_to_string("admin/accounts/header.html", {"header": header}, request)
        return answer_changed(request, html)

    def account_or_404(
        self, request: HttpRequest, object_id: str, **annotations: Any
    ) -> Authorizer:
        """The account with the facts of its header, and ANNOTATIONS, by one statement."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        key = unquote(object_id)
        rows = account_rows(request.user).annotate(**annotations)
        row: Authorizer | None = rows.filter(pk=key).first() if self.is_key(key) else None
        if row is None:
            raise Http404
        return row

    def page(self, request: HttpRequest, template: str, **context: Any) -> TemplateResponse:
        """With the header of the account that the page is about, if it is about one."""
        row = _account_in(context)
        if row is not None and "account_header" not in context:
            tab = context.pop("account_tab", self.account_tab)
            context["account_header"] = account_header(request.user, row.appid, tab)
        return super().page(request, template, **context)

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        answer = super().render_change_form(request, context, *args, **kwargs)
        row, header = kwargs.get("obj"), context.get("account_header")
        if row is not None and header is not None:
            facts = [
                (fact.title, fact.show(header.row))
                for fact in facts_for(request.user)
                if row.kind == Authorizer.Kind.MINI_PROGRAM or not fact.is_of_programs
            ]
            parts = _show_parts(request, row, parts_for(request.user, OVERVIEW, row))
            answer.context_data |= {"account": row, "facts": facts, "parts": parts}  # type: ignore[attr-defined]
        return answer


def _account_in(context: dict[str, Any]) -> Authorizer | None:
    """The one account that a page is about."""
    rows = context.get("rows") or []
    candidates = (context.get("row"), context.get("owner"), rows[0] if len(rows) == 1 else None)
    return next((row for row in candidates if isinstance(row, Authorizer)), None)


def _show_parts(
    request: HttpRequest, row: Authorizer, parts: Any
) -> list[tuple[Part, object, str]]:
    return [(part, part.show(request, row), part.all(row)) for part in parts]
