"""Campaigns: what is being rolled out to whom, how far it is, and the buttons that steer it."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Count, OuterRef, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.template.loader import render_to_string
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.enums import ActionVariant

from audits.admin.campaign_form import CampaignForm, initial_of
from audits.admin.campaign_items import OPERATE_CAMPAIGNS, RETRY_QUESTION, item_csv_lines
from audits.admin.campaign_plan import (
    PlanPages,
    describe_release,
    describe_upload,
    forecast_address,
)
from audits.admin.campaign_progress import (
    campaign_label,
    count_by_wave,
    possible_acts,
    progress_context,
)
from audits.models import Campaign, CampaignItem
from audits.problems import CannotAct
from audits.services import campaigns
from audits.services.rollout.admission import annotate_standstill
from platform_auth.admin.acts import ask_about_one, button, holding, saying
from platform_auth.admin.columns import column, time_column
from platform_auth.admin.pages import label, pretty
from platform_auth.admin.spreadsheet import csv_response
from platform_auth.logins.proof import require_proof
from platform_auth.operations import Actor, record_operation

STOP_QUESTION = _(
    "For good: what has not begun is skipped. Audits that are open at WeChat go on there; "
    "withdraw them one by one."
)
RULE_FIELDS: tuple[str, ...] = ("user_version", "user_desc", "template", "values", "canary_size")
RULE_FIELDS += ("concurrency", "daily_budget", "most_failures", "submits", "auto_release")
RULE_FIELDS += ("when_open", "made_by", "runs_for", "created", "finished")


_start = saying(_("it has begun."), campaigns.start_campaign)


def _release_passed(campaign: Campaign, by: Actor) -> object:
    number = campaigns.release_passed(campaign, by=by)
    if not number:
        return _("you have agreed; a second person releases.")
    return _("%(number)d are being released.") % {"number": number}


@admin.register(Campaign)
class CampaignAdmin(PlanPages):
    asks_outside = False
    list_display: tuple[str, ...] = ("user_version", "template", "state_label", "progress_in_short")
    list_display += ("failed", "made_by", "created")
    list_filter = ("state",)
    list_select_related = ("template", "created_by")
    ordering = ("-id",)
    sortable_by = ()
    fieldsets = (
        (_("Progress"), {"fields": ("progress",)}),
        (_("Forecast"), {"fields": ("end",)}),
        (_("Rules"), {"fields": RULE_FIELDS}),
    )
    readonly_fields = ("progress", "end", *RULE_FIELDS)
    actions_detail: tuple[str, ...] = ("plan", "start", "resume", "go_on", "release_passed")
    actions_detail += ("pause", "retry_failed", "stop", "export", "dry_run")
    troubles = (CannotAct,)

    class Media:
        css = {"all": ("campaigns.css",)}
        js = ("campaigns.js",)

    def get_queryset(self, request: HttpRequest) -> Any:
        items = CampaignItem.objects.filter(campaign=OuterRef("pk")).order_by()
        rows = super().get_queryset(request).select_related("template", "created_by", "run_by")
        return annotate_standstill(rows).annotate(
            size=_count_of(items),
            ended=_count_of(items.filter(state__in=CampaignItem.FINAL)),
            failures=_count_of(items.filter(state__in=CampaignItem.UNSUCCESSFUL)),
        )

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.progress_view)
        return [path("<int:pk>/progress/", view, name="campaign-progress"), *super().get_urls()]

    has_operate_permission = holding(*OPERATE_CAMPAIGNS)
    has_release_permission = holding("audits.release_audit")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request) and self.has_operate_permission(request)

    def unfit_acts(self, object_id: Any) -> set[str]:
        campaign = Campaign.objects.filter(pk=object_id).first()
        possible = possible_acts(campaign, count_by_wave(campaign)) if campaign else set()
        return set(self.actions_detail) - possible

    def add_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """A form of our own: it chooses mini programs, which are rows of another table."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = CampaignForm(request.user, request.POST or None, initial=initial_of(request.GET))
        if request.method == "POST" and form.is_valid():
            try:
                return HttpResponseRedirect(self.url_of(form.create()))
            except CannotAct as problem:
                form.add_error(None, str(problem))
        return self.page(
            request,
            "admin/ask.html",
            title=_("New campaign"),
            question=_("Nothing is sent to WeChat yet: the next page shows it before it starts."),
            form=form,
            back=reverse("admin:audits_campaign_changelist"),
        )

    def progress_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The piece of page that reloads itself."""
        return HttpResponse(self.progress(self.visible_or_404(request, str(pk))))

    @button(_("Start"), "operate", path="start", icon="play_arrow", variant=ActionVariant.PRIMARY)
    def start(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """It says what the campaign brings to users, and to whom something lower."""
        require_proof(request)
        campaign = self.visible_or_404(request, object_id)
        return self.confirm(
            request,
            object_id,
            lambda row, form: _start(row, request.user),
            title=_("Start"),
            question=describe_upload(campaign),
            about=describe_release(campaign),
        )

    pause = ask_about_one(
        saying(_("nothing new is begun."), campaigns.pause_campaign),
        _("Pause"),
        _("What is under way ends, verdicts are still followed, nothing new begins."),
        "operate",
        path="pause",
        icon="pause",
    )
    resume = ask_about_one(
        saying(_("it goes on."), campaigns.resume_campaign),
        _("Resume"),
        _("The failures so far are forgiven: only new ones can pause it again."),
        "operate",
        path="resume",
        needs_proof=True,
        icon="play_arrow",
        variant=ActionVariant.PRIMARY,
    )
    go_on = ask_about_one(
        saying(_("the rest follows."), campaigns.pass_canary),
        _("Go on after the canary wave"),
        _("The rest follows at once, whatever became of the canary wave."),
        "operate",
        path="go-on",
        needs_proof=True,
        icon="fast_forward",
    )
    release_passed = ask_about_one(
        _release_passed,
        _("Release what has passed"),
        _("All mini programs of this campaign that have passed get the new version."),
        "release",
        path="release",
        needs_proof=True,
        icon="rocket_launch",
        variant=ActionVariant.PRIMARY,
    )
    retry_failed = ask_about_one(
        saying(_("%(number)d are in line again."), campaigns.retry_failed),
        _("Retry all that failed"),
        RETRY_QUESTION,
        "operate",
        path="retry-failed",
        icon="replay",
    )
    stop = ask_about_one(
        saying(_("stopped."), campaigns.stop_campaign),
        _("Stop"),
        STOP_QUESTION,
        "operate",
        path="stop",
        icon="stop",
        variant=ActionVariant.DANGER,
    )

    @button(_("CSV"), "view", path="export", icon="download")
    def export(self, request: HttpRequest, object_id: str) -> StreamingHttpResponse:
        campaign = self.visible_or_404(request, object_id)
        record_operation("export_campaign", by=request.user, result=str(campaign))
        return csv_response(f"campaign-{campaign.pk}", item_csv_lines(campaign))

    created = time_column("created_at", _("made"))
    finished = time_column("finished_at", _("finished"))
    state_label = column(_("state"), campaign_label)
    progress_in_short = column(_("at their end"), lambda row: f"{row.ended} / {row.size}")
    failed = column(
        _("failed"), lambda row: label(str(row.failures), "danger") if row.failures else "–"
    )
    made_by = column(
        _("made by"), lambda row: row.created_by.get_username() if row.created_by else "–"
    )
    runs_for = column(
        _("carried out for"), lambda row: row.run_by.get_username() if row.run_by else "–"
    )
    values = column(_("ext.json"), lambda row: pretty(row.ext))

    @admin.display(description=_("progress"))
    def progress(self, row: Campaign) -> SafeString:
        return render_to_string("admin/campaigns/progress.html", progress_context(row))

    @admin.display(description=_("end"))
    def end(self, row: Campaign) -> SafeString | str:
        """When it may end: WeChat is asked once the page is there."""
        if row.state not in Campaign.UNFINISHED:
            return "–"
        return render_to_string("admin/parts/load.html", {"url": forecast_address(row)})


def _count_of(items: Any) -> Any:
    """How many ITEMS a campaign of the list has."""
    counted = items.values("campaign").annotate(number=Count("pk")).values("number")
    return Coalesce(Subquery(counted), 0)
