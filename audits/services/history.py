"""Every change of an audit's state goes through here, and leaves its mark."""

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db import transaction

from audits.models import AuditEvent, CodeAudit
from platform_auth.operations import SYSTEM

Person = AbstractBaseUser | AnonymousUser | None

Status = CodeAudit.Status


def name_of(person: Person) -> str:
    """Whose act it is, for a log."""
    return person.get_username() if person is not None and person.pk is not None else SYSTEM


def move(
    audit: CodeAudit,
    after: Status,
    *,
    by: Person = None,
    note: str = "",
    before: tuple[int, ...] | None = None,
    **values: object,
) -> bool:
    """
    Take AUDIT to AFTER by compare-and-set, from one of BEFORE (default: where it is by our row).

    VALUES are written with it. Whether it moved; a second verdict changes nothing.
    """
    known = before or (audit.status,)
    with transaction.atomic():
        rows = CodeAudit.objects.filter(pk=audit.pk, status__in=known)
        if not rows.update(status=after, **values):
            return False
        AuditEvent.objects.create(
            audit=audit,
            before=Status(audit.status).name.lower(),
            after=Status(after).name.lower(),
            by=name_of(by),
            note=note,
        )
    audit.refresh_from_db()
    return True


def note_event(audit: CodeAudit, after: str, *, by: Person = None, note: str = "") -> None:
    """Add to the history of AUDIT what is no change of its status: released, sped up…"""
    AuditEvent.objects.create(
        audit=audit,
        before=Status(audit.status).name.lower(),
        after=after,
        by=name_of(by),
        note=note,
    )
