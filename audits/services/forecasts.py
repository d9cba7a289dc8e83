"""When a campaign may end: by WeChat's quota, its own limits, and how long reviews take."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from math import ceil
from typing import Any

from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from audits.models import Campaign, CampaignItem, CodeAudit
from audits.services.plans import reached_items
from audits.services.quota import read_quota
from audits.services.rollout.admission import count_submitted_today
from miniprograms.models import Authorizer
from platform_auth.models import UTC_PLUS_8
from wechat import code_review
from wechat.errors import NotReady

MAX_DAYS = 3 * 366
RECENT_AUDITS = 200
FEWEST_AUDITS = 5  # before anything is said of how long they take
UNSENT = (
    CampaignItem.State.WAITING,
    CampaignItem.State.READY,
    CampaignItem.State.COMMITTING,
    CampaignItem.State.COMMITTED,
)


@dataclass(frozen=True, slots=True)
class Forecast:
    """
    SUBMISSIONS are still to be made, and AHEAD of them those of other campaigns; REST and LIMIT are
    WeChat's quota of a month, for all mini programs together. Hours are from submission to verdict.
    HELD would be held back, as they stood when somebody looked, and are not counted.
    """

    submissions: int
    ahead: int
    rest: int
    limit: int
    median_hours: float | None
    slow_hours: float | None
    last_submission_on: date | None
    ends_on: date | None
    held: int = 0

    @property
    def months(self) -> int:
        """In how many calendar months it submits, where the quota of this one does not do."""
        if self.last_submission_on is None or self.submissions + self.ahead <= self.rest:
            return 0
        today = _today()
        years = self.last_submission_on.year - today.year
        return years * 12 + self.last_submission_on.month - today.month + 1


def forecast_campaign(campaign: Campaign) -> Forecast:
    """The forecast for CAMPAIGN, as things stand. Raises what WeChat answered, or NotReady."""
    component = campaign.template.component_id
    submissions = _count_unsent(campaign) if campaign.submits else 0
    others = Campaign.objects.filter(
        template__component=component, state=Campaign.State.RUNNING, submits=True
    ).exclude(pk=campaign.pk)
    ahead = sum(_count_unsent(other) for other in others)
    hours = waiting_hours(component)
    median, slow = (_share(hours, 0.5), _share(hours, 0.9)) if hours else (None, None)
    sent_today = count_submitted_today(campaign)
    quota = _ask_quota(campaign)
    today, first = _today(), _count_unsent(campaign, is_canary=True)
    later = today + timedelta(days=_days_of_canary(campaign, median))
    is_in_two = 0 < first < submissions and later > today
    begins, first = (later, first) if is_in_two else (today, 0)
    last = last_submission(
        submissions - first,
        ahead=ahead,
        begins=begins,
        rest=max(0, quota.rest - first) if begins.month == today.month else quota.limit,
        limit=quota.limit,
        per_day=campaign.daily_budget,
        sent_today=sent_today if begins == today else 0,
    )
    ends = last + timedelta(days=ceil(slow / 24)) if last and slow is not None else None
    held = _unsent(campaign).exclude(foreseen="").count() if campaign.submits else 0
    return Forecast(submissions, ahead, quota.rest, quota.limit, median, slow, last, ends, held)


def is_all_submitted(campaign: Campaign) -> bool:
    """Whether each mini program of CAMPAIGN got as far as WeChat's reviewers."""
    is_left_out = Q(state__in=[*UNSENT, CampaignItem.State.SKIPPED, CampaignItem.State.HELD_BACK])
    is_left_out |= Q(state=CampaignItem.State.FAILED, audit=None)
    return not campaign.items.filter(is_left_out).exists()


def _unsent(campaign: Campaign) -> Any:
    """What CAMPAIGN gets to and has not submitted."""
    return reached_items(campaign).filter(state__in=UNSENT)


def _count_unsent(campaign: Campaign, **which: bool) -> int:
    """How many submissions CAMPAIGN would still make, as things stand."""
    return int(_unsent(campaign).filter(foreseen="", **which).count())


def _ask_quota(campaign: Campaign) -> code_review.Quota:
    """queryquota: any mini program of the platform is told the same."""
    bound = Authorizer.objects.filter(
        component=campaign.template.component_id,
        kind=Authorizer.Kind.MINI_PROGRAM,
        state=Authorizer.State.BOUND,
    )
    own = bound.filter(campaign_items__campaign=campaign)
    program = own.first()
    if program is None:
        raise NotReady(_("None of its mini programs is bound, so WeChat cannot be asked."))
    return read_quota(program)


def waiting_hours(component_id: int) -> list[float]:
    """How long the newest reviews of a platform took, sorted; none while few were decided."""
    decided = CodeAudit.objects.filter(
        authorizer__component=component_id,
        status__in=[CodeAudit.Status.PASSED, CodeAudit.Status.REJECTED],
    ).exclude(decided_at=None)
    times = decided.order_by("-id").values_list("create_time", "decided_at")[:RECENT_AUDITS]
    hours = sorted(max(0.0, (end - start).total_seconds() / 3600) for start, end in times)
    return hours if len(hours) >= FEWEST_AUDITS else []


def _share(hours: Sequence[float], part: float) -> float:
    """The time within which PART of the sorted HOURS lie."""
    return round(hours[min(len(hours) - 1, ceil(part * len(hours)) - 1)], 1)


def _days_of_canary(campaign: Campaign, median: float | None) -> int:
    """How long the rest waits for a canary wave that has still to pass."""
    if campaign.is_past_canary or not campaign.submits:
        return 0
    return ceil((median or 0) / 24)


def last_submission(
    number: int,
    *,
    begins: date,
    rest: int,
    limit: int,
    per_day: int | None,
    sent_today: int = 0,
    ahead: int = 0,
) -> date | None:
    """
    The day of the last of NUMBER submissions: REST are left of the month's LIMIT, of which others
    take AHEAD first; at most PER_DAY. None where that takes years.
    """
    day, places = begins, rest
    for _day in range(MAX_DAYS):
        others = min(ahead, places)
        ahead, places = ahead - others, places - others
        free = places if per_day is None else min(places, max(0, per_day - sent_today))
        number -= free
        if number <= 0:
            return day
        places -= free
        sent_today = 0
        day += timedelta(days=1)
        if day.day == 1:
            places = limit
    return None


def _today() -> date:
    """WeChat's day."""
    return timezone.now().astimezone(UTC_PLUS_8).date()
