"""
What waits for a person, and where reviews stand: each a number, an age and the list of it.

All is counted by one statement. Of a thousand nobody needs to know how many more there are, so
nothing is counted further: the page takes as long with a hundred thousand accounts as with ten.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import JSONObject
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy
from django_stubs_ext import StrOrPromise

from audits.admin.account_facts import BEHIND, is_behind, is_held_back
from audits.models import Campaign, CampaignItem, CodeAudit, CodeSummary, QuotaEntry
from audits.services.rollout.admission import annotate_standstill
from config.counting import count_together
from messaging.models import Conversation, Delivery, Target
from miniprograms.models import Authorizer, Binding, Setting
from platform_auth.admin.pages import ago
from platform_auth.models import Component, Push

MOST_COUNTED = 1000
MOST_CAMPAIGNS = 10
LOW_QUOTA = 0.1  # of the month's submissions

_ACCOUNTS, _PROGRAMS = "miniprograms.view_authorizer", "audits.view_codeaudit"
_ACCOUNT_LIST = "miniprograms_authorizer"
_REVIEW = CodeAudit.Status


@dataclass(frozen=True, slots=True, eq=False)
class _Work:
    """
    What may wait: ROWS, and the column that says since when, for those with PERMISSIONS. LIST is
    the list that shows them, with QUERY.
    """

    title: StrOrPromise
    rows: Callable[[], QuerySet[Any]]
    since: str
    permissions: tuple[str, ...]
    list: str
    query: dict[str, str]
    is_bad: bool = False


@dataclass(frozen=True, slots=True)
class Waiting:
    """NUMBER rows wait, or more where IS CUT, the oldest of them since SINCE; URL lists them."""

    title: StrOrPromise
    number: int
    is_cut: bool
    since: datetime | None
    url: str
    is_bad: bool

    @property
    def age(self) -> str:
        return ago(self.since) if self.since else ""


def _reviewed(status: _REVIEW, since: str) -> Callable[[], QuerySet[Any]]:
    """Mini programs whose newest audit has STATUS, each with the audit's column SINCE."""

    def rows() -> QuerySet[Any]:
        audits = CodeAudit.objects.filter(authorizer=OuterRef("pk"), status=status)
        since_when = Subquery(audits.order_by("-pk").values(since)[:1])
        return CodeSummary.objects.filter(review=status.name.lower()).annotate(at=since_when)

    return rows


def _review(title: StrOrPromise, status: _REVIEW, since: str, *, is_bad: bool = False) -> _Work:
    query = {"review": status.name.lower()}
    return _Work(
        title, _reviewed(status, since), "at", (_ACCOUNTS, _PROGRAMS), _ACCOUNT_LIST, query, is_bad
    )


