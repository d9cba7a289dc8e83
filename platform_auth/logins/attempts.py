"""
Counting attempts to log in, in the database: it is there whenever a login can succeed at all, and
all processes share it.

An attempt counts as failed before its password is hashed, and is taken back when it was right. Who
has failed too often waits, ever longer; nobody is locked out:

* one user from one address: a few free tries, then pauses that double;
* one address, whatever the user: so many a minute, against trying one password on everybody;
* one user, whatever the address: where many fail, a new address waits a few seconds before its
  first try, and has one free try instead of ten. It has that pause to itself, so others cannot use
  its turn up;
* a browser that this user has logged in with before is counted by itself alone, so the failures of
  strangers do not touch it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from math import ceil

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Greatest, Now

from platform_auth.login_models import ClockedQuerySet, LoginCounter

FREE_TRIES = 10
FIRST_PAUSE = timedelta(seconds=10)
MAX_PAUSE = timedelta(minutes=15)
# Of an address, or of a user: a bucket of so many failures, one of which leaks in this time.
BUCKET = 20
LEAK = timedelta(minutes=1)
# Before the first try from an address where many fail for the user.
NEWCOMERS_PAUSE = timedelta(seconds=5)
FORGET_AFTER = timedelta(hours=6)


class TooManyAttempts(Exception):
    """Whoever tries must wait so many seconds."""

    def __init__(self, wait: timedelta) -> None:
        super().__init__()
        self.retry_after = max(ceil(wait.total_seconds()), 1)


@dataclass(frozen=True, slots=True)
class Lanes:
    """The keys of the counters that an attempt is counted in."""

    own: str
    address: str = ""
    user: str = ""

    @classmethod
    def of(cls, username: str, address: str, device: str) -> "Lanes":
        name = username.strip().lower()
        if device:
            return cls(_key("device", device, name))
        pair = _key("pair", address, name)
        return cls(pair, _key("address", address), _key("user", name))

    @classmethod
    def of_resets(cls, address: str) -> "Lanes":
        """Of asking for links to set a new password; whose, makes no difference."""
        return cls(_key("reset", address))

    @property
    def keys(self) -> list[str]:
        return sorted(filter(None, (self.own, self.address, self.user)))


def _key(*parts: str) -> str:
    return sha256("\0".join(parts).encode()).hexdigest()


def check_wait(lanes: Lanes) -> None:
    """A glance, which costs little. Raises TooManyAttempts."""
    if wait := _longest_wait(lanes, _read(lanes)):
        raise TooManyAttempts(wait)


def count_attempt(lanes: Lanes) -> None:
    """Count an attempt as failed. Raises TooManyAttempts, and then it is not counted."""
    if wait := _count(lanes):
        raise TooManyAttempts(wait)


def _read(lanes: Lanes) -> dict[str, LoginCounter]:
    return {row.key: row for row in _rows(lanes)}


def _rows(lanes: Lanes) -> ClockedQuerySet:
    return LoginCounter.objects.with_clock().filter(key__in=lanes.keys)


def _lock(lanes: Lanes) -> dict[str, LoginCounter]:
    """As `_read`, for this transaction alone; in one order, so that no two wait for each other."""
    return {row.key: row for row in _rows(lanes).order_by("key").select_for_update()}


@transaction.atomic
def _count(lanes: Lanes) -> timedelta | None:
    """Count it, or how long to wait: somebody else may have been quicker, or the pair is new."""
    new = [LoginCounter(key=key) for key in lanes.keys]
    LoginCounter.objects.bulk_create(new, ignore_conflicts=True)
    rows = _lock(lanes)
    if wait := _longest_wait(lanes, rows):
        return wait
    own = rows[lanes.own]
    is_attacked = _is_full(rows.get(lanes.user))
    if is_attacked and not own.failures and own.not_before is None:
        LoginCounter.objects.filter(key=own.key).update(not_before=Now() + NEWCOMERS_PAUSE)
        return NEWCOMERS_PAUSE
    for row in rows.values():
        row.failures = (_failures(row) if row is own else _level(row)) + 1
        row.at = row.now
    own.not_before = own.now + _pause_after(own.failures, 1 if is_attacked else FREE_TRIES)
    LoginCounter.objects.bulk_update(rows.values(), ["failures", "at", "not_before"])
    return None


def _longest_wait(lanes: Lanes, rows: Mapping[str, LoginCounter]) -> timedelta | None:
    waits = []
    own, address = rows.get(lanes.own), rows.get(lanes.address)
    if own and own.not_before and own.not_before > own.now:
        waits.append(own.not_before - own.now)
    if address and _is_full(address):
        waits.append((_level(address) - BUCKET + 1) * LEAK)
    return max(waits, default=None)


def _failures(row: LoginCounter) -> float:
    return 0 if row.now - row.at > FORGET_AFTER else row.failures


def _level(row: LoginCounter) -> float:
    """How full the bucket is by now."""
    return max(row.failures - (row.now - row.at) / LEAK, 0.0)


def _is_full(row: LoginCounter | None) -> bool:
    return row is not None and _level(row) > BUCKET - 1


def _pause_after(failures: float, free: int) -> timedelta:
    """How long to wait after so many FAILURES, of which so many are FREE."""
    if failures < free:
        return timedelta()
    return min(FIRST_PAUSE * 2 ** min(failures - free, 30), MAX_PAUSE)


@transaction.atomic
def take_back(lanes: Lanes) -> None:
    """The attempt was not tried after all, or was right."""
    rows = LoginCounter.objects.filter(key__in=_lock(lanes))
    rows.update(failures=Greatest(F("failures") - 1, 0.0), not_before=None)


@transaction.atomic
def succeed(lanes: Lanes) -> None:
    """The password was right: this user's failures from here are forgotten, not those of others."""
    take_back(lanes)
    LoginCounter.objects.filter(key=lanes.own).delete()


def forget_old_attempts() -> None:
    LoginCounter.objects.filter(at__lt=Now() - FORGET_AFTER).delete()
