"""What a campaign would do, before it does anything: plan, forecast, preflights, dry run."""

import json
from collections.abc import Iterator
from itertools import islice
from typing import Any

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404
from django.template.loader import render_to_string
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from audits.admin.columns import code_page_of
from audits.admin.ext_tables import changes_table, show_value
from audits.models import Campaign, CampaignItem
from audits.services.forecasts import forecast_campaign, is_all_submitted
from audits.services.plans import (
    ItemPlan,
    Outcome,
    count_downgrades,
    count_obstacles,
    plan_items,
    preflight_item,
)
from audits.services.preflight.checking import TITLES, Preflight
from platform_auth.admin.acts import button
from platform_auth.admin.pages import StaffAdmin, label
from platform_auth.admin.spreadsheet import csv_lines, csv_response
from platform_auth.errcodes import explain_error
from platform_auth.fields import Unreadable
from platform_auth.operations import record_operation
from wechat.errors import WeChatError

PLAN_ROWS = 20  # a page: WeChat is asked about each
DRY_RUN_ROWS = 500  # in memory at once
MAX_CHANGES = 20  # of one mini program
WHO = {"merchant": _("the merchant"), "staff": _("staff"), "wechat": _("WeChat")}
OUTCOME_COLOURS = {
    Outcome.UPLOAD: "success",
    Outcome.SUBMIT: "success",
    Outcome.RELEASE: "success",
    Outcome.WAIT: "warning",
    Outcome.HOLD: "danger",
    Outcome.FAIL: "danger",
}
# WeChat is asked what would stand in their way.
PREFLIGHTED = (Outcome.SUBMIT, Outcome.RELEASE, Outcome.HOLD)


class PlanPages(StaffAdmin):
    """Adds to the admin of campaigns what one would do."""

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        own = [
            path("<int:pk>/forecast/", wrap(self.forecast), name="campaign-forecast"),
            path(
                "<int:pk>/plan/<int:item>/preflight/",
                wrap(self.preflight),
                name="campaign-preflight",
            ),
        ]
        return [*own, *super().get_urls()]

    @button(_("Plan"), "view", path="plan", icon="checklist")
    def plan(self, request: HttpRequest, object_id: str) -> HttpResponse:
        campaign = self.visible_or_404(request, object_id)
        pages = Paginator(_items_of(campaign), PLAN_ROWS)
        page = pages.get_page(request.GET.get("page"))
        return self.page(
            request,
            "admin/campaigns/plan.html",
            title=_("Plan"),
            campaign=campaign,
            obstacles=count_obstacles(campaign),
            plans=[_describe_plan(plan) for plan in plan_items(campaign, page)],
            pages=page,
            forecast=forecast_address(campaign),
            export=reverse("admin:audits_campaign_dry_run", args=[campaign.pk]),
            back=self.url_of(campaign),
        )

    @button(_("Dry run (CSV)"), "view", path="dry-run", icon="download")
    def dry_run(self, request: HttpRequest, object_id: str) -> StreamingHttpResponse:
        campaign = self.visible_or_404(request, object_id)
        record_operation("dry_run_campaign", by=request.user, result=str(campaign))
        return csv_response(f"campaign-{campaign.pk}-dry-run", _dry_run_lines(campaign))

    def forecast(self, request: HttpRequest, pk: int) -> HttpResponse:
        """When it may end, as a piece of HTML: WeChat is asked for the quota."""
        campaign = self.visible_or_404(request, str(pk))
        held_back = campaign.items.filter(state=CampaignItem.State.HELD_BACK).count()
        context: dict[str, Any] = {
            "campaign": campaign,
            "held_back": held_back,
            "is_all_submitted": is_all_submitted(campaign),
        }
        try:
            context["forecast"] = forecast_campaign(campaign)
        except (WeChatError, Unreadable) as problem:
            context["problem"] = explain_error(problem)
        return HttpResponse(render_to_string("admin/campaigns/forecast.html", context, request))

    def preflight(self, request: HttpRequest, pk: int, item: int) -> HttpResponse:
        """What would stand in the way at WeChat, as a piece of HTML."""
        campaign = self.visible_or_404(request, str(pk))
        related = campaign.items.select_related("authorizer", "campaign__template")
        row = get_object_or_404(related, pk=item)
        result = preflight_item(row)
        [plan] = plan_items(campaign, [row])
        checks = [(TITLES.get(one.code, one.code), one, WHO[one.who]) for one in result.checks]
        context = {
            "campaign": campaign,
            "outcome": _outcome_label(plan, result),
            "quota": plan.quota,
            "is_held": bool(row.foreseen),
            "codes": {one.code for one in result.failing},
            "failing": [check for check in checks if check[1].ok is False],
            "unknown": [check for check in checks if check[1].ok is None],
            "number": len(checks),
        }
        return HttpResponse(render_to_string("admin/campaigns/preflight.html", context, request))


