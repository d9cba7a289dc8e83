"""The steps of one item: from its code's upload to its release, by the state that it is in."""

import logging
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from audits.models import CampaignItem, CodeAudit, CodeVersion, Release
from audits.problems import (
    AuditIsOpen,
    CannotAct,
    CommitIsOpen,
    PreflightFailed,
    ReleaseIsOpen,
    RightEnded,
)
from audits.services.committing import commit_template
from audits.services.releasing import release_newest_audit
from audits.services.rollout.items import (
    REQUEUE_AFTER,
    bind_act,
    finish_item,
    requeue_item,
    set_item_state,
)
from audits.services.rollout.obstacles import (
    foreign_open_audit,
    halt_for_ended_right,
    handle_ended_right,
    handle_error,
    handle_open_audit,
    handle_preflight,
    handle_refusal,
    own_open_audit,
    yield_to_audit,
)
from audits.services.submitting import newest_version, submit_newest_version
from miniprograms.models import Authorizer
from miniprograms.tokens import call_as
from platform_auth.leases import release_db_connection
from platform_auth.operations import record_operation
from wechat import code
from wechat.errors import WeChatError

logger = logging.getLogger(__name__)

MAY_COMMIT, MAY_SUBMIT = "audits.commit_version", "audits.submit_audit"
MAY_RELEASE = "audits.release_audit"


def begin_item(item: CampaignItem) -> None:
    """A place has come free: upload the code, unless that was done before it was tried again."""
    authorizer = item.authorizer
    if authorizer.state in (Authorizer.State.UNBOUND, Authorizer.State.NEEDS_REAUTHORIZATION):
        reason = _("The mini program is not bound to the platform any more.")
        finish_item(item, CampaignItem.State.FAILED, reason)
    elif item.campaign.submits and (foreign := foreign_open_audit(item)) is not None:
        yield_to_audit(item, foreign)
    elif _is_approved(item):
        follow_verdict(item)
    elif _is_uploaded(item):
        _mark_uploaded(item)
    else:
        _commit_item(item)


def _is_approved(item: CampaignItem) -> bool:
    """The audit it had has passed, and is the newest still."""
    if item.audit is None or item.audit.status != CodeAudit.Status.PASSED:
        return False
    return bool(item.authorizer.audits.exclude(auditid="").newest_first().first() == item.audit)


def _is_uploaded(item: CampaignItem) -> bool:
    version = item.version
    is_committed = version is not None and version.state == CodeVersion.State.COMMITTED
    return is_committed and newest_version(item.authorizer) == version


def _commit_item(item: CampaignItem) -> None:
    campaign = item.campaign
    try:
        commit_template(
            item.authorizer,
            campaign.template,
            user_version=campaign.user_version,
            user_desc=campaign.user_desc,
            ext=campaign.ext,
            by=campaign.run_by,
            keeps_first=False,
            within=lambda version: bind_act(
                item,
                CampaignItem.State.COMMITTING,
                person_id=campaign.run_by_id,
                permission=MAY_COMMIT,
                version=version,
            ),
        )
    except RightEnded as error:
        handle_ended_right(item, error)
    except CommitIsOpen as error:
        requeue_item(item, str(error))
    except CannotAct as error:
        finish_item(item, CampaignItem.State.FAILED, str(error))
    except WeChatError as error:
        logger.info("%s: %s", item.authorizer.appid, error)
        follow_commit(item)
    else:
        follow_commit(item)


def follow_commit(item: CampaignItem) -> None:
    """The upload has an outcome, or none yet."""
    version = CodeVersion.objects.get(campaignitem=item)
    match version.state:
        case CodeVersion.State.COMMITTED:
            _mark_uploaded(item)
        case CodeVersion.State.REFUSED:
            handle_refusal(item, version, CampaignItem.State.READY)
        case _other:
            set_item_state(item, CampaignItem.State.COMMITTING, due_at=None)


def _mark_uploaded(item: CampaignItem) -> None:
    """Submitted next, or at its end where the campaign only uploads."""
    if item.campaign.submits:
        set_item_state(item, CampaignItem.State.COMMITTED, failures=0)
    else:
        finish_item(item, CampaignItem.State.ON_TRIAL)


def submit_item(item: CampaignItem) -> None:
    """Submit what was uploaded, once WeChat has checked it; the upload is never repeated here."""
    if not _is_uploaded(item):
        reason = _("Another version was uploaded since.")
        finish_item(item, CampaignItem.State.FAILED, reason, version=None)
        return
    if own := own_open_audit(item):
        submitting = CampaignItem.State.SUBMITTING
        set_item_state(item, submitting, audit=own, submitted_at=own.create_time)
        return
    release_db_connection()
    try:
        call_as(item.authorizer.appid, code.get_code_privacy_info)
        submit_newest_version(
            item.authorizer,
            by=item.campaign.run_by,
            fields={"version_desc": item.campaign.user_desc} if item.campaign.user_desc else None,
            within=lambda audit: _bind_audit(item, audit),
        )
    except CannotAct as error:
        _handle_unsubmitted(item, error)
    except WeChatError as error:
        if item.state == CampaignItem.State.SUBMITTING:
            follow_submission(item)
        else:
            handle_error(item, error, CampaignItem.State.COMMITTED)
    else:
        follow_submission(item)


def _handle_unsubmitted(item: CampaignItem, error: CannotAct) -> None:
    """Our own rows, or the preflight, say no to the submission of ITEM."""
    match error:
        case RightEnded():
            handle_ended_right(item, error)
        case AuditIsOpen():
            handle_open_audit(item, error)
        case PreflightFailed():
            handle_preflight(item, error)
        case CommitIsOpen():
            requeue_item(item, str(error))
        case _:
            finish_item(item, CampaignItem.State.FAILED, str(error))


