"""Keeping what WeChat decided, so that reasons, rates and waiting times can be counted."""

from django.db import transaction

from audits.models import CodeAudit, RejectionReason, ReviewOutcome
from audits.services.reasons import category_of, parse_reason

DECIDED = (CodeAudit.Status.PASSED, CodeAudit.Status.REJECTED)


def keep_outcome(audit: CodeAudit) -> None:
    """The outcome of AUDIT with its reasons, if WeChat has decided it; safe to run again."""
    if audit.status not in DECIDED:
        return
    template = audit.version.template_id if audit.version else None
    with transaction.atomic():
        outcome, _is_new = ReviewOutcome.objects.update_or_create(
            audit=audit,
            defaults={
                "authorizer_id": audit.authorizer_id,
                "template_id": template,
                "category": category_of(audit.fields, audit.authorizer.miniprograminfo),
                "has_passed": audit.status == CodeAudit.Status.PASSED,
                "is_first": template is not None and _is_first(audit, template),
                "submitted_at": audit.create_time,
                "decided_at": audit.decided_at or audit.create_time,
                "waited": _seconds_waited(audit),
            },
        )
        _keep_reasons(outcome, audit.reason)


def _is_first(audit: CodeAudit, template: int) -> bool:
    rows = ReviewOutcome.objects.filter(authorizer=audit.authorizer_id, template=template)
    return not rows.filter(audit__lt=audit.pk).exists()


def _seconds_waited(audit: CodeAudit) -> int | None:
    """Of what was submitted elsewhere we know neither end."""
    if audit.version_id is None or audit.decided_at is None:
        return None
    return max(0, int((audit.decided_at - audit.create_time).total_seconds()))


def _keep_reasons(outcome: ReviewOutcome, reason: str) -> None:
    points = [] if outcome.has_passed else parse_reason(reason)
    present = list(outcome.reasons.order_by("pk").values_list("clause", "detail"))
    if present != [(point.clause, point.detail) for point in points]:
        outcome.reasons.all().delete()
        RejectionReason.objects.bulk_create(
            RejectionReason(outcome=outcome, clause=point.clause, detail=point.detail)
            for point in points
        )
