"""
Refreshing tokens before they run out: due rows in batches, leased, side by side, saved together.

A million accounts are about 250 refreshes a second, so a batch costs two statements for all its
rows and one call each over kept connections.
"""

import logging
import time
from concurrent.futures import ThreadPoolExecutor

from django.db import transaction
from django.db.models.functions import Now

from miniprograms import tokens
from miniprograms.models import Authorizer
from miniprograms.services.refresh_batches import lease_due, save_all
from miniprograms.tokens import Refreshed
from platform_auth.leases import release_db_connection
from platform_auth.models import Component
from platform_auth.operations import Actor, record_operation
from platform_auth.tokens import component_token
from wechat import component as wechat
from wechat.errors import NotAuthorized, NotReady, RefreshTokenInvalid, TokenExpired, WeChatError

logger = logging.getLogger(__name__)

# A batch's slowest call takes less than a lease, since every row of it has a thread of its own.
SWEEP_BATCH = 256
SWEEP_SECONDS = 45.0  # the next sweep goes on
MAX_DOUBTFUL = 5  # rows, one after another within a lease


def sweep(budget: float = SWEEP_SECONDS) -> int:
    """Refresh what is due, for at most BUDGET seconds. How many rows WeChat was asked about."""
    deadline = time.monotonic() + budget
    count = 0
    with ThreadPoolExecutor(SWEEP_BATCH, thread_name_prefix="refresh") as pool:
        while time.monotonic() < deadline:
            component_tokens = _component_tokens()
            if not component_tokens:
                break
            rows = lease_due(SWEEP_BATCH, component__in=list(component_tokens))
            if not rows:
                break
            _refresh_batch(rows, component_tokens, pool)
            count += len(rows)
    release_db_connection()
    return count


def check_doubtful_cancellations() -> None:
    """Ask WeChat about cancellations that are in doubt, before the next sweep."""
    for row in lease_due(MAX_DOUBTFUL, state=Authorizer.State.UNBOUND):
        _finish_unrefreshed((row, None))


def refresh_now(authorizer: Authorizer, *, by: Actor) -> None:
    """Refresh the token of AUTHORIZER though it is not due, because BY asks for it."""
    with transaction.atomic():
        rows = Authorizer.objects.filter(pk=authorizer.pk).exclude(state=Authorizer.State.UNBOUND)
        rows.update(due_at=Now())
        record_operation("refresh_token", by=by, appid=authorizer.appid)
    tokens.authorizer_token(authorizer.appid)
    authorizer.refresh_from_db()
    if authorizer.last_error:  # the old token is still good, so nothing was raised
        raise NotReady(authorizer.last_error)


def _refresh_batch(
    rows: list[Authorizer], component_tokens: dict[int, str], pool: ThreadPoolExecutor
) -> None:
    """Ask WeChat about all ROWS side by side, save what came together; then the others."""
    release_db_connection()
    outcomes = list(pool.map(lambda row: _request_token(row, component_tokens), rows))
    refreshed = [outcome for outcome in outcomes if isinstance(outcome, Refreshed)]
    fenced = tokens.retry_write(lambda: save_all(refreshed))
    for outcome in fenced:
        tokens.remember_refresh_token(outcome.row.pk, outcome.refresh_token)
    pairs = zip(rows, outcomes, strict=True)
    unrefreshed = [(row, outcome) for row, outcome in pairs if not isinstance(outcome, Refreshed)]
    list(pool.map(_finish_unrefreshed, unrefreshed))


def _component_tokens() -> dict[int, str]:
    """The token of every component that has one; the accounts of the others wait."""
    component_tokens = {}
    for component in Component.objects.all():
        try:
            component_tokens[component.pk] = component_token(component)
        except WeChatError as error:
            logger.warning("the accounts of %s wait: %s", component.appid, error)
    return component_tokens


def _request_token(
    row: Authorizer, component_tokens: dict[int, str]
) -> Refreshed | WeChatError | None:
    """api_authorizer_token for ROW; None where it takes more than the one call. No database."""
    refresh_tokens = tokens.usable_refresh_tokens(row)
    if row.state != Authorizer.State.BOUND or not refresh_tokens:
        return None
    try:
        token, new = wechat.refresh_authorizer_token(
            component_tokens[row.component_id], row.component.appid, row.appid, refresh_tokens[0]
        )
    except (RefreshTokenInvalid, NotAuthorized, TokenExpired):
        return None
    except WeChatError as error:
        return error
    return Refreshed(row, token, new or refresh_tokens[0], row.now)


def _finish_unrefreshed(pair: tuple[Authorizer, WeChatError | None]) -> None:
    """A row that was not refreshed: back off, or look closer. In a thread of the pool."""
    row, error = pair
    try:
        if error is not None:
            row.back_off(error)
        else:
            refresh_singly(row)
    except WeChatError as problem:
        logger.warning("%s was not refreshed: %s", row.appid, problem)
    finally:
        release_db_connection()


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
