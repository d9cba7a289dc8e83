"""What a campaign would do to each mini program: all that can be known while nothing is called."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Count, Q, TextChoices
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from audits.models import Campaign, CampaignItem, CodeAudit, CodeSummary, CodeVersion
from audits.problems import AuditIsOpen, BadExtJson
from audits.services.ext_json import compare_texts, compose_ext_json, read_layers
from audits.services.live_versions import live_code_versions
from audits.services.preflight.checking import Preflight, describe_failing, preflight_of
from audits.services.summaries import is_older, order_key
from miniprograms.models import Authorizer


class Outcome(TextChoices):
    """What becomes of a mini program once the campaign gets to it."""

    UPLOAD = "upload", gettext_lazy("is uploaded")
    SUBMIT = "submit", gettext_lazy("is uploaded and submitted")
    RELEASE = "release", gettext_lazy("is uploaded, submitted, and released once it has passed")
    HOLD = "hold", gettext_lazy("is uploaded, then held back")
    WAIT = "wait", gettext_lazy("waits for another audit")
    SKIP = "skip", gettext_lazy("is skipped")
    FAIL = "fail", gettext_lazy("fails")
    BEGUN = "begun", gettext_lazy("has begun, or is at its end")


# These hold no mini program back: the campaign waits for them to end, or pauses.
WAITED_FOR = ("open_audit", "quota", "scanned")
GONE = (Authorizer.State.UNBOUND, Authorizer.State.NEEDS_REAUTHORIZATION)
COSTLY = (Outcome.SUBMIT, Outcome.RELEASE, Outcome.WAIT)


@dataclass(frozen=True, slots=True)
class ItemPlan:
    """
    What would be done for ITEM, and the REASON why not all of it; the exact EXT_JSON, and its
    CHANGES from what is LIVE, or was uploaded last. ONLINE is the version that users have.
    """

    item: CampaignItem
    outcome: Outcome
    reason: str = ""
    live: CodeVersion | None = None
    ext_json: str = ""
    changes: Sequence[tuple[str, Any, Any]] = field(default_factory=list)
    online: str = ""

    @property
    def downgrades_from(self) -> str:
        """The version that users have, where what the campaign would bring is lower; else ""."""
        if self.outcome in (Outcome.SKIP, Outcome.FAIL):
            return ""
        return higher_version(self.item, self.online)

    @property
    def quota(self) -> int:
        """The submissions of WeChat's month that it costs, if WeChat rejects nothing."""
        return int(self.item.campaign.submits and self.outcome in COSTLY)


def higher_version(item: CampaignItem, online: str) -> str:
    """ONLINE, the version that users of ITEM have, where what is still to come to them is lower."""
    is_lower = is_older(item.campaign.user_version, online)
    return online if is_lower and not item.is_final else ""


def plan_items(campaign: Campaign, items: Iterable[CampaignItem]) -> list[ItemPlan]:
    """The plans for ITEMS of CAMPAIGN, read with their authorizers and versions."""
    items = list(items)
    programs = [item.authorizer for item in items]
    layers = read_layers(dict.fromkeys(programs, campaign.template))
    live = live_code_versions(programs)
    audits = CodeAudit.objects.open().filter(authorizer__in=programs)
    open_audits = {audit.authorizer_id: audit for audit in audits}
    summaries = CodeSummary.objects.in_bulk([program.pk for program in programs])
    plans = []
    for item in items:
        item.campaign = campaign
        version = live[item.authorizer_id]
        summary = summaries.get(item.authorizer_id)
        online = summary.live_version if summary else ""
        try:
            ext_json = _text_of(item, layers[item.authorizer_id])
        except BadExtJson as problem:
            plans.append(ItemPlan(item, Outcome.FAIL, str(problem), version, online=online))
            continue
        outcome, reason = _foresee(item, open_audits.get(item.authorizer_id))
        changes = compare_texts(version.ext_json if version else "", ext_json)
        plans.append(ItemPlan(item, outcome, reason, version, ext_json, changes, online))
    return plans


