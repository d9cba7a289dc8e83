"""What people do with campaigns: make, start, pause, resume, stop, go on, release, retry, skip."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from audits.models import Campaign, CampaignItem, CodeTemplate
from audits.problems import (
    CannotAct,
    NeedsReleaseRight,
    NeedsSecondPerson,
    UnknownPrograms,
)
from audits.services.ext_json import check_upload
from audits.services.live_versions import choose_by_live
from audits.services.releasing import approve_release
from audits.services.rollout.admission import (
    count_failures,
    count_items,
    manage_campaign,
    publish_pause,
    skip_unfinished,
)
from audits.services.rollout.steps import MAY_RELEASE
from miniprograms.models import Authorizer
from platform_auth.operations import Actor, record_operation
from platform_auth.rights import may_still

MAX_ITEMS = 50_000
INSERT_BATCH = 1_000


def choose_programs(
    template: CodeTemplate,
    *,
    appids: Iterable[str] = (),
    tag: str = "",
    state: str = "",
    owner: Actor | None = None,
    name: str = "",
    live_below: str = "",
    never_live: bool = False,
) -> QuerySet[Authorizer]:
    """
    The mini programs that TEMPLATE can go to: those of APPIDS, or all; with TAG, in STATE, of
    OWNER, with NAME in their nickname; whose live version is below LIVE_BELOW, or that NEVER_LIVE
    had one.

    Raises UnknownPrograms for appids that are none of them.
    """
    chosen = Authorizer.objects.filter(
        component=template.component_id, kind=Authorizer.Kind.MINI_PROGRAM
    )
    if appids := set(appids):
        listed = chosen.filter(appid__in=appids)
        if missing := sorted(appids - set(listed.values_list("appid", flat=True))):
            raise UnknownPrograms(missing)
        chosen = listed
    if tag:
        chosen = chosen.filter(tags__name=tag)
    if state:
        chosen = chosen.filter(state=state)
    if owner is not None:
        chosen = chosen.filter(owner=owner.pk)
    if name:
        chosen = chosen.filter(nick_name__contains=name)
    if live_below or never_live:
        chosen = choose_by_live(chosen, below=live_below, never=never_live)
    return chosen


def create_campaign(
    template: CodeTemplate,
    chosen: QuerySet[Authorizer],
    *,
    by: Actor | None,
    ext: Mapping[str, Any] | None = None,
    **rules: Any,
) -> Campaign:
    """
    Prepare a campaign of TEMPLATE for the mini programs CHOSEN. It calls nobody before
    `start_campaign`.

    RULES are the fields of Campaign: user_version, user_desc, canary_size, concurrency,
    daily_budget, most_failures, submits, auto_release, when_open. Mini programs of another
    unfinished campaign are left out. Raises CannotAct where nothing is left, and BadExtJson.
    """
    if rules.get("auto_release") and settings.RELEASE_NEEDS_TWO:
        raise CannotAct(_("Two people must agree on a release: release by click instead."))
    if rules.get("auto_release") and not rules.get("submits", True):
        raise CannotAct(_("What is not submitted for review cannot be released."))
    unfinished = CampaignItem.objects.exclude(state__in=CampaignItem.FINAL)
    free = chosen.exclude(pk__in=unfinished.values("authorizer"))
    pks = list(free.order_by("id").values_list("pk", flat=True)[: MAX_ITEMS + 1])
    if not pks:
        raise CannotAct(_("No mini program fits that is not in another campaign already."))
    if len(pks) > MAX_ITEMS:
        raise CannotAct(_("At most %d mini programs at once.") % MAX_ITEMS)
    check_upload(template, ext or {})
    try:
        with transaction.atomic():
            return _create_rows(template, pks, by, ext=dict(ext or {}), **rules)
    except IntegrityError:
        raise CannotAct(_("One of them has just become part of another campaign.")) from None


def _create_rows(
    template: CodeTemplate, pks: list[int], by: Actor | None, **rules: Any
) -> Campaign:
    canaries = rules.get("canary_size", 0)
    campaign = Campaign.objects.create(
        template=template, created_by_id=by.pk if by else None, is_past_canary=not canaries, **rules
    )
    CampaignItem.objects.bulk_create(
        (
            CampaignItem(campaign=campaign, authorizer_id=pk, is_canary=number < canaries)
            for number, pk in enumerate(pks)
        ),
        batch_size=INSERT_BATCH,
    )
    record_operation("create_campaign", by=by, result=f"{campaign}: {len(pks)}")
    return campaign


def start_campaign(campaign: Campaign, *, by: Actor | None) -> None:
    """
    Begin with the canary wave, or with all where there is none; in the name of BY. Raises
    NeedsReleaseRight where it releases by itself and BY may not.
    """
    _check_release_right(campaign, by)
    before, after = [Campaign.State.PREPARED], Campaign.State.RUNNING
    _transition(campaign, before, after, "start_campaign", by, run_by_id=_id_of(by))


def pause_campaign(campaign: Campaign, *, by: Actor | None) -> None:
    """Begin nothing new; acts under way end, and verdicts are still followed."""
    because = _("Paused by %s.") % (by.get_username() if by else "–")
    before, after = [Campaign.State.RUNNING], Campaign.State.PAUSED
    with transaction.atomic():
        _transition(campaign, before, after, "pause_campaign", by, because=because)
        publish_pause(campaign, because)


def resume_campaign(campaign: Campaign, *, by: Actor | None) -> None:
    """
    Go on after a pause, from now on in the name of BY. Failures so far are forgiven: only new ones
    can pause it again. Raises NeedsReleaseRight as `start_campaign`.
    """
    _check_release_right(campaign, by)
    values = {"forgiven": count_failures(count_items(campaign)), "run_by_id": _id_of(by)}
    before, after = [Campaign.State.PAUSED], Campaign.State.RUNNING
    _transition(campaign, before, after, "resume_campaign", by, **values)


def stop_campaign(campaign: Campaign, *, by: Actor | None) -> None:
    """Skip all that is not under way, for good. Audits that are open at WeChat go on there."""
    with transaction.atomic():
        after = Campaign.State.STOPPED
        _transition(campaign, Campaign.UNFINISHED, after, "stop_campaign", by)
        skip_unfinished(campaign)
    manage_campaign(campaign.pk)


def pass_canary(campaign: Campaign, *, by: Actor | None) -> None:
    """Let the others follow, whatever became of the canary wave; in the name of BY."""
    _check_release_right(campaign, by)
    if campaign.is_past_canary:
        raise CannotAct(_("The canary wave has passed already."))
    before, after = [Campaign.State.RUNNING, Campaign.State.PAUSED], Campaign.State.RUNNING
    values = {"is_past_canary": True, "forgiven": count_failures(count_items(campaign))}
    values["run_by_id"] = _id_of(by)
    _transition(campaign, before, after, "go_on_campaign", by, **values)


def _check_release_right(campaign: Campaign, by: Actor | None) -> None:
    if campaign.auto_release and not may_still(_id_of(by), [MAY_RELEASE]):
        raise NeedsReleaseRight


def _id_of(person: Actor | None) -> Any:
    return person.pk if person else None


def _transition(
    campaign: Campaign,
    before: Iterable[Campaign.State],
    after: Campaign.State,
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

    Where it takes two people, the first click approves (0) and that of another releases. Raises
    NeedsSecondPerson where BY has approved them all already, CannotAct where nothing has passed.
    """
    passed = campaign.items.filter(state=CampaignItem.State.PASSED, released_by=None)
    if not passed.exists():
        raise CannotAct(_("Nothing has passed that waits to be released."))
    if settings.RELEASE_NEEDS_TWO:
        unapproved = list(passed.filter(audit__approved_by=None).select_related("audit"))
        for item in unapproved:
            approve_release(item.audit, by=by)
        passed = passed.exclude(audit__approved_by=by.pk if by else None)
        if not unapproved and not passed.exists():
            raise NeedsSecondPerson
    pks = list(passed.values_list("pk", flat=True))
    with transaction.atomic():
        items = campaign.items.filter(pk__in=pks, state=CampaignItem.State.PASSED)
        number = items.update(released_by_id=by.pk if by else None, due_at=Now())
        record_operation("release_campaign", by=by, result=f"{campaign}: {number}")
    return number


