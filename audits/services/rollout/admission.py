"""A campaign as a whole: which items may begin, when it halts, when its canary wave has passed."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from django.db import transaction
from django.db.models import BooleanField, Count, Exists, ExpressionWrapper, F, OuterRef, Q
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext as _

from audits.models import Campaign, CampaignItem, CodeAudit, CodeVersion, Release
from platform_auth.domain_events import DomainEvent, publish
from platform_auth.models import UTC_PLUS_8
from platform_auth.operations import record_operation

# These say nothing about the code.
UNTRIED = (
    CampaignItem.State.WAITING,
    CampaignItem.State.SKIPPED,
    CampaignItem.State.HELD_BACK,
)
MIN_BEGUN = 10  # mini programs, before their failures say anything
MAX_WOKEN = 1000  # items in one statement

# What an item of each state waits for: the outcome of an act, a verdict, a release.
_WAKING_EVENTS = (
    (CampaignItem.State.COMMITTING, ~Q(version__state__in=CodeVersion.OPEN)),
    (CampaignItem.State.SUBMITTING, ~Q(audit__status__in=CodeAudit.IN_FLIGHT)),
    (CampaignItem.State.IN_REVIEW, ~Q(audit__status__in=CodeAudit.OPEN)),
    (CampaignItem.State.PASSED, Q(audit__released_at__isnull=False)),
    (CampaignItem.State.RELEASING, ~Q(release__state__in=Release.OPEN)),
)


def manage_campaign(pk: int) -> None:
    """Wake the items whose rows have moved; begin new ones as far as the campaign's rules let."""
    _wake_items(CampaignItem.objects.filter(campaign=pk))
    with transaction.atomic():
        campaign = Campaign.objects.select_for_update().get(pk=pk)
        counts = count_items(campaign)
        if campaign.state == Campaign.State.STOPPED:
            skip_unfinished(campaign)
        elif campaign.state == Campaign.State.RUNNING and not _halt_if_failing(campaign, counts):
            _check_canary(campaign)
            _admit_items(campaign, counts)
        if not campaign.items.exclude(state__in=CampaignItem.FINAL).exists():
            _finish_campaign(campaign)


def count_items(campaign: Campaign) -> Counter[str]:
    """How many items of CAMPAIGN are in each state."""
    rows = campaign.items.order_by().values_list("state").annotate(Count("id"))
    return Counter(dict(rows))


def count_items_of(campaigns: Iterable[Campaign]) -> dict[int, Counter[str]]:
    """The same for each of CAMPAIGNS, by its key."""
    pks = [campaign.pk for campaign in campaigns]
    counts: dict[int, Counter[str]] = {pk: Counter() for pk in pks}
    rows = CampaignItem.objects.filter(campaign__in=pks).order_by()
    for pk, state, number in rows.values_list("campaign", "state").annotate(Count("id")):
        counts[pk][state] = number
    return counts


def count_failures(counts: Counter[str]) -> int:
    return sum(counts[state] for state in CampaignItem.UNSUCCESSFUL)


def _wake_items(items: Any) -> None:
    for state, has_come in _WAKING_EVENTS:
        asleep = items.filter(has_come, state=state, due_at=None)
        if pks := list(asleep.values_list("pk", flat=True)[:MAX_WOKEN]):
            items.filter(pk__in=pks, state=state, due_at=None).update(due_at=Now())


def skip_unfinished(campaign: Campaign) -> None:
    """What a stopped CAMPAIGN has not under way; whoever has such an item leased is fenced off."""
    values: dict[str, Any] = {
        "state": CampaignItem.State.SKIPPED,
        "due_at": None,
        "lease_until": None,
        "epoch": F("epoch") + 1,
        "updated_at": Now(),
    }
    unfinished = campaign.items.exclude(state__in=(*CampaignItem.FINAL, *CampaignItem.IN_FLIGHT))
    unfinished.filter(state=CampaignItem.State.IN_REVIEW).update(
        reason=_("The campaign was stopped; its audit goes on at WeChat."), **values
    )
    unfinished.update(reason=_("The campaign was stopped."), **values)


def _halt_if_failing(campaign: Campaign, counts: Counter[str]) -> bool:
    """Pause CAMPAIGN if too many of those it has begun have failed."""
    begun = sum(counts.values()) - sum(counts[state] for state in UNTRIED)
    failed = count_failures(counts) - campaign.forgiven
    if begun < MIN_BEGUN or failed * 100 <= campaign.most_failures * begun:
        return False
    halt_campaign(
        campaign,
        _("%(failed)d of %(begun)d failed, more than %(most)d %%. Look at their reasons first.")
        % {"failed": failed, "begun": begun, "most": campaign.most_failures},
    )
    return True


