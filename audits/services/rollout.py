"""
Carrying campaigns out: one step for one mini program at a time, each under its lease.

A step writes the row of its act together with the item, then calls WeChat. So whoever takes an item
over from a dead worker sees what was begun; acts whose answers were lost are settled elsewhere
(`settling`), and the item goes on from what became of them. Nothing is ever repeated blindly.
"""

import logging
import time
from collections import Counter
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Count, F, Q
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext as _

from audits.models import Campaign, CampaignItem, CodeAudit, CodeVersion, Release
from audits.problems import AuditIsOpen, CannotAct, CommitIsOpen, ReleaseIsOpen
from audits.services.committing import commit
from audits.services.history import CLOCKS_DIFFER
from audits.services.releasing import release
from audits.services.submitting import newest_version, submit
from miniprograms.models import Authorizer
from miniprograms.tokens import call_as
from platform_auth.errcodes import explain_refusal
from platform_auth.leases import release_db_connection
from platform_auth.models import LEASE, UTC_PLUS_8, backoff_after
from platform_auth.operations import record_operation
from wechat import code
from wechat.errors import (
    AuditOpen,
    Busy,
    CheckRunning,
    MustCommit,
    NotReady,
    QuotaDay,
    QuotaMinute,
    QuotaMonth,
    Refused,
    TicketExpired,
    TokenExpired,
    WeChatError,
    refusal,
)

logger = logging.getLogger(__name__)

THREADS = 8
BUDGET = 8.0  # seconds; the next run goes on
PAUSE = 0.5  # seconds, between two looks at the campaigns while all threads wait for WeChat
LOOK_AGAIN = timedelta(minutes=1)  # at what others are doing with the mini program
MOST_TRIES = 10
LONGEST_CHECK = timedelta(days=1)  # of WeChat's, of the code
FEWEST = 10  # mini programs begun, before their failures say anything

State = CampaignItem.State
# An act is under way or its outcome is not known yet; the item waits for that.
OPEN_COMMIT = (CodeVersion.State.COMMITTING, CodeVersion.State.UNKNOWN)
OPEN_SUBMISSION = (CodeAudit.Status.SUBMITTING, CodeAudit.Status.UNKNOWN)
OPEN_RELEASE = (Release.State.RUNNING, Release.State.UNKNOWN)
# Steps that call nobody, so that they are taken in a paused campaign as well.
FOLLOWING = (*CampaignItem.IN_FLIGHT, State.IN_REVIEW)
# These have a place among those `concurrency` allows at once.
AT_WORK = (State.READY, State.COMMITTING, State.COMMITTED, State.SUBMITTING)
PASSING = (Busy, CheckRunning, QuotaDay, QuotaMinute, TicketExpired, TokenExpired)


class FencedOff(Exception):
    """Somebody else has this item now, or its campaign does not run: nothing is begun."""


def run(budget: float = BUDGET) -> int:
    """Bring all campaigns further, for at most BUDGET seconds. How many steps were taken."""
    give_up, steps = time.monotonic() + budget, 0
    busy: dict[Future[bool], int] = {}
    with ThreadPoolExecutor(THREADS, thread_name_prefix="campaign") as pool:
        while time.monotonic() < give_up:
            for item in _find_work(set(busy.values())):
                busy[pool.submit(_take, item)] = item.pk
            if not busy:
                break
            # A slow answer holds up nobody else.
            ended, _slow = wait(busy, timeout=PAUSE, return_when=FIRST_COMPLETED)
            steps += sum(one.result() for one in ended if busy.pop(one))
        steps += sum(one.result() for one in busy)
    release_db_connection()
    return steps


def _find_work(busy: set[int]) -> list[CampaignItem]:
    """What is due, besides what is BUSY; where too little is, what may begin now."""
    if len(busy) > THREADS:
        return []
    due = _due().exclude(pk__in=busy)[: 2 * THREADS - len(busy)]
    items = list(due)
    if not items:
        for campaign in Campaign.objects.unfinished():
            manage(campaign.pk)
        items = list(due.all())
    release_db_connection()
    return items


def _due() -> Any:
    goes_on = Q(campaign__state=Campaign.State.RUNNING) | Q(state__in=FOLLOWING)
    related = ("campaign__template", "campaign__created_by", "authorizer", "version", "audit",
               "release", "released_by")  # fmt: skip
    items = CampaignItem.objects.due().filter(goes_on).exclude(state=State.WAITING)
    return items.with_clock().select_related(*related).order_by("due_at", "id")


