"""Campaigns: what is being rolled out to whom, how far it is, and the buttons that steer it."""

from collections.abc import Callable
from functools import partial
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
from unfold.decorators import action
from unfold.enums import ActionVariant

from audits.admin.campaign_form import CampaignForm
from audits.admin.campaign_items import OPERATE_CAMPAIGNS, RETRY_QUESTION, item_csv_lines
from audits.admin.campaign_progress import campaign_label, possible_acts, progress_context
from audits.admin.columns import time_column
from audits.models import Campaign, CampaignItem
from audits.problems import CannotAct
from audits.services import campaigns
from platform_auth.admin.pages import StaffAdmin, label, pretty
from platform_auth.admin.spreadsheet import csv_response
from platform_auth.operations import record_operation

START_QUESTION = _(
    "The code is uploaded to these mini programs and submitted for review, the canary wave first."
)
STOP_QUESTION = _(
    "For good: what has not begun is skipped. Audits that are open at WeChat go on there; "
    "withdraw them one by one."
)
RULE_FIELDS: tuple[str, ...] = ("user_version", "user_desc", "template", "values", "canary_size")
RULE_FIELDS += ("concurrency", "daily_budget", "most_failures", "auto_release", "when_open")
RULE_FIELDS += ("made_by", "created", "finished")
PRIMARY, DANGER = ActionVariant.PRIMARY, ActionVariant.DANGER

operate = partial(action, permissions=["operate"])


