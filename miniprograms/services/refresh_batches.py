"""
The two statements of the refresh sweep: the lease of a whole batch, and its write-back.

Only a shortcut for `row.take_lease()` and `tokens.save_refreshed()` of each row, with the same
outcome. Rows are tuples, and both statements are prepared: a model instance costs more to make than
its row costs to write.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from django.db import transaction

from miniprograms.models import Authorizer, DueRefresh
from miniprograms.tokens import Refreshed, fresh_columns
from platform_auth.fields import Sealed, read_or_empty, secret_fields
from platform_auth.models import LEASE, Component
from platform_auth.statements import as_time, is_postgresql, now_sql, run_many, run_statement

_TABLE = Authorizer._meta.db_table
_NAMES = {field.name: str(field.column) for field in Authorizer._meta.concrete_fields}
_SECRETS = {field.name: field for field in secret_fields(Authorizer)}


class DueRow(NamedTuple):
    """What of a leased row a refresh needs; its secrets are opened on access, as a model's are."""

    pk: int
    epoch: int
    appid: str
    component_id: int
    state: str
    sealed_refresh_token: str
    sealed_history: str
    now: datetime

    @property
    def component(self) -> Component:
        return Component.objects.get(pk=self.component_id)

    @property
    def refresh_token(self) -> str:
        return self._open("refresh_token", self.sealed_refresh_token)

    @property
    def refresh_token_history(self) -> str:
        return self._open("refresh_token_history", self.sealed_history)

    @property
    def older_refresh_tokens(self) -> list[str]:
        return read_or_empty(self, "refresh_token_history").split()

    def _open(self, name: str, sealed: str) -> str:
        return _SECRETS[name].unseal(Sealed(sealed), self.appid) if sealed else ""

    def write(self, **values: Any) -> bool:
        """As a model's: if nobody has fenced us off in the meantime."""
        return Authorizer(pk=self.pk, epoch=self.epoch).write(**values)


def lease_due(
    limit: int, *, components: Sequence[int] | None = None, state: str = ""
) -> list[DueRow]:
    """
    Lease up to LIMIT due rows, the longest due first, in one statement; of COMPONENTS and in STATE
    only, where these are given. A row goes to one sweeper only.
    """
    rows = run_statement(*lease_statement(limit, components=components, state=state))
    return [DueRow._make([*row[:-1], as_time(row[-1])]) for row in rows]


def lease_statement(
    limit: int, *, components: Sequence[int] | None = None, state: str = ""
) -> tuple[str, dict[str, Any]]:
    """The SQL of `lease_due`, and its values."""
    values: dict[str, Any] = {"limit": limit, "state": state}
    which = "state = %(state)s" if state else "%(state)s = ''"
    if components is not None:
        values |= {f"component{number}": pk for number, pk in enumerate(components)}
        marks = ", ".join(f"%(component{number})s" for number in range(len(components)))
        which += f" AND component_id IN ({marks})"
    sql = _LEASE.format(
        free=(_FREE_BY_INDEX if is_postgresql() else _FREE).format(which=which, now=now_sql()),
        now=now_sql(),
        lease=now_sql(str(int(LEASE.total_seconds()))),
    )
    return sql, values


_FREE = f"""
  SELECT id FROM {_TABLE}
  WHERE due_at <= {{now}} AND (lease_until IS NULL OR lease_until < {{now}}) AND {{which}}
  ORDER BY due_at LIMIT %(limit)s
"""  # noqa: S608

# Row by row in the index's order, until there are enough: written as a join, PostgreSQL would sort
# all that is due for each batch until it has statistics (280 µs a row instead of 50 with 15,000).
_FREE_BY_INDEX = f"""
  SELECT a.id
  FROM (
    SELECT authorizer_id FROM {DueRefresh._meta.db_table}
    WHERE due_at <= {{now}} ORDER BY due_at OFFSET 0) due
  CROSS JOIN LATERAL (
    SELECT id FROM {_TABLE}
    WHERE id = due.authorizer_id AND (lease_until IS NULL OR lease_until < {{now}}) AND {{which}}
    FOR UPDATE SKIP LOCKED) a
  LIMIT %(limit)s
"""  # noqa: S608

# Whether it is due is asked again at the end: another sweep may have refreshed the row meanwhile.
_LEASE = f"""
WITH free (free_id) AS ({{free}})
UPDATE {_TABLE} SET epoch = epoch + 1, lease_until = {{lease}}
WHERE id IN (SELECT free_id FROM free) AND due_at <= {{now}}
RETURNING id, epoch, {_NAMES["appid"]}, component_id, state, {_NAMES["refresh_token"]},
  {_NAMES["refresh_token_history"]}, {{now}}
"""  # noqa: S608

# What differs from row to row, with PostgreSQL's types; the rotated ones only where they change.
_COLUMNS = {"pk": "bigint", "epoch": "bigint"}
_FRESH = {
    "access_token": "text",
    "expires": "bigint",
    "due_at": "timestamptz",
    "updated_at": "timestamptz",
}
_FRESH_AND_ROTATED = {**_FRESH, "refresh_token": "text", "refresh_token_history": "text"}


def save_all(refreshed: Sequence[Refreshed]) -> list[Refreshed]:
    """
    Write a batch in one UPDATE … FROM unnest(…), or two: refresh tokens seldom change, and are
    long. Those of REFRESHED whose rows were fenced off; they are not written.
    """
    rows: dict[bool, list[list[Any]]] = {False: [], True: []}  # by whether it is rotated
    for item in refreshed:
        values = fresh_columns(item)
        is_rotated = "refresh_token" in values
        columns = _FRESH_AND_ROTATED if is_rotated else _FRESH
        row = [item.row.pk, item.row.epoch, *map(values.__getitem__, columns)]
        rows[is_rotated].append(row)
    with transaction.atomic():
        written = _update(_FRESH, rows[False]) | _update(_FRESH_AND_ROTATED, rows[True])
    return [item for item in refreshed if item.row.pk not in written]


def _update(columns: dict[str, str], rows: list[list[Any]]) -> set[int]:
    """Set COLUMNS in ROWS, which begin with id and epoch; the ids of those that still had it."""
    if not rows:
        return set()
    assignments = ", ".join(f"{_NAMES[name]} = w.{name}" for name in columns)
    sql = (
        f"UPDATE {_TABLE} SET {assignments}, state = %(state)s, failures = 0, last_error = '',"  # noqa: S608
        f" lease_until = NULL, epoch = {_TABLE}.epoch + 1, refreshes = refreshes + 1"
        f" FROM {{w}} WHERE id = w.pk AND {_TABLE}.epoch = w.epoch RETURNING id"
    )
    bound, types = Authorizer.State.BOUND.value, _COLUMNS | columns
    return {pk for (pk,) in run_many(sql, types, rows, state=bound)}