def _take(item: CampaignItem) -> bool:
    """One step for ITEM if its lease is to be had; in a thread of the pool."""
    try:
        if not item.take_lease():
            return False
        _STEPS[State(item.state)](item)
    except FencedOff:
        logger.info("an item of campaign %s has moved on", item.campaign_id)
    except Exception:  # its lease runs out, and another try is made; the others go on
        logger.exception("an item of campaign %s", item.campaign_id)
    finally:
        release_db_connection()
    return True


# The campaign as a whole


def manage(pk: int) -> None:
    """Wake the items whose rows have moved; begin new ones as far as the campaign's rules let."""
    _wake(CampaignItem.objects.filter(campaign=pk))
    with transaction.atomic():
        campaign = Campaign.objects.select_for_update().get(pk=pk)
        counts = count(campaign)
        if campaign.state == Campaign.State.STOPPED:
            skip_rest(campaign)
        elif campaign.state == Campaign.State.RUNNING and not _halt(campaign, counts):
            _judge_canary(campaign)
            _admit(campaign, counts)
        if not campaign.items.exclude(state__in=CampaignItem.FINAL).exists():
            _finish(campaign)


def count(campaign: Campaign) -> Counter[str]:
    """How many items of CAMPAIGN are in each state."""
    rows = campaign.items.order_by().values_list("state").annotate(Count("id"))
    return Counter(dict(rows))


def failures(counts: Counter[str]) -> int:
    """How many did not get there."""
    return counts[State.FAILED] + counts[State.REJECTED]


def _wake(items: Any) -> None:
    """What an item waited for has come about: the outcome of an act, a verdict, a release."""
    for state, has_come in (
        (State.COMMITTING, ~Q(version__state__in=OPEN_COMMIT)),
        (State.SUBMITTING, ~Q(audit__status__in=OPEN_SUBMISSION)),
        (State.IN_REVIEW, ~Q(audit__status__in=CodeAudit.OPEN)),
        (State.PASSED, Q(audit__released_at__isnull=False)),
        (State.RELEASING, ~Q(release__state__in=OPEN_RELEASE)),
    ):
        asleep = items.filter(has_come, state=state, due_at=None)
        if pks := list(asleep.values_list("pk", flat=True)[:1000]):
            items.filter(pk__in=pks, state=state, due_at=None).update(due_at=Now())


def skip_rest(campaign: Campaign) -> None:
    """What a stopped CAMPAIGN has not under way; whoever has such an item leased is fenced off."""
    rest = campaign.items.exclude(state__in=(*CampaignItem.FINAL, *CampaignItem.IN_FLIGHT))
    why = _("The campaign was stopped.")
    in_review = rest.filter(state=State.IN_REVIEW)
    in_review.update(reason=_("The campaign was stopped; its audit goes on at WeChat."), **_SKIPPED)
    rest.update(reason=why, **_SKIPPED)


_SKIPPED: dict[str, Any] = {
    "state": State.SKIPPED,
    "due_at": None,
    "lease_until": None,
    "epoch": F("epoch") + 1,
    "updated_at": Now(),
}


def _halt(campaign: Campaign, counts: Counter[str]) -> bool:
    """Pause CAMPAIGN if too many of those it has begun have failed."""
    begun = sum(counts.values()) - counts[State.WAITING] - counts[State.SKIPPED]
    failed = failures(counts) - campaign.forgiven
    if begun < FEWEST or failed * 100 <= campaign.most_failures * begun:
        return False
    pause(
        campaign,
        _("%(failed)d of %(begun)d failed, more than %(most)d %%. Look at their reasons first.")
        % {"failed": failed, "begun": begun, "most": campaign.most_failures},
    )
    return True


def pause(campaign: Campaign, because: str) -> None:
    """The system pauses CAMPAIGN; a person resumes it."""
    rows = Campaign.objects.filter(pk=campaign.pk, state=Campaign.State.RUNNING)
    with transaction.atomic():
        if rows.update(state=Campaign.State.PAUSED, because=because):
            record_operation("pause_campaign", by=None, result=f"{campaign}: {because}")


def _judge_canary(campaign: Campaign) -> None:
    """All of the canary wave is released: the rest may follow."""
    if campaign.is_past_canary:
        return
    canaries = campaign.items.filter(is_canary=True)
    good = [State.RELEASED, State.SKIPPED]
    is_live = canaries.filter(state=State.RELEASED).exists()
    if is_live and not canaries.exclude(state__in=good).exists():
        campaign.is_past_canary = True
        Campaign.objects.filter(pk=campaign.pk).update(is_past_canary=True)
        record_operation("canary_passed", by=None, result=str(campaign))