@admin.register(Campaign)
class CampaignAdmin(StaffAdmin):
    list_display: tuple[str, ...] = ("user_version", "template", "state_label", "progress_in_short")
    list_display += ("failed", "made_by", "created")
    list_filter = ("state",)
    list_select_related = ("template", "created_by")
    ordering = ("-id",)
    sortable_by = ()
    fieldsets = ((_("Progress"), {"fields": ("progress",)}), (_("Rules"), {"fields": RULE_FIELDS}))
    readonly_fields = ("progress", *RULE_FIELDS)
    actions_detail: tuple[str, ...] = ("start", "resume", "go_on", "release_passed", "pause")
    actions_detail += ("retry_failed", "stop", "export")
    troubles = (CannotAct,)

    class Media:
        css = {"all": ("campaigns.css",)}
        js = ("campaigns.js",)

    def get_queryset(self, request: HttpRequest) -> Any:
        items = CampaignItem.objects.filter(campaign=OuterRef("pk")).order_by()
        rows = super().get_queryset(request).select_related("template", "created_by")
        return rows.annotate(
            size=_count_of(items),
            ended=_count_of(items.filter(state__in=CampaignItem.FINAL)),
            failures=_count_of(items.filter(state__in=CampaignItem.UNSUCCESSFUL)),
        )

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.progress_view)
        return [path("<int:pk>/progress/", view, name="campaign-progress"), *super().get_urls()]

    def has_operate_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perms(OPERATE_CAMPAIGNS)

    def has_release_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("audits.release_audit")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request) and self.has_operate_permission(request)

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        """Only what fits the state it is in."""
        campaign = Campaign.objects.filter(pk=object_id).first()
        names = possible_acts(campaign) if campaign else set()
        buttons = super().get_actions_detail(request, object_id)
        return [
            button
            for button in buttons
            if str(button.action_name).removeprefix("audits_campaign_") in names
        ]

    def add_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """A form of our own: it chooses mini programs, which are rows of another table."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = CampaignForm(request.user, request.POST or None)
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

    def _ask_to(
        self,
        request: HttpRequest,
        object_id: str,
        act: Callable[..., object],
        sentence: object,
        **words: object,
    ) -> HttpResponse:
        """Ask before ACT; SENTENCE, which may hold its number, says that it was done."""

        def carry_out(campaign: Campaign, form: None) -> object:
            number = act(campaign, by=request.user)
            return str(sentence) % {"number": number}

        return self.confirm(request, object_id, carry_out, **words)  # type: ignore[arg-type]

    @operate(description=_("Start"), url_path="start", icon="play_arrow", variant=PRIMARY)
    def start(self, request: HttpRequest, object_id: str) -> HttpResponse:
        title, sentence = _("Start"), _("it has begun.")
        act = campaigns.start_campaign
        return self._ask_to(request, object_id, act, sentence, title=title, question=START_QUESTION)

    @operate(description=_("Pause"), url_path="pause", icon="pause")
    def pause(self, request: HttpRequest, object_id: str) -> HttpResponse:
        title, sentence = _("Pause"), _("nothing new is begun.")
        question = _("What is under way ends, verdicts are still followed, nothing new begins.")
        act = campaigns.pause_campaign
        return self._ask_to(request, object_id, act, sentence, title=title, question=question)

    @operate(description=_("Resume"), url_path="resume", icon="play_arrow", variant=PRIMARY)
    def resume(self, request: HttpRequest, object_id: str) -> HttpResponse:
        title, sentence = _("Resume"), _("it goes on.")
        question = _("The failures so far are forgiven: only new ones can pause it again.")
        act = campaigns.resume_campaign
        return self._ask_to(request, object_id, act, sentence, title=title, question=question)

    @operate(description=_("Go on after the canary wave"), url_path="go-on", icon="fast_forward")
    def go_on(self, request: HttpRequest, object_id: str) -> HttpResponse:
        title, sentence = _("Go on after the canary wave"), _("the rest follows.")
        question = _("The rest follows at once, though not all of the canary wave is released.")
        act = campaigns.pass_canary
        return self._ask_to(request, object_id, act, sentence, title=title, question=question)

    @action(
        description=_("Release what has passed"),
        permissions=["release"],
        url_path="release",
        icon="rocket_launch",
        variant=PRIMARY,
    )
    def release_passed(self, request: HttpRequest, object_id: str) -> HttpResponse:
        def act(campaign: Campaign, form: None) -> object:
            number = campaigns.release_passed(campaign, by=request.user)
            if not number:
                return _("you have agreed; a second person releases.")
            return _("%(number)d are being released.") % {"number": number}

        question = _("All mini programs of this campaign that have passed get the new version.")
        title = _("Release what has passed")
        return self.confirm(request, object_id, act, title=title, question=question)

    @operate(description=_("Retry all that failed"), url_path="retry-failed", icon="replay")
    def retry_failed(self, request: HttpRequest, object_id: str) -> HttpResponse:
        title, sentence = _("Retry all that failed"), _("%(number)d are in line again.")
        act = campaigns.retry_failed
        return self._ask_to(request, object_id, act, sentence, title=title, question=RETRY_QUESTION)

    @operate(description=_("Stop"), url_path="stop", icon="stop", variant=DANGER)
    def stop(self, request: HttpRequest, object_id: str) -> HttpResponse:
        title, sentence = _("Stop"), _("stopped.")
        act = campaigns.stop_campaign
        return self._ask_to(request, object_id, act, sentence, title=title, question=STOP_QUESTION)

    @action(description=_("CSV"), permissions=["view"], url_path="export", icon="download")
    def export(self, request: HttpRequest, object_id: str) -> StreamingHttpResponse:
        campaign = self.visible_or_404(request, object_id)
        record_operation("export_campaign", by=request.user, result=str(campaign))
        return csv_response(f"campaign-{campaign.pk}", item_csv_lines(campaign))

    created = time_column("created_at", _("made"))
    finished = time_column("finished_at", _("finished"))

    @admin.display(description=_("state"))
    def state_label(self, row: Campaign) -> SafeString:
        return campaign_label(row)

    @admin.display(description=_("at their end"))
    def progress_in_short(self, row: Any) -> str:
        return f"{row.ended} / {row.size}"

    @admin.display(description=_("failed"))
    def failed(self, row: Any) -> SafeString | str:
        return label(str(row.failures), "danger") if row.failures else "–"

    @admin.display(description=_("made by"))
    def made_by(self, row: Campaign) -> str:
        return row.created_by.get_username() if row.created_by else "–"

    @admin.display(description=_("ext.json"))
    def values(self, row: Campaign) -> SafeString | str:
        return pretty(row.ext)

    @admin.display(description=_("progress"))
    def progress(self, row: Campaign) -> SafeString:
        return render_to_string("admin/campaigns/progress.html", progress_context(row))


def _count_of(items: Any) -> Any:
    """How many ITEMS a campaign of the list has."""
    counted = items.values("campaign").annotate(number=Count("pk")).values("number")
    return Coalesce(Subquery(counted), 0)
