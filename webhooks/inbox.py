"""
Keep a proven push, once, by one statement; whatever it means is worked out afterwards
(`webhooks.processing`).

Two pushes are the same if WeChat gives them the same id, or else if all of what they say is the
same. The seal is no help: WeChat seals anew whenever it asks again.
"""

import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qsl

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext as _

from platform_auth.fields import Unreadable, seal
from platform_auth.models import Component, DuePush, Push
from platform_auth.statements import is_postgresql, now_sql, run_statement
from wechat import push as wire
from wechat.envelope import Envelope, Key
from wechat.errors import Untrusted

FORGET_SECONDS = 60  # of an hour; what is left then waits for the next
DAY_SECONDS = 24 * 60 * 60
MAX_ENVELOPES = 32
FORGET_AT_ONCE = 1000
OPENID_LENGTH = KIND_LENGTH = 64
APPID_LENGTH = 32
LENGTH = re.compile(r"\d{1,7}", re.ASCII)
MAX_QUERY_FIELDS = 20  # of a query; WeChat sends six


@dataclass(frozen=True, slots=True)
class Sealed:
    """A push as it stands at the door: the four parts that prove it, and what the URL says."""

    encrypt: str
    msg_signature: str
    timestamp: str
    nonce: str


def read_sealed(query: str, body: bytes) -> tuple[str, Sealed]:
    """
    The push in the BODY of a request with the QUERY string, and the AppId on its envelope, "" where
    there is none. Raises Untrusted where it is not of the right form.
    """
    appid, _user_name, encrypt = wire.read_envelope(body)
    fields = read_query(query)
    names = ("msg_signature", "timestamp", "nonce")
    return appid, Sealed(encrypt, *(fields.get(name, "") for name in names))


def read_query(query: str) -> dict[str, str]:
    """
    The fields of a QUERY string, of a name that repeats the last. Raises Untrusted for too many.

    A tenth of the time that Django's QueryDict takes, which is more than decrypting the push.
    """
    if query.count("&") >= MAX_QUERY_FIELDS:
        raise Untrusted("parameters")
    if "%" in query or "+" in query:
        return dict(parse_qsl(query, keep_blank_values=True))
    parts = (part.partition("=") for part in query.split("&") if part)
    return {name: value for name, _, value in parts}


def is_length(text: str) -> bool:
    """Whether TEXT, a Content-Length, is that of a body that may be a push's."""
    return bool(LENGTH.fullmatch(text)) and int(text) <= wire.MAX_BODY


@dataclass(frozen=True, slots=True)
class Proven:
    """A push that was opened: for which component, what was inside, and what that says."""

    component: Component
    message: bytes
    push: wire.Push
    is_readable: bool  # else it is neither XML nor JSON, and `push` is empty
    digest: str
    key: Key
    by_previous_key: bool

    @property
    def business_key(self) -> str:
        """The deduplication key: WeChat's own MsgId with both parties, or else all of it."""
        push = self.push
        parts: list[bytes] = [self.message]
        if push.get("MsgId") and not push.is_component_push:
            names = ("MsgId", "FromUserName", "ToUserName")
            parts = [push.get(name).encode(errors="surrogateescape") for name in names]
        return sha256(b"\0".join([self.component.appid.encode(), *parts])).hexdigest()


_remembered: list[Component] = []


def read_components() -> list[Component]:
    """All components, as they are now."""
    global _remembered
    _remembered = list(Component.objects.all())
    return _remembered


def remembered_components() -> list[Component]:
    """
    All components as this process read them last: a query less for every push. Nothing they prove
    may be kept but on the condition that their keys are unchanged (`webhooks.fast_door`).
    """
    return _remembered


_envelopes: dict[tuple[str, ...], Envelope] = {}
KEYS = ("message_token", "aes_key", "previous_message_token", "previous_aes_key")


def envelope_of(component: Component) -> Envelope:
    """
    What opens the pushes of COMPONENT, made once for its keys as they stand in the database: a
    quarter of what proving a push costs otherwise. Raises Unreadable.
    """
    sealed = (component.appid, *(str(component.__dict__[name]) for name in KEYS))
    envelope = _envelopes.get(sealed)
    if envelope is None:
        envelope = component.envelope
        if len(_envelopes) > MAX_ENVELOPES:
            _envelopes.clear()
        _envelopes[sealed] = envelope
    return envelope


def prove(sealed: Sealed, components: list[Component]) -> Proven:
    """
    Open SEALED with the keys of whichever of COMPONENTS it was sealed for.

    Raises Untrusted if there is none, or if it is older than we remember pushes: one that old
    could be a replay of a row that is gone. Raises Unreadable if it may be for a component whose
    keys are lost.
    """
    problem: Exception = Untrusted("component")
    for component in components:
        try:
            envelope = envelope_of(component)
            opened = envelope.open(
                encrypt=sealed.encrypt,
                msg_signature=sealed.msg_signature,
                timestamp=sealed.timestamp,
                nonce=sealed.nonce,
            )
        except (Untrusted, Unreadable) as error:
            problem = error if not isinstance(problem, Unreadable) else problem
            continue
        push = _read(opened.message)
        if push and 0 < push.created < time.time() - settings.PUSH_RETENTION_DAYS * DAY_SECONDS:
            raise Untrusted("age")
        digest = sha256(sealed.encrypt.encode()).hexdigest()
        by_previous = opened.key is not envelope.keys[0]
        return Proven(
            component,
            opened.message,
            push or wire.Push("", {}),
            push is not None,
            digest,
            opened.key,
            by_previous,
        )
    raise problem


