"""How campaigns are written and read over REST."""

import json
from collections.abc import Iterable
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from api.fields import LARGEST, ExtJsonField, StrictSerializer, UTCField
from audits.models import Campaign, CampaignItem
from audits.services.ext_json import MISSING
from audits.services.plans import ItemPlan, Outcome
from audits.services.rollout.admission import count_items_of
from audits.services.summaries import order_key
from miniprograms.models import Authorizer

MAX_APPIDS = 10_000
RELEASES = ["manual", "when_passed"]
CHOOSING = {"appids", "tag", "state", "search", "live_below", "never_live"}


class CampaignRulesSerializer(StrictSerializer):
    """To whom, and by which rules; all parts of the choice must hold."""

    user_version = serializers.CharField(max_length=64)
    user_desc = serializers.CharField(max_length=500)
    appids = serializers.ListField(
        child=serializers.CharField(max_length=32), required=False, max_length=MAX_APPIDS
    )
    tag = serializers.CharField(required=False, max_length=50)
    state = serializers.ChoiceField(
        Authorizer.State.choices,
        required=False,
        help_text=gettext_lazy("`bound` unless it is said, or appids are named."),
    )
    search = serializers.CharField(
        required=False, max_length=200, help_text=gettext_lazy("A part of the name.")
    )
    live_below = serializers.CharField(
        required=False,
        max_length=64,
        help_text=gettext_lazy("Only where a version is live that is older than this one."),
    )
    never_live = serializers.BooleanField(
        required=False,
        help_text=gettext_lazy("Only where nothing was ever live; with `live_below`, those too."),
    )
    ext = ExtJsonField(
        required=False, help_text=gettext_lazy("Over the values of each mini program, this once.")
    )
    submit = serializers.BooleanField(
        default=True, help_text=gettext_lazy("Otherwise the code is only uploaded.")
    )
    release = serializers.ChoiceField(RELEASES, default="manual")
    canary = serializers.IntegerField(
        required=False, min_value=0, max_value=10_000, help_text=gettext_lazy("So many go first.")
    )
    at_once = serializers.IntegerField(required=False, min_value=1, max_value=200)
    daily_limit = serializers.IntegerField(
        required=False,
        min_value=1,
        max_value=1_000_000,
        allow_null=True,
        help_text=gettext_lazy("Submissions a day."),
    )
    most_failures = serializers.IntegerField(
        required=False,
        min_value=0,
        max_value=100,
        help_text=gettext_lazy("Per cent of what was begun; with more it pauses."),
    )
    when_open = serializers.ChoiceField(Campaign.WhenOpen.choices, required=False)

    def validate_live_below(self, value: str) -> str:
        if not order_key(value):
            raise ValidationError(_("No number is in it, so nothing can be older."))
        return value

    def validate_appids(self, appids: list[str]) -> list[str]:
        if not appids:
            raise ValidationError(_("Name at least one."))
        return appids

    def validate(self, fields: dict[str, Any]) -> dict[str, Any]:
        chosen = {name for name in CHOOSING if fields.get(name)}
        if not chosen:
            names = ", ".join(sorted(CHOOSING))
            raise ValidationError(_("Say which mini programs, by one of: %s.") % names)
        if fields["release"] == "when_passed" and not fields["submit"]:
            error = _("What is not submitted for review cannot be released.")
            raise ValidationError({"release": [error]})
        return fields


class CampaignRequestSerializer(CampaignRulesSerializer):
    template_id = serializers.IntegerField(min_value=0, max_value=LARGEST)
    component = serializers.CharField(
        required=False,
        max_length=32,
        help_text=gettext_lazy("The platform's appid, where several have such a template."),
    )


_RULES = ["template_id", "component", "user_version", "user_desc", "ext", "submit", "release"]
_LIMITS = ["canary", "at_once", "daily_limit", "most_failures", "when_open"]
_PROGRESS = ["state", "because", "is_past_canary", "total", "ended", "counts"]
_PEOPLE = ["created_by", "run_by", "created_at", "finished_at"]


class CampaignSerializer(serializers.ModelSerializer[Campaign]):
    template_id = serializers.IntegerField(source="template.template_id")
    component = serializers.CharField(source="template.component.appid")
    ext = serializers.DictField()
    submit = serializers.BooleanField(source="submits")
    release = serializers.SerializerMethodField()
    canary = serializers.IntegerField(source="canary_size")
    at_once = serializers.IntegerField(source="concurrency")
    daily_limit = serializers.IntegerField(source="daily_budget", allow_null=True)
    state = serializers.ChoiceField(Campaign.State.choices)
    because = serializers.CharField(help_text=gettext_lazy("Why it is paused, in a sentence."))
    total = serializers.SerializerMethodField()
    ended = serializers.SerializerMethodField()
    counts = serializers.SerializerMethodField()
    created_by = serializers.SerializerMethodField()
    run_by = serializers.SerializerMethodField()
    created_at = UTCField()
    finished_at = UTCField(allow_null=True)

    class Meta:
        model = Campaign
        fields = ["id", *_RULES, *_LIMITS, *_PROGRESS, *_PEOPLE]
        read_only_fields = fields

    @extend_schema_field(serializers.ChoiceField(RELEASES))
    def get_release(self, campaign: Campaign) -> str:
        return "when_passed" if campaign.auto_release else "manual"

    def get_total(self, campaign: Campaign) -> int:
        """How many mini programs."""
        return sum(self._counts(campaign).values())

    def get_ended(self, campaign: Campaign) -> int:
        """How many of them are at their end, by whatever way."""
        counts = self._counts(campaign)
        return sum(counts[state] for state in CampaignItem.FINAL if state in counts)

    def get_counts(self, campaign: Campaign) -> dict[str, int]:
        """How many are in each state that any is in."""
        return {state: number for state, number in self._counts(campaign).items() if number}

    def get_created_by(self, campaign: Campaign) -> str | None:
        return campaign.created_by.get_username() if campaign.created_by else None

    def get_run_by(self, campaign: Campaign) -> str | None:
        """In whose name it is carried out: who started or resumed it last."""
        return campaign.run_by.get_username() if campaign.run_by else None

    def _counts(self, campaign: Campaign) -> dict[str, int]:
        counts: dict[str, int] = campaign.counts  # type: ignore[attr-defined]
        return counts


