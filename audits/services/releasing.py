"""
Releasing what WeChat has approved, and rolling back: wxa/release, revertcoderelease, once.

WeChat's release takes no version: it publishes whatever was approved last. So the newest audit is
compared with the one that people here approved right before the call, and what is live is read
afterwards; the window between narrows, it cannot close.
"""

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from audits.models import CodeAudit, GrayRelease, Release
from audits.problems import AuditNotPassed, NeedsSecondPerson, ReleaseIsOpen
from audits.services.code_events import publish_release_event
from audits.services.history import record_event
from audits.services.outcomes import (
    ABANDONED_AFTER,
    MAX_CHECKS,
    NOT_DONE,
    RECHECK_AFTER,
    close_act,
    earliest_effect,
    mark_unknown,
    refuse_act,
    version_of,
)
from audits.services.summaries import summarise_code
from audits.services.verdicts import adopt_newest_audit
from miniprograms.models import Authorizer
from miniprograms.tokens import call_as
from platform_auth.leases import release_db_connection
from platform_auth.operations import Actor, record_operation, recorded_call
from platform_auth.rights import may_still
from wechat import code_release
from wechat.errors import NothingToRelease, Unreachable, WeChatError

logger = logging.getLogger(__name__)


def approve_release(audit: CodeAudit, *, by: Actor | None) -> None:
    """
    BY agrees that AUDIT is released: the first of two people, where two are wanted.

    Raises AuditNotPassed.
    """
    passed = CodeAudit.Status.PASSED
    waiting = CodeAudit.objects.filter(pk=audit.pk, status=passed, released_at=None)
    with transaction.atomic():
        if not waiting.update(approved_by_id=by.pk if by else None):
            raise AuditNotPassed(audit.auditid, str(CodeAudit.Status(audit.status).label))
        record_operation(
            "approve_release",
            by=by,
            appid=audit.appid,
            result=audit.auditid,
            version=audit.user_version,
        )
    audit.refresh_from_db()


def release_newest_audit(
    authorizer: Authorizer,
    *,
    by: Actor | None,
    auditid: str = "",
    within: Callable[[Release], object] | None = None,
) -> Release:
    """
    Release the newest audit of AUTHORIZER, once WeChat confirms that it has passed. The act.

    AUDITID is what a person saw: another one is not released. The act's row is written first, and
    WITHIN its transaction whatever must know of it; if that raises, nothing was done. Its state
    tells the outcome; UNKNOWN where WeChat's answer was lost. Released already, it is the act of
    then and WeChat is not asked. Raises AuditNotPassed with the newest auditid, ReleaseIsOpen,
    NeedsSecondPerson, and what WeChat answered.
    """
    audit = releasable_audit(authorizer, by)
    if auditid and audit.auditid != auditid:
        raise AuditNotPassed(audit.auditid, _("another version was submitted since"))
    if audit.released_at:
        return _last_release(audit)
    act = _create_act(authorizer, Release.Kind.RELEASE, by, within, audit=audit)
    try:
        audit.refresh_from_db()
        if audit.released_at:  # somebody was quicker, between our look and our row
            close_act(act, Release.State.REFUSED, _("It has been released already."))
            return _last_release(audit)
        check_newest(audit)
        _read_live_before(act)
    except (AuditNotPassed, WeChatError) as error:
        refuse_act(act, error)
        raise
    _call_release(act, lambda: call_as(authorizer.appid, code_release.release_code))
    return act


def releasable_audit(authorizer: Authorizer, by: Actor | None) -> CodeAudit:
    """The newest audit of AUTHORIZER that WeChat took, if by our rows it may be released by BY."""
    newest = authorizer.audits.exclude(auditid="").newest_first()
    audit: CodeAudit | None = newest.first()
    if audit is None:
        adopt_newest_audit(authorizer)
        audit = newest.first()
    if audit is None:
        raise AuditNotPassed("", _("nothing submitted"))
    if audit.status != CodeAudit.Status.PASSED and not audit.released_at:
        check_newest(audit)
    wants_two = settings.RELEASE_NEEDS_TWO and not audit.released_at
    if wants_two:
        _check_approver(audit)
    if wants_two and (audit.approved_by_id is None or (by and by.pk == audit.approved_by_id)):
        raise NeedsSecondPerson
    return audit


