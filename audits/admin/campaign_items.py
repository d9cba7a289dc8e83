"""The mini programs of campaigns: in the admin, and as a CSV file."""

from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from django.utils.timezone import localtime
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from audits.admin.acts import MAY_RELEASE
from audits.admin.campaign_progress import item_label
from audits.admin.columns import ProgramRowAdmin
from audits.admin.ext_tables import preview_text, preview_upload
from audits.admin.row_acts import join_links
from audits.models import Campaign, CampaignItem
from audits.problems import CannotAct
from audits.services import campaigns
from audits.services.plans import higher_version
from audits.services.summaries import summary_of
from miniprograms.models import Authorizer
from platform_auth.admin.account_links import MAY_VIEW_ACCOUNTS, reader_of
from platform_auth.admin.acts import ask_about_one, do_to_chosen, holding, saying
from platform_auth.admin.columns import column, link_to, time_column
from platform_auth.admin.pages import label
from platform_auth.admin.spreadsheet import csv_lines

OPERATE_CAMPAIGNS = ("audits.commit_version", "audits.submit_audit")
RETRY_QUESTION = _(
    "What was uploaded and is still the newest is submitted again, what was approved is released; "
    "the rest is uploaded anew."
)
# What can be put back in line.
_RETRIED = (
    *CampaignItem.UNSUCCESSFUL,
    CampaignItem.State.SKIPPED,
    CampaignItem.State.HELD_BACK,
)
_retry = saying(_("in line again."), campaigns.retry_item)
_skip = saying(_("skipped."), campaigns.skip_item)


def _preview_item(row: CampaignItem) -> object:
    """What was sent, or would be now."""
    if row.version is not None:
        return preview_text(row.authorizer, row.version.ext_json, row.version)
    return preview_upload(row.authorizer, row.campaign.template, row.campaign.ext)


@admin.register(CampaignItem)
class CampaignItemAdmin(ProgramRowAdmin):
    asks_outside = False
    live_columns = ("state_label", "reason_in_short", "acts", "updated")
    list_display: tuple[str, ...] = ("state_label", "program", "reason_in_short", "is_canary")
    list_display += ("campaign", "audit", "updated", "acts")
    list_display_links = ("state_label",)
    list_filter = ("state", "is_canary", "campaign")
    list_select_related = ("authorizer__code_summary", "campaign", "audit")
    fields: tuple[str, ...] = ("program", "acts", "campaign_link", "state_label", "reason")
    fields += ("is_canary", "version", "audit", "release", "submitted_at", "failures", "updated")
    fields += ("ext_json",)
    readonly_fields = fields
    actions = ("retry", "skip")
    actions_detail = ("retry_one", "skip_one")
    troubles = (CannotAct,)

    def get_queryset(self, request: HttpRequest) -> Any:
        related = ("authorizer__code_summary", "campaign__template", "version", "audit", "release")
        return super().get_queryset(request).select_related(*related)

    has_view_permission = holding("audits.view_campaign")
    has_operate_permission = holding(*OPERATE_CAMPAIGNS)

    retry = do_to_chosen(_retry, _("Retry"), "operate")
    skip = do_to_chosen(_skip, _("Skip"), "operate")
    retry_one = ask_about_one(
        _retry, _("Retry"), RETRY_QUESTION, "operate", path="retry", icon="replay"
    )
    skip_one = ask_about_one(
        _skip,
        _("Skip"),
        _("The campaign leaves this mini program alone."),
        "operate",
        path="skip",
        icon="skip_next",
    )

    def unfit_acts(self, object_id: Any) -> set[str]:
        row = CampaignItem.objects.filter(pk=object_id).select_related("campaign").first()
        fitting = _fitting_acts(row) if row else set()
        return set(self.actions_detail) - fitting

    acts = column(_("what to do"), lambda row: _act_links(row))
    updated = time_column("updated_at", _("updated"))
    ext_json = column(_("ext.json"), _preview_item)
    campaign_link = column(_("campaign"), lambda row: link_to(row.campaign))
    state_label = column(_("state"), lambda row: _state_label(row))
    reason_in_short = column(_("reason"), lambda row: Truncator(row.reason).chars(80) or "–")


def _state_label(row: CampaignItem) -> SafeString:
    """How far it is, and that what comes to its users is lower than what they have."""
    shown = item_label(row.state)
    online = higher_version(row, summary_of(row.authorizer).live_version)
    if not (online and row.campaign.submits):
        return shown
    text = gettext("downgrade from %(version)s") % {"version": online}
    return format_html("{} {}", shown, label(text, "danger"))


def _fitting_acts(row: CampaignItem) -> set[str]:
    """What a campaign lets be done with ROW as it is."""
    ended = (CampaignItem.State.RELEASED, CampaignItem.State.SKIPPED)
    fitting = set()
    if row.state in _RETRIED and row.campaign.state != Campaign.State.STOPPED:
        fitting.add("retry_one")
    if row.state not in (*ended, *CampaignItem.IN_FLIGHT):
        fitting.add("skip_one")
    return fitting


def _act_links(row: CampaignItem) -> object:
    """The acts at hand on ROW, for whoever looks at it; a release is the mini program's own act."""
    reader = reader_of(row)
    if reader is None:
        return "–"
    fitting = _fitting_acts(row) if reader.has_perms(OPERATE_CAMPAIGNS) else set()
    links = [
        (reverse(f"admin:audits_campaignitem_{name}", args=[row.pk]), title)
        for name, title in (("retry_one", _("Retry")), ("skip_one", _("Skip")))
        if name in fitting
    ]
    has_passed = row.state == CampaignItem.State.PASSED and row.released_by_id is None
    is_bound = row.authorizer.state != Authorizer.State.UNBOUND
    if has_passed and is_bound and reader.has_perms([MAY_VIEW_ACCOUNTS, MAY_RELEASE]):
        links.insert(0, (reverse("admin:code-release", args=[row.authorizer_id]), _("Release")))
    return join_links(links)


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