def _admit(campaign: Campaign, counts: Counter[str]) -> None:
    """Begin as many waiting items as there are places and submissions left today."""
    at_work = sum(counts[state] for state in AT_WORK)
    places = campaign.concurrency - at_work
    if campaign.daily_budget is not None:
        unsent = at_work - counts[State.SUBMITTING]
        places = min(places, campaign.daily_budget - submitted_today(campaign) - unsent)
    if places <= 0:
        return
    waiting = campaign.items.filter(Q(due_at=None) | Q(due_at__lte=Now()), state=State.WAITING)
    if not campaign.is_past_canary:
        waiting = waiting.filter(is_canary=True)
    pks = list(waiting.order_by("id").values_list("pk", flat=True)[:places])
    campaign.items.filter(pk__in=pks, state=State.WAITING).update(
        state=State.READY, due_at=Now(), reason="", failures=0, updated_at=Now()
    )


def submitted_today(campaign: Campaign) -> int:
    """How many of CAMPAIGN were submitted today, by Beijing's calendar as WeChat counts."""
    midnight = timezone.now().astimezone(UTC_PLUS_8).replace(hour=0, minute=0, second=0)
    return campaign.items.filter(submitted_at__gte=midnight.replace(microsecond=0)).count()


def _finish(campaign: Campaign) -> None:
    going = Campaign.objects.filter(pk=campaign.pk, finished_at=None)
    if going.exclude(state=Campaign.State.STOPPED).update(state=Campaign.State.DONE, because=""):
        record_operation("finish_campaign", by=None, result=str(campaign))
    going.update(finished_at=Now())


# The steps of one item


def _begin(item: CampaignItem) -> None:
    """A place has come free: upload the code, unless that was done before it was tried again."""
    authorizer = item.authorizer
    if authorizer.state in (Authorizer.State.UNBOUND, Authorizer.State.NEEDS_REAUTHORIZATION):
        _end(item, State.FAILED, _("The mini program is not bound to the platform any more."))
    elif (others := _open_audit_of_others(item)) is not None:
        _mind(item, others)
    elif _is_approved(item):
        _look_at_verdict(item)
    elif _is_uploaded(item):
        _go(item, State.COMMITTED)
    else:
        _commit(item)


def _is_approved(item: CampaignItem) -> bool:
    """The audit it had has passed, and is the newest still."""
    audit = item.audit
    if audit is None or audit.status != CodeAudit.Status.PASSED:
        return False
    return bool(item.authorizer.audits.exclude(auditid="").newest_first().first() == audit)


def _is_uploaded(item: CampaignItem) -> bool:
    version = item.version
    if version is None or version.state != CodeVersion.State.COMMITTED:
        return False
    return newest_version(item.authorizer) == version


def _commit(item: CampaignItem) -> None:
    campaign = item.campaign
    try:
        commit(
            item.authorizer,
            campaign.template,
            user_version=campaign.user_version,
            user_desc=campaign.user_desc,
            ext=campaign.ext,
            by=campaign.created_by,
            within=lambda version: _hold(item, State.COMMITTING, version=version),
        )
    except CommitIsOpen as error:
        _wait_in_line(item, str(error))
        return
    except CannotAct as error:
        _end(item, State.FAILED, str(error))
        return
    except WeChatError as error:
        logger.info("%s: %s", item.authorizer.appid, error)
    _look_at_commit(item)


def _look_at_commit(item: CampaignItem) -> None:
    """The upload has an outcome, or none yet."""
    version = CodeVersion.objects.get(campaignitem=item)
    match version.state:
        case CodeVersion.State.COMMITTED:
            _go(item, State.COMMITTED, failures=0)
        case CodeVersion.State.REFUSED:
            _after_refusal(item, version, State.READY)
        case _other:
            _go(item, State.COMMITTING, due_at=None)


