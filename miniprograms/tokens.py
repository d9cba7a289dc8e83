"""The authorizer token: reuse, refresh, one at a time; and calls made with it."""

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from django.db import InterfaceError, OperationalError, transaction
from django.db.models import F
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from miniprograms.account_events import (
    NEEDS_REAUTHORIZATION,
    OUT_OF_REACH,
    UNBOUND,
    publish_account_event,
    publish_bound,
)
from miniprograms.models import HISTORY_SIZE, Authorizer
from platform_auth.fields import Sealed, read_or_empty, seal
from platform_auth.leases import release_db_connection, single_flight
from platform_auth.models import LEASE, Component
from platform_auth.tokens import as_component, due_after
from wechat import component as wechat
from wechat.calls import with_token_of
from wechat.errors import (
    CHANGED_RIGHTS,
    NotAuthorized,
    NotReady,
    RefreshTokenInvalid,
    Refused,
    TokenExpired,
    WeChatError,
)
from wechat.http import Rows

logger = logging.getLogger(__name__)

_P = ParamSpec("_P")
_T = TypeVar("_T")


class LeasedRow(Protocol):
    """A row whose lease we hold: an Authorizer, or as much of one as a refresh needs."""

    @property
    def pk(self) -> int: ...
    @property
    def epoch(self) -> int: ...
    @property
    def appid(self) -> str: ...
    @property
    def component(self) -> Component: ...
    @property
    def state(self) -> str: ...
    @property
    def now(self) -> datetime: ...
    @property
    def refresh_token(self) -> str: ...
    @property
    def older_refresh_tokens(self) -> list[str]: ...

    def write(self, **values: Any) -> bool:
        """Set VALUES and give the lease back, if nobody has fenced us off in the meantime."""


@dataclass(frozen=True, slots=True)
class Refreshed:
    """
    What api_authorizer_token gave for a row asked about at `asked_at` (the database's time), with
    the refresh token `sent`: where the same comes back, the row need not be opened again.
    """

    row: LeasedRow
    token: wechat.Token
    refresh_token: str = field(repr=False)
    asked_at: datetime
    sent: str = field(default="", repr=False)


def authorizer_token(appid: str, *, refused: str = "") -> str:
    """
    The authorizer_access_token of APPID. REFUSED is one that WeChat has just turned down.

    Raises NotReady for an account that is unbound, unknown or needs its owner, and what WeChat
    answered where asking it failed.
    """

    def read() -> Authorizer:
        try:
            row: Authorizer = rows.get(appid=appid)
        except Authorizer.DoesNotExist:
            raise NotReady(_("This account is not bound to the platform.")) from None
        return row

    rows = Authorizer.objects.with_clock().select_related("component")
    return single_flight(read, renew_token, refused=refused)


def call_as(
    appid: str, endpoint: Callable[Concatenate[str, _P], _T], *args: _P.args, **kwargs: _P.kwargs
) -> _T:
    """
    The answer of ENDPOINT, asked with the token of APPID before ARGS.

    A token that WeChat turns down is refreshed once, unless somebody has done so since, and the
    call is repeated once. Where WeChat says that the owner has cancelled, the next sweep finds out;
    a refusal that hints at a change of the account's state or rights has its profile fetched.
    """
    token = authorizer_token(appid)
    try:
        try:
            with with_token_of(appid, is_account=True):
                return endpoint(token, *args, **kwargs)
        except TokenExpired:
            token = authorizer_token(appid, refused=token)
            with with_token_of(appid, is_account=True, repeats=1):
                return endpoint(token, *args, **kwargs)
    except NotAuthorized:
        Authorizer.objects.filter(appid=appid, due_at__gt=Now(), failures=0).update(due_at=Now())
        raise
    except Refused as error:
        if error.errcode in CHANGED_RIGHTS:
            Authorizer.objects.filter(appid=appid).expect_change()
        raise


def renew_token(row: Authorizer) -> str | None:
    """
    A new token for ROW, whose lease we hold: with a refresh token that we keep, or else with the
    one that WeChat's list still knows. The token, or None if we were fenced off.

    Raises what WeChat answered, once the row says so too.
    """
    try:
        return save_refreshed(request_token(row, usable_refresh_tokens(row)))
    except RefreshTokenInvalid as error:
        return _recover(row, error)
    except NotAuthorized:
        confirm_cancellation(row)
        raise
    except WeChatError as error:
        row.back_off(error)
        raise