def _bind_audit(item: CampaignItem, audit: CodeAudit) -> None:
    if audit.version_id != item.version_id:
        raise CannotAct(_("Another version was uploaded since."))
    bind_act(
        item,
        CampaignItem.State.SUBMITTING,
        person_id=item.campaign.run_by_id,
        permission=MAY_SUBMIT,
        audit=audit,
        submitted_at=Now(),
    )


def follow_submission(item: CampaignItem) -> None:
    """The submission has an outcome, or none yet."""
    audit = CodeAudit.objects.get(campaignitem=item)
    if audit.status in CodeAudit.IN_FLIGHT:
        set_item_state(item, CampaignItem.State.SUBMITTING, due_at=None)
    elif audit.status == CodeAudit.Status.REFUSED:
        handle_refusal(item, audit, CampaignItem.State.COMMITTED, submitted_at=None)
    else:
        follow_verdict(item)


def follow_verdict(item: CampaignItem) -> None:
    """WeChat has decided ITEM's audit, or not yet."""
    audit = CodeAudit.objects.get(campaignitem=item)
    match audit.status:
        case CodeAudit.Status.PASSED if audit.released_at:
            finish_item(item, CampaignItem.State.RELEASED)
        case CodeAudit.Status.PASSED:
            _mark_passed(item)
        case CodeAudit.Status.REJECTED:
            reason = audit.reason or _("WeChat rejected it.")
            finish_item(item, CampaignItem.State.REJECTED, reason)
        case CodeAudit.Status.IN_REVIEW | CodeAudit.Status.DELAYED:
            set_item_state(item, CampaignItem.State.IN_REVIEW, due_at=None, failures=0)
        case _other:
            finish_item(item, CampaignItem.State.FAILED, _("The audit was withdrawn."))


def _mark_passed(item: CampaignItem) -> None:
    """Approved: released at once where that was chosen, otherwise at a click."""
    campaign = item.campaign
    by = campaign.run_by if campaign.auto_release else item.released_by
    due_at = Now() if by or campaign.auto_release else None
    set_item_state(item, CampaignItem.State.PASSED, released_by=by, due_at=due_at, failures=0)


def release_item(item: CampaignItem) -> None:
    """Release what has passed, in the name of whoever chose so."""
    audit = CodeAudit.objects.get(campaignitem=item)
    person = _releaser_of(item)
    if audit.released_at:
        finish_item(item, CampaignItem.State.RELEASED)
        return
    if person is None:
        _await_person(item)
        return
    try:
        release_newest_audit(
            item.authorizer,
            by=person,
            auditid=audit.auditid,
            within=lambda act: bind_act(
                item,
                CampaignItem.State.RELEASING,
                person_id=person.pk,
                permission=MAY_RELEASE,
                release=act,
            ),
        )
    except RightEnded as error:
        _refuse_release(item, person, error)
    except ReleaseIsOpen as error:
        due_at = Now() + REQUEUE_AFTER
        set_item_state(item, CampaignItem.State.PASSED, due_at=due_at, reason=str(error))
    except CannotAct as error:
        finish_item(item, CampaignItem.State.FAILED, str(error))
    except WeChatError as error:
        if item.state == CampaignItem.State.RELEASING:
            follow_release(item)
        else:
            handle_error(item, error, CampaignItem.State.PASSED)
    else:
        follow_release(item)


def _releaser_of(item: CampaignItem) -> User | None:
    """Who clicked; where it is released by itself, otherwise whoever the campaign runs for."""
    person: User | None = item.released_by
    if person is None and item.campaign.auto_release:
        person = item.campaign.run_by
    return person


def _await_person(item: CampaignItem) -> None:
    """Somebody clicks; or the campaign, whose person is gone, is resumed by another."""
    due_at = None
    if item.campaign.auto_release:
        halt_for_ended_right(item.campaign)
        due_at = Now()
    set_item_state(item, CampaignItem.State.PASSED, due_at=due_at)


def _refuse_release(item: CampaignItem, person: User, error: RightEnded) -> None:
    """
    It waits for the click of somebody who may; a campaign that releases by itself, in the name of
    the same PERSON, for somebody to resume it.
    """
    campaign = item.campaign
    due_at = Now() if campaign.auto_release else None
    with transaction.atomic():
        values: dict[str, Any] = {"released_by": None, "reason": str(error), "due_at": due_at}
        if item.write(updated_at=Now(), **values):
            record_operation(
                "refuse_release",
                by=None,
                appid=item.authorizer.appid,
                result=f"{person}: {error}",
                version=campaign.user_version,
            )
    if campaign.auto_release and campaign.run_by_id == person.pk:
        halt_for_ended_right(campaign)


def follow_release(item: CampaignItem) -> None:
    """The release has an outcome, or none yet."""
    audit = CodeAudit.objects.get(campaignitem=item)
    if audit.released_at:
        finish_item(item, CampaignItem.State.RELEASED)
        return
    act = Release.objects.filter(campaignitem=item).first()
    if act is not None and act.state in Release.OPEN:
        set_item_state(item, CampaignItem.State.RELEASING, due_at=None)
    elif act is not None and act.state == Release.State.REFUSED:
        handle_refusal(item, act, CampaignItem.State.PASSED)
    else:
        finish_item(item, CampaignItem.State.FAILED, _("Another version was submitted since."))


STEPS = {
    CampaignItem.State.READY: begin_item,
    CampaignItem.State.COMMITTING: follow_commit,
    CampaignItem.State.COMMITTED: submit_item,
    CampaignItem.State.SUBMITTING: follow_submission,
    CampaignItem.State.IN_REVIEW: follow_verdict,
    CampaignItem.State.PASSED: release_item,
    CampaignItem.State.RELEASING: follow_release,
}
