"""
A person's keys to the API, which are knox's: at most ten each, and none that outlives the password
it was made with, by whichever way that has changed.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone
from knox.models import AuthToken

from platform_auth.events import log_event
from platform_auth.login_models import KeyNote
from platform_auth.operations import Actor, record_operation

MOST_KEYS = 10
USE_NOTED_EVERY = timedelta(minutes=5)
_MARK, _MARK_LENGTH = "p", 9  # how a key begins whose password we know by a digest


def make_key(user: User, name: str = "") -> tuple[AuthToken, str]:
    """A new key of USER's called NAME, in the place of the oldest where they have ten already."""
    with transaction.atomic():
        User.objects.select_for_update().get(pk=user.pk)
        own = AuthToken.objects.filter(user=user)
        own.filter(expiry__lt=timezone.now()).delete()
        newest = own.order_by("-created").values_list("pk", flat=True)[: MOST_KEYS - 1]
        own.exclude(pk__in=list(newest)).delete()
        row, key = AuthToken.objects.create(user, prefix=_mark_of(user))
        KeyNote.objects.create(key=row, name=name)
        record_operation("make_key", by=user, result=name)
    log_event("make_key", "done", user=user)
    return row, key


def _mark_of(user: User) -> str:
    """What a key begins with; Django's sessions end by the same digest of the password."""
    return _MARK + user.get_session_auth_hash()[: _MARK_LENGTH - 1]


def is_of_this_password(key: AuthToken) -> bool:
    """Whether the password of KEY's person is the one that KEY was made with, if it tells."""
    mark: str = key.token_key[:_MARK_LENGTH]
    return not mark.startswith(_MARK) or mark == _mark_of(key.user)


@dataclass(frozen=True, slots=True)
class OwnKey:
    """One of a person's keys, as they are shown it. Its HANDLE opens nothing."""

    handle: str
    name: str
    used_at: datetime | None
    made_at: datetime
    expires_at: datetime | None


def list_keys(user: Actor) -> list[OwnKey]:
    """USER's live keys, the newest first."""
    rows = AuthToken.objects.filter(user=user.pk).select_related("user", "note")
    rows = rows.order_by("-created")
    now = timezone.now()
    return [
        OwnKey(_handle(row), *_name_and_use(row), row.created, row.expiry)
        for row in rows
        if is_of_this_password(row) and (row.expiry is None or row.expiry > now)
    ]


def _name_and_use(row: AuthToken) -> tuple[str, datetime | None]:
    """Nothing of a key that was made before they were noted."""
    note = getattr(row, "note", None)
    return (note.name, note.used_at) if note else ("", None)


def note_use(key: AuthToken) -> None:
    """By one statement, which writes only what is old: a row that is written is waited for."""
    old = Q(used_at=None) | Q(used_at__lt=Now() - USE_NOTED_EVERY)
    KeyNote.objects.filter(old, key=key.pk).update(used_at=Now())


def _handle(row: AuthToken) -> str:
    return sha256(row.digest.encode()).hexdigest()[:16]


def revoke_own_key(user: Actor, handle: str) -> None:
    """Revoke the one of USER's keys that HANDLE names, if it is there."""
    for row in AuthToken.objects.filter(user=user.pk):
        if _handle(row) == handle:
            revoke_key(row)


def revoke_key(row: AuthToken) -> None:
    user = row.user
    with transaction.atomic():
        row.delete()
        record_operation("revoke_key", by=user)
    log_event("revoke_key", "done", user=user)


def end_keys(user: Any) -> int:
    """Revoke all of USER's keys; how many. Call it in the transaction of what is the reason."""
    _all, numbers = AuthToken.objects.filter(user=user.pk).delete()
    number: int = numbers.get(AuthToken._meta.label, 0)
    return number


def rights_of(user: User) -> set[str]:
    """What USER may do just now, by the database: where any of it ends, their keys end too."""
    person = User.objects.get(pk=user.pk)
    marks = {name for name in ("is_active", "is_staff") if getattr(person, name)}
    return person.get_all_permissions() | marks