PIPELINE = (
    _review(_("being submitted"), _REVIEW.SUBMITTING, "create_time"),
    _review(_("in review"), _REVIEW.IN_REVIEW, "create_time"),
    _review(_("delayed by WeChat"), _REVIEW.DELAYED, "create_time"),
    _review(_("passed, not released"), _REVIEW.PASSED, "decided_at"),
    _review(_("rejected"), _REVIEW.REJECTED, "decided_at", is_bad=True),
)
WAITING = (
    PIPELINE[-1],
    PIPELINE[-2],
    _review(_("submitted, outcome not known"), _REVIEW.UNKNOWN, "create_time", is_bad=True),
    _Work(
        ngettext_lazy(
            "binding that waits for a decision", "bindings that wait for a decision", "number"
        ),
        Binding.objects.unclaimed,
        "started_at",
        ("miniprograms.view_binding",),
        "miniprograms_binding",
        {"status__exact": Binding.Status.UNCLAIMED},
        is_bad=True,
    ),
    _Work(
        ngettext_lazy(
            "account that must be authorised again",
            "accounts that must be authorised again",
            "number",
        ),
        lambda: Authorizer.objects.filter(state=Authorizer.State.NEEDS_REAUTHORIZATION),
        "",
        (_ACCOUNTS,),
        _ACCOUNT_LIST,
        {"state__exact": Authorizer.State.NEEDS_REAUTHORIZATION},
        is_bad=True,
    ),
    *(
        _Work(
            title,
            partial(Authorizer.objects.filter, account_status=status),
            "",
            (_ACCOUNTS,),
            _ACCOUNT_LIST,
            {"account_status__exact": str(status.value)},
            is_bad=True,
        )
        for title, status in (
            (
                ngettext_lazy(
                    "account that WeChat has banned", "accounts that WeChat has banned", "number"
                ),
                Authorizer.AccountStatus.BANNED,
            ),
            (
                ngettext_lazy(
                    "account that WeChat has frozen", "accounts that WeChat has frozen", "number"
                ),
                Authorizer.AccountStatus.FROZEN,
            ),
            (
                ngettext_lazy(
                    "account with an alert of WeChat's",
                    "accounts with an alert of WeChat's",
                    "number",
                ),
                Authorizer.AccountStatus.ALERTED,
            ),
        )
    ),
    _Work(
        ngettext_lazy(
            "account that lacks a permission", "accounts that lack a permission", "number"
        ),
        lambda: Authorizer.objects.lacking(),
        "",
        (_ACCOUNTS,),
        _ACCOUNT_LIST,
        {"lacks": "any"},
    ),
    _Work(
        ngettext_lazy(
            "mini program whose code WeChat would refuse",
            "mini programs whose code WeChat would refuse",
            "number",
        ),
        lambda: Authorizer.objects.filter(is_held_back()),
        "",
        (_ACCOUNTS, _PROGRAMS),
        _ACCOUNT_LIST,
        {"preflight": "failing"},
        is_bad=True,
    ),
    _Work(
        ngettext_lazy(
            "mini program that is live with less than the newest template's version",
            "mini programs that are live with less than the newest template's version",
            "number",
        ),
        lambda: Authorizer.objects.filter(is_behind()),
        "",
        (_ACCOUNTS, _PROGRAMS),
        _ACCOUNT_LIST,
        {"live": BEHIND},
    ),
    _Work(
        ngettext_lazy(
            "user whose messages nobody has read", "users whose messages nobody has read", "number"
        ),
        lambda: Conversation.objects.filter(unread__gt=0),
        "touched_at",
        ("messaging.view_conversation",),
        "messaging_conversation",
        {"read": "no"},
    ),
    _Work(
        ngettext_lazy(
            "push that could not be worked out", "pushes that could not be worked out", "number"
        ),
        lambda: Push.objects.filter(state=Push.State.FAILED),
        "received_at",
        ("platform_auth.view_push",),
        "platform_auth_push",
        {"state": Push.State.FAILED},
        is_bad=True,
    ),
    _Work(
        ngettext_lazy(
            "forwarded message that was given up", "forwarded messages that were given up", "number"
        ),
        lambda: Delivery.objects.filter(state=Delivery.State.DEAD),
        "created_at",
        ("messaging.view_delivery",),
        "messaging_delivery",
        {"state__exact": Delivery.State.DEAD},
        is_bad=True,
    ),
    _Work(
        ngettext_lazy(
            "forward target that does not answer", "forward targets that do not answer", "number"
        ),
        lambda: Target.objects.filter(is_on=True, paused_until__isnull=False),
        "",
        ("messaging.view_target",),
        "messaging_target",
        {},
        is_bad=True,
    ),
    _Work(
        ngettext_lazy(
            "setting of which WeChat has something else",
            "settings of which WeChat has something else",
            "number",
        ),
        Setting.objects.drifted,
        "",
        (_ACCOUNTS, "miniprograms.view_setting"),
        _ACCOUNT_LIST,
        {"drift": "yes"},
    ),
    _Work(
        ngettext_lazy("campaign that is paused", "campaigns that are paused", "number"),
        lambda: Campaign.objects.filter(finished_at=None, state=Campaign.State.PAUSED),
        "created_at",
        ("audits.view_campaign",),
        "audits_campaign",
        {"state__exact": Campaign.State.PAUSED},
    ),
)


