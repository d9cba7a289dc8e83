"""What stands in an item's way: WeChat's refusals, and the audits of others."""

from datetime import timedelta
from typing import Any

from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext as _

from audits.models import Campaign, CampaignItem, CodeAudit, CodeVersion, Release
from audits.problems import AuditIsOpen, PreflightFailed, RightEnded
from audits.services.outcomes import CLOCKS_DIFFER
from audits.services.rollout.admission import halt_campaign
from audits.services.rollout.items import REQUEUE_AFTER, finish_item, requeue_item, set_item_state
from platform_auth.errcodes import explain_error
from platform_auth.models import backoff_after
from wechat.errors import (
    AuditOpen,
    Busy,
    CheckRunning,
    MustCommit,
    NotReady,
    QuotaDay,
    QuotaMinute,
    QuotaMonth,
    Refused,
    TicketExpired,
    TokenExpired,
    WeChatError,
    refusal,
)

MAX_STEP_FAILURES = 10
MAX_CHECK_TIME = timedelta(days=1)  # of WeChat's check of the code
TEMPORARY = (Busy, CheckRunning, QuotaDay, QuotaMinute, TicketExpired, TokenExpired)


def own_open_audit(item: CampaignItem) -> CodeAudit | None:
    """
    An open audit of ITEM's very version: submitted by hand, or one that was thought lost and came
    late, which `adopt_newest_audit` knows by WeChat's account only.
    """
    since = item.version.created_at - CLOCKS_DIFFER if item.version else timezone.now()
    user_version = item.campaign.user_version
    adopted = Q(version=None, user_version=user_version, create_time__gte=since)
    own = item.authorizer.audits.open().filter(Q(version=item.version_id or 0) | adopted)
    audit: CodeAudit | None = own.newest_first().first()
    return audit


def foreign_open_audit(item: CampaignItem) -> CodeAudit | None:
    """An open audit of ITEM's mini program that is of another version."""
    if own_open_audit(item):
        return None
    audit: CodeAudit | None = item.authorizer.audits.open().newest_first().first()
    return audit


def handle_open_audit(item: CampaignItem, error: AuditIsOpen) -> None:
    """WeChat, or the database, knows of an open audit of ITEM's mini program."""
    if own := own_open_audit(item):
        submitting = CampaignItem.State.SUBMITTING
        set_item_state(item, submitting, audit=own, submitted_at=own.create_time)
    elif (foreign := foreign_open_audit(item)) is not None:
        yield_to_audit(item, foreign)
    else:  # closed a moment ago
        requeue_item(item, str(error))


def yield_to_audit(item: CampaignItem, audit: CodeAudit) -> None:
    """Wait for the AUDIT of somebody else, or skip its mini program."""
    reason = str(AuditIsOpen(audit.auditid))
    if item.campaign.when_open == Campaign.WhenOpen.SKIP:
        finish_item(item, CampaignItem.State.SKIPPED, reason)
    else:
        requeue_item(item, reason)


def handle_ended_right(item: CampaignItem, error: RightEnded) -> None:
    """
    The campaign is paused; whoever resumes it answers for it from then on, and ITEM goes on where
    it stands.
    """
    reason = _("%(person)s may not do this any more. Somebody who may can resume it.") % {
        "person": item.campaign.run_by or "–"
    }
    halt_campaign(item.campaign, reason)
    item.write(due_at=Now(), reason=str(error), updated_at=Now())


def handle_preflight(item: CampaignItem, error: PreflightFailed) -> None:
    """
    ITEM is held back, and can be retried. What stands in the way of all pauses the campaign, and
    WeChat's check of the code is waited for.
    """
    committed = CampaignItem.State.COMMITTED
    reason = " ".join(check.detail for check in error.checks)
    codes = {check.code for check in error.checks}
    if "quota" in codes:
        halt_campaign(item.campaign, reason)
        item.write(state=committed, due_at=Now(), reason=reason, updated_at=Now())
    elif "uploaded" in codes:
        finish_item(item, CampaignItem.State.FAILED, reason, version=None)
    elif codes == {"scanned"} and _is_checked_in_time(item):
        due_at = Now() + REQUEUE_AFTER
        item.write(state=committed, due_at=due_at, reason=reason, updated_at=Now())
    else:
        finish_item(item, CampaignItem.State.HELD_BACK, reason)


def handle_refusal(
    item: CampaignItem,
    act: CodeVersion | CodeAudit | Release,
    previous: CampaignItem.State,
    **values: Any,
) -> None:
    """WeChat refused ACT, or it never got there: go back to PREVIOUS, or ITEM has failed."""
    if act.errcode is None:
        error: WeChatError = NotReady(act.last_error)
    else:
        error = refusal("", act.errcode, act.last_error)
    handle_error(item, error, previous, **values)


def handle_error(
    item: CampaignItem, error: WeChatError, previous: CampaignItem.State, **values: Any
) -> None:
    """Go back to PREVIOUS and try again where ERROR may pass; otherwise ITEM has failed."""
    reason = explain_error(error)
    values = {"reason": reason, "updated_at": Now(), **values}
    match error:
        case QuotaMonth():
            halt_campaign(item.campaign, reason)
            item.write(state=previous, due_at=Now(), **values)
        case AuditOpen():
            handle_open_audit(item, AuditIsOpen(""))
        case CheckRunning() if _is_checked_in_time(item):
            item.write(state=previous, due_at=Now() + REQUEUE_AFTER, **values)
        case MustCommit():
            finish_item(item, CampaignItem.State.FAILED, reason, version=None)
        case _ if _is_temporary(error) and item.failures < MAX_STEP_FAILURES:
            due_at = Now() + _step_backoff(error, item.failures)
            item.write(state=previous, failures=item.failures + 1, due_at=due_at, **values)
        case _:
            finish_item(item, CampaignItem.State.FAILED, reason)


def _step_backoff(error: WeChatError, failures: int) -> timedelta:
    """A pause that fits ERROR; a call that never happened counts as a failure here, too."""
    if isinstance(error, Refused):
        return backoff_after(error, failures)
    return timedelta(seconds=min(5 * 2**failures, 600))


def _is_temporary(error: WeChatError) -> bool:
    return isinstance(error, TEMPORARY) or not isinstance(error, Refused)


def _is_checked_in_time(item: CampaignItem) -> bool:
    return item.version is None or timezone.now() - item.version.created_at < MAX_CHECK_TIME
