"""
The header that stands on all pages of one account: who it is, how it stands, which version is live,
what is wrong now, and the tabs. What it tells is read by one statement.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrOrPromise

from miniprograms.admin.account_parts import LOG, MESSAGES, OVERVIEW, PEOPLE, parts_for
from miniprograms.admin.concerns import Concern, page_url, watches_for
from miniprograms.admin.facts import add_to_rows, facts_for
from miniprograms.models import Authorizer
from platform_auth.admin.account_links import MAY_VIEW_ACCOUNTS, set_account_header
from platform_auth.admin.pages import label
from platform_auth.person_names import name_person

_STATE, _STATUS = Authorizer.State, Authorizer.AccountStatus
_STATES: dict[str, tuple[StrOrPromise, str]] = {
    _STATE.BOUND: (_("in order"), "success"),
    _STATE.UNBOUND: (_("not authorised any more"), "danger"),
    _STATE.NEEDS_RECOVERY: (_("being recovered"), "warning"),
    _STATE.NEEDS_REAUTHORIZATION: (_("needs to be authorised again"), "danger"),
}
TAB_PAGES = {  # of the admin of accounts, by tab
    OVERVIEW: "change",
    "code": "code_page",
    "settings": "settings_page",
    MESSAGES: "messages",
    PEOPLE: "people",
    LOG: "log",
}
_PROGRAM = Authorizer.Kind.MINI_PROGRAM


@dataclass(frozen=True, slots=True)
class Tab:
    name: str
    title: StrOrPromise
    url: str
    is_open: bool


@dataclass(frozen=True, slots=True)
class AccountHeader:
    """What templates/admin/accounts/header.html shows of ROW, one of ACCOUNT_ROWS."""

    row: Any
    state: SafeString
    owner: str
    owner_url: str
    facts: Sequence[tuple[StrOrPromise, object]]
    concerns: Sequence[Concern]
    tabs: Sequence[Tab]
    now: str  # the address of the header as it is now


def account_rows(user: Any) -> Any:
    """Accounts with what the apps above tell USER of them."""
    rows: Any = Authorizer.objects.for_lists().select_related("owner", "component")
    rows = add_to_rows(facts_for(user), rows)
    for watch in watches_for(user):
        rows = watch.extend(rows)
    return rows


def make_header(user: Any, row: Authorizer, tab: str) -> AccountHeader:
    """The header for USER of ROW, one of ACCOUNT_ROWS, with TAB open."""
    is_named = user.has_perm("auth.view_user") and row.owner_id
    return AccountHeader(
        row=row,
        state=_state_label(row),
        owner=name_person(row.owner) if row.owner else "",
        owner_url=reverse("admin:auth_user_change", args=[row.owner_id]) if is_named else "",
        facts=[
            (fact.title, fact.show(row))
            for fact in facts_for(user)
            if fact.is_in_header and (row.kind == _PROGRAM or not fact.is_of_programs)
        ],
        concerns=_find_concerns(user, row, tab),
        tabs=_tabs(user, row, tab),
        now=f"{page_url(row, 'header')}?tab={tab}",
    )


def _find_concerns(user: Any, row: Authorizer, tab: str) -> list[Concern]:
    """What is wrong; no link leads to the page that is open."""
    concerns = [concern for watch in watches_for(user) for concern in watch.find(row, user)]
    current = page_url(row, TAB_PAGES[tab]) if tab in TAB_PAGES else ""
    return [replace(concern, url="") if concern.url == current else concern for concern in concerns]


def _state_label(row: Authorizer) -> SafeString:
    """The worst that is so: what WeChat says of an account is worse than that it trusts us."""
    if row.state == _STATE.BOUND and row.account_status != _STATUS.NORMAL:
        return label(row.get_account_status_display(), "danger")
    return label(*_STATES.get(row.state, (row.get_state_display(), "")))


def _tabs(user: Any, row: Authorizer, current: str) -> list[Tab]:
    is_program = row.kind == _PROGRAM
    offered = (
        (OVERVIEW, _("Overview"), True),
        ("code", _("Code"), is_program and user.has_perm("audits.view_codeaudit")),
        ("settings", _("Settings"), is_program and user.has_perm("miniprograms.view_setting")),
        (MESSAGES, _("Messages"), bool(parts_for(user, MESSAGES, row))),
        (PEOPLE, _("People"), bool(parts_for(user, PEOPLE, row))),
        (LOG, _("Events and log"), bool(parts_for(user, LOG, row))),
    )
    return [
        Tab(name, title, page_url(row, TAB_PAGES[name]), name == current)
        for name, title, is_offered in offered
        if is_offered
    ]


def header_of(user: Any, appid: str, tab: str = "") -> AccountHeader | None:
    """The header of APPID for USER, if they may see the account, and there is one."""
    if not user.has_perm(MAY_VIEW_ACCOUNTS):
        return None
    row = account_rows(user).filter(appid=appid).first()
    return make_header(user, row, tab) if row else None


set_account_header(header_of)
