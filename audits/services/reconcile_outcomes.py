"""What became of acts whose answers were lost, and of audits whose verdict pushes were."""

import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.db.models.functions import Now

from audits.models import CodeAudit, CodeVersion, Release
from audits.services.committing import LOOK_AGAIN, ON_THE_WAY, reconcile_commit
from audits.services.releasing import reconcile_release
from audits.services.submitting import OPEN_COMMIT, reconcile_submission
from audits.services.verdicts import refresh_audit
from platform_auth.leases import release_db_connection
from platform_auth.models import Leased, LeasedQuerySet, backoff_after
from wechat.errors import WeChatError

logger = logging.getLogger(__name__)

ROUND = 200
LONGEST = timedelta(minutes=30)


def reconcile_due() -> int:
    """Ask WeChat about every commit, submission, audit and release that is due. How many."""
    audits = CodeAudit.objects.due()
    versions = CodeVersion.objects.due().filter(state__in=OPEN_COMMIT)
    lost = audits.filter(auditid="", status__in=ON_THE_WAY)
    releases = Release.objects.due().exclude(state=Release.State.REFUSED)
    return sum(
        [
            _each(versions, reconcile_commit, _look_again),
            _each(lost, reconcile_submission, _look_again),
            _each(audits.exclude(auditid=""), refresh_audit, _poll_again),
            _each(releases, reconcile_release, _look_again),
        ]
    )


def _each(
    rows: LeasedQuerySet, settle: Callable[[Any], object], put_off: Callable[[Any, Any], object]
) -> int:
    """SETTLE each of ROWS under its lease, and PUT OFF where WeChat fails."""
    asked = 0
    for row in rows.with_clock().select_related("authorizer").order_by("due_at")[:ROUND]:
        if not row.take_lease():
            continue
        asked += 1
        release_db_connection()
        try:
            settle(row)
        except WeChatError as error:
            logger.warning("%s: %s", row.authorizer.appid, error)
            put_off(row, error)
        except Exception:  # its lease runs out, and another try is made; the others go on
            logger.exception("settling for %s", row.authorizer.appid)
        else:
            row.write()
        release_db_connection()
    return asked


def _look_again(row: Leased, error: WeChatError) -> None:
    """Nobody could look for ROW: that does not count among the looks that found nothing."""
    pause = max(backoff_after(error, 0), LOOK_AGAIN)
    row.write(due_at=Now() + pause, last_error=str(error))


def _poll_again(row: Leased, error: WeChatError) -> None:
    """WeChat did not tell about ROW, or will never: rarer and rarer."""
    pause = max(backoff_after(error, row.failures), min(LOOK_AGAIN * 2**row.failures, LONGEST))
    row.write(due_at=Now() + pause, last_error=str(error), failures=min(row.failures + 1, 9))
