"""
WeChat's verdicts: by push, which names only the mini program, and by asking, for pushes that were
lost. Whichever comes first moves the one open audit; the other changes nothing.
"""

import html
import logging
import re
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models.functions import Now
from django.utils import timezone

from audits.models import AuditEvent, CodeAudit, Screenshot
from audits.services.code_events import publish_audit_event
from audits.services.committing import lock_authorizer
from audits.services.history import transition
from audits.services.outcomes import CLOCKS_DIFFER
from audits.services.review_outcomes import keep_outcome
from audits.services.summaries import summarise_code
from miniprograms.models import Authorizer
from miniprograms.tokens import call_as
from platform_auth.leases import release_db_connection
from platform_auth.models import Component
from platform_auth.operations import Actor
from wechat import code_review, media
from wechat.errors import Busy, NoAudit, Refused, WeChatError, clean

logger = logging.getLogger(__name__)

MIN_POLL_INTERVAL = timedelta(minutes=10)
MAX_POLL_INTERVAL = timedelta(minutes=30)
MAX_COMPARED = 20  # audits of a mini program that are compared with WeChat's newest
SCREENSHOT_LIFE = timedelta(days=3)

_LINE_BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)


def plain_reason(reason: str) -> str:
    """WeChat's reason as plain text: its <br> become new lines, other markup is shown as it is."""
    return html.unescape(_LINE_BREAK.sub("\n", reason)).replace("\0", "").strip()


def record_verdict(
    component: Component,
    user_name: str,
    status: CodeAudit.Status,
    *,
    at: int,
    reason: str = "",
    screenshots: list[str] | None = None,
) -> bool:
    """
    A verdict push for the mini program USER_NAME (gh_…), made AT (Unix seconds by WeChat's clock).
    Whether it may be about an audit that is open.

    No call to WeChat: the audit becomes due, so that its verdict is confirmed and pictures are
    fetched. Where the push may be about another audit that is all: WeChat is asked.
    """
    pushed_at = datetime.fromtimestamp(at, UTC)
    audits = CodeAudit.objects.open().filter(
        authorizer__component=component, authorizer__user_name=user_name
    )
    audit = audits.newest_first().first()
    if audit is None or audit.status == status or pushed_at < audit.create_time - CLOCKS_DIFFER:
        return False
    if audit.status not in CodeAudit.UNDECIDED or _may_be_about_previous(audit, pushed_at):
        CodeAudit.objects.filter(pk=audit.pk).update(due_at=Now())
        return True
    return transition(
        audit,
        status,
        note="push",
        before=tuple(state for state in CodeAudit.UNDECIDED if state != status),
        reason=plain_reason(reason),
        screenshot_ids=screenshots or [],
        due_at=Now(),
        **_decision_time(status),
    )


def _may_be_about_previous(audit: CodeAudit, pushed_at: datetime) -> bool:
    """
    Whether a verdict pushed at PUSHED_AT may be about the audit before AUDIT: submitted again at
    once, and the push about the one before it comes late.
    """
    if pushed_at > audit.create_time + CLOCKS_DIFFER:
        return False
    earlier = CodeAudit.objects.filter(authorizer=audit.authorizer_id, pk__lt=audit.pk)
    return earlier.filter(decided_at__gte=pushed_at - CLOCKS_DIFFER).exists()


def _decision_time(status: int) -> dict[str, Any]:
    return {} if status in CodeAudit.OPEN else {"decided_at": Now()}


def apply_verdict(
    audit: CodeAudit, verdict: code_review.AuditVerdict, *, by: Actor | None = None
) -> None:
    """Bring AUDIT up to VERDICT, which is about its own auditid; then fetch its pictures."""
    status = CodeAudit.Status(verdict.status)
    values: dict[str, Any] = {
        "reason": plain_reason(verdict.reason),
        "screenshot_ids": verdict.screenshots,
    }
    if audit.status == status:
        # Where WeChat says nothing here, what a push brought meanwhile stays.
        news = {name: value for name, value in values.items() if value}
        CodeAudit.objects.filter(pk=audit.pk, status=status).update(**news, last_error="")
        if reason := news.get("reason"):
            events = audit.events.filter(after=status.name.lower(), reason="")
            events.update(reason=reason)
    elif not audit.released_at:
        values |= {"last_error": "", **_decision_time(status)}
        transition(audit, status, by=by, note="asked", **values)
    audit.refresh_from_db()
    keep_outcome(audit)
    _schedule_poll(audit, has_all=fetch_screenshots(audit))