def request_token(row: LeasedRow, refresh_tokens: list[str]) -> Refreshed:
    """api_authorizer_token with the first of REFRESH_TOKENS that works. Writes nothing."""
    problem = RefreshTokenInvalid("api_authorizer_token", 61023, "no refresh token is known")
    for refresh_token in refresh_tokens:
        try:
            token, new = as_component(
                row.component, wechat.refresh_authorizer_token, row.appid, refresh_token
            )
        except RefreshTokenInvalid as error:
            logger.warning("%s: a refresh token is no longer valid", row.appid)
            problem = error
        else:
            return Refreshed(row, token, new or refresh_token, row.now)
    raise problem


def usable_refresh_tokens(row: LeasedRow) -> list[str]:
    """The refresh tokens that may still work, newest first. An unbound account has none."""
    if row.state == Authorizer.State.UNBOUND:
        return []
    tokens = [read_or_empty(row, "refresh_token"), *row.older_refresh_tokens]
    return [token for token in dict.fromkeys(tokens) if token]


def _recover(row: Authorizer, problem: RefreshTokenInvalid) -> str | None:
    """None of our refresh tokens works: ask the list once, then the owner."""
    values = prolonged_lease()
    if row.state != Authorizer.State.UNBOUND:
        values["state"] = Authorizer.State.NEEDS_RECOVERY
    row.write(**values)
    try:
        listed = find_in_list(row.component, row.appid, lambda: row.write(**prolonged_lease()))
        refresh_token = listed.refresh_token if listed else ""
        if listed and refresh_token and refresh_token not in usable_refresh_tokens(row):
            refreshed = request_token(row, [refresh_token])
            return save_refreshed(refreshed, **_listed_values(row, listed))
    except RefreshTokenInvalid as error:
        problem = error
    except WeChatError as error:
        row.back_off(error)
        raise
    mark_needs_reauthorization(row, problem)
    raise problem


def _listed_values(row: Authorizer, listed: wechat.Listed) -> dict[str, object]:
    """What an account found in the list has besides its tokens; its sets may have changed since."""
    auth_time = listed.auth_time or row.auth_time
    return {"auth_time": auth_time, "unauthorized_at": None, "profile_due_at": Now()}


def mark_needs_reauthorization(row: Authorizer, problem: WeChatError) -> None:
    """Only the owner can help ROW now; one that was unbound already stays so."""
    values = {"due_at": None, "last_error": str(problem), "failures": row.failures + 1}
    if row.state != Authorizer.State.UNBOUND:
        values["state"] = Authorizer.State.NEEDS_REAUTHORIZATION
    with transaction.atomic():
        if row.write(**values) and row.state not in OUT_OF_REACH:
            publish_account_event(NEEDS_REAUTHORIZATION, row.appid, reason=str(problem))


def prolonged_lease() -> dict[str, object]:
    """What a long walk writes to keep its lease."""
    return {"lease_until": Now() + LEASE}


def find_in_list(
    component: Component, appid: str, keep_lease: Callable[[], object]
) -> wechat.Listed | None:
    """What api_get_authorizer_list says of APPID, or None if it is not there."""
    for page in list_pages(component):
        for listed in page:
            if listed.appid == appid:
                return listed
        keep_lease()
    return None


def list_pages(component: Component) -> Iterator[Rows[wechat.Listed]]:
    """All accounts that authorise COMPONENT, in pages of up to 500."""
    offset, total = 0, 1
    while offset < total:
        total, page = as_component(component, wechat.get_authorizer_list, offset=offset)
        if not page and not page.odd:
            return
        yield page
        offset += len(page) + page.odd


def save_refreshed(refreshed: Refreshed, **values: object) -> str | None:
    """
    Write what a refresh gave, and VALUES, if we still hold the lease.

    Fenced off, we add the refresh token to the history all the same: one received is never lost.
    """
    row = refreshed.row
    if retry_write(lambda: _write_refreshed(refreshed, values)):
        return refreshed.token.value
    remember_refresh_token(row.pk, refreshed.refresh_token)
    return None


def _write_refreshed(refreshed: Refreshed, values: Mapping[str, object]) -> bool:
    """Whether it was ours to write. An account that was out of reach is ours again."""
    row, values = refreshed.row, {**refreshed_values(refreshed), **values}
    if row.state not in OUT_OF_REACH:
        return row.write(**values)
    with transaction.atomic():
        is_ours = row.write(**values)
        if is_ours:
            publish_bound(row.appid)
    return is_ours


