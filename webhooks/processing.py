"""
Work out what pushes mean: those that are due, in batches; one that WeChat waits for, at once; one
that failed, again.

A batch is one transaction: conversations and deliveries are written for all of it together, the
rest by its handlers. If anything fails but a handler, smaller batches are, so that one bad push
fails alone. The pushes of an account are taken in the order in which they were kept.
"""

import logging
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import InterfaceError, OperationalError, transaction
from django.db.models.functions import Now
from django.utils import timezone
from structlog.contextvars import bound_contextvars

from messaging.services import receiving
from messaging.services.forwarding.planning import Forwardable
from messaging.services.receiving import Received
from miniprograms.services.addresses import RELEASE_TEST_ACCOUNTS, is_release_test
from platform_auth.fields import Sealed, Unreadable
from platform_auth.leases import release_db_connection
from platform_auth.models import Component, DuePush, Push
from platform_auth.statements import as_time, is_postgresql, now_sql, run_statement
from webhooks import handlers, routing
from webhooks.counts import count_worked_out
from webhooks.handlers import Answer, Handler, Ignored
from wechat import push as wire
from wechat.errors import clean
from wechat.messages import read_message

logger = logging.getLogger(__name__)

BATCH_SIZE = 500
BUDGET = 5.0  # seconds; the next run goes on
MAX_ATTEMPTS = 5
FIRST_BACKOFF = timedelta(seconds=30)
MAX_RETRIES = 200  # in one run
_TURN = 0x7765_6368_6174  # of PostgreSQL's advisory locks: one batch at a time


@dataclass(frozen=True, slots=True)
class Due:
    """A push that is due, and the account it is for; 0 and "" where there is none."""

    row: Push
    account_id: int
    account_kind: str
    has_rules: bool


# Due pushes


def process_due(budget: float = BUDGET) -> int:
    """
    Work out what is due, for about BUDGET seconds: how many pushes. A batch that fails is taken
    again at half its size, down to the one push that is to blame.
    """
    if not DuePush.objects.filter(due_at__lte=Now()).exists():
        return 0  # as most sweeps find: one statement instead of a transaction
    give_up, total, size = time.monotonic() + budget, 0, BATCH_SIZE
    while not total or time.monotonic() < give_up:
        batch: list[Due] = []
        try:
            with transaction.atomic():
                batch = _take(limit=size)
                _work_out(batch)
                _delete_due([due.row.pk for due in batch])
        except Exception:
            first, last = (batch[0].row.pk, batch[-1].row.pk) if batch else (0, 0)
            logger.exception("%d pushes, from %d to %d, failed together", len(batch), first, last)
            if len(batch) > 1:
                size = len(batch) // 2
                continue
            for due in batch:
                _process_alone(due.row.pk)
        else:
            _count(batch)
        total += len(batch)
        if len(batch) < size:
            break
        size = min(2 * size, BATCH_SIZE)
    release_db_connection()
    return total


_COLUMNS = (
    "id",
    "digest",
    "component_id",
    "appid",
    "kind",
    "openid",
    "body",
    "state",
    "attempts",
    "created",
    "received_at",
    "request_id",
)


def _take(*, limit: int = BATCH_SIZE, only: int = 0) -> list[Due]:
    """
    Up to LIMIT pushes that are due, the first kept first; of ONLY alone, whether due or not. On
    PostgreSQL nobody else takes any before the transaction ends.
    """
    which = "d.push_id = %(only)s" if only else f"d.due_at <= {now_sql()}"
    sql = _TAKE.format(columns=", ".join(f"p.{name}" for name in _COLUMNS), which=which)
    if is_postgresql():
        sql += " FOR UPDATE OF d"
    if is_postgresql() and not only:
        # The turn is tried for once, before anything is read; who does not get it takes nothing.
        turn = f"WITH turn AS MATERIALIZED (SELECT pg_try_advisory_xact_lock({_TURN}) AS is_ours) "
        sql = turn + sql.replace("\nWHERE ", "\nWHERE (SELECT is_ours FROM turn) AND ")
    rows = run_statement(sql, {"limit": limit, "only": only} if only else {"limit": limit})
    return [_due(list(row)) for row in rows]


_TAKE = """
SELECT {columns}, COALESCE(a.id, 0), COALESCE(a.kind, ''),
  EXISTS (SELECT 1 FROM messaging_rule r
          WHERE r.is_on AND (r.authorizer_id = a.id OR r.authorizer_id IS NULL))
FROM platform_auth_duepush d JOIN platform_auth_push p ON p.id = d.push_id
LEFT JOIN wxminiprograms a ON a.authorizer_appid = p.appid AND a.component_id = p.component_id
WHERE {which} ORDER BY d.push_id LIMIT %(limit)s
"""


