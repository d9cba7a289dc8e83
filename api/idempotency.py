"""
Acts that a REST client may ask for twice and that happen once. The row of a key is written before
the act, so a crash in between leaves the key taken and never lets the act be repeated.
"""

import json
from datetime import timedelta
from hashlib import sha256

from django.db import IntegrityError, transaction
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from audits.models import IdempotencyKey
from audits.problems import CannotAct

KEPT = timedelta(hours=24)


class KeyReused(CannotAct):
    """The same key came with another request."""

    code = "idempotency_key_reused"

    def __init__(self) -> None:
        super().__init__(_("This key was sent with another request. Use a new one."))


class KeyInUse(CannotAct):
    """The first request with this key has not been answered: it is running, or we crashed."""

    code = "idempotency_key_in_use"

    def __init__(self) -> None:
        super().__init__(
            _(
                "The first request with this key is still running, or was cut off. Look at what"
                " came of it before you send another key."
            )
        )


def digest_of(method: str, path: str, body: object) -> str:
    """What makes a request the same: its method, its address and what it says."""
    said = json.dumps([method, path, body], sort_keys=True)
    return sha256(said.encode()).hexdigest()


def claim(user_id: int, key: str, request: str) -> IdempotencyKey:
    """
    The row of the user's KEY: new and ours to act under, or with the answer given already.

    REQUEST is its digest. Raises KeyReused and KeyInUse.
    """
    rows = IdempotencyKey.objects.filter(user_id=user_id, key=key)
    rows.filter(created_at__lt=Now() - KEPT).delete()
    try:
        with transaction.atomic():
            made: IdempotencyKey = rows.create(user_id=user_id, key=key, request=request)
    except IntegrityError:
        return _known(rows.first(), request)
    return made


def _known(row: IdempotencyKey | None, request: str) -> IdempotencyKey:
    if row is None:  # given back just now, after an act that was not done
        raise KeyInUse
    if row.request != request:
        raise KeyReused
    if row.status is None:
        raise KeyInUse
    return row


def keep(row: IdempotencyKey, status: int, answer: object) -> None:
    """Remember what was answered under ROW, for whoever asks again."""
    IdempotencyKey.objects.filter(pk=row.pk).update(status=status, answer=answer)


def give_back(row: IdempotencyKey) -> None:
    """Nothing was done under ROW: the same key may try again."""
    IdempotencyKey.objects.filter(pk=row.pk).delete()


def forget_old_keys() -> int:
    """Delete keys older than 24 hours. How many."""
    deleted, _each = IdempotencyKey.objects.filter(created_at__lt=Now() - KEPT).delete()
    return deleted
