"""
Receive a push once, run its handler, keep what failed.

The row and the handler's work are one transaction, so `success` means both or, if the handler
raised, the row alone, which is tried again and can be replayed by staff.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from hashlib import sha256
from typing import Any

import psycopg
from django.conf import settings
from django.db import (
    DEFAULT_DB_ALIAS,
    InterfaceError,
    OperationalError,
    connections,
    transaction,
)
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import F
from django.db.models.expressions import CombinedExpression
from django.db.models.functions import Now
from django.utils import timezone

from platform_auth.fields import Unreadable, seal
from platform_auth.models import Component, Push
from platform_auth.wechat import push as wire
from platform_auth.wechat.errors import Untrusted, clean

logger = logging.getLogger(__name__)

MAX_ATTEMPTS = 5


class Ignored(Exception):
    """A handler's word for: this push has nothing for us (too old, too far ahead…)."""


Handler = Callable[[Component, wire.Push], None]


@dataclass(frozen=True, slots=True)
class Sealed:
    """A push as it stands at the door: the four parts that prove it, and what the URL says."""

    encrypt: str
    msg_signature: str
    timestamp: str
    nonce: str


@dataclass(frozen=True, slots=True)
class Proven:
    """A push that was opened: what it says, for which component, and the digest of its seal."""

    component: Component
    push: wire.Push
    message: bytes
    digest: str
    by_previous_key: bool


@dataclass(frozen=True, slots=True)
class Condition:
    """SQL that has to hold in the moment a push is kept, and the values in it."""

    sql: str
    values: tuple[Any, ...]


_remembered: list[Component] = []


def read_components() -> list[Component]:
    """All components, as they are now."""
    global _remembered
    _remembered = list(Component.objects.all())
    return _remembered


def remembered_components() -> list[Component]:
    """
    All components as this process read them last: a query less for every push. Nothing they prove
    may be kept but on the condition that their keys are `unchanged`.
    """
    return _remembered


def unchanged(component: Component) -> Condition:
    """The keys of COMPONENT are still those that we know."""
    return Condition(_UNCHANGED, (component.pk, *(str(component.__dict__[key]) for key in _KEYS)))


_KEYS = ("message_token", "aes_key", "previous_message_token", "previous_aes_key")
_UNCHANGED = (
    f"EXISTS (SELECT 1 FROM {Component._meta.db_table}"  # noqa: S608
    f" WHERE id = %s AND {' AND '.join(f'{key} = %s' for key in _KEYS)})"
)


def prove(sealed: Sealed, components: list[Component]) -> Proven:
    """
    Open SEALED with the keys of whichever of COMPONENTS it was sealed for.

    Raises Untrusted if there is none, or if it is older than we remember pushes: one that old
    could be a replay of a row that is gone. Raises Unreadable if it may be for a component whose
    keys are lost.
    """
    problem: Exception = Untrusted()
    for component in components:
        try:
            envelope = component.envelope
            opened = envelope.open(
                encrypt=sealed.encrypt,
                msg_signature=sealed.msg_signature,
                timestamp=sealed.timestamp,
                nonce=sealed.nonce,
            )
        except Untrusted:
            continue
        except Unreadable as error:
            problem = error
            continue
        push = wire.read(opened.message)
        if _is_forgotten(push):
            raise Untrusted
        digest = sha256(sealed.encrypt.encode()).hexdigest()
        is_previous = opened.key is not envelope.keys[0]
        return Proven(component, push, opened.message, digest, is_previous)
    raise problem


def _is_forgotten(push: wire.Push) -> bool:
    oldest = datetime.now(UTC) - timedelta(days=settings.PUSH_RETENTION_DAYS)
    return push.created < oldest.timestamp()


def receive(
    proven: Proven,
    handlers: Mapping[str, Handler],
    *,
    appid: str = "",
    only_if: tuple[Condition, ...] = (),
) -> bool:
    """
    Keep PROVEN and do what HANDLERS say, unless it was kept before, and ONLY_IF all of that holds.
    APPID is whom it is about.

    Returns whether it did. Raises the database's OperationalError if it cannot be kept.
    """
    handle = handlers.get(proven.push.kind)
    values = {
        "digest": proven.digest,
        "business_key": _business_key(proven),
        "component_id": proven.component.pk,
        "appid": appid[:32],
        "kind": proven.push.kind[:64],
        **seal(Push, proven.digest, body=proven.message.decode(errors="replace")),
        "state": (Push.State.DONE if handle else Push.State.IGNORED).value,
        "attempts": 1 if handle else 0,
        "error": "",
        "created": datetime.fromtimestamp(proven.push.created, UTC),
        "received_at": timezone.now(),
        "retry_at": None,
    }
    if handle is None and not proven.by_previous_key:
        return bool(_insert(values, only_if))  # one statement needs no transaction around it
    with transaction.atomic():
        pk = _insert(values, only_if)
        if pk is None:
            return False
        if proven.by_previous_key:
            Component.objects.filter(pk=proven.component.pk).update(
                previous_key_uses=F("previous_key_uses") + 1
            )
        if handle:
            row = Push(pk=pk, **values)
            row.component = proven.component
            _run(row, handle, proven.push)
    return True


