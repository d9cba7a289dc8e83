"""
Refreshing tokens before they run out: due rows in rounds, leased, side by side, saved together.

A million accounts are about 250 refreshes a second, so a round costs two statements for all its
rows and one call each over kept connections.
"""

import logging
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any, cast

from django.db import connection, transaction
from django.db.models import F
from django.db.models.functions import Now
from django.db.models.sql import UpdateQuery

from miniprograms import tokens
from miniprograms.models import Authorizer
from miniprograms.tokens import Refreshed
from platform_auth.leases import release_db_connection
from platform_auth.models import LEASE, Component
from platform_auth.operations import Actor, record_operation
from platform_auth.tokens import component_token
from wechat import component as wechat
from wechat.errors import NotAuthorized, NotReady, RefreshTokenInvalid, TokenExpired, WeChatError

logger = logging.getLogger(__name__)

# A round's slowest call takes less than a lease, since every row of it has a thread of its own.
ROUND = 256
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
    release_db_connection()
    return asked


def ask_about_unbound() -> int:
    """Ask WeChat about cancellations that are in doubt, before the next sweep. How many."""
    rows = take_due(AT_ONCE, state=State.UNBOUND)
    for row in rows:
        _settle((row, None))
    return len(rows)


def refresh_now(authorizer: Authorizer, *, by: Actor) -> None:
    """Refresh the token of AUTHORIZER though it is not due, because BY asks for it."""
    with transaction.atomic():
        rows = Authorizer.objects.filter(pk=authorizer.pk).exclude(state=State.UNBOUND)
        rows.update(due_at=Now())
        record_operation("refresh_token", by=by, appid=authorizer.appid)
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
    release_db_connection()
    outcomes = list(pool.map(lambda row: _ask(row, component_tokens), rows))
    refreshed = [outcome for outcome in outcomes if isinstance(outcome, Refreshed)]
    fenced = tokens.retry_write(lambda: save_all(refreshed))
    for outcome in fenced:
        tokens.remember_refresh_token(outcome.row.pk, outcome.refresh_token)
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
            row.back_off(error)
        else:
            look_closer(row)
    except WeChatError as problem:
        logger.warning("%s was not refreshed: %s", row.appid, problem)
    finally:
        release_db_connection()


def look_closer(row: Authorizer) -> None:
    """
    What a single call could not settle: try every refresh token that is kept for ROW. If none works
    the account waits for the list, which is walked once for all of them.
    """
    if not row.write(**tokens.prolonged_lease()):
        return
    if row.state == State.UNBOUND:
        tokens.refresh(row)
        return
    try:
        tokens.save(tokens.ask_for_token(row, tokens.kept_refresh_tokens(row)))
    except RefreshTokenInvalid as error:
        row.write(state=State.NEEDS_RECOVERY, due_at=None, last_error=str(error))
    except NotAuthorized:
        tokens.confirm_cancelled(row)
    except WeChatError as error:
        row.back_off(error)


def save_all(refreshed: list[Refreshed]) -> list[Refreshed]:
    """
    Write a round in one UPDATE … FROM (VALUES …), or two: refresh tokens seldom change, and are
    long. Those of REFRESHED that were fenced off.
    """
    alike: dict[tuple[str, ...], list[list[Any]]] = {}
    as_time = connection.ops.adapt_datetimefield_value
    for one in refreshed:
        values = tokens.refreshed_values(one)
        names = tuple(name for name in _OF_A_ROW if name in values)
        found = (values[name] for name in names)
        row = [as_time(value) if isinstance(value, datetime) else value for value in found]
        alike.setdefault(names, []).append([one.row.pk, one.row.epoch, *row])
    with transaction.atomic():
        written = {pk for names, rows in alike.items() for pk in _update(names, rows)}
    return [one for one in refreshed if one.row.pk not in written]


_COLUMNS = {field.name: str(field.column) for field in Authorizer._meta.concrete_fields}
_OF_A_ROW = (
    *("access_token", "expires", "due_at", "updated_at"),
    *("refresh_token", "refresh_token_history"),
)


def _update(names: tuple[str, ...], rows: list[list[Any]]) -> list[int]:
    """Set the fields called NAMES in ROWS, which begin with id and epoch; the ids of those won."""
    table = Authorizer._meta.db_table
    assignments = ", ".join(
        f"{_COLUMNS[name]} = fresh.column{number}" for number, name in enumerate(names, start=3)
    )
    marks = f"({', '.join(['%s'] * (len(names) + 2))})"
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {table} SET {assignments}, state = %s, failures = 0, last_error = '',"  # noqa: S608
            " lease_until = NULL, epoch = epoch + 1, refreshes = refreshes + 1"
            f" FROM (VALUES {', '.join([marks] * len(rows))}) AS fresh"
            f" WHERE {table}.id = fresh.column1 AND {table}.epoch = fresh.column2 RETURNING id",
            [State.BOUND.value, *(value for row in rows for value in row)],
        )
        return [pk for (pk,) in cursor.fetchall()]
