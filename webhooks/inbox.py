"""
Receive a push once, run its handler, keep what failed.

The row and the handler's work are one transaction, so `success` means both or, if the handler
raised, the row alone, which is tried again and can be replayed by staff.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from hashlib import sha256
from typing import Any

from django.conf import settings
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import F, Q
from django.db.models.expressions import CombinedExpression
from django.db.models.functions import Now
from django.utils import timezone

from platform_auth.fields import Unreadable, seal
from platform_auth.models import Component, Push
from platform_auth.statements import run
from wechat import push as wire
from wechat.envelope import Key
from wechat.errors import Untrusted, clean

logger = logging.getLogger(__name__)

MAX_ATTEMPTS = 5
FORGET_SECONDS = 60  # of an hour; what is left then waits for the next


class Ignored(Exception):
    """A handler's word for: this push has nothing for us (too old, too far ahead…)."""


# What the door says to WeChat once all is committed, given until when (a `time.monotonic()`): XML
# that it seals, "" for an empty body, None for `success`.
Answer = Callable[[float], str | None]

# Work for one push. Its answer is lost when the push is tried again: nobody waits for it then.
Handler = Callable[[Push, wire.Push], Answer | None]


@dataclass(frozen=True, slots=True)
class Work:
    """What is done about a push. TELL is done besides HANDLE, whatever comes of that."""

    handle: Handler | None = None
    tell: Handler | None = None

    def __bool__(self) -> bool:
        return bool(self.handle or self.tell)


