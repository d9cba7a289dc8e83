"""
What is wrong with an account now, or waits for somebody, in words and with a link to where it is
mended. Apps above know more of it than this one, and each adds what it knows.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrOrPromise

from miniprograms.admin.drift_facts import count_drifts
from miniprograms.admin.settings_pages import MAY_VIEW_SETTINGS
from miniprograms.models import Authorizer
from platform_auth.errcodes import explain_kept
from platform_auth.listing import list_words

MAY_VIEW = "miniprograms.view_authorizer"
MAY_INVITE = "miniprograms.invite_merchant"
MAY_OPERATE = "miniprograms.change_authorizer"
WECHATS_CONSOLE = "https://mp.weixin.qq.com/"

_STATE, _STATUS = Authorizer.State, Authorizer.AccountStatus


@dataclass(frozen=True, slots=True)
class Concern:
    """TEXT says what it is; the link called MEND leads to URL, if the reader can do anything."""

    text: object
    mend: StrOrPromise = ""
    url: str = ""
    is_bad: bool = True


@dataclass(frozen=True, slots=True)
class Watch:
    """What FIND finds of an account that was read with what EXTEND adds."""

    permission: str
    find: Callable[[Authorizer, Any], Iterable[Concern]]
    extend: Callable[[QuerySet[Any]], QuerySet[Any]] = lambda rows: rows


_WATCHES: list[Watch] = []


def add_watches(*watches: Watch) -> None:
    """Accounts are looked at by WATCHES, too, from now on."""
    _WATCHES.extend(watches)


def watches_for(user: Any) -> list[Watch]:
    return [watch for watch in _WATCHES if user.has_perm(watch.permission)]


def page_url(row: Authorizer, page: str) -> str:
    """The address of PAGE, an act or a page of the account's own."""
    return reverse(f"admin:miniprograms_authorizer_{page}", args=[row.pk])


def _authorisation(row: Authorizer, user: Any) -> Iterator[Concern]:
    may_invite = user.has_perm(MAY_INVITE)
    match row.state:
        case _STATE.UNBOUND:
            text = _("It is not authorised any more, so nothing can be done at WeChat.")
            url = page_url(row, "bind_link") if may_invite else ""
            yield Concern(text, _("Make a bind link"), url)
        case _STATE.NEEDS_REAUTHORIZATION:
            text = _(
                "WeChat takes its refresh token no more: its administrator must authorise again."
            )
            url = page_url(row, "bind_link") if may_invite else ""
            yield Concern(text, _("Make a bind link"), url)
        case _STATE.NEEDS_RECOVERY:
            text = _("Its tokens are being recovered from WeChat's list, by itself.")
            url = page_url(row, "refresh_one") if user.has_perm(MAY_OPERATE) else ""
            yield Concern(text, _("Refresh token now"), url)
        case _STATE.BOUND if row.last_error:
            text = _("Its token could not be refreshed: %(problem)s")
            url = page_url(row, "refresh_one") if user.has_perm(MAY_OPERATE) else ""
            words = text % {"problem": explain_kept(row.last_error)}
            yield Concern(words, _("Refresh token now"), url)


_STATUS_WORDS = {
    _STATUS.CANCELLED: _("The account has been closed at WeChat."),
    _STATUS.BANNED: _("WeChat has banned the account."),
    _STATUS.ALERTED: _("WeChat has given the account a warning."),
    _STATUS.FROZEN: _("WeChat has frozen the account."),
}


def _standing(row: Authorizer, user: Any) -> Iterator[Concern]:
    if row.account_status != _STATUS.NORMAL:
        text = _STATUS_WORDS.get(
            row.account_status,
            _("WeChat reports a problem with this account."),  # type: ignore[call-overload]
        )
        yield Concern(text, _("Its administrator sees why in WeChat's console"), WECHATS_CONSOLE)


def _permissions(row: Authorizer, user: Any) -> Iterator[Concern]:
    needs = row.lacking_needs
    if needs and row.state == _STATE.BOUND:
        text = _("Permission is lacking for: %(functions)s.")
        names = list_words(need.name for need in needs)
        url = page_url(row, "ask_one_again") if user.has_perm(MAY_INVITE) else ""
        yield Concern(text % {"functions": names}, _("Ask to authorise again"), url)


def _drift(row: Any, user: Any) -> Iterator[Concern]:
    if row.drifts:
        text = _("Settings of which WeChat has something else than it should: %(number)d.")
        url = page_url(row, "settings_page")
        yield Concern(text % {"number": row.drifts}, _("Settings at WeChat"), url, is_bad=False)


add_watches(
    Watch(MAY_VIEW, _authorisation),
    Watch(MAY_VIEW, _standing),
    Watch(MAY_VIEW, _permissions),
    Watch(MAY_VIEW_SETTINGS, _drift, count_drifts),
)
