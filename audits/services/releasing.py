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

from audits.models import CodeAudit, Release
from audits.problems import AuditNotPassed, NeedsAnother, ReleaseIsOpen
from audits.services.committing import ABANDONED, LOOK_AGAIN, LOOKS
from audits.services.history import announced, earliest, note_event
from audits.services.verdicts import adopt
from miniprograms.models import Authorizer
from miniprograms.tokens import call_as
from platform_auth.leases import release_db_connection
from platform_auth.operations import Actor, record_operation
from wechat import code
from wechat.errors import (
    BackingOff,
    NothingToRelease,
    NotReady,
    NotSent,
    Refused,
    Unreachable,
    WeChatError,
)

logger = logging.getLogger(__name__)

Kind = Release.Kind
State = Release.State
Status = CodeAudit.Status

OPEN = [State.RUNNING, State.UNKNOWN]


def approve(audit: CodeAudit, *, by: Actor | None) -> None:
    """
    BY agrees that AUDIT is released: the first of two people, where two are wanted.

    Raises AuditNotPassed.
    """
    waiting = CodeAudit.objects.filter(pk=audit.pk, status=Status.PASSED, released_at=None)
    with transaction.atomic():
        if not waiting.update(approved_by_id=by.pk if by else None):
            raise AuditNotPassed(audit.auditid, str(Status(audit.status).label))
        record_operation("approve_release", by=by, appid=audit.appid, result=audit.auditid)
    audit.refresh_from_db()