# Which work there is for a push of the inbox.
Routing = Callable[[Push, wire.Push], Work]


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
    key: Key
    by_previous_key: bool

    @property
    def business_key(self) -> str:
        """
        What makes a push the same to WeChat however often it is sealed: for component pushes what
        happened to whom and when, for messages the MsgId, for events their sender and time.
        """
        push = self.push
        if push.is_component_push:
            code = push.get("AuthorizationCode") or push.get("ComponentVerifyTicket")
            whom = push.get("AuthorizerAppid")
            what = code if code or whom else self.message.decode()
            parts = [push.kind, whom, push.get("CreateTime"), what]
        elif push.get("MsgId"):
            parts = [push.get(name) for name in ("MsgId", "FromUserName", "ToUserName")]
        else:
            names = ["FromUserName", "ToUserName", "CreateTime", "Event", "EventKey"]
            parts = [push.get(name) for name in names]
        return sha256("\0".join([self.component.appid, *parts]).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Receipt:
    """Whether a push was kept just now, and what is to be answered then."""

    is_new: bool
    answer: Answer | None = None


@dataclass(frozen=True, slots=True)
class Condition:
    """SQL that has to hold in the moment a push is kept, and the values in it by their names."""

    sql: str
    values: dict[str, Any]


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
    values = {key: str(component.__dict__[key]) for key in _KEYS}
    return Condition(_UNCHANGED, {"keys_of": component.pk, **values})


_KEYS = ("message_token", "aes_key", "previous_message_token", "previous_aes_key")
_UNCHANGED = (
    f"EXISTS (SELECT 1 FROM {Component._meta.db_table}"  # noqa: S608
    f" WHERE id = %(keys_of)s AND {' AND '.join(f'{key} = %({key})s' for key in _KEYS)})"
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
        return Proven(component, push, opened.message, digest, opened.key, is_previous)
    raise problem


def _is_forgotten(push: wire.Push) -> bool:
    oldest = datetime.now(UTC) - timedelta(days=settings.PUSH_RETENTION_DAYS)
    return push.created < oldest.timestamp()


def receive(
    proven: Proven,
    work: Work,
    *,
    appid: str = "",
    only_if: tuple[Condition, ...] = (),
) -> Receipt:
    """
    Keep PROVEN and do its WORK, unless it was kept before, and ONLY_IF all of that holds.
    APPID is whom it is about.

    Raises the database's OperationalError if it cannot be kept.
    """
    push = proven.push
    values = {
        "digest": proven.digest,
        "business_key": proven.business_key,
        "component_id": proven.component.pk,
        "appid": appid[:32],
        "kind": push.kind[:64],
        "openid": "" if push.is_component_push else push.get("FromUserName")[:64],
        **seal(Push, proven.digest, body=proven.message.decode(errors="replace")),
        "state": (Push.State.DONE if work.handle else Push.State.IGNORED).value,
        "attempts": 1 if work else 0,
        "error": "",
        "created": datetime.fromtimestamp(push.created, UTC),
        "received_at": timezone.now(),
        "retry_at": None,
    }
    if not work and not proven.by_previous_key:
        # One statement needs no transaction around it.
        return Receipt(bool(_insert(values, only_if)))
    with transaction.atomic():
        pk = _insert(values, only_if)
        if pk is None:
            return Receipt(is_new=False)
        if proven.by_previous_key:
            Component.objects.filter(pk=proven.component.pk).update(
                previous_key_uses=F("previous_key_uses") + 1
            )
        row = Push(pk=pk, **values)
        row.component = proven.component
        return Receipt(is_new=True, answer=_run(row, work, push))


def find(proven: Proven) -> Push | None:
    """The row of PROVEN, which was kept before, however it was sealed then."""
    same = Q(digest=proven.digest) | Q(business_key=proven.business_key)
    return Push.objects.filter(same).first()


def replay(row: Push, routing: Routing) -> None:
    """Do the work of ROW again, unless somebody else does; its state tells the outcome."""
    try:
        push = wire.read(row.body.encode())
    except (Unreadable, Untrusted) as error:
        if _claim(row):
            _fail(row, error)
        return
    work = routing(row, push)
    if not work or not _claim(row):
        return
    row.is_done_again = row.state == Push.State.DONE
    row.state, row.error = Push.State.DONE, ""
    with transaction.atomic():
        Push.objects.filter(pk=row.pk).update(state=row.state, error="", retry_at=None)
        _run(row, work, push)


def _claim(row: Push) -> bool:
    """
    Count one more attempt before it is made, and set the next: a handler that kills its process
    is tried again as well, and not for ever.
    """
    same = Push.objects.filter(pk=row.pk, attempts=row.attempts)
    row.attempts += 1
    return bool(same.update(attempts=row.attempts, retry_at=_next_attempt(row)))


def retry_failed(routing: Routing) -> int:
    """Try every failed push again whose pause is over; five attempts in all. Returns how many."""
    rows = list(Push.objects.select_related("component").filter(retry_at__lte=Now())[:200])
    for row in rows:
        replay(row, routing)
    return len(rows)


def forget_old() -> int:
    """Delete pushes older than PUSH_RETENTION_DAYS; the door refuses any that old. How many."""
    oldest = Now() - timedelta(days=settings.PUSH_RETENTION_DAYS + 1)
    old = Push.objects.filter(received_at__lt=oldest, created__lt=oldest).order_by("received_at")
    until, forgotten = time.monotonic() + FORGET_SECONDS, 0
    while time.monotonic() < until and (pks := list(old.values_list("pk", flat=True)[:1000])):
        Push.objects.filter(pk__in=pks).delete()
        forgotten += len(pks)
    return forgotten


def _run(row: Push, work: Work, push: wire.Push) -> Answer | None:
    """Each part of WORK in a transaction of its own; HANDLE's answer goes before TELL's."""
    answers = [_do(row, part, push) for part in (work.tell, work.handle) if part]
    return next(filter(None, reversed(answers)), None)


def _do(row: Push, part: Handler, push: wire.Push) -> Answer | None:
    try:
        with transaction.atomic():
            return part(row, push)
    except Ignored as reason:
        _settle(row, Push.State.IGNORED, str(reason))
    except (OperationalError, InterfaceError):
        raise  # the database is in trouble, not the push: WeChat shall send it again
    except Exception as error:
        # The one broad catch: an error answered to WeChat would mute all merchants' pushes.
        logger.exception("push %s failed", clean(row.kind))
        _fail(row, error)
    return None


def _fail(row: Push, error: Exception) -> None:
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
    """One INSERT … ON CONFLICT DO NOTHING: the id of the row, or None."""
    sql = _insert_sql(tuple(values), tuple(condition.sql for condition in only_if))
    rows = run(sql, {**values, **{k: v for one in only_if for k, v in one.values.items()}})
    return rows[0][0] if rows else None


@lru_cache(maxsize=8)
def _insert_sql(columns: tuple[str, ...], conditions: tuple[str, ...]) -> str:
    marks = ", ".join(f"%({name})s" for name in columns)
    return (
        f"INSERT INTO {Push._meta.db_table} ({', '.join(columns)})"  # noqa: S608
        f" SELECT {marks} WHERE {' AND '.join(['TRUE', *conditions])}"
        " ON CONFLICT DO NOTHING RETURNING id"
    )
