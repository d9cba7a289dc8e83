"""What a campaign would do to each mini program: all that can be known while nothing is called."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Count, Q, TextChoices
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from audits.models import Campaign, CampaignItem, CodeAudit, CodeVersion
from audits.problems import AuditIsOpen, BadExtJson
from audits.services.ext_json import compare_texts, compose_ext_json, read_layers
from audits.services.live_versions import live_code_versions
from audits.services.preflight.checking import Preflight, preflight_of
from miniprograms.models import Authorizer


class Outcome(TextChoices):
    """What becomes of a mini program once the campaign gets to it."""

    UPLOAD = "upload", gettext_lazy("is uploaded")
    SUBMIT = "submit", gettext_lazy("is uploaded and submitted")
    RELEASE = "release", gettext_lazy("is uploaded, submitted, and released once it has passed")
    WAIT = "wait", gettext_lazy("waits for another audit")
    SKIP = "skip", gettext_lazy("is skipped")
    FAIL = "fail", gettext_lazy("fails")
    BEGUN = "begun", gettext_lazy("has begun, or is at its end")


COSTLY = (Outcome.SUBMIT, Outcome.RELEASE, Outcome.WAIT)


@dataclass(frozen=True, slots=True)
class ItemPlan:
    """
    What would be done for ITEM, and the REASON why not all of it; the exact EXT_JSON, and its
    CHANGES from what is LIVE.
    """

    item: CampaignItem
    outcome: Outcome
    reason: str = ""
    live: CodeVersion | None = None
    ext_json: str = ""
    changes: Sequence[tuple[str, Any, Any]] = field(default_factory=list)

    @property
    def quota(self) -> int:
        """The submissions of WeChat's month that it costs, if WeChat rejects nothing."""
        return int(self.item.campaign.submits and self.outcome in COSTLY)


def plan_items(campaign: Campaign, items: Iterable[CampaignItem]) -> list[ItemPlan]:
    """The plans for ITEMS of CAMPAIGN, read with their authorizers and versions."""
    items = list(items)
    programs = [item.authorizer for item in items]
    layers = read_layers(dict.fromkeys(programs, campaign.template))
    live = live_code_versions(programs)
    audits = CodeAudit.objects.open().filter(authorizer__in=programs)
    open_audits = {audit.authorizer_id: audit for audit in audits}
    plans = []
    for item in items:
        item.campaign = campaign
        version = live[item.authorizer_id]
        try:
            ext_json = _text_of(item, layers[item.authorizer_id])
        except BadExtJson as problem:
            plans.append(ItemPlan(item, Outcome.FAIL, str(problem), version))
            continue
        outcome, reason = _foresee(item, open_audits.get(item.authorizer_id))
        changes = compare_texts(version.ext_json if version else "", ext_json)
        plans.append(ItemPlan(item, outcome, reason, version, ext_json, changes))
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
    if item.authorizer.state in (
        Authorizer.State.UNBOUND,
        Authorizer.State.NEEDS_REAUTHORIZATION,
    ):
        return Outcome.FAIL, _("The mini program is not bound to the platform any more.")
    if not campaign.submits:
        return Outcome.UPLOAD, ""
    if audit is not None:
        is_waiting = campaign.when_open == Campaign.WhenOpen.WAIT
        return Outcome.WAIT if is_waiting else Outcome.SKIP, str(AuditIsOpen(audit.auditid))
    return Outcome.RELEASE if campaign.auto_release else Outcome.SUBMIT, ""


def preflight_item(item: CampaignItem) -> Preflight:
    """What would stand in the way of ITEM's submission at WeChat, which is asked."""
    campaign = item.campaign
    fields = {"version_desc": campaign.user_desc} if campaign.user_desc else None
    if item.version_id:
        return preflight_of(item.authorizer, fields=fields)
    return preflight_of(
        item.authorizer, template=campaign.template, ext=campaign.ext, fields=fields
    )


def count_obstacles(campaign: Campaign) -> dict[str, int]:
    """How many of those that wait stand where they cannot go on at once, by our rows."""
    waiting = campaign.items.filter(state=CampaignItem.State.WAITING).order_by()
    gone = (Authorizer.State.UNBOUND, Authorizer.State.NEEDS_REAUTHORIZATION)
    is_gone = Q(authorizer__state__in=gone)
    is_open = CodeAudit.objects.open().values("authorizer")
    in_review = ~is_gone & Q(authorizer__in=is_open) if campaign.submits else Q(pk__in=[])
    return waiting.aggregate(
        waiting=Count("pk"),
        unbound=Count("pk", filter=is_gone),
        open_audits=Count("pk", filter=in_review),
    )