def retry_write(write: Callable[[], _T]) -> _T:
    """WRITE, if need be three times, each on a fresh connection: it holds what may not be lost."""
    for pause in (0.2, 1.0):
        try:
            return write()
        except (OperationalError, InterfaceError) as error:
            logger.warning("writing tokens again: %s", type(error).__name__)
            release_db_connection()
            time.sleep(pause)
    return write()


def refreshed_values(refreshed: Refreshed) -> dict[str, object]:
    """The columns of a row that was refreshed."""
    return {
        **fresh_columns(refreshed),
        "state": Authorizer.State.BOUND,
        "failures": 0,
        "last_error": "",
        "refreshes": F("refreshes") + 1,
    }


def fresh_columns(refreshed: Refreshed) -> dict[str, object]:
    """Those of them that differ from row to row."""
    row, token = refreshed.row, refreshed.token
    is_same = refreshed.refresh_token == refreshed.sent
    return {
        **({} if is_same else rotated_tokens(row, refreshed.refresh_token)),
        **seal(Authorizer, row.appid, access_token=token.value),
        "expires": int(refreshed.asked_at.timestamp()) + token.life,
        "due_at": due_after(refreshed.asked_at, token.life),
        "updated_at": refreshed.asked_at,
    }


def rotated_tokens(row: LeasedRow, refresh_token: str) -> dict[str, Sealed | str]:
    """The refresh token columns of ROW once REFRESH_TOKEN is the present one."""
    present = read_or_empty(row, "refresh_token")
    if refresh_token in ("", present):
        return {}
    older = [token for token in row.older_refresh_tokens if token != refresh_token]
    history = " ".join(filter(None, [present, *older][:HISTORY_SIZE]))
    return seal(Authorizer, row.appid, refresh_token=refresh_token, refresh_token_history=history)


def remember_refresh_token(pk: int, refresh_token: str) -> None:
    """
    Add REFRESH_TOKEN to the history of the row, whoever has moved it on meanwhile; but wait for
    whoever is refreshing it just now, or they would be fenced off and their token lost in turn.
    """
    while not retry_write(lambda: _add_to_history(pk, refresh_token)):
        release_db_connection()
        time.sleep(0.1)


def _add_to_history(pk: int, refresh_token: str) -> bool:
    """
    Whether REFRESH_TOKEN is kept, or need not be; not while somebody else has the row. Where all
    that was known before was refused, this one is tried at once.
    """
    row: Authorizer = Authorizer.objects.with_clock().get(pk=pk)
    tokens = [read_or_empty(row, "refresh_token"), *row.older_refresh_tokens]
    if row.state == Authorizer.State.UNBOUND or refresh_token in tokens:
        return True
    history = " ".join([refresh_token, *row.older_refresh_tokens][:HISTORY_SIZE])
    if not row.take_lease():
        return False
    values: dict[str, object] = {
        **seal(Authorizer, row.appid, refresh_token_history=history),
        "due_at": Now() if row.due_at is None else row.due_at,
    }
    retry_write(lambda: row.write(**values))  # at once: the lease is ours
    return True


def confirm_cancellation(row: Authorizer) -> None:
    """
    WeChat said 61003 not authorised: ask for the account's profile, and if that is refused alike,
    the owner has cancelled.
    """
    try:
        as_component(row.component, wechat.get_authorizer_info, row.appid)
    except NotAuthorized as error:
        with transaction.atomic():
            is_ours = row.write(**unbound_values(str(error)))
            if is_ours and row.state != Authorizer.State.UNBOUND:
                publish_account_event(UNBOUND, row.appid, reason="cancelled")
    except WeChatError as error:
        row.back_off(error)
    else:
        row.back_off(
            NotReady(_("WeChat contradicts itself on whether this account is authorised."))
        )


def unbound_values(reason: str = "") -> dict[str, object]:
    """The columns of an account whose owner has cancelled: no tokens; row and history stay."""
    return {
        "state": Authorizer.State.UNBOUND,
        "access_token": "",
        "refresh_token": "",
        "expires": 0,
        "due_at": None,
        "profile_due_at": None,
        "lease_until": None,
        "failures": 0,
        "last_error": reason,
        "unauthorized_at": Now(),
        "updated_at": Now(),
    }
