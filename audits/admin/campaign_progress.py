"""How far a campaign is: bar, counts, failures with their reasons, and what it waits for."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Count, Q
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from audits.models import Campaign, CampaignItem
from audits.services.rollout.admission import count_submitted_today
from platform_auth.admin.account_links import link_account, reader_of
from platform_auth.admin.pages import label

MAX_FAILURES_SHOWN = 50  # all are in the list and in the CSV

CAMPAIGN_COLOURS = {
    Campaign.State.RUNNING: "info",
    Campaign.State.PAUSED: "warning",
    Campaign.State.STOPPED: "danger",
    Campaign.State.DONE: "success",
}
ITEM_COLOURS = {
    CampaignItem.State.WAITING: "",
    CampaignItem.State.PASSED: "warning",
    CampaignItem.State.RELEASED: "success",
    CampaignItem.State.ON_TRIAL: "success",
    CampaignItem.State.REJECTED: "danger",
    CampaignItem.State.FAILED: "danger",
    CampaignItem.State.SKIPPED: "",
    CampaignItem.State.HELD_BACK: "warning",
}
TO_BE_LOOKED_AT = (*CampaignItem.UNSUCCESSFUL, CampaignItem.State.HELD_BACK)
MAY_BE_RETRIED = (CampaignItem.State.FAILED, CampaignItem.State.HELD_BACK)
# What became of mini programs of the canary wave, and what to do about it.
CANARY_ENDS = {
    CampaignItem.State.HELD_BACK: _(
        "%(number)d of the canary wave are held back: mend what is in the way and retry, "
        "or go on with the rest."
    ),
    CampaignItem.State.FAILED: _(
        "%(number)d of the canary wave failed: look at the reasons and retry, "
        "or go on with the rest."
    ),
    CampaignItem.State.REJECTED: _(
        "WeChat rejected %(number)d of the canary wave: read why. What the code is to blame for "
        "needs another version and another campaign: stop this one. For what is mended at WeChat, "
        "retry the mini program; or go on with the rest."
    ),
    CampaignItem.State.SKIPPED: _(
        "%(number)d of the canary wave were skipped: nothing is known of the code by them."
    ),
}
# The same once no other is under way.
ENDS = {
    CampaignItem.State.HELD_BACK: _("%(number)d are held back: mend what is in the way and retry."),
    CampaignItem.State.FAILED: _("%(number)d failed: look at the reasons and retry."),
    CampaignItem.State.REJECTED: _(
        "WeChat rejected %(number)d: read why. What the code is to blame for needs another version "
        "and another campaign; for what is mended at WeChat, retry the mini program."
    ),
}
# The pieces of the bar, by the names of their styles.
_BAR = {
    "released": CampaignItem.SUCCESSFUL,
    "passed": (CampaignItem.State.PASSED, CampaignItem.State.RELEASING),
    "review": (CampaignItem.State.IN_REVIEW,),
    "begun": CampaignItem.CONCURRENT,
    "failed": CampaignItem.UNSUCCESSFUL,
    "skipped": (CampaignItem.State.SKIPPED, CampaignItem.State.HELD_BACK),
}


@dataclass(slots=True)
class ItemCounts:
    """How many items of a campaign are in each state, all of them and those of the canary wave."""

    counts: Counter[str] = field(default_factory=Counter)
    canaries: Counter[str] = field(default_factory=Counter)
    unreleased: int = 0  # passed, and nobody has said that they be released


def count_by_wave(campaign: Campaign) -> ItemCounts:
    """By one statement, whatever is asked of them afterwards."""
    items = ItemCounts()
    rows = campaign.items.order_by().values_list("state", "is_canary")
    counted = rows.annotate(all=Count("id"), unreleased=Count("id", filter=Q(released_by=None)))
    for state, is_canary, number, unreleased in counted:
        items.counts[state] += number
        if is_canary:
            items.canaries[state] += number
        if state == CampaignItem.State.PASSED:
            items.unreleased += unreleased
    return items


def campaign_label(campaign: Any) -> SafeString:
    """The state of CAMPAIGN, read with `annotate_standstill`; and where nothing goes on, so."""
    if campaign.stands_still:
        return label(gettext("stands still: decide about the canary wave"), "danger")
    if campaign.state == Campaign.State.DONE and not campaign.has_success:
        return label(gettext("at its end, nothing succeeded"), "danger")
    colour = CAMPAIGN_COLOURS.get(Campaign.State(campaign.state), "")
    return label(campaign.get_state_display(), colour)


def item_label(state: str) -> SafeString:
    """The STATE of an item in its colour."""
    state = CampaignItem.State(state)
    return label(state.label, ITEM_COLOURS.get(state, "info"))


def progress_context(campaign: Campaign) -> dict[str, object]:
    """What the piece of page that shows the progress of CAMPAIGN needs, as it is now."""
    items = count_by_wave(campaign)
    counts = items.counts
    total = sum(counts.values())
    failed = campaign.items.filter(state__in=TO_BE_LOOKED_AT)
    newest_failed = failed.select_related("authorizer").order_by("-updated_at", "id")
    item_list = reverse("admin:audits_campaignitem_changelist")
    return {
        "url": reverse("admin:campaign-progress", args=[campaign.pk]),
        "acts": " ".join(sorted(possible_acts(campaign, items))),
        "state": campaign_label(campaign),
        "is_live": campaign.state == Campaign.State.RUNNING or campaign.finished_at is None,
        "sentence": describe_wait(campaign, items),
        "bars": list(_bars(counts, total)),
        "counts": [
            (state, item_label(state), counts[state])
            for state in CampaignItem.State
            if counts[state]
        ],
        "total": total,
        "ended": sum(counts[state] for state in CampaignItem.FINAL),
        "failed": [
            (item, link_account(item.authorizer.appid, reader_of(campaign)))
            for item in newest_failed[:MAX_FAILURES_SHOWN]
        ],
        "hidden": max(0, sum(counts[state] for state in TO_BE_LOOKED_AT) - MAX_FAILURES_SHOWN),
        "items": f"{item_list}?campaign__id__exact={campaign.pk}",
    }


def possible_acts(campaign: Campaign, items: ItemCounts) -> set[str]:
    """The acts that make sense now."""
    state = campaign.state
    has_begun = state not in (Campaign.State.STOPPED, Campaign.State.PREPARED)
    is_possible = {
        "start": state == Campaign.State.PREPARED,
        "pause": state == Campaign.State.RUNNING,
        "resume": state == Campaign.State.PAUSED,
        "go_on": not campaign.is_past_canary
        and state in (Campaign.State.RUNNING, Campaign.State.PAUSED),
        "stop": state in Campaign.UNFINISHED,
        "release_passed": items.unreleased > 0,
        "retry_failed": has_begun and any(items.counts[state] for state in MAY_BE_RETRIED),
        "export": True,
        "plan": state in Campaign.UNFINISHED,
        "dry_run": state in Campaign.UNFINISHED,
    }
    return {name for name, possible in is_possible.items() if possible}


def describe_wait(campaign: Any, items: ItemCounts) -> str:
    """What it waits for, in a sentence; "" where it just goes on."""
    if campaign.because:
        return str(campaign.because)
    if campaign.state == Campaign.State.PREPARED:
        text = gettext("%(total)d mini programs, %(canaries)d of them first. Nothing has begun.")
        return text % {"total": items.counts.total(), "canaries": items.canaries.total()}
    if campaign.state == Campaign.State.DONE:
        return " ".join(
            str(text) % {"number": items.counts[state]}
            for state, text in ENDS.items()
            if items.counts[state]
        )
    if campaign.state != Campaign.State.RUNNING:
        return ""
    return " ".join(_waits(campaign, items))


def _waits(campaign: Any, items: ItemCounts) -> Iterator[str]:
    counts, canaries = items.counts, items.canaries
    if campaign.stands_still:
        yield gettext("The canary wave is at its end: nothing more begins until somebody decides.")
    if not campaign.is_past_canary:
        live = sum(canaries[state] for state in CampaignItem.SUCCESSFUL)
        if campaign.submits:
            text = gettext("The rest waits for the canary wave: %(live)d of %(all)d are released.")
        else:
            text = gettext("The rest waits for the canary wave: %(live)d of %(all)d are uploaded.")
        yield text % {"live": live, "all": canaries.total()}
        for state, end in CANARY_ENDS.items():
            if canaries[state]:
                yield str(end) % {"number": canaries[state]}
    if counts[CampaignItem.State.PASSED] and not campaign.auto_release:
        text = gettext("%(number)d have passed and wait for somebody to release them.")
        yield text % {"number": counts[CampaignItem.State.PASSED]}
    if campaign.daily_budget and counts[CampaignItem.State.WAITING]:
        text = gettext("%(sent)d of %(budget)d submissions of today are used.")
        yield text % {"sent": count_submitted_today(campaign), "budget": campaign.daily_budget}


def _bars(counts: Counter[str], total: int) -> Iterator[tuple[str, int, int]]:
    """Kind, beginning and length of each piece of the bar, in thousandths."""
    position = 0
    for kind, states in _BAR.items():
        number = sum(counts[state] for state in states)
        if number:
            begin, end = position * 1000 // total, (position + number) * 1000 // total
            yield kind, begin, end - begin
        position += number