def release(
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
    NeedsAnother, and what WeChat answered.
    """
    audit = _approved(authorizer, by)
    if auditid and audit.auditid != auditid:
        raise AuditNotPassed(audit.auditid, _("another version was submitted since"))
    if audit.released_at:
        return _act_of(audit)
    act = _begin(authorizer, Kind.RELEASE, by, within, audit=audit)
    try:
        audit.refresh_from_db()
        if audit.released_at:  # somebody was quicker, between our look and our row
            _end(act, State.REFUSED, _("It has been released already."))
            return _act_of(audit)
        _check_newest(audit)
        _look_before(act)
    except (AuditNotPassed, WeChatError) as error:
        _end(act, State.REFUSED, str(error), errcode=getattr(error, "errcode", None))
        raise
    _send(act, lambda: call_as(authorizer.appid, code.release))
    return act


def _approved(authorizer: Authorizer, by: Actor | None) -> CodeAudit:
    """The newest audit of AUTHORIZER that WeChat took, if by our rows it may be released by BY."""
    taken = authorizer.audits.exclude(auditid="")
    audit: CodeAudit | None = taken.newest_first().first()
    if audit is None:
        adopt(authorizer)
        audit = taken.newest_first().first()
    if audit is None:
        raise AuditNotPassed("", _("nothing submitted"))
    if audit.status != Status.PASSED and not audit.released_at:
        _check_newest(audit)
    wants_two = settings.RELEASE_NEEDS_TWO and not audit.released_at
    if wants_two and (audit.approved_by_id is None or (by and by.pk == audit.approved_by_id)):
        raise NeedsAnother
    return audit


def _check_newest(audit: CodeAudit) -> None:
    """The newest audit at WeChat must be AUDIT, passed. Raises AuditNotPassed, WeChat's answer."""
    newest = adopt(audit.authorizer)
    audit.refresh_from_db()
    if newest != audit.auditid:
        raise AuditNotPassed(newest, _("another version was submitted since"))
    if audit.status != Status.PASSED:
        raise AuditNotPassed(newest, str(Status(audit.status).label))


def _act_of(audit: CodeAudit) -> Release:
    done = audit.releases.filter(state=State.DONE).order_by("-id").first()
    return done or Release(
        authorizer=audit.authorizer, audit=audit, kind=Kind.RELEASE, state=State.DONE
    )


def _begin(
    authorizer: Authorizer,
    kind: Kind,
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
                state=State.RUNNING,
                by_id=by.pk if by else None,
                due_at=Now() + ABANDONED,
                **values,
            )
            record_operation(str(kind), by=by, appid=authorizer.appid)
            if within:
                within(act)
    except IntegrityError:
        raise ReleaseIsOpen from None
    act.refresh_from_db()
    return act


def _look_before(act: Release) -> None:
    """
    Note what is live before ACT: the last thing before the call, so it also makes sure that nobody
    has given this act up meanwhile. Raises ReleaseIsOpen, and what WeChat answered.
    """
    release_db_connection()
    _trial, live = call_as(act.authorizer.appid, code.get_version_info)
    act.live_before = live.user_version[:64] if live else ""
    ours = Release.objects.filter(pk=act.pk, state=State.RUNNING)
    if not ours.update(live_before=act.live_before, due_at=Now() + ABANDONED):
        raise ReleaseIsOpen


def _send(act: Release, call: Any) -> None:
    """CALL WeChat for ACT and write what came of it."""
    release_db_connection()
    try:
        call()
    except NothingToRelease as error:
        _end_if_live(act, error)
    except Refused as error:
        _end(act, State.REFUSED, str(error), errcode=error.errcode)
        raise
    except (NotSent, NotReady, BackingOff) as error:
        _end(act, State.REFUSED, str(error))
        raise
    except Unreachable as error:
        _wait(act, str(error))
    else:
        _end_done(act)
    act.refresh_from_db()


def _end_if_live(act: Release, error: NothingToRelease) -> None:
    """WeChat has nothing to release: perhaps because it was released already."""
    try:
        is_live = act.kind == Kind.RELEASE and _is_live(act)
    except WeChatError as problem:
        _wait(act, str(problem))
        return
    if is_live:
        _end_done(act)
        return
    _end(act, State.REFUSED, str(error), errcode=error.errcode)
    raise error


def _is_live(act: Release) -> bool:
    """Whether the version of ACT's audit is live, released since WeChat took that audit."""
    _trial, live = call_as(act.authorizer.appid, code.get_version_info)
    if live is None or act.audit is None or live.user_version != act.audit.user_version:
        return False
    return live.at >= earliest(act.audit.create_time, _done_before(act)).timestamp()


def _took_effect(act: Release) -> bool:
    """Whether what is live has changed through ACT, though its answer was lost."""
    _trial, live = call_as(act.authorizer.appid, code.get_version_info)
    if live is None:
        return False
    if act.kind == Kind.REVERT:  # a version that is back is as old as it was
        return act.live_before not in ("", live.user_version)
    since = earliest(act.at, _done_before(act)).timestamp()
    wanted = {act.audit.user_version if act.audit else ""}
    is_other = live.user_version != act.live_before
    return live.at >= since and (is_other or live.user_version in wanted)


def _done_before(act: Release) -> datetime | None:
    """When the release before ACT began."""
    before = Release.objects.filter(
        authorizer=act.authorizer, kind=Kind.RELEASE, state=State.DONE, pk__lt=act.pk
    )
    times = before.order_by("-id").values_list("at", flat=True)
    return times.first()


def _end(act: Release, state: State, error: str = "", **values: Any) -> bool:
    rows = Release.objects.filter(pk=act.pk, state__in=OPEN)
    return bool(rows.update(state=state, last_error=error, due_at=None, lease_until=None, **values))


def _end_done(act: Release) -> None:
    """It took effect: the audit is released, and what is live is read and compared."""
    with transaction.atomic():
        if not _end(act, State.DONE):
            return
        if act.audit and act.kind == Kind.RELEASE:
            released = CodeAudit.objects.filter(pk=act.audit.pk, released_at=None)
            released.update(released_at=Now(), released_by_id=act.by_id, due_at=None)
            note_event(act.audit, "released", by=act.by)
    try:
        _look_after(act)
    except WeChatError as error:
        logger.warning("what is live of %s is not known: %s", act.authorizer.appid, error)
        Release.objects.filter(pk=act.pk).update(due_at=Now() + LOOK_AGAIN)


def _look_after(act: Release) -> None:
    """Record what WeChat says is live; another version than the approved one is shouted."""
    release_db_connection()
    _trial, read = call_as(act.authorizer.appid, code.get_version_info)
    live = read.user_version[:64] if read else ""
    Release.objects.filter(pk=act.pk).update(live_after=live, due_at=None)
    if act.audit and act.kind == Kind.RELEASE and live != act.audit.user_version:
        logger.error("%s: another version is live than was approved", act.authorizer.appid)
        told = _("Approved was %(approved)s, live is %(live)s.") % {
            "approved": act.audit.user_version,
            "live": live,
        }
        note_event(act.audit, "mismatch", note=told)
        record_operation("release_mismatch", by=None, appid=act.authorizer.appid, result=told)


def _wait(act: Release, error: str) -> None:
    Release.objects.filter(pk=act.pk, state__in=OPEN).update(
        state=State.UNKNOWN,
        last_error=error,
        failures=act.failures + 1,
        due_at=Now() + LOOK_AGAIN,
        lease_until=None,
    )


def reconcile_release(act: Release) -> None:
    """Ask getversioninfo whether ACT took effect, and what is live. Raises what WeChat answered."""
    if act.state == State.DONE:
        _look_after(act)
    elif _took_effect(act):
        _end_done(act)
    elif act.failures >= LOOKS:
        _end(act, State.REFUSED, _("What is live has not changed: it was never done."))
    else:
        _wait(act, act.last_error)


def list_past_versions(authorizer: Authorizer) -> list[code.PastVersion]:
    """What can be rolled back to: the last five versions that were live."""
    release_db_connection()
    return call_as(authorizer.appid, code.get_history_version)


def revert(authorizer: Authorizer, *, by: Actor | None, app_version: int | None = None) -> Release:
    """
    Roll AUTHORIZER back to APP_VERSION of its past versions, or to the one before. The act.

    Raises ReleaseIsOpen and what WeChat answered.
    """
    act = _begin(authorizer, Kind.REVERT, by, app_version=app_version)
    try:
        _look_before(act)
    except WeChatError as error:
        _end(act, State.REFUSED, str(error), errcode=getattr(error, "errcode", None))
        raise
    _send(act, lambda: call_as(authorizer.appid, code.revert_code_release, app_version))
    return act


def gray_release(
    authorizer: Authorizer, percentage: int, *, by: Actor | None, testers_first: bool = False
) -> None:
    """
    grayrelease: give the newest audit's version to PERCENTAGE of users.

    Raises what `release` raises: to those users it is one. To all of them it is `release` itself.
    """
    if percentage == 100:
        release(authorizer, by=by)
        return
    _check_newest(_approved(authorizer, by))
    with announced("gray_release", by=by, appid=authorizer.appid, result=f"{percentage} %"):
        call_as(
            authorizer.appid, code.gray_release, percentage, support_experiencer_first=testers_first
        )


def stop_gray_release(authorizer: Authorizer, *, by: Actor | None) -> None:
    """revertgrayrelease: give everybody the version before. Raises WeChat's answer."""
    with announced("stop_gray_release", by=by, appid=authorizer.appid):
        call_as(authorizer.appid, code.revert_gray_release)


def change_service(authorizer: Authorizer, *, is_open: bool, by: Actor | None) -> None:
    """change_visitstatus: open or close the mini program to its users. Raises WeChat's answer."""
    action = "open_service" if is_open else "close_service"
    with announced(action, by=by, appid=authorizer.appid):
        call_as(authorizer.appid, code.change_visit_status, is_open=is_open)