def retry_item(item: CampaignItem, *, by: Actor | None) -> None:
    """
    Bring ITEM back in line. What was uploaded and is still the newest is only submitted again.

    Raises CannotAct where there is nothing to retry.
    """
    campaign = item.campaign
    if campaign.state == Campaign.State.STOPPED:
        raise CannotAct(_("The campaign was stopped."))
    left_out = (CampaignItem.State.SKIPPED, CampaignItem.State.HELD_BACK)
    before = [*CampaignItem.UNSUCCESSFUL, *left_out]
    rows = Campaign.objects.filter(pk=campaign.pk)
    try:
        with transaction.atomic():
            _transition_item(item, before, CampaignItem.State.WAITING, "retry_campaign_item", by)
            finished = rows.filter(state=Campaign.State.DONE)
            finished.update(state=Campaign.State.RUNNING, finished_at=None)
            # It counts as a failure no more, so neither as one that was forgiven.
            rows.filter(forgiven__gt=0).update(forgiven=F("forgiven") - 1)
    except IntegrityError:
        raise CannotAct(_("It is part of another campaign by now.")) from None


def retry_failed(campaign: Campaign, *, by: Actor | None) -> int:
    """Retry all that failed or were held back, not those WeChat rejected; how many."""
    again = (CampaignItem.State.FAILED, CampaignItem.State.HELD_BACK)
    failed = campaign.items.filter(state__in=again)
    items = failed.select_related("campaign", "authorizer")
    for item in items:
        retry_item(item, by=by)
    return len(items)


def skip_item(item: CampaignItem, *, by: Actor | None) -> None:
    """Leave ITEM out. What is under way just now cannot be skipped."""
    ended = {CampaignItem.State.RELEASED, CampaignItem.State.SKIPPED}
    before = set(CampaignItem.State) - ended - set(CampaignItem.IN_FLIGHT)
    reason = _("Skipped by %s.") % (by.get_username() if by else "–")
    skipped = CampaignItem.State.SKIPPED
    _transition_item(item, before, skipped, "skip_campaign_item", by, reason=reason)


def _transition_item(
    item: CampaignItem,
    before: Iterable[CampaignItem.State],
    after: CampaignItem.State,
    action: str,
    by: Actor | None,
    **values: Any,
) -> None:
    """ITEM is taken from one of BEFORE to AFTER; whoever has it leased is fenced off."""
    cleared = {"reason": "", "foreseen": "", "due_at": None, "failures": 0, "released_by": None}
    fence = {"epoch": F("epoch") + 1, "lease_until": None, "updated_at": Now()}
    values = {**cleared, "submitted_at": None, **fence, **values}
    with transaction.atomic():
        rows = CampaignItem.objects.filter(pk=item.pk, state__in=before)
        if not rows.update(state=after, **values):
            item.refresh_from_db()
            raise CannotAct(_("It is %s.") % item.get_state_display())
        appid = item.authorizer.appid
        record_operation(action, by=by, appid=appid, result=str(item.campaign))
    item.refresh_from_db()
