"""How far a campaign is: bar, counts, failures with their reasons, and what it waits for."""

from collections import Counter
from collections.abc import Iterator

from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext

from audits.models import Campaign, CampaignItem
from audits.services.rollout.admission import count_items, count_submitted_today
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
# The pieces of the bar, by the names of their styles.
_BAR = {
    "released": CampaignItem.SUCCESSFUL,
    "passed": (CampaignItem.State.PASSED, CampaignItem.State.RELEASING),
    "review": (CampaignItem.State.IN_REVIEW,),
    "begun": CampaignItem.CONCURRENT,
    "failed": CampaignItem.UNSUCCESSFUL,
    "skipped": (CampaignItem.State.SKIPPED, CampaignItem.State.HELD_BACK),
}


def campaign_label(campaign: Campaign) -> SafeString:
    colour = CAMPAIGN_COLOURS.get(Campaign.State(campaign.state), "")
    return label(campaign.get_state_display(), colour)


def item_label(state: str) -> SafeString:
    """The STATE of an item in its colour."""
    state = CampaignItem.State(state)
    return label(state.label, ITEM_COLOURS.get(state, "info"))


def progress_context(campaign: Campaign) -> dict[str, object]:
    """What the piece of page that shows the progress of CAMPAIGN needs, as it is now."""
    counts = count_items(campaign)
    total = sum(counts.values())
    failed = campaign.items.filter(state__in=TO_BE_LOOKED_AT)
    newest_failed = failed.select_related("authorizer").order_by("-updated_at", "id")
    item_list = reverse("admin:audits_campaignitem_changelist")
    return {
        "url": reverse("admin:campaign-progress", args=[campaign.pk]),
        "acts": " ".join(sorted(possible_acts(campaign))),
        "state": campaign_label(campaign),
        "is_live": campaign.state == Campaign.State.RUNNING or campaign.finished_at is None,
        "sentence": describe_wait(campaign, counts),
        "bars": list(_bars(counts, total)),
        "counts": [
            (state, item_label(state), counts[state])
            for state in CampaignItem.State
            if counts[state]
        ],
        "total": total,
        "ended": sum(counts[state] for state in CampaignItem.ENDED),
        "held_back": counts[CampaignItem.State.HELD_BACK],
        "failed": [
            (item, link_account(item.authorizer.appid, reader_of(campaign)))
            for item in newest_failed[:MAX_FAILURES_SHOWN]
        ],
        "hidden": max(0, sum(counts[state] for state in TO_BE_LOOKED_AT) - MAX_FAILURES_SHOWN),
        "items": f"{item_list}?campaign__id__exact={campaign.pk}",
    }


def possible_acts(campaign: Campaign) -> set[str]:
    """The acts that make sense now."""
    items, state = campaign.items, campaign.state
    has_begun = state not in (Campaign.State.STOPPED, Campaign.State.PREPARED)
    is_possible = {
        "start": state == Campaign.State.PREPARED,
        "pause": state == Campaign.State.RUNNING,
        "resume": state == Campaign.State.PAUSED,
        "go_on": not campaign.is_past_canary
        and state in (Campaign.State.RUNNING, Campaign.State.PAUSED),
        "stop": state in Campaign.UNFINISHED,
        "release_passed": items.filter(state=CampaignItem.State.PASSED, released_by=None).exists(),
        "retry_failed": has_begun and items.filter(state__in=MAY_BE_RETRIED).exists(),
        "export": True,
        "plan": state in Campaign.UNFINISHED,
        "dry_run": state in Campaign.UNFINISHED,
    }
    return {name for name, possible in is_possible.items() if possible}


def describe_wait(campaign: Campaign, counts: Counter[str]) -> str:
    """What it waits for, in a sentence; "" where it just goes on."""
    if campaign.because:
        return campaign.because
    if campaign.state == Campaign.State.PREPARED:
        text = gettext("%(total)d mini programs, %(canaries)d of them first. Nothing has begun.")
        canaries = campaign.items.filter(is_canary=True).count()
        return text % {"total": sum(counts.values()), "canaries": canaries}
    if campaign.state != Campaign.State.RUNNING:
        return ""
    return " ".join(_waits(campaign, counts))


def _waits(campaign: Campaign, counts: Counter[str]) -> Iterator[str]:
    if not campaign.is_past_canary:
        canaries = campaign.items.filter(is_canary=True)
        live = canaries.filter(state__in=CampaignItem.SUCCESSFUL).count()
        if campaign.submits:
            text = gettext("The rest waits for the canary wave: %(live)d of %(all)d are released.")
        else:
            text = gettext("The rest waits for the canary wave: %(live)d of %(all)d are uploaded.")
        yield text % {"live": live, "all": canaries.count()}
        if canaries.filter(state__in=CampaignItem.UNSUCCESSFUL).exists():
            yield gettext("Some of it failed: retry those, or go on without.")
        held_back = canaries.filter(state=CampaignItem.State.HELD_BACK).count()
        if held_back:
            text = gettext(
                "%(number)d of the canary wave are held back: mend what is in the way and retry, "
                "or go on with the rest."
            )
            yield text % {"number": held_back}
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