def _text_of(item: CampaignItem, layers: Any) -> str:
    """What was sent, or would be now."""
    if item.version is not None:
        return item.version.ext_json
    campaign = item.campaign
    return compose_ext_json(item.authorizer.appid, campaign.template, layers, campaign.ext)


def _foresee(item: CampaignItem, audit: CodeAudit | None) -> tuple[Outcome, str]:
    campaign = item.campaign
    if item.state != CampaignItem.State.WAITING:
        return Outcome.BEGUN, str(item.get_state_display())
    if item.authorizer.state in GONE:
        return Outcome.FAIL, _("The mini program is not bound to the platform any more.")
    if not campaign.submits:
        return Outcome.UPLOAD, ""
    if audit is not None:
        is_waiting = campaign.when_open == Campaign.WhenOpen.WAIT
        return Outcome.WAIT if is_waiting else Outcome.SKIP, str(AuditIsOpen(audit.auditid))
    if item.foreseen:
        text = _("In the way when it was last looked at: %(what)s.")
        return Outcome.HOLD, text % {"what": ", ".join(describe_failing(item.foreseen.split()))}
    return Outcome.RELEASE if campaign.auto_release else Outcome.SUBMIT, ""


def preflight_item(item: CampaignItem) -> Preflight:
    """
    What would stand in the way of ITEM's submission at WeChat, which is asked. What would hold it
    back is kept, so that forecasts do not count it.
    """
    campaign = item.campaign
    fields = {"version_desc": campaign.user_desc} if campaign.user_desc else None
    if item.version_id:
        result = preflight_of(item.authorizer, fields=fields)
    else:
        result = preflight_of(
            item.authorizer, template=campaign.template, ext=campaign.ext, fields=fields
        )
    codes = [check.code for check in result.failing if check.code not in WAITED_FOR]
    item.foreseen = " ".join(codes)
    rows = CampaignItem.objects.filter(pk=item.pk).exclude(foreseen=item.foreseen)
    rows.update(foreseen=item.foreseen)
    return result


def _is_left_out(campaign: Campaign) -> Q:
    """Of what waits: fails or is skipped by our rows, once it is its turn."""
    is_left_out = Q(authorizer__state__in=GONE)
    if campaign.submits and campaign.when_open == Campaign.WhenOpen.SKIP:
        is_left_out |= Q(authorizer__in=CodeAudit.objects.open().values("authorizer"))
    return Q(state=CampaignItem.State.WAITING) & is_left_out


def reached_items(campaign: Campaign) -> Any:
    """Those of CAMPAIGN that are not at their end, and neither fail nor are skipped by our rows."""
    unfinished = campaign.items.exclude(state__in=CampaignItem.FINAL)
    return unfinished.exclude(
        pk__in=campaign.items.filter(_is_left_out(campaign)).values("pk")
    ).order_by()


def _is_downgraded(campaign: Campaign) -> Q:
    """Its version is lower than what users have; nobody's is where it cannot be compared."""
    key = order_key(campaign.user_version)
    return Q(authorizer__code_summary__live_key__gt=key) if key else Q(pk__in=[])


def count_downgrades(campaign: Campaign) -> int:
    """For how many of those that it gets to its version is lower than what users have."""
    return int(reached_items(campaign).filter(_is_downgraded(campaign)).count())


def count_obstacles(campaign: Campaign) -> dict[str, int]:
    """
    How many of those that wait stand where they cannot go on at once, by our rows; and for how
    many of those that it gets to it is a downgrade.
    """
    unfinished = campaign.items.exclude(state__in=CampaignItem.FINAL).order_by()
    is_waiting = Q(state=CampaignItem.State.WAITING)
    is_gone = Q(authorizer__state__in=GONE)
    is_open = CodeAudit.objects.open().values("authorizer")
    in_review = ~is_gone & Q(authorizer__in=is_open) if campaign.submits else Q(pk__in=[])
    is_downgraded = _is_downgraded(campaign) & ~_is_left_out(campaign)
    return unfinished.aggregate(
        waiting=Count("pk", filter=is_waiting),
        unbound=Count("pk", filter=is_waiting & is_gone),
        open_audits=Count("pk", filter=is_waiting & in_review),
        downgrades=Count("pk", filter=is_downgraded),
    )
