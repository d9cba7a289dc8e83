"""
Refreshing tokens before they run out: due rows in batches, leased, side by side, saved together.

A million accounts are about 250 refreshes a second, so a batch costs two statements for all its
rows and one call each over kept connections; model instances are made for those rows only that a
single call does not settle.
"""

import logging
import time
from concurrent.futures import ThreadPoolExecutor
from contextvars import Context, copy_context

from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone

from miniprograms import tokens
from miniprograms.models import Authorizer
from miniprograms.services.refresh_batches import DueRow, lease_due, save_all
from miniprograms.tokens import Refreshed
from platform_auth.domain_events import DomainEvent, publish
from platform_auth.fields import read_or_empty
from platform_auth.leases import release_db_connection
from platform_auth.models import LEASE, Component
from platform_auth.operations import Actor, recorded_call
from platform_auth.tokens import component_token
from wechat import component as wechat
from wechat.errors import NotAuthorized, NotReady, RefreshTokenInvalid, TokenExpired, WeChatError
from wechat.http import DEADLINE

logger = logging.getLogger(__name__)

SWEEP_BATCH = 256
THREADS = 128  # more of them cost more processor time for waiting than they save
SWEEP_SECONDS = 45.0  # the next sweep goes on
MANY_FAILURES = 3  # of one account, in a row
MAX_DOUBTFUL = 5  # rows, one after another within a lease


def sweep(budget: float = SWEEP_SECONDS) -> int:
    """Refresh what is due, for at most BUDGET seconds. How many rows WeChat was asked about."""
    deadline = time.monotonic() + budget
    count = 0
    with ThreadPoolExecutor(THREADS, thread_name_prefix="refresh") as pool:
        while time.monotonic() < deadline:
            component_tokens = _component_tokens()
            if not component_tokens:
                break
            leased_until = time.monotonic() + LEASE.total_seconds()
            rows = lease_due(SWEEP_BATCH, components=list(component_tokens))
            if not rows:
                break
            _refresh_batch(rows, component_tokens, pool, leased_until)
            count += len(rows)
    release_db_connection()
    return count


def check_doubtful_cancellations() -> None:
    """Ask WeChat about cancellations that are in doubt, before the next sweep."""
    for row in lease_due(MAX_DOUBTFUL, state=Authorizer.State.UNBOUND):
        _finish_unrefreshed(row, None)


def refresh_now(authorizer: Authorizer, *, by: Actor) -> None:
    """Refresh the token of AUTHORIZER though it is not due, because BY asks for it."""
    with recorded_call("refresh_token", by=by, appid=authorizer.appid):
        rows = Authorizer.objects.filter(pk=authorizer.pk).exclude(state=Authorizer.State.UNBOUND)
        rows.update(due_at=Now())
        tokens.authorizer_token(authorizer.appid)
        authorizer.refresh_from_db()
        if authorizer.last_error:  # the old token is still good, so nothing was raised
            raise NotReady(authorizer.last_error)


Outcome = Refreshed | WeChatError | None


def _refresh_batch(
    rows: list[DueRow],
    component_tokens: dict[int, tuple[str, str]],
    pool: ThreadPoolExecutor,
    leased_until: float,
) -> None:
    """Ask WeChat about all ROWS side by side, save what came together; then the others."""
    release_db_connection()
    outcomes = _request_tokens(rows, component_tokens, pool, leased_until - DEADLINE)
    refreshed = [outcome for _row, outcome in outcomes if isinstance(outcome, Refreshed)]
    fenced = tokens.retry_write(lambda: save_all(refreshed))
    for item in fenced:
        tokens.remember_refresh_token(item.row.pk, item.refresh_token)
    unrefreshed = [(row, error) for row, error in outcomes if not isinstance(error, Refreshed)]
    contexts = [copy_context() for _pair in unrefreshed]
    list(pool.map(_finish_in, contexts, unrefreshed))


def _request_tokens(
    rows: list[DueRow],
    component_tokens: dict[int, tuple[str, str]],
    pool: ThreadPoolExecutor,
    until: float,
) -> list[tuple[DueRow, Outcome]]:
    """
    api_authorizer_token for each of ROWS that can be begun UNTIL then, a `time.monotonic()`; where
    WeChat is so slow that it cannot, the row's lease runs out, and it is due again.
    """
    outcomes = _request_side_by_side(rows, component_tokens, until)
    begun = {row.pk for row, _outcome in outcomes}
    waiting = [row for row in reversed(rows) if row.pk not in begun]

    def work() -> None:
        while waiting and time.monotonic() < until:
            try:
                row = waiting.pop()
            except IndexError:  # somebody else was quicker
                break
            outcomes.append((row, _request_token(row, component_tokens)))

    workers = [
        pool.submit(copy_context().run, work) for _number in range(min(THREADS, len(waiting)))
    ]
    for worker in workers:  # if one fails, what the others got is saved all the same
        if error := worker.exception():
            logger.error("a refresh failed: %s", error, exc_info=error)
    return outcomes


