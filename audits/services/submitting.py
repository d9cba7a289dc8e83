"""Submitting for WeChat's review, withdrawing, speeding up: wxa/submit_audit and its kin, once."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, cast

from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from audits.models import AuditEvent, CodeAudit, CodeVersion, QuotaEntry
from audits.problems import (
    AuditIsOpen,
    CommitIsOpen,
    NoOpenAudit,
    NothingCommitted,
    PreflightFailed,
)
from audits.services.committing import lock_authorizer
from audits.services.history import actor_name, record_event, transition
from audits.services.outcomes import (
    ABANDONED_AFTER,
    CLOCKS_DIFFER,
    MAX_CHECKS,
    NOT_DONE,
    RECHECK_AFTER,
)
from audits.services.preflight.checking import Preflight, inspect, newest_upload, subject_of
from audits.services.quota import note_spent
from audits.services.submission_files import add_media, forget_media
from audits.services.submission_profiles import Fields, compose_submission
from audits.services.summaries import summarise_code
from audits.services.verdicts import MIN_POLL_INTERVAL, adopt_newest_audit, apply_verdict
from audits.services.wechat_answers import Answers
from miniprograms.models import Authorizer
from miniprograms.tokens import call_as
from platform_auth.leases import release_db_connection
from platform_auth.operations import Actor, record_operation, recorded_call
from wechat import code_review
from wechat.errors import AuditOpen, NoAudit, Unreachable, WeChatError

PREVIEW_IS_GONE = 85092
MAY_SUBMIT_DESPITE = "audits.submit_despite_preflight"


def newest_version(authorizer: Authorizer) -> CodeVersion:
    """The version that was uploaded last. Raises NothingCommitted."""
    version = newest_upload(authorizer)
    if version is None:
        raise NothingCommitted
    return version


def submit_newest_version(
    authorizer: Authorizer,
    *,
    by: Actor | None,
    fields: Fields | None = None,
    despite: str = "",
    within: Callable[[CodeAudit], object] | None = None,
) -> CodeAudit:
    """
    Submit the newest version of AUTHORIZER, with FIELDS over what the profiles of its template and
    its own give; a null in them takes away.

    What WeChat would refuse is held back, so that it costs no quota; DESPITE is the reason of
    somebody who may submit it all the same.

    The row is written first, and WITHIN its transaction whatever must know of it; if that raises,
    nothing was done. The database allows one open audit a mini program. The row's status
    tells the outcome: IN_REVIEW with an auditid, or UNKNOWN where WeChat's answer was lost.
    Raises PreflightFailed, AuditIsOpen with the open auditid, NothingCommitted, CommitIsOpen
    (nobody knows which version WeChat would review), BadSubmission, and what WeChat answered.
    """
    if despite and not (by and by.has_perm(MAY_SUBMIT_DESPITE)):  # type: ignore[union-attr]
        raise PermissionDenied
    version = _find_submittable(authorizer)
    answers = Answers(authorizer)
    composed = compose_submission(authorizer, version, None, fields, answers)
    result = inspect(subject_of(authorizer, version, composed, answers))
    _hold_back(authorizer, result, is_overruled=bool(despite))
    submission = add_media(authorizer, composed)
    try:
        with transaction.atomic():
            lock_authorizer(authorizer)
            if _find_submittable(authorizer) != version:  # uploaded while this was looked at
                raise CommitIsOpen
            audit: CodeAudit = CodeAudit.objects.create(
                authorizer=authorizer,
                appid=authorizer.appid,
                version=version,
                user_version=version.user_version,
                fields=submission,
                status=CodeAudit.Status.SUBMITTING,
                submitted_by_id=by.pk if by else None,
                due_at=Now() + ABANDONED_AFTER,
            )
            AuditEvent.objects.create(audit=audit, after="submitting", by=actor_name(by))
            if despite:
                codes = " ".join(check.code for check in result.failing)
                record_operation(
                    "submit_despite_preflight",
                    by=by,
                    appid=authorizer.appid,
                    result=f"{codes or '–'}: {despite}",
                    version=version.user_version,
                )
            summarise_code(authorizer.pk)
            record_operation(
                "submit_audit", by=by, appid=authorizer.appid, version=version.user_version
            )
            if within:
                within(audit)
    except IntegrityError:
        raise _audit_is_open(authorizer) from None
    _call_submit_audit(audit)
    audit.refresh_from_db()
    return audit


def _find_submittable(authorizer: Authorizer) -> CodeVersion:
    """The version to submit. Raises AuditIsOpen, CommitIsOpen and NothingCommitted, by our rows."""
    if authorizer.audits.open().exists():
        raise _audit_is_open(authorizer)
    if authorizer.versions.filter(state__in=CodeVersion.OPEN).exists():
        raise CommitIsOpen
    return newest_version(authorizer)


def _audit_is_open(authorizer: Authorizer) -> AuditIsOpen:
    open_audit = authorizer.audits.open().first()
    return AuditIsOpen(open_audit.auditid if open_audit else "")


def _hold_back(authorizer: Authorizer, result: Preflight, *, is_overruled: bool) -> None:
    """Raise where RESULT says that WeChat would refuse; a review that is open there is adopted."""
    if result.ok or is_overruled:
        return
    if any(check.code == "open_audit" for check in result.failing):
        raise AuditIsOpen(_auditid_at_wechat(authorizer))
    raise PreflightFailed(result.failing)


def _call_submit_audit(audit: CodeAudit) -> None:
    release_db_connection()
    submission = cast(code_review.Submission, audit.fields)
    try:
        auditid = call_as(audit.appid, code_review.submit_audit, submission)
    except AuditOpen as error:
        _mark_refused(audit, error)
        raise AuditIsOpen(_auditid_at_wechat(audit.authorizer)) from None
    except NOT_DONE as error:
        _mark_refused(audit, error)
        if getattr(error, "errcode", None) == PREVIEW_IS_GONE:
            forget_media(audit.authorizer)
        raise
    except Unreachable as error:
        _mark_unknown(audit, str(error))
    else:
        _mark_in_review(audit, auditid)


def _mark_refused(audit: CodeAudit, reason: object) -> bool:
    """AUDIT is not at WeChat. Somebody may have looked for it while the answer was on its way."""
    with transaction.atomic():
        is_ours = transition(
            audit,
            CodeAudit.Status.REFUSED,
            note=str(reason),
            before=CodeAudit.IN_FLIGHT,
            errcode=getattr(reason, "errcode", None),
            last_error=str(reason),
            due_at=None,
        )
        if is_ours:
            record_operation(
                "submit_audit",
                by=audit.submitted_by,
                appid=audit.appid,
                result=str(reason),
                version=audit.user_version,
                has_failed=True,
            )
    return is_ours


def _mark_in_review(audit: CodeAudit, auditid: int) -> bool:
    with transaction.atomic():
        is_ours = transition(
            audit,
            CodeAudit.Status.IN_REVIEW,
            before=CodeAudit.IN_FLIGHT,
            auditid=str(auditid),
            failures=0,
            last_error="",
            due_at=Now() + MIN_POLL_INTERVAL,
        )
        if is_ours:
            note_spent(QuotaEntry.Kind.SUBMITTED, audit.authorizer, by=audit.submitted_by)
    return is_ours


def _auditid_at_wechat(authorizer: Authorizer) -> str:
    """The auditid of the audit that WeChat says is open, "" if it does not tell now."""
    try:
        return adopt_newest_audit(authorizer)
    except WeChatError:
        return ""


def _mark_unknown(audit: CodeAudit, error: str) -> None:
    """The answer was lost: WeChat may be reviewing it or not. `reconcile_submission` looks."""
    transition(
        audit,
        CodeAudit.Status.UNKNOWN,
        note=error,
        before=CodeAudit.IN_FLIGHT,
        last_error=error,
        failures=audit.failures + 1,
        due_at=Now() + RECHECK_AFTER,
    )


def reconcile_submission(audit: CodeAudit) -> None:
    """
    Find AUDIT at WeChat by get_latest_auditstatus: the newest one there that is none of our others.

    Twice without a trace, 30 s apart, it was never submitted. Raises what WeChat answered.
    """
    try:
        latest = call_as(audit.appid, code_review.get_latest_auditstatus)
    except NoAudit:
        latest = None
    if latest and _is_same_submission(audit, latest):
        if _mark_in_review(audit, latest.auditid):
            apply_verdict(audit, latest.verdict)
    elif audit.failures >= MAX_CHECKS:
        _mark_refused(audit, _("WeChat does not have it: it was never submitted."))
        if latest:
            adopt_newest_audit(audit.authorizer)
    else:
        _mark_unknown(audit, audit.last_error)


def _is_same_submission(audit: CodeAudit, latest: code_review.LatestAudit) -> bool:
    if latest.user_version not in ("", audit.user_version):  # submitted elsewhere
        return False
    rows = CodeAudit.objects.filter(authorizer=audit.authorizer, auditid=str(latest.auditid))
    began = (audit.create_time - CLOCKS_DIFFER).timestamp()
    return not rows.exclude(pk=audit.pk).exists() and latest.submit_audit_time >= began


def withdraw_open_audit(authorizer: Authorizer, *, by: Actor | None) -> CodeAudit:
    """
    undocodeaudit: take the open audit of AUTHORIZER back; 5 a day and 10 a month. The audit.

    Raises NoOpenAudit and what WeChat answered; a lost answer is asked about by polling.
    """
    audit = _open_audit(authorizer)
    try:
        with _recorded("withdraw_audit", audit, by):
            call_as(authorizer.appid, code_review.undo_code_audit)
    except Unreachable:
        CodeAudit.objects.filter(pk=audit.pk).update(due_at=Now() + RECHECK_AFTER)
        raise
    values: dict[str, Any] = {"due_at": None, "decided_at": Now()}
    withdrawn = CodeAudit.Status.WITHDRAWN
    if not transition(audit, withdrawn, by=by, before=CodeAudit.OPEN, **values):
        # It was decided meanwhile, and the call takes no auditid: another may be what it withdrew.
        authorizer.audits.open().update(due_at=Now())
    return audit


def speed_up_open_audit(authorizer: Authorizer, *, by: Actor | None) -> CodeAudit:
    """`speed_up_audit` for the open audit of AUTHORIZER, which is returned. Raises NoOpenAudit."""
    audit = _open_audit(authorizer)
    speed_up_audit(audit, by=by)
    return audit


def speed_up_audit(audit: CodeAudit, *, by: Actor | None) -> None:
    """speedupaudit: have AUDIT decided within 2 to 12 hours. Raises what WeChat answered."""
    with _recorded("speed_up_audit", audit, by):
        call_as(audit.appid, code_review.speed_up_audit, int(audit.auditid))
    with transaction.atomic():
        record_event(audit, "sped_up", by=by)
        note_spent(QuotaEntry.Kind.SPED_UP, audit.authorizer, by=by)


def _recorded(action: str, audit: CodeAudit, by: Actor | None) -> AbstractContextManager[None]:
    """As `recorded_call`, of what is done to AUDIT."""
    return recorded_call(
        action, by=by, appid=audit.appid, result=audit.auditid, version=audit.user_version
    )


def _open_audit(authorizer: Authorizer) -> CodeAudit:
    """The audit of AUTHORIZER that WeChat has and has not decided. Raises NoOpenAudit."""
    audit: CodeAudit | None = authorizer.audits.open().exclude(auditid="").first()
    if audit is None:
        raise NoOpenAudit
    return audit
