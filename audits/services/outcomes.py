"""
What becomes of an upload or a release: its row is written before the call, and closed once.

Where WeChat's answer was lost the row is UNKNOWN and due: what happened is looked for.
"""

from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models.functions import Now

from audits.models import CodeSummary, CodeVersion, Release
from audits.services.summaries import summarise_code
from platform_auth.operations import record_operation
from wechat.errors import BackingOff, NotReady, NotSent, Refused

# WeChat said no, or was never asked: nothing has happened there.
NOT_DONE = (Refused, NotSent, NotReady, BackingOff)

RECHECK_AFTER = timedelta(seconds=30)
# A call takes at most 18 s twice: an act that still runs after this was left by a dead process.
ABANDONED_AFTER = timedelta(minutes=1)
MAX_CHECKS = 2  # without a trace at WeChat, before an act counts as not done

CLOCKS_DIFFER = timedelta(minutes=5)  # at most: our clock and WeChat's


def earliest_effect(began: datetime, previous: datetime | None) -> datetime:
    """
    The earliest time by WeChat's clock that an act of ours may bear, which BEGAN by our clock.

    PREVIOUS is when the act of its kind before it began: what is nearer to that belongs to that.
    """
    since = began - CLOCKS_DIFFER
    return since if previous is None else max(since, began - (began - previous) / 2)


def close_act(row: CodeVersion | Release, state: str, error: str = "", **values: Any) -> bool:
    """Write the outcome of ROW, unless it has one. Whether it was written."""
    rows = type(row).objects.filter(pk=row.pk, state__in=row.OPEN)
    with transaction.atomic():
        if not rows.update(state=state, last_error=error, due_at=None, lease_until=None, **values):
            return False
        summarise_code(row.authorizer_id)
    return True


def refuse_act(row: CodeVersion | Release, error: object) -> None:
    """
    Close ROW as not done because of ERROR, with WeChat's errcode if it gave one. The operation log,
    which has had the act since before the call, has that too.
    """
    errcode = getattr(error, "errcode", None)
    action, by = ("commit", row.created_by) if isinstance(row, CodeVersion) else (row.kind, row.by)
    with transaction.atomic():
        if close_act(row, type(row).State.REFUSED, str(error), errcode=errcode):
            record_operation(
                str(action),
                by=by,
                appid=row.authorizer.appid,
                result=str(error),
                version=version_of(row),
                has_failed=True,
            )


def version_of(row: CodeVersion | Release) -> str:
    """Which version ROW is about: of a roll back by our rows the one that it takes back."""
    if isinstance(row, CodeVersion):
        return row.user_version
    if row.audit:
        return row.audit.user_version
    live = CodeSummary.objects.filter(pk=row.authorizer_id)
    return live.values_list("live_version", flat=True).first() or ""


def mark_unknown(row: CodeVersion | Release, error: str) -> None:
    """The answer was lost: ROW may have taken effect or not, which is looked for in a while."""
    type(row).objects.filter(pk=row.pk, state__in=row.OPEN).update(
        state=type(row).State.UNKNOWN,
        last_error=error,
        failures=row.failures + 1,
        due_at=Now() + RECHECK_AFTER,
        lease_until=None,
    )
