"""The state machine of an audit: every transition goes through here, and is kept as an event."""

from django.db import transaction

from audits.models import AuditEvent, CodeAudit
from audits.services.code_events import publish_audit_event
from audits.services.review_outcomes import keep_outcome
from audits.services.summaries import summarise_code
from platform_auth.operations import SYSTEM, Actor


def actor_name(person: Actor | None) -> str:
    """Whose act it is, for a log."""
    return person.get_username() if person is not None and person.pk is not None else SYSTEM


def transition(
    audit: CodeAudit,
    after: CodeAudit.Status,
    *,
    by: Actor | None = None,
    note: str = "",
    before: tuple[int, ...] | None = None,
    **values: object,
) -> bool:
    """
    Take AUDIT to AFTER by compare-and-set, from one of BEFORE (default: where it is by our row).

    VALUES are written with it. Whether it changed; a second verdict changes nothing.
    """
    for status in before or (audit.status,):
        with transaction.atomic():
            rows = CodeAudit.objects.filter(pk=audit.pk, status=status)
            if rows.update(status=after, **values):
                reason = str(values.get("reason", ""))
                word = after.name.lower()
                record_event(audit, word, before=status, by=by, note=note, reason=reason)
                summarise_code(audit.authorizer_id)
                audit.refresh_from_db()
                keep_outcome(audit)
                publish_audit_event(audit, before=status)
                return True
    return False


def record_event(
    audit: CodeAudit,
    after: str,
    *,
    before: int | None = None,
    by: Actor | None = None,
    note: str = "",
    reason: str = "",
) -> None:
    """Add to the history of AUDIT; where its status stays, AFTER is what happened: sped_up…"""
    AuditEvent.objects.create(
        audit=audit,
        before=CodeAudit.Status(audit.status if before is None else before).name.lower(),
        after=after,
        by=actor_name(by),
        note=note,
        reason=reason,
    )
