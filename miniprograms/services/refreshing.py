"""
Refreshing tokens before they run out: due rows in rounds, leased, side by side, saved together.

A million accounts are about 250 refreshes a second, so a round costs two statements for all its
rows and one call each over kept connections.
"""

import logging
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db import connection, transaction
from django.db.models import F
from django.db.models.functions import Now
from django.db.models.sql import UpdateQuery

from miniprograms import tokens
from miniprograms.models import Authorizer
from miniprograms.tokens import Refreshed
from platform_auth.leases import let_go
from platform_auth.models import LEASE, Component
from platform_auth.operations import record
from platform_auth.tokens import component_token
from platform_auth.wechat import component as wechat
from platform_auth.wechat.errors import (
    NotAuthorized,
    NotReady,
    RefreshTokenInvalid,
    TokenExpired,
    WeChatError,
)

logger = logging.getLogger(__name__)

# A round's slowest call takes less than a lease, since every row of it has a thread of its own.
ROUND = 128
BUDGET = 45.0  # seconds; the next sweep goes on
AT_ONCE = 5  # one after another within a lease

State = Authorizer.State


def sweep(budget: float = BUDGET) -> int:
    """Refresh what is due, for at most BUDGET seconds. How many rows were asked about."""
    give_up = time.monotonic() + budget
    asked = 0
    with ThreadPoolExecutor(ROUND, thread_name_prefix="refresh") as pool:
        while time.monotonic() < give_up:
            component_tokens = _component_tokens()
            ready = list(component_tokens)
            if not ready or not (rows := take_due(ROUND, component__in=ready)):
                break
            _refresh_round(rows, component_tokens, pool)
            asked += len(rows)
    let_go()
    return asked


def ask_about_unbound() -> int:
    """Ask WeChat about cancellations that are in doubt, before the next sweep. How many."""
    rows = take_due(AT_ONCE, state=State.UNBOUND)
    for row in rows:
        _settle((row, None))
    return len(rows)


def refresh_now(authorizer: Authorizer, *, by: AbstractBaseUser | AnonymousUser) -> None:
    """Refresh the token of AUTHORIZER though it is not due, because BY asks for it."""
    with transaction.atomic():
        rows = Authorizer.objects.filter(pk=authorizer.pk).exclude(state=State.UNBOUND)
        rows.update(due_at=Now())
        record("refresh_token", by=by, appid=authorizer.appid)
    tokens.authorizer_token(authorizer.appid)
    authorizer.refresh_from_db()
    if authorizer.last_error:  # the old token is still good, so nobody was told
        raise NotReady(authorizer.last_error)


def take_due(limit: int, **which: object) -> list[Authorizer]:
    """Lease up to LIMIT due rows in one statement; a row goes to one sweeper only."""
    due = Authorizer.objects.due().filter(**which)
    first = due.order_by("due_at").values("pk")[:limit]
    # Django has no UPDATE … RETURNING; without it nobody would know which rows were won.
    query = cast(UpdateQuery, due.filter(pk__in=first).query.chain(UpdateQuery))
    query.add_update_values({"epoch": F("epoch") + 1, "lease_until": Now() + LEASE})
    sql, values = query.get_compiler(connection=connection).as_sql()
    with connection.cursor() as cursor:
        cursor.execute(f"{sql} RETURNING id", values)
        ids = [row[0] for row in cursor.fetchall()]
    return list(Authorizer.objects.with_clock().select_related("component").filter(pk__in=ids))


def _refresh_round(
    rows: list[Authorizer], component_tokens: dict[int, str], pool: ThreadPoolExecutor
) -> None:
    """Ask WeChat about all ROWS side by side, save what came together, look at the rest singly."""
    let_go()
    outcomes = list(pool.map(lambda row: _ask(row, component_tokens), rows))
    refreshed = [outcome for outcome in outcomes if isinstance(outcome, Refreshed)]
    fenced = tokens.insist(lambda: save_all(refreshed))
    for outcome in fenced:
        tokens.remember(outcome.row.pk, outcome.refresh_token)
    failed = zip(rows, outcomes, strict=True)
    list(pool.map(_settle, [pair for pair in failed if not isinstance(pair[1], Refreshed)]))