def read(user: Any) -> tuple[list[Waiting], list[Waiting]]:
    """What waits for USER, without what is empty; and the pipeline of reviews, all of it."""
    seen = [one for one in dict.fromkeys((*PIPELINE, *WAITING)) if _may_see(user, one)]
    counts = dict(zip(seen, _count(seen), strict=True))
    waiting = [counts[one] for one in WAITING if one in counts and counts[one].number]
    return waiting, [counts[one] for one in PIPELINE if one in counts]


def _may_see(user: Any, work: _Work) -> bool:
    return bool(user.has_perms(work.permissions))


def _count(seen: Sequence[_Work]) -> list[Waiting]:
    counts = count_together([(work.rows(), work.since) for work in seen], MOST_COUNTED)
    return [_waiting(work, *count) for work, count in zip(seen, counts, strict=True)]


def _waiting(work: _Work, number: int, since: datetime | None) -> Waiting:
    url = reverse(f"admin:{work.list}_changelist")
    query = f"?{urlencode(work.query)}" if work.query else ""
    is_cut = number > MOST_COUNTED
    # Of those that were not counted some may be older.
    oldest = None if is_cut else since
    title = work.title % {"number": number}
    return Waiting(title, min(number, MOST_COUNTED), is_cut, oldest, url + query, work.is_bad)


@dataclass(frozen=True, slots=True)
class Progress:
    """How many of the mini programs of CAMPAIGN are at their end, and how many of those failed."""

    campaign: Campaign
    total: int
    ended: int
    failed: int

    @property
    def per_cent(self) -> int:
        return 100 * self.ended // self.total if self.total else 0


def campaigns_of(user: Any) -> list[Progress]:
    """The campaigns under way, the newest first, if USER may see them."""
    if not user.has_perm("audits.view_campaign"):
        return []
    unfinished = annotate_standstill(Campaign.objects.unfinished())
    campaigns = list(unfinished.order_by("-pk")[:MOST_CAMPAIGNS])
    items = CampaignItem.objects.filter(campaign__in=campaigns).order_by()
    numbers: dict[int, dict[str, int]] = {campaign.pk: {} for campaign in campaigns}
    for pk, state, number in items.values_list("campaign", "state").annotate(Count("pk")):
        numbers[pk][state] = number
    return [_progress(campaign, numbers[campaign.pk]) for campaign in campaigns]


def _progress(campaign: Campaign, numbers: dict[str, int]) -> Progress:
    ended = sum(numbers.get(state, 0) for state in CampaignItem.FINAL)
    failed = sum(numbers.get(state, 0) for state in CampaignItem.UNSUCCESSFUL)
    return Progress(campaign, sum(numbers.values()), ended, failed)


@dataclass(frozen=True, slots=True)
class Quota:
    """What is left this month of a COMPONENT's submissions and speed-ups, as WeChat said last."""

    component: Component
    rest: int
    limit: int
    speedup_rest: int

    @property
    def is_low(self) -> bool:
        return self.rest < self.limit * LOW_QUOTA


def read_components() -> tuple[list[Component], list[Quota]]:
    """All components, by appid, and the quotas of those of which WeChat has said them."""
    entries = QuotaEntry.objects.filter(component=OuterRef("pk"), kind=QuotaEntry.Kind.TOLD)
    newest = entries.order_by("-pk").values(
        numbers=JSONObject(rest="rest", limit="limit", speedup_rest="speedup_rest")
    )
    components = Component.objects.order_by("appid").annotate(quota=Subquery(newest[:1]))
    rows = list(components)
    return rows, [Quota(row, **row.quota) for row in rows if row.quota]
