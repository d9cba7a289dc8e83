"""What happens to the code of a mini program, as events for other back ends."""

from datetime import datetime
from typing import Any

from audits.models import CodeAudit, Release
from miniprograms.account_events import account_facts
from platform_auth.platform_events import publish_event

# What WeChat did not take, and what nobody knows yet, is no news to others.
AUDIT_EVENTS = {
    CodeAudit.Status.IN_REVIEW: "audit.submitted",
    CodeAudit.Status.PASSED: "audit.passed",
    CodeAudit.Status.REJECTED: "audit.rejected",
    CodeAudit.Status.DELAYED: "audit.delayed",
    CodeAudit.Status.WITHDRAWN: "audit.withdrawn",
}
RELEASE_EVENTS = {
    Release.Kind.RELEASE: "release.published",
    Release.Kind.REVERT: "release.reverted",
}


def publish_audit_event(audit: CodeAudit, *, before: int | None = None) -> None:
    """
    What AUDIT, read as it is now, has come to from the status BEFORE; in the transaction that took
    it there. A delay that is over is no second submission.
    """
    kind = AUDIT_EVENTS.get(CodeAudit.Status(audit.status))
    is_resumed = kind == "audit.submitted" and before in CodeAudit.UNDECIDED
    if kind is None or is_resumed:
        return
    facts = {
        "auditid": audit.auditid,
        "status": audit.word,
        "user_version": audit.user_version,
        "template_id": audit.version.template.template_id if audit.version else None,
        "reason": audit.reason,
        "submitted_at": _written(audit.create_time),
        "decided_at": _written(audit.decided_at),
    }
    data = account_facts(audit.authorizer) | facts
    publish_event(kind, appid=audit.appid, data=data)


def publish_release_event(act: Release) -> None:
    """ACT has taken effect; in the transaction that says so."""
    audit = act.audit
    details: dict[str, Any] = {
        "auditid": audit.auditid if audit else "",
        "user_version": audit.user_version if audit else "",
        "live_before": act.live_before,
    }
    if act.kind == Release.Kind.REVERT:
        details = {"app_version": act.app_version, "live_before": act.live_before}
    data = account_facts(act.authorizer) | details
    publish_event(RELEASE_EVENTS[Release.Kind(act.kind)], appid=act.authorizer.appid, data=data)


def _written(at: datetime | None) -> str | None:
    return at.isoformat().replace("+00:00", "Z") if at else None