def _read(message: bytes) -> wire.Push | None:
    try:
        return wire.read_push(message)
    except wire.Malformed:
        return None


def row_of(proven: Proven, *, is_known: bool, appid: str, request_id: str) -> dict[str, Any]:
    """
    The columns of PROVEN, about the account APPID, as it came by REQUEST ID. IS KNOWN says if its
    kind is one of ours.
    """
    push, now, created = proven.push, timezone.now(), proven.push.created
    state = Push.State.DONE if is_known else Push.State.IGNORED
    values: dict[str, Any] = {
        "digest": proven.digest,
        "business_key": proven.business_key,
        "component_id": proven.component.pk,
        "appid": storable(appid, APPID_LENGTH),
        "kind": storable(push.kind, KIND_LENGTH),
        "openid": "",
        **seal(Push, proven.digest, body=proven.message.decode(errors="surrogateescape")),
        "state": state.value,
        "attempts": 1,
        "error": "",
        "created": datetime.fromtimestamp(created, UTC) if created else now,
        "is_undated": not created,
        "received_at": now,
        "request_id": request_id,
    }
    if not proven.is_readable:
        values |= {"state": Push.State.FAILED.value, "error": _("It is neither XML nor JSON.")}
    elif not push.is_component_push:
        values["openid"] = storable(push.get("FromUserName"), OPENID_LENGTH)
    return values


def storable(text: str, length: int) -> str:
    """The beginning of TEXT, as a column takes it."""
    return text[:length].replace("\0", "\ufffd")


def keep(values: dict[str, Any], *, due_in: float | None = 0) -> int:
    """
    Keep the push whose columns are VALUES, due in so many seconds, or not at all where it is worked
    out already: its id, or 0 if it was kept before, however it was sealed then.

    Raises the database's OperationalError if it cannot be kept.
    """
    insert = insert_sql(tuple(values))
    if due_in is None or values["state"] == Push.State.FAILED:
        return _id_of(run_statement(insert, values))
    if is_postgresql():
        due = f"{_DUE} SELECT id, {now_sql('%(due_in)s')} FROM kept RETURNING push_id"  # noqa: S608
        sql = f"WITH kept AS ({insert}) {due}"
        return _id_of(run_statement(sql, values | {"due_in": due_in}))
    with transaction.atomic():
        pk = _id_of(run_statement(insert, values))
        if pk:
            due = f"{_DUE} VALUES (%(pk)s, {now_sql('%(due_in)s')})"
            run_statement(due, {"pk": pk, "due_in": due_in})
    return pk


_DUE = f"INSERT INTO {DuePush._meta.db_table} (push_id, due_at)"


def _id_of(rows: list[tuple[Any, ...]]) -> int:
    return int(rows[0][0]) if rows else 0


@lru_cache(maxsize=4)
def insert_sql(columns: tuple[str, ...]) -> str:
    """INSERT of one push by named parameters; it returns the new id."""
    marks = ", ".join(f"%({name})s" for name in columns)
    return (
        f"INSERT INTO {Push._meta.db_table} ({', '.join(columns)}) VALUES ({marks})"  # noqa: S608
        " ON CONFLICT DO NOTHING RETURNING id"
    )


def count_previous_key(proven: Proven) -> None:
    """Where PROVEN was sealed with the previous key: it is still in use."""
    if proven.by_previous_key:
        Component.objects.filter(pk=proven.component.pk).update(
            previous_key_uses=F("previous_key_uses") + 1, previous_key_used_at=Now()
        )


def find(proven: Proven) -> Push | None:
    """The row of PROVEN, which was kept before, however it was sealed then."""
    same = Q(digest=proven.digest) | Q(business_key=proven.business_key)
    return Push.objects.filter(same).first()


def forget_old() -> int:
    """
    Delete pushes older than PUSH_RETENTION_DAYS; the door refuses any that old. Of one that has
    no CreateTime to refuse it by, only what it said is deleted. How many.
    """
    oldest = Now() - timedelta(days=settings.PUSH_RETENTION_DAYS + 1)
    old = Push.objects.filter(received_at__lt=oldest, created__lt=oldest).order_by("received_at")
    dated, undated = old.filter(is_undated=False), old.filter(is_undated=True).exclude(body="")
    until, forgotten = time.monotonic() + FORGET_SECONDS, 0
    for rows, forget in ((dated, _delete), (undated, _empty)):
        while time.monotonic() < until and (pks := _first_pks(rows)):
            forget(Push.objects.filter(pk__in=pks))
            forgotten += len(pks)
    return forgotten


def _first_pks(rows: QuerySet[Push]) -> list[int]:
    return list(rows.values_list("pk", flat=True)[:FORGET_AT_ONCE])


def _delete(rows: QuerySet[Push]) -> None:
    rows.delete()


def _empty(rows: QuerySet[Push]) -> None:
    rows.update(body="")
