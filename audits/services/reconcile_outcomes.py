"""What became of acts whose answers were lost, and of audits whose verdict pushes were."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.db.models.functions import Now

from audits.models import CodeAudit, CodeVersion, GrayRelease, Promotion, Release
from audits.services.committing import reconcile_commit
from audits.services.gray_releases import reconcile_gray_release
from audits.services.outcomes import RECHECK_AFTER
from audits.services.releasing import reconcile_release
from audits.services.submitting import reconcile_submission
from audits.services.templates import reconcile_promotion
from audits.services.verdicts import refresh_audit
from platform_auth.due_work import Runner, due_rows, under_lease
from platform_auth.models import Leased, backoff_after
from wechat.errors import WeChatError

MAX_ROWS = 200  # of each kind in one run
MAX_POLL_BACKOFF = timedelta(minutes=30)


def reconcile_due() -> int:
    """Ask WeChat about every act and audit that is due. How many."""
    return sum(runner.run().successes for runner in RUNNERS)


def _recheck_later(row: Leased, error: WeChatError) -> None:
    """Nobody could look for ROW: that does not count among the looks that found nothing."""
    pause = max(backoff_after(error, 0), RECHECK_AFTER)
    row.write(due_at=Now() + pause, last_error=str(error))


def _poll_later(row: Leased, error: WeChatError) -> None:
    """WeChat did not tell about ROW, or will never: rarer and rarer."""
    poll_backoff = min(RECHECK_AFTER * 2**row.failures, MAX_POLL_BACKOFF)
    pause = max(backoff_after(error, row.failures), poll_backoff)
    row.write(due_at=Now() + pause, last_error=str(error), failures=min(row.failures + 1, 9))


def _runner(
    rows: Any,
    reconcile: Callable[[Any], object],
    back_off: Callable[[Leased, WeChatError], object] = _recheck_later,
    related: str = "authorizer",
) -> Runner[Leased]:
    def work(row: Leased) -> None:
        reconcile(row)
        row.write()

    rows = rows.select_related(related)
    return Runner(reconcile.__name__, due_rows(rows.all, MAX_ROWS), under_lease(work, back_off))


RUNNERS = (
    _runner(CodeVersion.objects.filter(state__in=CodeVersion.OPEN), reconcile_commit),
    _runner(
        CodeAudit.objects.filter(auditid="", status__in=CodeAudit.IN_FLIGHT), reconcile_submission
    ),
    _runner(CodeAudit.objects.exclude(auditid=""), refresh_audit, _poll_later),
    _runner(Release.objects.exclude(state=Release.State.REFUSED), reconcile_release),
    _runner(GrayRelease.objects.all(), reconcile_gray_release, _poll_later),
    _runner(
        Promotion.objects.filter(state__in=Promotion.OPEN), reconcile_promotion, related="component"
    ),
)