def halt_campaign(campaign: Campaign, because: str) -> None:
    """The system pauses CAMPAIGN; a person resumes it."""
    rows = Campaign.objects.filter(pk=campaign.pk, state=Campaign.State.RUNNING)
    with transaction.atomic():
        if rows.update(state=Campaign.State.PAUSED, because=because):
            record_operation("pause_campaign", by=None, result=f"{campaign}: {because}")
            publish_pause(campaign, because)


def publish_pause(campaign: Campaign, because: str) -> None:
    facts = {"pk": campaign.pk, "campaign": str(campaign), "reason": because}
    publish(DomainEvent("campaign.paused", facts=facts))


def _check_canary(campaign: Campaign) -> None:
    """All of the canary wave has got where the campaign brings them: the others may follow."""
    if campaign.is_past_canary:
        return
    canaries = campaign.items.filter(is_canary=True)
    successful = canaries.filter(state__in=CampaignItem.SUCCESSFUL)
    left_out = (CampaignItem.State.SKIPPED, CampaignItem.State.HELD_BACK)
    is_passing = Q(state__in=[*CampaignItem.SUCCESSFUL, *left_out])
    if successful.exists() and not canaries.exclude(is_passing).exists():
        campaign.is_past_canary = True
        Campaign.objects.filter(pk=campaign.pk).update(is_past_canary=True)
        record_operation("canary_passed", by=None, result=str(campaign))


def annotate_standstill(campaigns: Any) -> Any:
    """
    CAMPAIGNS with `stands_still`: whether the canary wave has ended, the others follow only if
    somebody says so; and `has_success`: whether any mini program got where it was to be brought.
    """
    items = CampaignItem.objects.filter(campaign=OuterRef("pk")).order_by()
    canaries = items.filter(is_canary=True)
    is_at_work = Exists(canaries.exclude(state__in=CampaignItem.FINAL))
    has_failed = Exists(canaries.filter(state__in=CampaignItem.UNSUCCESSFUL))
    has_passed = Exists(canaries.filter(state__in=CampaignItem.SUCCESSFUL))
    stands_still = Q(state=Campaign.State.RUNNING, is_past_canary=False) & ~Q(is_at_work)
    stands_still &= Q(has_failed) | ~Q(has_passed)
    return campaigns.annotate(
        stands_still=ExpressionWrapper(stands_still, output_field=BooleanField()),
        has_success=Exists(items.filter(state__in=CampaignItem.SUCCESSFUL)),
    )


def _admit_items(campaign: Campaign, counts: Counter[str]) -> None:
    """Begin as many waiting items as there are places and submissions left today."""
    concurrent = sum(counts[state] for state in CampaignItem.CONCURRENT)
    places = campaign.concurrency - concurrent
    if campaign.daily_budget is not None:
        unsent = concurrent - counts[CampaignItem.State.SUBMITTING]
        places = min(places, campaign.daily_budget - count_submitted_today(campaign) - unsent)
    if places <= 0:
        return
    is_ready = Q(due_at=None) | Q(due_at__lte=Now())
    waiting = campaign.items.filter(is_ready, state=CampaignItem.State.WAITING)
    if not campaign.is_past_canary:
        waiting = waiting.filter(is_canary=True)
    pks = list(waiting.order_by("id").values_list("pk", flat=True)[:places])
    campaign.items.filter(pk__in=pks, state=CampaignItem.State.WAITING).update(
        state=CampaignItem.State.READY, due_at=Now(), reason="", failures=0, updated_at=Now()
    )


def count_submitted_today(campaign: Campaign) -> int:
    """How many of CAMPAIGN were submitted today, by Beijing's calendar as WeChat counts."""
    midnight = timezone.now().astimezone(UTC_PLUS_8).replace(hour=0, minute=0, second=0)
    return campaign.items.filter(submitted_at__gte=midnight.replace(microsecond=0)).count()


def _finish_campaign(campaign: Campaign) -> None:
    rows = Campaign.objects.filter(pk=campaign.pk, finished_at=None)
    with transaction.atomic():
        if rows.exclude(state=Campaign.State.STOPPED).update(state=Campaign.State.DONE, because=""):
            record_operation("finish_campaign", by=None, result=str(campaign))
            facts = {"pk": campaign.pk, "campaign": str(campaign)}
            publish(DomainEvent("campaign.done", facts=facts))
        rows.update(finished_at=Now())
