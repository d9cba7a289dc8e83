"""
What users write and do: their conversations, of many pushes at once.

The rows are locked, what each push changes is applied to them here, one after the other, and they
are written together: three statements, however many pushes there are.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Any

from messaging.models import Conversation, new_reference
from messaging.services.rules import is_written
from platform_auth.fields import seal
from platform_auth.models import Push
from platform_auth.statements import as_time, is_postgresql, run_many
from wechat import messages
from wechat.messages import EVENTS, USER_MESSAGES, Message, Unsubscribe, text_of
from wechat.reply_windows import window_of

PREVIEW_LENGTH = 60  # characters

# What users write, and what they do in an account's chat and menu; all else is WeChat's news.
_ACTS = (
    messages.EnterSession,
    messages.Subscribe,
    Unsubscribe,
    messages.Scan,
    messages.UserLocation,
)
_MENU_ACTS = (messages.Click, messages.MenuLink, messages.MenuScan, messages.MenuPictures)
_ACT_TYPES = (*_ACTS, *_MENU_ACTS, messages.MenuLocation, messages.Subscriptions)
CONVERSATION_KINDS = USER_MESSAGES | {kind for kind, event in EVENTS.items() if event in _ACT_TYPES}


@dataclass(frozen=True, slots=True)
class Received:
    """MESSAGE, which came with the push ROW to the account ACCOUNT_ID."""

    row: Push
    message: Message
    account_id: int
    account_kind: str

    @property
    def key(self) -> tuple[int, str]:
        """Whose conversation it belongs to."""
        return self.account_id, self.row.openid


@dataclass(slots=True)
class ConversationState:
    """The columns of one conversation, in the order of `COLUMNS`."""

    id: int
    reference: str
    authorizer_id: int
    openid: str
    heard: int = 0  # CreateTime of the newest push
    written: int = 0  # and of the newest that the user has written
    preview: str = ""  # sealed
    unread: int = 0
    window_until: datetime | None = None
    left: int = 0
    touched_at: datetime | None = None

    def apply(self, received: Received) -> bool:
        """
        What RECEIVED changes; whether anything.

        What comes late counts as unread all the same. What is tried again does not where it was
        the newest, and what staff replay changes nothing if something newer came since. WeChat's
        window opens anew, but not where that gives less than is left from before; a user who stops
        following closes it.
        """
        row, message = received.row, received.message
        created = int(row.created.timestamp())
        is_newer = self.heard < created
        is_late_retry = not row.is_replay and self.heard > created
        if not (row.attempts == 1 or is_newer or is_late_retry):
            return False
        if is_written(message):
            self.unread += 1
            if self.written <= created:
                self.written, self.preview = created, _preview(self.reference, message)
        self.touched_at = max(self.touched_at or row.received_at, row.received_at)
        self._move_window(received, created)
        self.heard = max(self.heard, created)
        return True

    def _move_window(self, received: Received, created: int) -> None:
        seconds, count = window_of(received.account_kind, received.message) or (0, 0)
        until = received.row.created + timedelta(seconds=seconds)
        is_used_up = self.left == 0 and self.heard <= created
        if count and (self.window_until is None or self.window_until <= until or is_used_up):
            self.window_until, self.left = until, count
        elif isinstance(received.message, Unsubscribe) and self.heard <= created:
            self.left = 0


def _preview(reference: str, message: Message) -> str:
    """The beginning of what was written; of anything else its kind, for a page to put in words."""
    text = text_of(message).replace("\n", " ")[:PREVIEW_LENGTH] or f"[{message.kind}]"
    return str(seal(Conversation, reference, preview=text)["preview"])


class Raced(Exception):
    """Somebody else has begun a conversation meanwhile: all of it is to be done again."""


def receive(batch: Sequence[Received]) -> None:
    """
    Note all of BATCH, in its order, in the conversations with whoever sent it. Needs a transaction.

    Raises Raced.
    """
    keys = sorted({received.key for received in batch})  # one order, against deadlocks
    states = {(row[2], row[3]): ConversationState(*row) for row in _lock(keys)}
    begun = set(keys) - states.keys()
    for key in begun:
        states[key] = ConversationState(0, new_reference(), *key)
    changed = {received.key for received in batch if states[received.key].apply(received)}
    _insert([states[key] for key in keys if key in begun])
    _update([states[key] for key in keys if key in changed - begun])


COLUMNS = {
    "id": "bigint",
    "reference": "text",
    "authorizer_id": "bigint",
    "openid": "text",
    "heard": "bigint",
    "written": "bigint",
    "preview": "text",
    "unread": "int",
    "window_until": "timestamptz",
    "left": "smallint",
    "touched_at": "timestamptz",
}
# dataclasses.astuple copies every value, which takes ten times as long
row_of = attrgetter(*COLUMNS)
KEYS = {"account": "bigint", "openid": "text"}
_TABLE = Conversation._meta.db_table
_BEGUN = [name for name in COLUMNS if name != "id"]
_MOVED = ("heard", "written", "preview", "unread", "window_until", "left", "touched_at")

# Statements for `run_many`: the first of KEYS, the others of COLUMNS.
FIND = f"""
SELECT {", ".join(f'c."{name}"' for name in COLUMNS)}
FROM {{w}} JOIN {_TABLE} c ON c.authorizer_id = w.account AND c.openid = w.openid
"""  # noqa: S608
LOCK = f"{FIND} ORDER BY c.authorizer_id, c.openid FOR UPDATE OF c"  # until the transaction ends
INSERT = f"""
INSERT INTO {_TABLE} ({", ".join(f'"{name}"' for name in _BEGUN)})
SELECT {", ".join(f'w."{name}"' for name in _BEGUN)} FROM {{w}} WHERE TRUE
ON CONFLICT DO NOTHING RETURNING id
"""  # noqa: S608
UPDATE = f"""
UPDATE {_TABLE} SET {", ".join(f'"{name}" = w."{name}"' for name in _MOVED)}
FROM {{w}} WHERE {_TABLE}.id = w.id
"""  # noqa: S608


def _lock(keys: list[tuple[int, str]]) -> list[list[Any]]:
    """The conversations of KEYS that there are, locked where the database can."""
    rows = run_many(LOCK if is_postgresql() else FIND, KEYS, keys)
    times = {at for at, kind in enumerate(COLUMNS.values()) if kind == "timestamptz"}
    return [[as_time(v) if at in times else v for at, v in enumerate(row)] for row in rows]


def _insert(states: Sequence[ConversationState]) -> None:
    if states and len(run_many(INSERT, COLUMNS, map(row_of, states))) < len(states):
        raise Raced


def _update(states: Sequence[ConversationState]) -> None:
    if states:
        run_many(UPDATE, COLUMNS, map(row_of, states))