def _schedule_poll(audit: CodeAudit, *, has_all: bool) -> None:
    """Audits that are open or lack a picture are asked about every 10 to 30 minutes."""
    interval = min(MIN_POLL_INTERVAL * (1 + audit.failures), MAX_POLL_INTERVAL)
    due = Now() + interval if audit.is_open or not has_all else None
    unchanged = CodeAudit.objects.filter(pk=audit.pk, status=audit.status)
    unchanged.update(due_at=due, failures=min(audit.failures + 1, 9))


def refresh_audit(audit: CodeAudit, *, by: Actor | None = None) -> CodeAudit:
    """Ask get_auditstatus about AUDIT and keep what it says. Raises what WeChat answered."""
    if audit.auditid:
        release_db_connection()
        verdict = call_as(audit.appid, code_review.get_auditstatus, int(audit.auditid))
        apply_verdict(audit, verdict, by=by)
    return audit


def adopt_newest_audit(authorizer: Authorizer) -> str:
    """
    The newest audit that WeChat has of AUTHORIZER, as a row of ours: it may have been submitted
    elsewhere. Its auditid, "" if WeChat has none. Raises what WeChat answered.
    """
    # As they were before WeChat was asked: what changes meanwhile is newer than its answer.
    rows = list(authorizer.audits.exclude(auditid="").newest_first()[:MAX_COMPARED])
    release_db_connection()
    try:
        latest = call_as(authorizer.appid, code_review.get_latest_auditstatus)
    except NoAudit:
        return ""
    auditid = str(latest.auditid)
    own = next((row for row in rows if row.auditid == auditid), None)
    if audit := own or _create_adopted(authorizer, latest):
        apply_verdict(audit, latest.verdict)
    return auditid


def _create_adopted(authorizer: Authorizer, latest: code_review.LatestAudit) -> CodeAudit | None:
    """A row for LATEST, unless there is one by now, or a submission of ours that may be it."""
    try:
        with transaction.atomic():
            lock_authorizer(authorizer)
            if authorizer.audits.filter(auditid=str(latest.auditid)).exists():
                return None
            audit: CodeAudit = CodeAudit.objects.create(
                authorizer=authorizer,
                appid=authorizer.appid,
                auditid=str(latest.auditid),
                status=latest.verdict.status,
                user_version=latest.user_version[:64],
                create_time=datetime.fromtimestamp(latest.submit_audit_time, UTC),
                **_decision_time(latest.verdict.status),
            )
            status = CodeAudit.Status(latest.verdict.status).name.lower()
            AuditEvent.objects.create(audit=audit, after=status, by="WeChat", note="found")
            summarise_code(authorizer.pk)
            audit.refresh_from_db()
            publish_audit_event(audit)
    except IntegrityError:  # a submission of ours is open and will find it itself
        return None
    return audit


def fetch_screenshots(audit: CodeAudit) -> bool:
    """
    Keep the pictures of AUDIT's rejection: their media ids die after three days. Whether no more
    are to be had.
    """
    fetched = set(audit.screenshots.values_list("media_id", flat=True))
    missing = [media_id for media_id in audit.screenshot_ids if media_id not in fetched]
    results = [_fetch_screenshot(audit, media_id) for media_id in missing]
    is_late = audit.decided_at and timezone.now() > audit.decided_at + SCREENSHOT_LIFE
    return all(results) or bool(is_late)


def _fetch_screenshot(audit: CodeAudit, media_id: str) -> bool:
    """Keep one picture. False if another try makes sense."""
    release_db_connection()
    try:
        picture = call_as(audit.appid, media.get_media, media_id)
    except WeChatError as error:
        logger.warning("a screenshot of audit %s: %s", clean(audit.auditid), error)
        return isinstance(error, Refused) and not isinstance(error, Busy)
    Screenshot.objects.get_or_create(
        audit=audit,
        media_id=media_id[:200],
        defaults={"content": picture.content, "content_type": picture.kind},
    )
    return True


def poll_open_audits() -> None:
    """Let every audit that WeChat has be asked about soon: pushes may have been lost."""
    CodeAudit.objects.filter(status__in=CodeAudit.UNDECIDED, due_at__gt=Now()).update(due_at=Now())