def replay(row: Push, handlers: Mapping[str, Handler]) -> None:
    """Run the handler of ROW again, unless somebody else does; its state tells the outcome."""
    handle = handlers.get(row.kind)
    if handle is None or not _claim(row):
        return
    row.state, row.error = Push.State.DONE, ""
    with transaction.atomic():
        Push.objects.filter(pk=row.pk).update(state=row.state, error="", retry_at=None)
        _run(row, handle)


def _claim(row: Push) -> bool:
    """
    Count one more attempt before it is made, and set the next: a handler that kills its process
    is tried again as well, and not for ever.
    """
    same = Push.objects.filter(pk=row.pk, attempts=row.attempts)
    row.attempts += 1
    return bool(same.update(attempts=row.attempts, retry_at=_next_attempt(row)))


def retry_failed(handlers: Mapping[str, Handler]) -> int:
    """Try every failed push again whose pause is over; five attempts in all. Returns how many."""
    rows = list(Push.objects.select_related("component").filter(retry_at__lte=Now())[:200])
    for row in rows:
        replay(row, handlers)
    return len(rows)


def forget_old() -> int:
    """Delete pushes older than PUSH_RETENTION_DAYS; the door refuses any that old. How many."""
    oldest = Now() - timedelta(days=settings.PUSH_RETENTION_DAYS + 1)
    return Push.objects.filter(received_at__lt=oldest, created__lt=oldest).delete()[0]


def _run(row: Push, handle: Handler, push: wire.Push | None = None) -> None:
    try:
        with transaction.atomic():
            handle(row.component, push or wire.read(row.body.encode()))
    except Ignored as reason:
        _settle(row, Push.State.IGNORED, str(reason))
    except (OperationalError, InterfaceError):
        raise  # the database is in trouble, not the push: WeChat shall send it again
    except Exception as error:
        # The one broad catch: an error answered to WeChat would mute all merchants' pushes.
        logger.exception("push %s failed", clean(row.kind))
        why = f"{type(error).__name__}: {error}"
        _settle(row, Push.State.FAILED, why, retry_at=_next_attempt(row))


def _next_attempt(row: Push) -> CombinedExpression | None:
    """When ROW is tried again by itself, in longer and longer pauses; None after the fifth."""
    if row.attempts >= MAX_ATTEMPTS:
        return None
    return Now() + timedelta(seconds=30 * 4 ** (row.attempts - 1))


def _settle(row: Push, state: Push.State, error: str, **values: object) -> None:
    row.state, row.error = state, clean(error)
    Push.objects.filter(pk=row.pk).update(state=row.state, error=row.error, **values)


def _insert(values: dict[str, Any], only_if: tuple[Condition, ...]) -> int | None:
    """
    One INSERT … ON CONFLICT DO NOTHING: the id of the row, or None. `bulk_create` would not tell,
    and Django takes longer to prepare a row than to decrypt a push.
    """
    database = connections[DEFAULT_DB_ALIAS]
    as_time = database.ops.adapt_datetimefield_value
    parameters: list[Any] = [
        *(as_time(value) if isinstance(value, datetime) else value for value in values.values()),
        *(value for condition in only_if for value in condition.values),
    ]
    sql = _insert_sql(tuple(values), tuple(condition.sql for condition in only_if))
    if database.vendor == "postgresql":
        return _execute_prepared(database, sql, parameters)
    with database.cursor() as cursor:
        cursor.execute(sql, parameters)
        return _first(cursor.fetchone())


@lru_cache(maxsize=8)
def _insert_sql(columns: tuple[str, ...], conditions: tuple[str, ...]) -> str:
    return (
        f"INSERT INTO {Push._meta.db_table} ({', '.join(columns)})"  # noqa: S608
        f" SELECT {', '.join(['%s'] * len(columns))} WHERE {' AND '.join(['TRUE', *conditions])}"
        " ON CONFLICT DO NOTHING RETURNING id"
    )


def _execute_prepared(database: BaseDatabaseWrapper, sql: str, parameters: list[Any]) -> int | None:
    """
    The same on PostgreSQL by psycopg's own cursor, which leaves the parameters to the server, so
    that it plans the statement once a connection; Django's writes them into the SQL.
    """
    database.ensure_connection()
    ours: psycopg.Connection[Any] = database.connection
    with database.wrap_database_errors, psycopg.Cursor(ours) as cursor:
        ours.prepare_threshold = 0
        try:
            return _first(cursor.execute(sql, parameters, prepare=True).fetchone())
        finally:
            ours.prepare_threshold = None


def _first(row: tuple[Any, ...] | None) -> int | None:
    return row[0] if row else None


def _business_key(proven: Proven) -> str:
    """
    What makes a push the same to WeChat however often it is sealed: for component pushes what
    happened to whom and when, for messages the MsgId, for events their sender and time.
    """
    push = proven.push
    if push.is_component_push:
        code = push.get("AuthorizationCode") or push.get("ComponentVerifyTicket")
        whom = push.get("AuthorizerAppid")
        what = code if code or whom else proven.message.decode()
        parts = [push.kind, whom, push.get("CreateTime"), what]
    elif push.get("MsgId"):
        parts = [push.get(name) for name in ("MsgId", "FromUserName", "ToUserName")]
    else:
        names = ["FromUserName", "ToUserName", "CreateTime", "Event", "EventKey"]
        parts = [push.get(name) for name in names]
    return sha256("\0".join([proven.component.appid, *parts]).encode()).hexdigest()