def _check_approver(audit: CodeAudit) -> None:
    """Whoever agreed must be one who may, now; otherwise somebody else has to agree."""
    person = audit.approved_by
    if person is None or may_still(person.pk, ["audits.release_audit"]):
        return
    with transaction.atomic():
        approved = CodeAudit.objects.filter(pk=audit.pk, approved_by=person)
        if approved.update(approved_by=None):
            record_operation(
                "end_approval",
                by=None,
                appid=audit.appid,
                result=str(person),
                version=audit.user_version,
            )
    audit.approved_by = None


def check_newest(audit: CodeAudit) -> None:
    """The newest audit at WeChat must be AUDIT, passed. Raises AuditNotPassed, WeChat's answer."""
    newest = adopt_newest_audit(audit.authorizer)
    audit.refresh_from_db()
    if newest != audit.auditid:
        raise AuditNotPassed(newest, _("another version was submitted since"))
    if audit.status != CodeAudit.Status.PASSED:
        raise AuditNotPassed(newest, str(CodeAudit.Status(audit.status).label))


def _last_release(audit: CodeAudit) -> Release:
    """The act that released AUDIT; where it was done before our time, one that has no row."""
    state = Release.State.DONE
    act = audit.releases.filter(state=state).order_by("-id").first()
    kind = Release.Kind.RELEASE
    return act or Release(authorizer=audit.authorizer, audit=audit, kind=kind, state=state)


def _create_act(
    authorizer: Authorizer,
    kind: Release.Kind,
    by: Actor | None,
    within: Callable[[Release], object] | None = None,
    **values: Any,
) -> Release:
    """The row of an act, before the call. The database allows one at a time."""
    try:
        with transaction.atomic():
            act: Release = Release.objects.create(
                authorizer=authorizer,
                kind=kind,
                state=Release.State.RUNNING,
                by_id=by.pk if by else None,
                due_at=Now() + ABANDONED_AFTER,
                **values,
            )
            record_operation(
                str(kind),
                by=by,
                appid=authorizer.appid,
                result=_("back to number %(number)d") % {"number": act.app_version}
                if act.app_version is not None
                else "",
                version=version_of(act),
            )
            if within:
                within(act)
    except IntegrityError:
        raise ReleaseIsOpen from None
    act.refresh_from_db()
    return act


def _read_live_before(act: Release) -> None:
    """
    Keep what is live before ACT: the last thing before the call, so it also makes sure that nobody
    has given this act up meanwhile. Raises ReleaseIsOpen, and what WeChat answered.
    """
    release_db_connection()
    _trial, live = call_as(act.authorizer.appid, code_release.get_version_info)
    act.live_before = live.user_version[:64] if live else ""
    running = Release.objects.filter(pk=act.pk, state=Release.State.RUNNING)
    if not running.update(live_before=act.live_before, due_at=Now() + ABANDONED_AFTER):
        raise ReleaseIsOpen


def _call_release(act: Release, call: Callable[[], object]) -> None:
    """CALL WeChat for ACT and write what came of it."""
    release_db_connection()
    try:
        call()
    except NothingToRelease as error:
        _close_if_live(act, error)
    except NOT_DONE as error:
        refuse_act(act, error)
        raise
    except Unreachable as error:
        mark_unknown(act, str(error))
    else:
        _close_done(act)
    act.refresh_from_db()


def _close_if_live(act: Release, error: NothingToRelease) -> None:
    """WeChat has nothing to release: perhaps because it was released already."""
    try:
        is_live = act.kind == Release.Kind.RELEASE and _is_live(act)
    except WeChatError as problem:
        mark_unknown(act, str(problem))
        return
    if is_live:
        _close_done(act)
        return
    refuse_act(act, error)
    raise error


def _is_live(act: Release) -> bool:
    """Whether the version of ACT's audit is live, released since WeChat took that audit."""
    _trial, live = call_as(act.authorizer.appid, code_release.get_version_info)
    if live is None or act.audit is None or live.user_version != act.audit.user_version:
        return False
    return live.at >= earliest_effect(act.audit.create_time, _previous_release_at(act)).timestamp()


