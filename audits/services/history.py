"""Every change of an audit's state goes through here, and leaves its mark."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta

from django.db import transaction

from audits.models import AuditEvent, CodeAudit
from platform_auth.leases import release_db_connection
from platform_auth.operations import SYSTEM, Actor, record_operation
from wechat.errors import WeChatError

Status = CodeAudit.Status

# Our clock and WeChat's may differ by this much.
CLOCKS_DIFFER = timedelta(minutes=5)


def earliest(began: datetime, before: datetime | None) -> datetime:
    """
    The earliest time by WeChat's clock that an act of ours may bear, which BEGAN by our clock.

    BEFORE is when the last act of its kind began: what is nearer to that one belongs to it.
    """
    since = began - CLOCKS_DIFFER
    return since if before is None else max(since, began - (began - before) / 2)


def name_of(person: Actor | None) -> str:
    """Whose act it is, for a log."""
    return person.get_username() if person is not None and person.pk is not None else SYSTEM


def move(
    audit: CodeAudit,
    after: Status,
    *,
    by: Actor | None = None,
    note: str = "",
    before: tuple[int, ...] | None = None,
    **values: object,
) -> bool:
    """
    Take AUDIT to AFTER by compare-and-set, from one of BEFORE (default: where it is by our row).

    VALUES are written with it. Whether it moved; a second verdict changes nothing.
    """
    known = before or (audit.status,)
    moved = any(_move(audit, one, after, by=by, note=note, values=values) for one in known)
    if moved:
        audit.refresh_from_db()
    return moved


def _move(
    audit: CodeAudit,
    before: int,
    after: Status,
    *,
    by: Actor | None,
    note: str,
    values: Mapping[str, object],
) -> bool:
    with transaction.atomic():
        rows = CodeAudit.objects.filter(pk=audit.pk, status=before)
        if not rows.update(status=after, **values):
            return False
        AuditEvent.objects.create(
            audit=audit,
            before=Status(before).name.lower(),
            after=Status(after).name.lower(),
            by=name_of(by),
            note=note,
        )
    return True


def note_event(audit: CodeAudit, after: str, *, by: Actor | None = None, note: str = "") -> None:
    """Add to the history of AUDIT what is no change of its status: released, sped up…"""
    AuditEvent.objects.create(
        audit=audit,
        before=Status(audit.status).name.lower(),
        after=after,
        by=name_of(by),
        note=note,
    )


@contextmanager
def announced(
    action: str, *, by: Actor | None, appid: str = "", result: str = ""
) -> Iterator[None]:
    """
    Call WeChat within: the operation log has the act first, so that no effect is without its row.

    What WeChat answered, where it was no, is added to the log and goes on.
    """
    record_operation(action, by=by, appid=appid, result=result)
    release_db_connection()
    try:
        yield
    except WeChatError as error:
        record_operation(action, by=by, appid=appid, result=f"{result} {error}".strip())
        raise