def _component_tokens() -> dict[int, str]:
    """The token of every component that has one; the accounts of the others wait."""
    found = {}
    for component in Component.objects.all():
        try:
            found[component.pk] = component_token(component)
        except WeChatError as error:
            logger.warning("the accounts of %s wait: %s", component.appid, error)
    return found


def _ask(row: Authorizer, component_tokens: dict[int, str]) -> Refreshed | WeChatError | None:
    """api_authorizer_token for ROW; None where it takes more than the one call. No database."""
    refresh_token = tokens.kept_refresh_tokens(row)[:1]
    if row.state != State.BOUND or not refresh_token:
        return None
    try:
        token, new = wechat.refresh_authorizer_token(
            component_tokens[row.component_id], row.component.appid, row.appid, refresh_token[0]
        )
    except (RefreshTokenInvalid, NotAuthorized, TokenExpired):
        return None
    except WeChatError as error:
        return error
    return Refreshed(row, token, new or refresh_token[0], row.now)


def _settle(pair: tuple[Authorizer, WeChatError | None]) -> None:
    """A row that was not refreshed: put it off, or look closer. In a thread of the pool."""
    row, error = pair
    try:
        if error is not None:
            row.put_off(error)
        else:
            look_closer(row)
    except WeChatError as problem:
        logger.warning("%s was not refreshed: %s", row.appid, problem)
    finally:
        let_go()


def look_closer(row: Authorizer) -> None:
    """
    What a single call could not settle: try every refresh token that is kept for ROW. If none works
    the account waits for the list, which is walked once for all of them.
    """
    if row.state == State.UNBOUND:
        tokens.refresh(row)
        return
    try:
        tokens.save(tokens.ask(row, tokens.kept_refresh_tokens(row)))
    except RefreshTokenInvalid as error:
        row.write(state=State.NEEDS_RECOVERY, due_at=None, last_error=str(error))
    except NotAuthorized:
        tokens.confirm_cancelled(row)
    except WeChatError as error:
        row.put_off(error)


def save_all(refreshed: list[Refreshed]) -> list[Refreshed]:
    """Write a round in one UPDATE … FROM (VALUES …). Those of REFRESHED that were fenced off."""
    if not refreshed:
        return []
    table, quote = Authorizer._meta.db_table, connection.ops.quote_name
    rows: list[list[Any]] = [[one.row.pk, one.row.epoch, *_saved_values(one)] for one in refreshed]
    assignments = ", ".join(
        f"{quote(str(field.column))} = fresh.column{number}"
        for number, field in enumerate(_SAVED, start=3)
    )
    marks = ", ".join(f"({', '.join(['%s'] * len(row))})" for row in rows)
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {table} SET {assignments}, lease_until = NULL, epoch = epoch + 1,"  # noqa: S608
            " refreshes = refreshes + 1"
            f" FROM (VALUES {marks}) AS fresh"
            f" WHERE {table}.id = fresh.column1 AND {table}.epoch = fresh.column2 RETURNING id",
            [value for row in rows for value in row],
        )
        written = {row[0] for row in cursor.fetchall()}
    return [one for one in refreshed if one.row.pk not in written]


_SAVED_NAMES = {
    "access_token",
    "expires",
    "refresh_token",
    "refresh_token_history",
    "due_at",
    "state",
    "failures",
    "last_error",
    "updated_at",
}
_SAVED = [field for field in Authorizer._meta.concrete_fields if field.name in _SAVED_NAMES]


def _saved_values(refreshed: Refreshed) -> Iterator[object]:
    """The values of _SAVED in the database's own types; what did not change stays as it was."""
    values = tokens.refreshed_values(refreshed)
    for field in _SAVED:
        value = values.get(field.name, refreshed.row.__dict__[field.name])
        yield field.get_db_prep_save(value, connection=connection)
