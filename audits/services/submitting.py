"""Submitting for WeChat's review, withdrawing, speeding up: wxa/submit_audit and its kin, once."""

from collections.abc import Callable
from typing import cast

from django.db import IntegrityError, transaction
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from audits.models import AuditEvent, CodeAudit, CodeVersion
from audits.problems import AuditIsOpen, CommitIsOpen, NothingCommitted, NothingOpen
from audits.services.committing import ABANDONED, LOOK_AGAIN, LOOKS, ON_THE_WAY, lock
from audits.services.history import (
    CLOCKS_DIFFER,
    announced,
    move,
    name_of,
    note_event,
)
from audits.services.verdicts import POLL_FIRST, adopt, take_verdict
from miniprograms.models import Authorizer
from miniprograms.tokens import call_as
from platform_auth.leases import release_db_connection
from platform_auth.operations import Actor, record_operation
from wechat import code
from wechat.errors import (
    AuditOpen,
    BackingOff,
    NoAudit,
    NotReady,
    NotSent,
    Refused,
    Unreachable,
    WeChatError,
)

Status = CodeAudit.Status
OPEN_COMMIT = (CodeVersion.State.COMMITTING, CodeVersion.State.UNKNOWN)


def newest_version(authorizer: Authorizer) -> CodeVersion:
    """The version that was uploaded last. Raises NothingCommitted."""
    uploaded = authorizer.versions.filter(state=CodeVersion.State.COMMITTED)
    version: CodeVersion | None = uploaded.order_by("-id").first()
    if version is None:
        raise NothingCommitted
    return version


def submit(
    authorizer: Authorizer,
    *,
    by: Actor | None,
    fields: code.Submission | None = None,
    within: Callable[[CodeAudit], object] | None = None,
) -> CodeAudit:
    """
    Submit the newest version of AUTHORIZER, with FIELDS as submit_audit names them.

    The row is written first, and WITHIN its transaction whatever must know of it; if that raises,
    nothing was done. The database allows one open audit a mini program. The row's status
    tells the outcome: IN_REVIEW with an auditid, or UNKNOWN where WeChat's answer was lost.
    Raises AuditIsOpen with the open auditid, NothingCommitted, CommitIsOpen (nobody knows which
    version WeChat would review), and what WeChat answered.
    """
    try:
        with transaction.atomic():
            lock(authorizer)
            if authorizer.versions.filter(state__in=OPEN_COMMIT).exists():
                raise CommitIsOpen
            version = newest_version(authorizer)
            audit: CodeAudit = CodeAudit.objects.create(
                authorizer=authorizer,
                appid=authorizer.appid,
                version=version,
                user_version=version.user_version,
                fields=dict(fields or {}),
                status=Status.SUBMITTING,
                submitted_by_id=by.pk if by else None,
                due_at=Now() + ABANDONED,
            )
            AuditEvent.objects.create(audit=audit, after="submitting", by=name_of(by))
            record_operation(
                "submit_audit", by=by, appid=authorizer.appid, result=version.user_version
            )
            if within:
                within(audit)
    except IntegrityError:
        open_audit = authorizer.audits.open().first()
        raise AuditIsOpen(open_audit.auditid if open_audit else "") from None
    _send(audit)
    audit.refresh_from_db()
    return audit


def _send(audit: CodeAudit) -> None:
    release_db_connection()
    submission = cast(code.Submission, audit.fields)
    try:
        auditid = call_as(audit.appid, code.submit_audit, submission)
    except AuditOpen as error:
        _end_refused(audit, error, error.errcode)
        raise AuditIsOpen(_auditid_at_wechat(audit.authorizer)) from None
    except Refused as error:
        _end_refused(audit, error, error.errcode)
        raise
    except (NotSent, NotReady, BackingOff) as error:
        _end_refused(audit, error)
        raise
    except Unreachable as error:
        wait(audit, str(error))
    else:
        _end_arrived(audit, auditid)