def _due(values: list[Any]) -> Due:
    columns = dict(zip(_COLUMNS, values, strict=False))
    columns["body"] = Sealed(columns["body"]) if columns["body"] else ""
    for name in ("created", "received_at"):
        columns[name] = as_time(columns[name])
    account_id, account_kind, has_rules = values[len(_COLUMNS) :]
    row = Push.from_db(None, list(columns), list(columns.values()))
    return Due(row, account_id, account_kind, bool(has_rules))


def _count(batch: Iterable[Due]) -> None:
    for due in batch:
        count_worked_out(due.row.kind, due.row.state)


def _delete_due(pks: list[int]) -> None:
    due = DuePush.objects.filter(pk__in=pks)
    due._raw_delete(due.db)  # noqa: SLF001 -- nothing hangs on it that Django would look for


class _Batch:
    """Due pushes, sorted by how they are worked out."""

    def __init__(self, batch: Iterable[Due]) -> None:
        self.received: list[Received] = []
        self.forwardable: list[Forwardable] = []
        self.single: list[tuple[Push, wire.Push, Handler]] = []
        self.unclaimed: list[int] = []
        for due in batch:
            try:
                self._add(due, wire.read_push(due.row.message))
            except (Unreadable, wire.Malformed) as error:
                _fail(due.row, error)

    def _add(self, due: Due, push: wire.Push) -> None:
        row, handler = due.row, routing.handler_of(due.row, push)
        if _is_for_account(row, push) and not due.account_id:
            row.state = Push.State.UNCLAIMED
            self.unclaimed.append(row.pk)
            return
        if _is_for_targets(row, push):
            self.forwardable.append(Forwardable(row, push, due.account_id))
        if handler is handlers.answer_user and not due.has_rules:
            message = read_message(push)
            self.received.append(Received(row, message, due.account_id, due.account_kind))
        elif handler is not None and handler is not handlers.keep_push:
            self.single.append((row, push, handler))


def _is_for_account(row: Push, push: wire.Push) -> bool:
    """Whether PUSH of ROW is a message for an account that merchants authorise."""
    is_test = is_release_test(row.appid, push.get("ToUserName"))
    return not push.is_component_push and not is_test


def _is_for_targets(row: Push, push: wire.Push) -> bool:
    """Whether targets may ask for PUSH of ROW: a message, or what WeChat tells us of an account."""
    if push.is_component_push:
        return push.kind != routing.TICKET and row.appid not in RELEASE_TEST_ACCOUNTS
    return _is_for_account(row, push)


def _work_out(batch: Iterable[Due]) -> None:
    """What all of BATCH comes to, in the transaction that has taken it."""
    work = _Batch(batch)
    receiving.receive(work.received)
    components = Component.objects.in_bulk({row.component_id for row, _push, _do in work.single})
    for row, push, handler in work.single:
        row.component = components[row.component_id]
        _handle(row, push, handler)
    handlers.forward_all(work.forwardable)
    if work.unclaimed:
        Push.objects.filter(pk__in=work.unclaimed).update(state=Push.State.UNCLAIMED)


# One push


def _process_alone(pk: int) -> None:
    """Work out the push PK; where the database fails, it alone is tried again a little later."""
    try:
        process_one(pk)
    except (OperationalError, InterfaceError):
        logger.exception("a push is put off")
        DuePush.objects.filter(pk=pk).update(due_at=Now() + FIRST_BACKOFF)


def process_one(pk: int, *, is_awaited: bool = False) -> Answer | None:
    """
    Work out the push PK in a transaction of its own, if it is still due. Where WeChat IS AWAITING
    the answer, it comes back; older ones of the same user are worked out before.
    """
    with transaction.atomic():
        batch = _take(limit=1, only=pk)
        answers = [_process_taken(due, is_awaited=is_awaited) for due in batch]
    _count(batch)
    return next(iter(answers), None)


def _process_taken(due: Due, *, is_awaited: bool) -> Answer | None:
    due.row.is_awaited = is_awaited
    _delete_due([due.row.pk])
    return _process(due)


