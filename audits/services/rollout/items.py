"""Writing how far an item of a campaign is, under its lease."""

from datetime import timedelta
from typing import Any

from django.db.models.functions import Now

from audits.models import Campaign, CampaignItem
from audits.problems import RightEnded
from platform_auth.models import LEASE
from platform_auth.rights import may_still

REQUEUE_AFTER = timedelta(minutes=1)  # where others do something with the mini program


class FencedOff(Exception):
    """Somebody else has this item now, or its campaign does not run: nothing is begun."""


def bind_act(
    item: CampaignItem,
    state: CampaignItem.State,
    *,
    person_id: int | None,
    permission: str,
    **values: Any,
) -> None:
    """
    Take ITEM to STATE together with the row of its act, which is in VALUES: in the transaction
    that makes this row, before WeChat is called. Raises FencedOff, and RightEnded where the person
    it is done for does not hold PERMISSION any more.
    """
    if not may_still(person_id, [permission]):
        raise RightEnded
    if not Campaign.objects.filter(pk=item.campaign_id, state=Campaign.State.RUNNING).exists():
        raise FencedOff
    values = {"due_at": None, "reason": "", "updated_at": Now(), **values}
    if not item.write(state=state, lease_until=Now() + LEASE, **values):
        raise FencedOff
    item.state = state
    for name in values.keys() & {"version", "audit", "release"}:
        setattr(item, name, values[name])


def set_item_state(item: CampaignItem, state: CampaignItem.State, **values: Any) -> None:
    """Take ITEM to STATE; it is due at once unless VALUES say otherwise."""
    values = {"due_at": Now(), "reason": "", "updated_at": Now(), **values}
    if item.write(state=state, **values):
        item.state = state


def finish_item(
    item: CampaignItem, state: CampaignItem.State, reason: str = "", **values: Any
) -> None:
    """Take ITEM to STATE, where nothing more is done for it."""
    item.write(state=state, reason=reason, due_at=None, updated_at=Now(), **values)


def requeue_item(item: CampaignItem, reason: str) -> None:
    """Give the place of ITEM to another; its turn comes again in a minute."""
    due_at = Now() + REQUEUE_AFTER
    waiting = CampaignItem.State.WAITING
    set_item_state(item, waiting, due_at=due_at, reason=reason, submitted_at=None)
