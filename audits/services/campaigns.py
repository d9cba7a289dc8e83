"""What people do with campaigns: make, start, pause, resume, stop, go on, release, retry, skip."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from audits.models import Campaign, CampaignItem, CodeTemplate
from audits.problems import CannotAct, NeedsAnother
from audits.services import rollout
from audits.services.committing import build_ext_json
from audits.services.releasing import approve
from miniprograms.models import Authorizer
from platform_auth.operations import Actor, record_operation

MOST_ITEMS = 50_000
BATCH = 1_000

State = Campaign.State
ItemState = CampaignItem.State


def choose(
    template: CodeTemplate,
    *,
    appids: Iterable[str] = (),
    state: str = "",
    owner: Actor | None = None,
    name: str = "",
) -> QuerySet[Authorizer]:
    """
    The mini programs that TEMPLATE can go to: those of APPIDS, or all, narrowed by the rest.

    Raises CannotAct for an appid that is not one of them.
    """
    chosen = Authorizer.objects.filter(
        component=template.component_id, kind=Authorizer.Kind.MINI_PROGRAM
    )
    if wanted := set(appids):
        known = set(chosen.filter(appid__in=wanted).values_list("appid", flat=True))
        if missing := sorted(wanted - known):
            told = ", ".join(missing[:10])
            raise CannotAct(_("These are no mini programs of this platform: %s") % told)
        chosen = chosen.filter(appid__in=wanted)
    if state:
        chosen = chosen.filter(state=state)
    if owner is not None:
        chosen = chosen.filter(owner=owner.pk)
    return chosen.filter(nick_name__startswith=name) if name else chosen


def create(
    template: CodeTemplate,
    chosen: QuerySet[Authorizer],
    *,
    by: Actor | None,
    ext: Mapping[str, Any] | None = None,
    **rules: Any,
) -> Campaign:
    """
    Prepare a campaign of TEMPLATE for the mini programs CHOSEN. It calls nobody before `start`.

    RULES are the fields of Campaign: user_version, user_desc, canary_size, concurrency,
    daily_budget, most_failures, auto_release, when_open. Mini programs of another unfinished
    campaign are left out. Raises CannotAct where nothing is left, and BadExtJson.
    """
    if rules.get("auto_release") and settings.RELEASE_NEEDS_TWO:
        raise CannotAct(_("Two people must agree on a release: release by click instead."))
    free = chosen.exclude(pk__in=_unfinished_items().values("authorizer"))
    pks = list(free.order_by("id").values_list("pk", flat=True)[: MOST_ITEMS + 1])
    if not pks:
        raise CannotAct(_("No mini program fits that is not in another campaign already."))
    if len(pks) > MOST_ITEMS:
        raise CannotAct(_("At most %d mini programs at once.") % MOST_ITEMS)
    build_ext_json(Authorizer.objects.get(pk=pks[0]), template, ext)
    try:
        with transaction.atomic():
            return _create(template, pks, by, ext=dict(ext or {}), **rules)
    except IntegrityError:
        raise CannotAct(_("One of them has just become part of another campaign.")) from None


def _create(template: CodeTemplate, pks: list[int], by: Actor | None, **rules: Any) -> Campaign:
    canaries = rules.get("canary_size", 0)
    campaign = Campaign.objects.create(
        template=template,
        created_by_id=by.pk if by else None,
        is_past_canary=not canaries,
        **rules,
    )
    CampaignItem.objects.bulk_create(
        (
            CampaignItem(campaign=campaign, authorizer_id=pk, is_canary=number < canaries)
            for number, pk in enumerate(pks)
        ),
        batch_size=BATCH,
    )
    record_operation("create_campaign", by=by, result=f"{campaign}: {len(pks)}")
    return campaign


def _unfinished_items() -> QuerySet[CampaignItem]:
    items: QuerySet[CampaignItem] = CampaignItem.objects.exclude(state__in=CampaignItem.FINAL)
    return items


def start(campaign: Campaign, *, by: Actor | None) -> None:
    """Begin with the canary wave, or with all where there is none."""
    _move(campaign, [State.PREPARED], State.RUNNING, "start_campaign", by)


def pause(campaign: Campaign, *, by: Actor | None) -> None:
    """Begin nothing new; acts under way end, and verdicts are still followed."""
    because = _("Paused by %s.") % (by.get_username() if by else "–")
    _move(campaign, [State.RUNNING], State.PAUSED, "pause_campaign", by, because=because)


def resume(campaign: Campaign, *, by: Actor | None) -> None:
    """Go on after a pause. Failures so far are forgiven: only new ones can pause it again."""
    seen = rollout.failures(rollout.count(campaign))
    _move(campaign, [State.PAUSED], State.RUNNING, "resume_campaign", by, forgiven=seen)


def stop(campaign: Campaign, *, by: Actor | None) -> None:
    """Skip all that is not under way, for good. Audits that are open at WeChat go on there."""
    with transaction.atomic():
        before = [State.PREPARED, State.RUNNING, State.PAUSED]
        _move(campaign, before, State.STOPPED, "stop_campaign", by)
        rollout.skip_rest(campaign)
    rollout.manage(campaign.pk)


def go_on(campaign: Campaign, *, by: Actor | None) -> None:
    """The rest may follow, whatever became of the canary wave."""
    if campaign.is_past_canary:
        raise CannotAct(_("The canary wave has passed already."))
    seen = rollout.failures(rollout.count(campaign))
    _move(campaign, [State.RUNNING, State.PAUSED], State.RUNNING, "go_on_campaign", by,
          is_past_canary=True, forgiven=seen)  # fmt: skip


def _move(
    campaign: Campaign,
    before: list[State],
    after: State,
    action: str,
    by: Actor | None,
    **values: Any,
) -> None:
    """CAMPAIGN is taken from one of BEFORE to AFTER, by compare-and-set. Raises CannotAct."""
    values = {"because": "", **values}
    with transaction.atomic():
        rows = Campaign.objects.filter(pk=campaign.pk, state__in=before)
        if not rows.update(state=after, **values):
            campaign.refresh_from_db()
            raise CannotAct(_("The campaign is %s.") % campaign.get_state_display())
        record_operation(action, by=by, result=str(campaign))
    campaign.refresh_from_db()


def release_passed(campaign: Campaign, *, by: Actor | None) -> int:
    """
    Release all that have passed; how many. A worker does it, in the name of BY.

    Where two people are wanted, the first click approves (0) and that of another releases. Raises
    NeedsAnother where BY has approved them all already, CannotAct where nothing has passed.
    """
    passed = campaign.items.filter(state=ItemState.PASSED, released_by=None)
    if not passed.exists():
        raise CannotAct(_("Nothing has passed that waits to be released."))
    if settings.RELEASE_NEEDS_TWO:
        fresh = list(passed.filter(audit__approved_by=None).select_related("audit"))
        for item in fresh:
            approve(item.audit, by=by)
        passed = passed.exclude(audit__approved_by=by.pk if by else None)
        if not fresh and not passed.exists():
            raise NeedsAnother
    pks = list(passed.values_list("pk", flat=True))
    with transaction.atomic():
        ours = campaign.items.filter(pk__in=pks, state=ItemState.PASSED)
        number = ours.update(released_by_id=by.pk if by else None, due_at=Now())
        record_operation("release_campaign", by=by, result=f"{campaign}: {number}")
    return number


def retry(item: CampaignItem, *, by: Actor | None) -> None:
    """
    Bring ITEM back in line. What was uploaded and is still the newest is only submitted again.

    Raises CannotAct where there is nothing to retry.
    """
    campaign = item.campaign
    if campaign.state == State.STOPPED:
        raise CannotAct(_("The campaign was stopped."))
    ends = [ItemState.FAILED, ItemState.REJECTED, ItemState.SKIPPED]
    try:
        with transaction.atomic():
            _change(item, ends, ItemState.WAITING, "retry_campaign_item", by)
            again = Campaign.objects.filter(pk=campaign.pk, state=State.DONE)
            again.update(state=State.RUNNING, finished_at=None)
            # One that failed is none any more, so neither is it one that was forgiven.
            forgiven = Campaign.objects.filter(pk=campaign.pk, forgiven__gt=0)
            forgiven.update(forgiven=F("forgiven") - 1)
    except IntegrityError:
        raise CannotAct(_("It is part of another campaign by now.")) from None


def retry_failed(campaign: Campaign, *, by: Actor | None) -> int:
    """Retry all that failed, not those WeChat rejected; how many."""
    failed = campaign.items.filter(state=ItemState.FAILED).select_related("campaign", "authorizer")
    for item in failed:
        retry(item, by=by)
    return len(failed)


def skip(item: CampaignItem, *, by: Actor | None) -> None:
    """Leave ITEM out. What is under way just now cannot be skipped."""
    before = [ItemState.WAITING, ItemState.READY, ItemState.COMMITTED, ItemState.IN_REVIEW,
              ItemState.PASSED, ItemState.FAILED, ItemState.REJECTED]  # fmt: skip
    reason = _("Skipped by %s.") % (by.get_username() if by else "–")
    _change(item, before, ItemState.SKIPPED, "skip_campaign_item", by, reason=reason)


def _change(
    item: CampaignItem,
    before: list[ItemState],
    after: ItemState,
    action: str,
    by: Actor | None,
    **values: Any,
) -> None:
    """ITEM is taken from one of BEFORE to AFTER; whoever has it leased is fenced off."""
    values = {"reason": "", "due_at": None, "failures": 0, "released_by": None,
              "submitted_at": None, **values}  # fmt: skip
    with transaction.atomic():
        rows = CampaignItem.objects.filter(pk=item.pk, state__in=before)
        fence = {"epoch": F("epoch") + 1, "lease_until": None, "updated_at": Now()}
        if not rows.update(state=after, **fence, **values):
            item.refresh_from_db()
            raise CannotAct(_("It is %s.") % item.get_state_display())
        appid = item.authorizer.appid
        record_operation(action, by=by, appid=appid, result=str(item.campaign))
    item.refresh_from_db()