def outcome_of(handler: Handler, row: Push, push: wire.Push) -> dict[str, Any]:
    """
    The columns of ROW, not yet kept, after HANDLER has worked on it. Raises OperationalError: then
    WeChat sends it again.
    """
    try:
        handler(row, push)
    except Ignored as reason:
        return {"state": Push.State.IGNORED.value, "error": clean(str(reason))}
    except (OperationalError, InterfaceError):
        raise
    except Exception as error:
        logger.exception("push %s failed", clean(row.kind))
        problem = clean(f"{type(error).__name__}: {error}")
        retry_at = timezone.now() + FIRST_BACKOFF
        return {"state": Push.State.FAILED.value, "error": problem, "retry_at": retry_at}
    return {}


def process_awaited(pk: int, appid: str, openid: str) -> Answer | None:
    """
    Work out the push PK of OPENID to APPID, which WeChat waits for; before it, older ones of the
    same user that are still due. None if somebody else has done so, or is at it.
    """
    older = DuePush.objects.filter(push__appid=appid, push__openid=openid, push_id__lt=pk)
    for older_pk in older.order_by("push_id").values_list("push_id", flat=True):
        process_one(older_pk)
    return process_one(pk, is_awaited=True)


def _process(due: Due) -> Answer | None:
    row = due.row
    try:
        push = wire.read_push(row.message)
    except (Unreadable, wire.Malformed) as error:
        _fail(row, error)
        return None
    if _is_for_account(row, push) and not due.account_id:
        row.state = Push.State.UNCLAIMED
        Push.objects.filter(pk=row.pk).update(state=row.state)
        return None
    parts = [routing.handler_of(row, push)]
    if _is_for_targets(row, push):
        parts.insert(0, handlers.forward_push)
    answers = [_handle(row, push, handler) for handler in parts if handler]
    return next(filter(None, reversed(answers)), None)


def _handle(row: Push, push: wire.Push, handler: Handler) -> Answer | None:
    """HANDLER's answer; what fails in it is undone, and ROW is marked as failed."""
    with bound_contextvars(push=row.pk, request_id=row.request_id):
        return _handle_one(row, push, handler)


def _handle_one(row: Push, push: wire.Push, handler: Handler) -> Answer | None:
    try:
        with transaction.atomic():
            return handler(row, push)
    except Ignored as reason:
        _finish(row, Push.State.IGNORED, str(reason))
    except (OperationalError, InterfaceError):
        raise  # the database is in trouble, not the push: it stays due
    except Exception as error:
        # The one broad catch: whatever a handler raises, the others go on.
        logger.exception("push %s failed", clean(row.kind))
        _fail(row, error)
    return None


def _fail(row: Push, error: Exception) -> None:
    reason = f"{type(error).__name__}: {error}"
    _finish(row, Push.State.FAILED, reason, retry_at=_next_attempt(row))


def _next_attempt(row: Push) -> Any:
    """When ROW is tried again by itself, with backoff; None after the fifth attempt."""
    if row.attempts >= MAX_ATTEMPTS:
        return None
    return Now() + FIRST_BACKOFF * 4 ** (row.attempts - 1)


def _finish(row: Push, state: Push.State, error: str, **values: object) -> None:
    row.state, row.error = state, clean(error)
    Push.objects.filter(pk=row.pk).update(state=row.state, error=row.error, **values)


# Failed pushes


def replay(row: Push) -> None:
    """Work ROW out again, unless somebody else does; its state tells the outcome."""
    if row.state == Push.State.IGNORED or not _claim(row):
        return
    row.is_replay = row.state == Push.State.DONE
    row.state, row.error = Push.State.DONE, ""
    with transaction.atomic():
        Push.objects.filter(pk=row.pk).update(state=row.state, error="", retry_at=None)
        DuePush.objects.get_or_create(pk=row.pk)
        for due in _take(limit=1, only=row.pk):
            due.row.attempts, due.row.is_replay = row.attempts, row.is_replay
            _delete_due([row.pk])
            _process(due)
            count_worked_out(due.row.kind, due.row.state)
    row.refresh_from_db(fields=["state", "error", "retry_at"])


def _claim(row: Push) -> bool:
    """
    Count one more attempt before it is made, and set the next: a handler that kills its process
    is tried again as well, and not for ever.
    """
    same = Push.objects.filter(pk=row.pk, attempts=row.attempts)
    row.attempts += 1
    return bool(same.update(attempts=row.attempts, retry_at=_next_attempt(row)))


def retry_failed() -> int:
    """Try every failed push again whose pause is over; five attempts in all. Returns how many."""
    rows = list(Push.objects.filter(retry_at__lte=Now())[:MAX_RETRIES])
    for row in rows:
        replay(row)
    return len(rows)
