"""
Receive a push once, run its handler, keep what failed.

The row and the handler's work are one transaction, so `success` means both or, if the handler
raised, the row alone, which is tried again and can be replayed by staff.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection, transaction
from django.db.models import F
from django.db.models.expressions import CombinedExpression
from django.db.models.functions import Now

from platform_auth.fields import Unreadable
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


def receive(proven: Proven, handlers: Mapping[str, Handler], *, appid: str = "") -> bool:
    """
    Keep PROVEN and do what HANDLERS say, unless it was kept before. APPID is whom it is about.

    Returns whether it was new. Raises the database's OperationalError if it cannot be kept.
    """
    handle = handlers.get(proven.push.kind)
    row = Push(
        digest=proven.digest,
        business_key=_business_key(proven),
        component=proven.component,
        appid=appid[:32],
        kind=proven.push.kind[:64],
        body=proven.message.decode(errors="replace"),
        state=Push.State.DONE if handle else Push.State.IGNORED,
        attempts=1 if handle else 0,
        created=datetime.fromtimestamp(proven.push.created, UTC),
    )
    with transaction.atomic():
        if not _insert(row):
            return False
        if proven.by_previous_key:
            Component.objects.filter(pk=proven.component.pk).update(
                previous_key_uses=F("previous_key_uses") + 1
            )
        if handle:
            _run(row, handle, proven.push)
        else:
            logger.info("ignored push %s", clean(row.kind))
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


def _insert(row: Push) -> bool:
    """One INSERT … ON CONFLICT DO NOTHING; whether it took. `bulk_create` would not tell."""
    fields = [field for field in Push._meta.concrete_fields if not field.primary_key]
    values = [
        field.get_db_prep_save(field.pre_save(row, True), connection=connection) for field in fields
    ]
    quote = connection.ops.quote_name
    columns = ", ".join(quote(str(field.column)) for field in fields)
    marks = ", ".join(["%s"] * len(fields))
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {quote(Push._meta.db_table)} ({columns}) VALUES ({marks})"  # noqa: S608
            " ON CONFLICT DO NOTHING RETURNING id",
            values,
        )
        found = cursor.fetchone()
    if found:
        row.pk = found[0]
    return found is not None


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