def _submit(item: CampaignItem) -> None:
    """Submit what was uploaded, once WeChat has checked it; the upload is never repeated here."""
    if not _is_uploaded(item):
        _end(item, State.FAILED, _("Another version was uploaded since."), version=None)
        return
    if ours := _audit_of_ours(item):
        _go(item, State.SUBMITTING, audit=ours, submitted_at=ours.create_time)
        return
    release_db_connection()
    try:
        call_as(item.authorizer.appid, code.get_code_privacy_info)
        submit(
            item.authorizer,
            by=item.campaign.created_by,
            fields={"version_desc": item.campaign.user_desc} if item.campaign.user_desc else None,
            within=lambda audit: _hold_audit(item, audit),
        )
    except AuditIsOpen as error:
        _meet(item, error)
        return
    except CommitIsOpen as error:
        _wait_in_line(item, str(error))
        return
    except CannotAct as error:
        _end(item, State.FAILED, str(error))
        return
    except WeChatError as error:
        if item.state != State.SUBMITTING:
            _after_error(item, error, State.COMMITTED)
            return
    _look_at_submission(item)


def _hold_audit(item: CampaignItem, audit: CodeAudit) -> None:
    if audit.version_id != item.version_id:
        raise CannotAct(_("Another version was uploaded since."))
    _hold(item, State.SUBMITTING, audit=audit, submitted_at=Now())


def _look_at_submission(item: CampaignItem) -> None:
    """The submission has an outcome, or none yet."""
    audit = CodeAudit.objects.get(campaignitem=item)
    if audit.status in OPEN_SUBMISSION:
        _go(item, State.SUBMITTING, due_at=None)
    elif audit.status == CodeAudit.Status.REFUSED:
        _after_refusal(item, audit, State.COMMITTED, submitted_at=None)
    else:
        _look_at_verdict(item)


def _look_at_verdict(item: CampaignItem) -> None:
    audit = CodeAudit.objects.get(campaignitem=item)
    match audit.status:
        case CodeAudit.Status.PASSED if audit.released_at:
            _end(item, State.RELEASED)
        case CodeAudit.Status.PASSED:
            _pass(item)
        case CodeAudit.Status.REJECTED:
            _end(item, State.REJECTED, audit.reason or _("WeChat rejected it."))
        case CodeAudit.Status.IN_REVIEW | CodeAudit.Status.DELAYED:
            _go(item, State.IN_REVIEW, due_at=None, failures=0)
        case _other:
            _end(item, State.FAILED, _("The audit was withdrawn."))


def _pass(item: CampaignItem) -> None:
    """Approved: released at once where that was chosen, otherwise at a click."""
    campaign = item.campaign
    by = campaign.created_by if campaign.auto_release else item.released_by
    _go(item, State.PASSED, released_by=by, due_at=Now() if by else None, failures=0)


def _release(item: CampaignItem) -> None:
    audit = CodeAudit.objects.get(campaignitem=item)
    if audit.released_at:
        _end(item, State.RELEASED)
        return
    if item.released_by is None:
        _go(item, State.PASSED, due_at=None)
        return
    try:
        release(
            item.authorizer,
            by=item.released_by,
            auditid=audit.auditid,
            within=lambda act: _hold(item, State.RELEASING, release=act),
        )
    except ReleaseIsOpen as error:
        _go(item, State.PASSED, due_at=Now() + LOOK_AGAIN, reason=str(error))
        return
    except CannotAct as error:
        _end(item, State.FAILED, str(error))
        return
    except WeChatError as error:
        if item.state != State.RELEASING:
            _after_error(item, error, State.PASSED)
            return
    _look_at_release(item)


def _look_at_release(item: CampaignItem) -> None:
    """The release has an outcome, or none yet."""
    audit = CodeAudit.objects.get(campaignitem=item)
    if audit.released_at:
        _end(item, State.RELEASED)
        return
    act = Release.objects.filter(campaignitem=item).first()
    if act is not None and act.state in OPEN_RELEASE:
        _go(item, State.RELEASING, due_at=None)
    elif act is not None and act.state == Release.State.REFUSED:
        _after_refusal(item, act, State.PASSED)
    else:
        _end(item, State.FAILED, _("Another version was submitted since."))


_STEPS = {
    State.READY: _begin,
    State.COMMITTING: _look_at_commit,
    State.COMMITTED: _submit,
    State.SUBMITTING: _look_at_submission,
    State.IN_REVIEW: _look_at_verdict,
    State.PASSED: _release,
    State.RELEASING: _look_at_release,
}


# Another's audit on the same mini program


def _audit_of_ours(item: CampaignItem) -> CodeAudit | None:
    """
    An open audit of this very version: submitted by hand, or one that was thought lost and came
    late, which `adopt` knows by WeChat's account only.
    """
    since = item.version.created_at - CLOCKS_DIFFER if item.version else timezone.now()
    same = Q(version=None, user_version=item.campaign.user_version, create_time__gte=since)
    mine = item.authorizer.audits.open().filter(Q(version=item.version_id or 0) | same)
    audit: CodeAudit | None = mine.newest_first().first()
    return audit