def _component_tokens() -> dict[int, tuple[str, str]]:
    """Appid and token of every component that has one; the accounts of the others wait."""
    component_tokens = {}
    for component in Component.objects.all():
        try:
            component_tokens[component.pk] = (component.appid, component_token(component))
        except WeChatError as error:
            logger.warning("the accounts of %s wait: %s", component.appid, error)
    return component_tokens


def _request_side_by_side(
    rows: list[DueRow], component_tokens: dict[int, tuple[str, str]], until: float
) -> list[tuple[DueRow, Outcome]]:
    """As `_request_token`, in this thread alone, for as many as there are connections for."""
    outcomes: list[tuple[DueRow, Outcome]] = []
    for pk, (appid, token) in component_tokens.items():
        own = [row for row in rows if row.component_id == pk]
        asking = [(row, sole) for row in own if (sole := _sole_refresh_token(row))]
        answers = wechat.refresh_authorizer_tokens(
            token, appid, [(row.appid, sole) for row, sole in asking], until=until
        )
        for (row, refresh_token), answer in zip(asking, answers, strict=True):
            if answer is not None:
                outcomes.append((row, _as_outcome(row, refresh_token, answer)))
    return outcomes


def _sole_refresh_token(row: DueRow) -> str:
    """The one to ask with; "" where it takes more than the one call."""
    is_bound = row.state == Authorizer.State.BOUND
    return read_or_empty(row, "refresh_token") if is_bound else ""


def _request_token(row: DueRow, component_tokens: dict[int, tuple[str, str]]) -> Outcome:
    """api_authorizer_token for ROW; None where it takes more than the one call. No database."""
    refresh_token = _sole_refresh_token(row)
    if not refresh_token:
        return None
    appid, component_token = component_tokens[row.component_id]
    try:
        answer = wechat.refresh_authorizer_token(component_token, appid, row.appid, refresh_token)
    except WeChatError as error:
        return _as_outcome(row, refresh_token, error)
    return _as_outcome(row, refresh_token, answer)


def _as_outcome(
    row: DueRow, refresh_token: str, answer: tuple[wechat.Token, str] | WeChatError
) -> Outcome:
    """What ANSWER to REFRESH TOKEN means for ROW."""
    if isinstance(answer, RefreshTokenInvalid | NotAuthorized | TokenExpired):
        return None
    if isinstance(answer, WeChatError):
        return answer
    token, new = answer
    return Refreshed(row, token, new or refresh_token, row.now, sent=refresh_token)


def _finish_unrefreshed(leased: DueRow, error: WeChatError | None) -> None:
    """A row that was not refreshed: back off, or look closer. In a thread of the pool."""
    row: Authorizer = Authorizer.objects.with_clock().select_related("component").get(pk=leased.pk)
    row.epoch = leased.epoch  # whoever has taken it since has fenced us off
    try:
        if error is not None:
            _back_off(row, error)
        else:
            refresh_singly(row)
    except WeChatError as problem:
        logger.warning("%s was not refreshed: %s", row.appid, problem)
    finally:
        release_db_connection()


def _finish_in(context: Context, unrefreshed: tuple[DueRow, WeChatError | None]) -> None:
    """In a thread of the pool, which tells of whoever asks as ours does."""
    context.run(_finish_unrefreshed, *unrefreshed)


def _back_off(row: Authorizer, error: WeChatError) -> None:
    """Try ROW again later; where it fails again and again it is told, of one account an hour."""
    with transaction.atomic():
        if row.back_off(error) and row.failures + 1 >= MANY_FAILURES:
            once = f"{row.component_id} {timezone.now():%Y-%m-%d %H}"
            facts = {"name": str(row), "reason": str(error)}
            publish(DomainEvent("tokens.failing", row.appid, once, facts))


def refresh_singly(row: Authorizer) -> None:
    """
    What a single call could not settle: try every refresh token that is kept for ROW. If none works
    the account waits for the list, which is walked once for all of them.
    """
    if not row.write(**tokens.prolonged_lease()):
        return
    if row.state == Authorizer.State.UNBOUND:
        tokens.renew_token(row)
        return
    try:
        tokens.save_refreshed(tokens.request_token(row, tokens.usable_refresh_tokens(row)))
    except RefreshTokenInvalid as error:
        row.write(state=Authorizer.State.NEEDS_RECOVERY, due_at=None, last_error=str(error))
    except NotAuthorized:
        tokens.confirm_cancellation(row)
    except WeChatError as error:
        row.back_off(error)