def _end_refused(audit: CodeAudit, why: object, errcode: int | None = None) -> bool:
    """AUDIT is not at WeChat. Somebody may have looked for it while the answer was on its way."""
    return move(
        audit,
        Status.REFUSED,
        note=str(why),
        before=ON_THE_WAY,
        errcode=errcode,
        last_error=str(why),
        due_at=None,
    )


def _end_arrived(audit: CodeAudit, auditid: int) -> bool:
    return move(
        audit,
        Status.IN_REVIEW,
        before=ON_THE_WAY,
        auditid=str(auditid),
        failures=0,
        last_error="",
        due_at=Now() + POLL_FIRST,
    )


def _auditid_at_wechat(authorizer: Authorizer) -> str:
    """The auditid of the audit that WeChat says is open, "" if it does not tell now."""
    try:
        return adopt(authorizer)
    except WeChatError:
        return ""


def wait(audit: CodeAudit, error: str) -> None:
    """The answer was lost: WeChat may be reviewing it or not. `settle_submission` looks."""
    move(
        audit,
        Status.UNKNOWN,
        note=error,
        before=ON_THE_WAY,
        last_error=error,
        failures=audit.failures + 1,
        due_at=Now() + LOOK_AGAIN,
    )


def reconcile_submission(audit: CodeAudit) -> None:
    """
    Find AUDIT at WeChat by get_latest_auditstatus: the newest one there that is none of our others.

    Twice without a trace, 30 s apart, it was never submitted. Raises what WeChat answered.
    """
    try:
        latest = call_as(audit.appid, code.get_latest_auditstatus)
    except NoAudit:
        latest = None
    if latest and _is_it(audit, latest):
        if _end_arrived(audit, latest.auditid):
            take_verdict(audit, latest.verdict)
    elif audit.failures >= LOOKS:
        _end_refused(audit, _("WeChat does not have it: it was never submitted."))
        if latest:
            adopt(audit.authorizer)
    else:
        wait(audit, audit.last_error)


def _is_it(audit: CodeAudit, latest: code.LatestAudit) -> bool:
    if latest.user_version not in ("", audit.user_version):  # submitted elsewhere
        return False
    ours = CodeAudit.objects.filter(authorizer=audit.authorizer, auditid=str(latest.auditid))
    began = (audit.create_time - CLOCKS_DIFFER).timestamp()
    return not ours.exclude(pk=audit.pk).exists() and latest.submit_audit_time >= began


def withdraw(authorizer: Authorizer, *, by: Actor | None) -> CodeAudit:
    """
    undocodeaudit: take the open audit of AUTHORIZER back; 5 a day and 10 a month. The audit.

    Raises NothingOpen and what WeChat answered; a lost answer is asked about by polling.
    """
    audit = _open_audit(authorizer)
    try:
        with announced("withdraw_audit", by=by, appid=authorizer.appid, result=audit.auditid):
            call_as(authorizer.appid, code.undo_code_audit)
    except Unreachable:
        CodeAudit.objects.filter(pk=audit.pk).update(due_at=Now() + LOOK_AGAIN)
        raise
    before = CodeAudit.OPEN
    if not move(audit, Status.WITHDRAWN, by=by, before=before, due_at=None, decided_at=Now()):
        # It was decided meanwhile, and the call takes no auditid: another may be what it withdrew.
        authorizer.audits.open().update(due_at=Now())
    return audit


def speed_up(authorizer: Authorizer, *, by: Actor | None) -> CodeAudit:
    """speedupaudit: have the open audit of AUTHORIZER decided within 2 to 12 hours. The audit."""
    audit = _open_audit(authorizer)
    with announced("speed_up_audit", by=by, appid=authorizer.appid, result=audit.auditid):
        call_as(authorizer.appid, code.speed_up_audit, int(audit.auditid))
    note_event(audit, "sped_up", by=by)
    return audit


def _open_audit(authorizer: Authorizer) -> CodeAudit:
    """The audit of AUTHORIZER that WeChat has and has not decided. Raises NothingOpen."""
    known = authorizer.audits.open().exclude(auditid="")
    audit: CodeAudit | None = known.first()
    if audit is None:
        raise NothingOpen
    return audit