def attach_counts(campaigns: Iterable[Campaign]) -> None:
    """Give each of CAMPAIGNS the number of its items by state, which its serializer needs."""
    campaigns = list(campaigns)
    counts = count_items_of(campaigns)
    for campaign in campaigns:
        campaign.counts = counts[campaign.pk]  # type: ignore[attr-defined]


class ItemsFilterSerializer(serializers.Serializer[Any]):
    state = serializers.ChoiceField(CampaignItem.State.choices, required=False)


class ProgramSerializer(serializers.ModelSerializer[CampaignItem]):
    """A mini program in a campaign, and how far it is."""

    appid = serializers.CharField(source="authorizer.appid")
    nick_name = serializers.CharField(source="authorizer.nick_name")
    state = serializers.ChoiceField(CampaignItem.State.choices)
    version_id = serializers.IntegerField(allow_null=True)
    auditid = serializers.CharField(source="audit.auditid", default=None, allow_null=True)
    submitted_at = UTCField(allow_null=True)
    released_at = UTCField(source="audit.released_at", default=None, allow_null=True)
    updated_at = UTCField()

    class Meta:
        model = CampaignItem
        fields = ["id", "appid", "nick_name", "state", "reason", "is_canary"]
        fields += ["version_id", "auditid", "submitted_at", "released_at", "updated_at"]
        read_only_fields = fields


class ChangeSerializer(serializers.Serializer[Any]):
    """A path in ext.json; `before` or `after` is missing where there is no value."""

    path = serializers.CharField()
    before = serializers.JSONField(required=False)
    after = serializers.JSONField(required=False)


class ItemPlanSerializer(serializers.Serializer[ItemPlan]):
    """What would be done for a mini program, and why not."""

    appid = serializers.CharField(source="item.authorizer.appid")
    nick_name = serializers.CharField(source="item.authorizer.nick_name")
    is_canary = serializers.BooleanField(source="item.is_canary")
    outcome = serializers.ChoiceField(Outcome.choices)
    reason = serializers.CharField()
    quota = serializers.IntegerField(help_text=gettext_lazy("Submissions of this month."))
    live_version = serializers.SerializerMethodField()
    downgrades_from = serializers.CharField(
        help_text=gettext_lazy(
            "The version that users have, where that of the campaign is lower; else empty."
        )
    )
    ext_json = serializers.CharField(help_text=gettext_lazy("The exact text that is sent."))
    changes = serializers.SerializerMethodField()

    def get_live_version(self, plan: ItemPlan) -> str | None:
        """The version that `changes` begin from: live, or uploaded last."""
        return plan.live.user_version if plan.live else None

    @extend_schema_field(ChangeSerializer(many=True))
    def get_changes(self, plan: ItemPlan) -> list[dict[str, Any]]:
        changes = []
        for path, before, after in plan.changes:
            sides = {"before": before, "after": after}
            known = {name: value for name, value in sides.items() if value is not MISSING}
            changes.append({"path": path, **json.loads(json.dumps(known))})
        return changes


class ForecastSerializer(serializers.Serializer[Any]):
    submissions = serializers.IntegerField(help_text=gettext_lazy("Still to be made."))
    ahead = serializers.IntegerField(
        help_text=gettext_lazy("Those of other campaigns that run, which share the quota.")
    )
    rest = serializers.IntegerField(help_text=gettext_lazy("WeChat's quota left this month."))
    limit = serializers.IntegerField(help_text=gettext_lazy("WeChat's quota of a month."))
    median_hours = serializers.FloatField(
        allow_null=True, help_text=gettext_lazy("Until a verdict, lately; null if hardly any came.")
    )
    slow_hours = serializers.FloatField(
        allow_null=True, help_text=gettext_lazy("Nine of ten verdicts came sooner.")
    )
    last_submission_on = serializers.DateField(
        allow_null=True, help_text=gettext_lazy("Null: the quota does not let it end.")
    )
    ends_on = serializers.DateField(
        allow_null=True, help_text=gettext_lazy("The day of the last verdict.")
    )
    held = serializers.IntegerField(
        help_text=gettext_lazy(
            "Not counted: they would be held back, as their preflights within this campaign said."
        )
    )