def _took_effect(act: Release) -> bool:
    """Whether what is live has changed through ACT, though its answer was lost."""
    _trial, live = call_as(act.authorizer.appid, code_release.get_version_info)
    if live is None:
        return False
    if act.kind == Release.Kind.REVERT:  # a version that is back is as old as it was
        return act.live_before not in ("", live.user_version)
    since = earliest_effect(act.at, _previous_release_at(act)).timestamp()
    released_version = act.audit.user_version if act.audit else ""
    return live.at >= since and (
        live.user_version != act.live_before or live.user_version == released_version
    )


def _previous_release_at(act: Release) -> datetime | None:
    releases = act.authorizer.releases.filter(kind=Release.Kind.RELEASE, pk__lt=act.pk)
    earlier = releases.filter(state=Release.State.DONE)
    return earlier.order_by("-id").values_list("at", flat=True).first()


def _close_done(act: Release) -> None:
    """It took effect: the audit is released, and what is live is read and compared."""
    with transaction.atomic():
        if not close_act(act, Release.State.DONE):
            return
        if act.audit and act.kind == Release.Kind.RELEASE:
            unreleased = CodeAudit.objects.filter(pk=act.audit.pk, released_at=None)
            unreleased.update(released_at=Now(), released_by_id=act.by_id, due_at=None)
            record_event(act.audit, "released", by=act.by)
            steps = GrayRelease.objects.filter(authorizer=act.authorizer_id)
            steps.update(state=GrayRelease.State.ENDED, due_at=None)
            summarise_code(act.authorizer_id)
        publish_release_event(act)
    try:
        _read_live_after(act)
    except WeChatError as error:
        logger.warning("what is live of %s is not known: %s", act.authorizer.appid, error)
        Release.objects.filter(pk=act.pk).update(due_at=Now() + RECHECK_AFTER)


def _read_live_after(act: Release) -> None:
    """Record what WeChat says is live; another version than the approved one is shouted."""
    release_db_connection()
    _trial, released = call_as(act.authorizer.appid, code_release.get_version_info)
    live = released.user_version[:64] if released else ""
    with transaction.atomic():
        Release.objects.filter(pk=act.pk).update(live_after=live, due_at=None)
        summarise_code(act.authorizer_id)
    if act.audit and act.kind == Release.Kind.RELEASE and live != act.audit.user_version:
        logger.error("%s: another version is live than was approved", act.authorizer.appid)
        versions = {"approved": act.audit.user_version, "live": live}
        note = _("Approved was %(approved)s, live is %(live)s.") % versions
        record_event(act.audit, "mismatch", note=note)
        record_operation(
            "release_mismatch",
            by=None,
            appid=act.authorizer.appid,
            result=note,
            version=act.audit.user_version,
        )


def reconcile_release(act: Release) -> None:
    """Ask getversioninfo whether ACT took effect, and what is live. Raises what WeChat answered."""
    if act.state == Release.State.DONE:
        _read_live_after(act)
    elif _took_effect(act):
        _close_done(act)
    elif act.failures >= MAX_CHECKS:
        error = _("What is live has not changed: it was never done.")
        refuse_act(act, error)
    else:
        mark_unknown(act, act.last_error)


def list_past_versions(authorizer: Authorizer) -> list[code_release.PastVersion]:
    """What can be rolled back to: the last five versions that were live."""
    release_db_connection()
    return call_as(authorizer.appid, code_release.get_history_version)


def revert_release(
    authorizer: Authorizer, *, by: Actor | None, app_version: int | None = None
) -> Release:
    """
    Roll AUTHORIZER back to APP_VERSION of its past versions, or to the one before. The act.

    Raises ReleaseIsOpen and what WeChat answered.
    """
    act = _create_act(authorizer, Release.Kind.REVERT, by, app_version=app_version)
    try:
        _read_live_before(act)
    except WeChatError as error:
        refuse_act(act, error)
        raise
    _call_release(
        act, lambda: call_as(authorizer.appid, code_release.revert_code_release, app_version)
    )
    return act


def set_visit_status(authorizer: Authorizer, *, is_open: bool, by: Actor | None) -> None:
    """change_visitstatus: open or close the mini program to its users. Raises WeChat's answer."""
    action = "open_service" if is_open else "close_service"
    with recorded_call(action, by=by, appid=authorizer.appid):
        call_as(authorizer.appid, code_release.change_visit_status, is_open=is_open)
