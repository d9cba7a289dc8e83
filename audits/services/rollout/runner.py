"""Finding the items of campaigns that are due, and taking their steps side by side."""

import logging
from collections.abc import Sequence

from django.db.models import Q

from audits.models import Campaign, CampaignItem
from audits.services.rollout.admission import manage_campaign
from audits.services.rollout.items import FencedOff
from audits.services.rollout.steps import STEPS
from platform_auth.due_work import Runner
from platform_auth.models import LeasedQuerySet
from platform_auth.operations import acting_through

logger = logging.getLogger(__name__)


def find_items(places: int, in_flight: Sequence[CampaignItem]) -> list[CampaignItem]:
    """What is due, besides what is IN_FLIGHT; where nothing is, what may begin now."""
    due = _due_items().exclude(pk__in=[item.pk for item in in_flight])[:places]
    items = list(due)
    unfinished = [] if items else list(Campaign.objects.unfinished())
    for campaign in unfinished:
        manage_campaign(campaign.pk)
    return list(due.all()) if unfinished else items


def _due_items() -> LeasedQuerySet:
    running = Q(campaign__state=Campaign.State.RUNNING)
    items = CampaignItem.objects.due().exclude(state=CampaignItem.State.WAITING)
    items = items.filter(running | Q(state__in=CampaignItem.FOLLOWED))
    campaign = ("campaign__template", "campaign__run_by")
    acts = ("version", "audit", "release", "released_by")
    return (
        items.with_clock().select_related(*campaign, "authorizer", *acts).order_by("due_at", "id")
    )


def advance_item(item: CampaignItem) -> bool:
    """Take one step for ITEM; false if somebody else has its lease."""
    if not item.take_lease():
        return False
    try:
        with acting_through(item.campaign):
            STEPS[CampaignItem.State(item.state)](item)
    except FencedOff:
        logger.info("an item of campaign %s has moved on", item.campaign_id)
    return True


RUN_CAMPAIGNS = Runner("campaign", find=find_items, work=advance_item, threads=8, budget=8.0)
