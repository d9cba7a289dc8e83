"""The mini programs of campaigns: in the admin, and as a CSV file."""

from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from django.utils.timezone import localtime
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action

from audits.admin.campaign_progress import item_label
from audits.admin.columns import ProgramRowAdmin, time_column
from audits.models import Campaign, CampaignItem
from audits.problems import CannotAct
from audits.services import campaigns
from platform_auth.admin.spreadsheet import csv_lines

OPERATE_CAMPAIGNS = ("audits.commit_version", "audits.submit_audit")
RETRY_QUESTION = _(
    "What was uploaded and is still the newest is submitted again, what was approved is released; "
    "the rest is uploaded anew."
)


@admin.register(CampaignItem)
class CampaignItemAdmin(ProgramRowAdmin):
    list_display: tuple[str, ...] = ("program", "state_label", "reason_in_short", "is_canary")
    list_display += ("campaign", "audit", "updated")
    list_display_links = ("program",)
    list_filter = ("state", "is_canary", "campaign")
    list_select_related = ("authorizer", "campaign", "audit")
    fields: tuple[str, ...] = ("program_link", "campaign_link", "state_label", "reason")
    fields += ("is_canary", "version", "audit", "release", "submitted_at", "failures", "updated")
    readonly_fields = fields
    actions = ("retry", "skip")
    actions_detail = ("retry_one", "skip_one")
    troubles = (CannotAct,)

    def get_queryset(self, request: HttpRequest) -> Any:
        related = ("authorizer", "campaign", "version", "audit", "release")
        return super().get_queryset(request).select_related(*related)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("audits.view_campaign")

    def has_operate_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perms(OPERATE_CAMPAIGNS)

    @admin.action(description=_("Retry"), permissions=["operate"])
    def retry(self, request: HttpRequest, queryset: Any) -> None:
        self.carry_out_each(request, queryset, lambda row: _retry(row, request.user))

    @admin.action(description=_("Skip"), permissions=["operate"])
    def skip(self, request: HttpRequest, queryset: Any) -> None:
        self.carry_out_each(request, queryset, lambda row: _skip(row, request.user))

    @action(description=_("Retry"), permissions=["operate"], url_path="retry", icon="replay")
    def retry_one(self, request: HttpRequest, object_id: str) -> HttpResponse:
        def act(row: CampaignItem, form: None) -> object:
            return _retry(row, request.user)

        return self.confirm(request, object_id, act, title=_("Retry"), question=RETRY_QUESTION)

    @action(description=_("Skip"), permissions=["operate"], url_path="skip", icon="skip_next")
    def skip_one(self, request: HttpRequest, object_id: str) -> HttpResponse:
        def act(row: CampaignItem, form: None) -> object:
            return _skip(row, request.user)

        question = _("The campaign leaves this mini program alone.")
        return self.confirm(request, object_id, act, title=_("Skip"), question=question)

    updated = time_column("updated_at", _("updated"))

    @admin.display(description=_("mini program"))
    def program(self, row: CampaignItem) -> str:  # type: ignore[override]
        return f"{row.authorizer.nick_name} ({row.authorizer.appid})"

    @admin.display(description=_("mini program"))
    def program_link(self, row: CampaignItem) -> SafeString:
        url = reverse("admin:miniprograms_authorizer_change", args=[row.authorizer_id])
        return format_html('<a href="{}" class="text-link">{}</a>', url, self.program(row))

    @admin.display(description=_("campaign"))
    def campaign_link(self, row: CampaignItem) -> SafeString:
        url = reverse("admin:audits_campaign_change", args=[row.campaign_id])
        return format_html('<a href="{}" class="text-link">{}</a>', url, row.campaign)

    @admin.display(description=_("state"))
    def state_label(self, row: CampaignItem) -> SafeString:
        return item_label(row.state)

    @admin.display(description=_("reason"))
    def reason_in_short(self, row: CampaignItem) -> str:
        return Truncator(row.reason).chars(80) or "–"


def _retry(row: CampaignItem, by: Any) -> object:
    campaigns.retry_item(row, by=by)
    return _("in line again.")


def _skip(row: CampaignItem, by: Any) -> object:
    campaigns.skip_item(row, by=by)
    return _("skipped.")


def item_csv_lines(campaign: Campaign) -> Iterator[str]:
    """The items of CAMPAIGN, one a line, beneath the titles of the columns."""
    outcome = [_("appid"), _("name"), _("state"), _("reason")]
    acts = [_("canary"), _("version"), _("audit"), _("submitted"), _("released")]
    items = campaign.items.select_related("authorizer", "audit").order_by("id")
    rows = (_csv_cells(item, campaign) for item in items.iterator(chunk_size=1000))
    return csv_lines(outcome + acts, rows)


def _csv_cells(item: CampaignItem, campaign: Campaign) -> Iterator[str]:
    audit = item.audit
    yield item.authorizer.appid
    yield item.authorizer.nick_name
    yield str(item.get_state_display())
    yield item.reason
    yield gettext("yes") if item.is_canary else ""
    yield campaign.user_version
    yield audit.auditid if audit else ""
    for at in (item.submitted_at, audit.released_at if audit else None):
        yield localtime(at).isoformat(" ", "seconds") if at else ""