def _open_audit_of_others(item: CampaignItem) -> CodeAudit | None:
    if _audit_of_ours(item):
        return None
    audit: CodeAudit | None = item.authorizer.audits.open().newest_first().first()
    return audit


def _meet(item: CampaignItem, error: AuditIsOpen) -> None:
    """WeChat, or the database, knows of an open audit."""
    if ours := _audit_of_ours(item):
        _go(item, State.SUBMITTING, audit=ours, submitted_at=ours.create_time)
    elif (others := _open_audit_of_others(item)) is not None:
        _mind(item, others)
    else:  # closed a moment ago
        _wait_in_line(item, str(error))


def _mind(item: CampaignItem, audit: CodeAudit) -> None:
    """Wait for the AUDIT of somebody else, or leave its mini program alone."""
    why = str(AuditIsOpen(audit.auditid))
    if item.campaign.when_open == Campaign.WhenOpen.SKIP:
        _end(item, State.SKIPPED, why)
    else:
        _wait_in_line(item, why)


# Writing an item


def _hold(item: CampaignItem, state: State, **values: Any) -> None:
    """In the transaction of an act's row, before the call: ITEM is bound to it."""
    if not Campaign.objects.filter(pk=item.campaign_id, state=Campaign.State.RUNNING).exists():
        raise FencedOff
    held = {"state": state, "due_at": None, "reason": "", "updated_at": Now(), **values}
    if not item.write(lease_until=Now() + LEASE, **held):
        raise FencedOff
    item.state = state
    for name in ("version", "audit", "release"):
        if name in values:
            setattr(item, name, values[name])


def _go(item: CampaignItem, state: State, **values: Any) -> None:
    """ITEM is in STATE; due at once unless VALUES say otherwise."""
    known = {"due_at": Now(), "reason": "", "updated_at": Now(), **values}
    if item.write(state=state, **known):
        item.state = state


def _end(item: CampaignItem, state: State, reason: str = "", **values: Any) -> None:
    item.write(state=state, reason=reason, due_at=None, updated_at=Now(), **values)


def _wait_in_line(item: CampaignItem, why: str) -> None:
    """Give the place to another; its turn comes again in a minute."""
    _go(item, State.WAITING, due_at=Now() + LOOK_AGAIN, reason=why, submitted_at=None)


def _after_refusal(
    item: CampaignItem, act: CodeVersion | CodeAudit | Release, back: State, **values: Any
) -> None:
    """WeChat refused ACT, or it never got there: BACK to before it, or that was it for ITEM."""
    if act.errcode is None:
        error: WeChatError = NotReady(act.last_error)
    else:
        error = refusal("", act.errcode, act.last_error)
    _after_error(item, error, back, **values)


def _after_error(item: CampaignItem, error: WeChatError, back: State, **values: Any) -> None:
    words = _words(error)
    values = {"reason": words, "updated_at": Now(), **values}
    match error:
        case QuotaMonth():
            pause(item.campaign, words)
            item.write(state=back, due_at=Now(), **values)
        case AuditOpen():
            _meet(item, AuditIsOpen(""))
        case CheckRunning() if _is_checked_in_time(item):
            item.write(state=back, due_at=Now() + LOOK_AGAIN, **values)
        case MustCommit():
            _end(item, State.FAILED, words, version=None)
        case _ if _may_pass(error) and item.failures < MOST_TRIES:
            _try_again(item, error, back, values)
        case _:
            _end(item, State.FAILED, words)


def _try_again(item: CampaignItem, error: WeChatError, back: State, values: dict[str, Any]) -> None:
    """After a pause that fits ERROR; a call that never happened counts as a failure here, too."""
    wait = (
        backoff_after(error, item.failures)
        if isinstance(error, Refused)
        else timedelta(seconds=min(5 * 2**item.failures, 600))
    )
    item.write(state=back, failures=item.failures + 1, due_at=Now() + wait, **values)


def _may_pass(error: WeChatError) -> bool:
    return isinstance(error, PASSING) or not isinstance(error, Refused)


def _is_checked_in_time(item: CampaignItem) -> bool:
    began: datetime | None = item.version.created_at if item.version else None
    return began is None or timezone.now() - began < LONGEST_CHECK


def _words(error: WeChatError) -> str:
    return explain_refusal(error) if isinstance(error, Refused) else str(error)
