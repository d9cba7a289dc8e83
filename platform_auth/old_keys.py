"""
Uses of field keys that are no longer the first of FIELD_ENCRYPTION_KEYS: how often, and when last,
so that it is seen when an old one can go.

Counted in memory, and written every few seconds by one statement (`platform_auth.writers`).
"""

import threading
from datetime import UTC, datetime

from django.conf import settings

from platform_auth.fields import key_ids
from platform_auth.models import OldKeyUse
from platform_auth.operations import record_operation
from platform_auth.statements import run_many
from platform_auth.writers import Writer

ROTATE = "rotate_field_keys"  # in the operation log

_lock, _writing = threading.Lock(), threading.Lock()
_uses: dict[str, tuple[int, datetime]] = {}


def note_old_key(key_id: str) -> None:
    """Something was decrypted by the old key KEY ID; see `fields.tell_of_old_keys`."""
    with _lock:
        count, _at = _uses.get(key_id, (0, None))
        _uses[key_id] = (count + 1, datetime.now(UTC))
    _writer.wake()


def forget_uses() -> None:
    """Forget what waits."""
    global _lock, _writing
    _lock, _writing = threading.Lock(), threading.Lock()
    _uses.clear()


_TABLE = OldKeyUse._meta.db_table
_COLUMNS = {"key_id": "text", "count": "bigint", "newest_at": "timestamptz"}
_ADD = f"""
INSERT INTO {_TABLE} (key_id, count, newest_at)
SELECT w.key_id, w.count, w.newest_at FROM {{w}} WHERE true
ON CONFLICT (key_id) DO UPDATE SET count = {_TABLE}.count + excluded.count,
newest_at = CASE WHEN excluded.newest_at > {_TABLE}.newest_at THEN excluded.newest_at
ELSE {_TABLE}.newest_at END
"""  # noqa: S608


def write_uses() -> None:
    """Add what this process has counted. Raises the database's errors, and nothing is lost then."""
    with _writing:
        with _lock:
            counted = dict(_uses)
        if not counted:
            return
        rows = sorted((key_id, count, at) for key_id, (count, at) in counted.items())
        run_many(_ADD, _COLUMNS, rows)
        with _lock:
            for key_id, (count, _at) in counted.items():
                now, newest_at = _uses.pop(key_id)
                if now > count:
                    _uses[key_id] = (now - count, newest_at)


_writer = Writer("old keys", write_uses, lambda: settings.COUNTS_WRITTEN_EVERY, forget_uses)


def record_rotation(sealed: int) -> None:
    """Everything is encrypted by the first key now; SEALED secrets were not before."""
    record_operation(ROTATE, by=None, result=f"{key_ids()[0]}: {sealed}")