def forecast_address(campaign: Campaign) -> str:
    return reverse("admin:campaign-forecast", args=[campaign.pk])


def _items_of(campaign: Campaign) -> Any:
    return campaign.items.select_related("authorizer", "version").order_by("id")


def _describe_plan(plan: ItemPlan) -> dict[str, object]:
    item = plan.item
    return {
        "account": item.authorizer,
        "url": code_page_of(item.authorizer),
        "is_canary": item.is_canary,
        "outcome": _outcome_label(plan),
        "reason": plan.reason,
        "downgrade": describe_downgrade(item.campaign, plan.downgrades_from),
        "quota": plan.quota,
        "live": plan.live.user_version if plan.live else "",
        "online": plan.online,
        "changes": changes_table(plan.changes[:MAX_CHANGES]),
        "hidden": max(0, len(plan.changes) - MAX_CHANGES),
        "ext_json": plan.ext_json,
        "preflight": reverse("admin:campaign-preflight", args=[item.campaign_id, item.pk])
        if plan.outcome in PREFLIGHTED
        else "",
    }


def describe_downgrade(campaign: Campaign, online: str) -> str:
    """That the version of CAMPAIGN is lower than ONLINE, which users have; "" where that is ""."""
    if not online:
        return ""
    if campaign.submits:
        text = gettext("A downgrade: users have version %(online)s; %(version)s is lower.")
    else:
        text = gettext(
            "Users have and keep version %(online)s; %(version)s, which is only uploaded, is lower."
        )
    return text % {"online": online, "version": campaign.user_version}


def describe_upload(campaign: Campaign) -> str:
    """What the start of CAMPAIGN does first."""
    canaries = campaign.items.filter(is_canary=True).count()
    words = {"number": campaign.items.count(), "version": campaign.user_version, "first": canaries}
    if campaign.submits and canaries:
        text = gettext(
            "Version %(version)s is uploaded to %(number)d mini programs and submitted for "
            "review: to %(first)d first, to the others once it is released there."
        )
    elif campaign.submits:
        text = gettext(
            "Version %(version)s is uploaded to %(number)d mini programs and submitted for review."
        )
    elif canaries:
        text = gettext(
            "Version %(version)s is uploaded to %(number)d mini programs, to %(first)d first. It "
            "can be tried there; nothing is submitted for review."
        )
    else:
        text = gettext(
            "Version %(version)s is uploaded to %(number)d mini programs. It can be tried there; "
            "nothing is submitted for review."
        )
    return text % words


def describe_release(campaign: Campaign) -> list[str]:
    """What CAMPAIGN brings to users, by itself or by a click; and for how many it is lower."""
    words = {"version": campaign.user_version, "number": count_downgrades(campaign)}
    if campaign.auto_release:
        lines = [
            gettext(
                "It releases automatically: where version %(version)s has passed, users get it "
                "by itself, and nobody is asked once more."
            )
        ]
    elif campaign.submits:
        lines = [gettext("Users get version %(version)s only after somebody has released it.")]
    else:
        lines = [gettext("Users keep the version that they have.")]
    if campaign.submits and words["number"]:
        lines.append(
            gettext(
                "A downgrade for %(number)d: users there have a higher version than %(version)s."
            )
        )
    return [line % words for line in lines]


def _outcome_label(plan: ItemPlan, preflight: Preflight | None = None) -> SafeString:
    """Green only where WeChat was asked and nothing is in the way."""
    colour = OUTCOME_COLOURS.get(plan.outcome, "")
    if plan.outcome in (Outcome.SUBMIT, Outcome.RELEASE) and not (preflight and preflight.ok):
        colour = "warning" if preflight else ""
    return label(plan.outcome.label, colour)


def _dry_run_lines(campaign: Campaign) -> Iterator[str]:
    """What would become of each mini program, one a line, beneath the titles of the columns."""
    titles = [_("appid"), _("name"), _("canary"), _("what happens"), _("reason"), _("quota")]
    titles += [_("downgrade from"), _("compared with version"), _("changes"), _("ext.json")]
    return csv_lines(titles, _dry_run_rows(campaign))


def _dry_run_rows(campaign: Campaign) -> Iterator[list[str]]:
    items = _items_of(campaign).iterator(chunk_size=DRY_RUN_ROWS)
    while batch := list(islice(items, DRY_RUN_ROWS)):
        for plan in plan_items(campaign, batch):
            account = plan.item.authorizer
            changes = {
                name: [show_value(before), show_value(after)]
                for name, before, after in plan.changes
            }
            yield [
                account.appid,
                account.nick_name,
                str(_("yes")) if plan.item.is_canary else "",
                str(plan.outcome.label),
                plan.reason,
                str(plan.quota),
                plan.downgrades_from,
                plan.live.user_version if plan.live else "",
                json.dumps(changes, ensure_ascii=False) if changes else "",
                plan.ext_json,
            ]
