"""Campaigns: what is being rolled out to whom, how far it is, and the buttons that steer it."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Count, OuterRef, Subquery
from django.db.models.functions import Coalesce
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseRedirect,
    StreamingHttpResponse,
)
from django.template.loader import render_to_string
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from django.utils.timezone import localtime
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action
from unfold.enums import ActionVariant

from audits.admin.campaign_form import CampaignForm
from audits.models import Campaign, CampaignItem
from audits.problems import CannotAct
from audits.services import campaigns, rollout
from miniprograms.models import Authorizer
from platform_auth.admin.pages import StaffAdmin, ago, label, pretty
from platform_auth.admin.spreadsheet import csv_answer, csv_lines
from platform_auth.operations import record_operation

OPERATE = ("audits.commit_version", "audits.submit_audit")
RELEASE = "audits.release_audit"
SHOWN = 50  # of the failures; all are in the list and in the CSV

State = Campaign.State
ItemState = CampaignItem.State

COLOURS = {State.RUNNING: "info", State.PAUSED: "warning", State.STOPPED: "danger",
           State.DONE: "success"}  # fmt: skip
ITEM_COLOURS = {
    ItemState.WAITING: "",
    ItemState.PASSED: "warning",
    ItemState.RELEASED: "success",
    ItemState.REJECTED: "danger",
    ItemState.FAILED: "danger",
    ItemState.SKIPPED: "",
}
UNFINISHED = (State.PREPARED, State.RUNNING, State.PAUSED)


@admin.register(Campaign)
class CampaignAdmin(StaffAdmin):
    list_display = ("user_version", "template", "state_label", "progress_in_short", "failed",
                    "made_by", "made")  # fmt: skip
    list_filter = ("state",)
    list_select_related = ("template", "created_by")
    ordering = ("-id",)
    sortable_by = ()
    fieldsets = (
        (_("Progress"), {"fields": ("progress",)}),
        (
            _("Rules"),
            {
                "fields": (
                    *("user_version", "user_desc", "template", "values", "canary_size"),
                    *("concurrency", "daily_budget", "most_failures", "auto_release"),
                    *("when_open", "made_by", "made", "finished"),
                )
            },
        ),
    )
    readonly_fields = (
        *("progress", "user_version", "user_desc", "template", "values", "canary_size"),
        *("concurrency", "daily_budget", "most_failures", "auto_release", "when_open"),
        *("made_by", "made", "finished"),
    )
    actions_detail = ("start", "resume", "go_on", "release_passed", "pause", "retry_failed",
                      "stop", "export")  # fmt: skip
    troubles = (CannotAct,)

    class Media:
        css = {"all": ("campaigns.css",)}  # noqa: RUF012 -- as Django reads it
        js = ("campaigns.js",)

    def get_queryset(self, request: HttpRequest) -> Any:
        items = CampaignItem.objects.filter(campaign=OuterRef("pk")).order_by()
        rows = super().get_queryset(request).select_related("template", "created_by")
        return rows.annotate(
            size=_number(items),
            ended=_number(items.filter(state__in=CampaignItem.FINAL)),
            failures=_number(items.filter(state__in=[ItemState.FAILED, ItemState.REJECTED])),
        )

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.progress_view)
        return [path("<int:pk>/progress/", view, name="campaign-progress"), *super().get_urls()]

    def has_operate_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return _may_operate(request)

    def has_release_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm(RELEASE)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request) and _may_operate(request)

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        """Only what fits the state it is in."""
        campaign = Campaign.objects.filter(pk=object_id).first()
        fitting = _fitting(campaign) if campaign else set()
        buttons = super().get_actions_detail(request, object_id)
        return [one for one in buttons if _name_of(one) in fitting]

    def add_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """A form of our own: it chooses mini programs, which are rows of another table."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = CampaignForm(request.user, request.POST or None)
        if request.method == "POST" and form.is_valid():
            try:
                made = form.create()
            except CannotAct as problem:
                form.add_error(None, str(problem))
            else:
                return HttpResponseRedirect(self.url_of(made))
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

    # Acts

    @action(description=_("Start"), permissions=["operate"], url_path="start", icon="play_arrow",
            variant=ActionVariant.PRIMARY)  # fmt: skip
    def start(self, request: HttpRequest, object_id: str) -> HttpResponse:
        def act(campaign: Campaign, form: None) -> object:
            campaigns.start(campaign, by=request.user)
            return _("it has begun.")

        return self.ask(request, object_id, act, title=_("Start"), question=START_QUESTION)

    @action(description=_("Pause"), permissions=["operate"], url_path="pause", icon="pause")
    def pause(self, request: HttpRequest, object_id: str) -> HttpResponse:
        def act(campaign: Campaign, form: None) -> object:
            campaigns.pause(campaign, by=request.user)
            return _("nothing new is begun.")

        question = _("What is under way ends, verdicts are still followed, nothing new begins.")
        return self.ask(request, object_id, act, title=_("Pause"), question=question)

    @action(description=_("Resume"), permissions=["operate"], url_path="resume", icon="play_arrow",
            variant=ActionVariant.PRIMARY)  # fmt: skip
    def resume(self, request: HttpRequest, object_id: str) -> HttpResponse:
        def act(campaign: Campaign, form: None) -> object:
            campaigns.resume(campaign, by=request.user)
            return _("it goes on.")

        question = _("The failures so far are forgiven: only new ones can pause it again.")
        return self.ask(request, object_id, act, title=_("Resume"), question=question)

    @action(description=_("Go on after the canary wave"), permissions=["operate"],
            url_path="go-on", icon="fast_forward")  # fmt: skip
    def go_on(self, request: HttpRequest, object_id: str) -> HttpResponse:
        def act(campaign: Campaign, form: None) -> object:
            campaigns.go_on(campaign, by=request.user)
            return _("the rest follows.")

        question = _("The rest follows at once, though not all of the canary wave is released.")
        title = _("Go on after the canary wave")
        return self.ask(request, object_id, act, title=title, question=question)

    @action(description=_("Release what has passed"), permissions=["release"], url_path="release",
            icon="rocket_launch", variant=ActionVariant.PRIMARY)  # fmt: skip
    def release_passed(self, request: HttpRequest, object_id: str) -> HttpResponse:
        def act(campaign: Campaign, form: None) -> object:
            number = campaigns.release_passed(campaign, by=request.user)
            if not number:
                return _("you have agreed; a second person releases.")
            return _("%(number)d are being released.") % {"number": number}

        question = _("All mini programs of this campaign that have passed get the new version.")
        title = _("Release what has passed")
        return self.ask(request, object_id, act, title=title, question=question)

    @action(description=_("Retry all that failed"), permissions=["operate"],
            url_path="retry-failed", icon="replay")  # fmt: skip
    def retry_failed(self, request: HttpRequest, object_id: str) -> HttpResponse:
        def act(campaign: Campaign, form: None) -> object:
            number = campaigns.retry_failed(campaign, by=request.user)
            return _("%(number)d are in line again.") % {"number": number}

        title = _("Retry all that failed")
        return self.ask(request, object_id, act, title=title, question=RETRY_QUESTION)

    @action(description=_("Stop"), permissions=["operate"], url_path="stop", icon="stop",
            variant=ActionVariant.DANGER)  # fmt: skip
    def stop(self, request: HttpRequest, object_id: str) -> HttpResponse:
        def act(campaign: Campaign, form: None) -> object:
            campaigns.stop(campaign, by=request.user)
            return _("stopped.")

        question = _(
            "For good: what has not begun is skipped. Audits that are open at WeChat go on there; "
            "withdraw them one by one."
        )
        return self.ask(request, object_id, act, title=_("Stop"), question=question)

    @action(description=_("CSV"), permissions=["view"], url_path="export", icon="download")
    def export(self, request: HttpRequest, object_id: str) -> StreamingHttpResponse:
        campaign = self.visible_or_404(request, object_id)
        record_operation("export_campaign", by=request.user, result=str(campaign))
        return csv_answer(f"campaign-{campaign.pk}", _lines(campaign))

    # Columns and fields

    @admin.display(description=_("state"))
    def state_label(self, row: Campaign) -> SafeString:
        return label(row.get_state_display(), COLOURS.get(State(row.state), ""))

    @admin.display(description=_("at their end"))
    def progress_in_short(self, row: Any) -> str:
        return f"{row.ended} / {row.size}"

    @admin.display(description=_("failed"))
    def failed(self, row: Any) -> SafeString | str:
        return label(str(row.failures), "danger") if row.failures else "–"

    @admin.display(description=_("made by"))
    def made_by(self, row: Campaign) -> str:
        return row.created_by.get_username() if row.created_by else "–"

    @admin.display(description=_("made"))
    def made(self, row: Campaign) -> SafeString | str:
        return ago(row.created_at)

    @admin.display(description=_("finished"))
    def finished(self, row: Campaign) -> SafeString | str:
        return ago(row.finished_at)

    @admin.display(description=_("ext.json"))
    def values(self, row: Campaign) -> SafeString | str:
        return pretty(row.ext)

    @admin.display(description=_("progress"))
    def progress(self, row: Campaign) -> SafeString:
        """Bar, counts, failures with their reasons: as it is now."""
        counts = rollout.count(row)
        total = sum(counts.values())
        failed = row.items.filter(state__in=[ItemState.FAILED, ItemState.REJECTED])
        return render_to_string(
            "admin/campaigns/progress.html",
            {
                "url": reverse("admin:campaign-progress", args=[row.pk]),
                "acts": " ".join(sorted(_fitting(row))),
                "state": self.state_label(row),
                "is_live": row.state == State.RUNNING or row.finished_at is None,
                "sentence": standing(row, counts),
                "bars": list(_bars(counts, total)),
                "counts": [
                    (state, label(ItemState(state).label, ITEM_COLOURS.get(state, "info")), number)
                    for state in ItemState
                    if (number := counts[state])
                ],
                "total": total,
                "ended": sum(counts[state] for state in CampaignItem.FINAL),
                "failed": failed.select_related("authorizer").order_by("-updated_at", "id")[:SHOWN],
                "hidden": max(0, rollout.failures(counts) - SHOWN),
                "items": f"{reverse('admin:audits_campaignitem_changelist')}"
                f"?campaign__id__exact={row.pk}",
            },
        )


def _number(items: Any) -> Any:
    """How many ITEMS a campaign of the list has."""
    counted = items.values("campaign").annotate(number=Count("pk")).values("number")
    return Coalesce(Subquery(counted), 0)


def _may_operate(request: HttpRequest) -> bool:
    return request.user.has_perms(OPERATE)


def _name_of(button: Any) -> str:
    """The method behind one of unfold's buttons."""
    return str(button.action_name).removeprefix("audits_campaign_")


def _fitting(campaign: Campaign) -> set[str]:
    """The acts that make sense now."""
    items, state = campaign.items, campaign.state
    fits = {
        "start": state == State.PREPARED,
        "pause": state == State.RUNNING,
        "resume": state == State.PAUSED,
        "go_on": not campaign.is_past_canary and state in (State.RUNNING, State.PAUSED),
        "stop": state in UNFINISHED,
        "release_passed": items.filter(state=ItemState.PASSED, released_by=None).exists(),
        "retry_failed": state not in (State.STOPPED, State.PREPARED)
        and items.filter(state=ItemState.FAILED).exists(),
        "export": True,
    }
    return {name for name, does in fits.items() if does}


def standing(campaign: Campaign, counts: Counter[str]) -> str:
    """What it waits for, in a sentence; "" where it just goes on."""
    if campaign.because:
        return campaign.because
    if campaign.state == State.PREPARED:
        text = gettext("%(total)d mini programs, %(canaries)d of them first. Nothing has begun.")
        canaries = campaign.items.filter(is_canary=True).count()
        return text % {"total": sum(counts.values()), "canaries": canaries}
    if campaign.state != State.RUNNING:
        return ""
    return " ".join(_waits_for(campaign, counts))


def _waits_for(campaign: Campaign, counts: Counter[str]) -> Iterator[str]:
    if not campaign.is_past_canary:
        canaries = campaign.items.filter(is_canary=True)
        live = canaries.filter(state=ItemState.RELEASED).count()
        text = gettext("The rest waits for the canary wave: %(live)d of %(all)d are released.")
        yield text % {"live": live, "all": canaries.count()}
        if canaries.filter(state__in=[ItemState.FAILED, ItemState.REJECTED]).exists():
            yield gettext("Some of it failed: retry those, or go on without.")
    if counts[ItemState.PASSED] and not campaign.auto_release:
        text = gettext("%(number)d have passed and wait for somebody to release them.")
        yield text % {"number": counts[ItemState.PASSED]}
    if campaign.daily_budget and counts[ItemState.WAITING]:
        sent = rollout.submitted_today(campaign)
        text = gettext("%(sent)d of %(budget)d submissions of today are used.")
        yield text % {"sent": sent, "budget": campaign.daily_budget}


_KINDS = (
    ("released", (ItemState.RELEASED,)),
    ("passed", (ItemState.PASSED, ItemState.RELEASING)),
    ("review", (ItemState.IN_REVIEW,)),
    ("begun", (ItemState.READY, ItemState.COMMITTING, ItemState.COMMITTED, ItemState.SUBMITTING)),
    ("failed", (ItemState.FAILED, ItemState.REJECTED)),
    ("skipped", (ItemState.SKIPPED,)),
)


def _bars(counts: Counter[str], total: int) -> Iterator[tuple[str, int, int]]:
    """Kind, beginning and length of each piece of the bar, in thousandths."""
    done = 0
    for kind, states in _KINDS:
        number = sum(counts[state] for state in states)
        if number:
            begin, end = done * 1000 // total, (done + number) * 1000 // total
            yield kind, begin, end - begin
        done += number


START_QUESTION = _(
    "The code is uploaded to these mini programs and submitted for review, the canary wave first."
)
RETRY_QUESTION = _(
    "What was uploaded and is still the newest is submitted again, what was approved is released; "
    "the rest is uploaded anew."
)


# ── CSV ─────────────────────────────────────────────────────────────────────────────────────────


def _lines(campaign: Campaign) -> Iterator[str]:
    titles = [_("appid"), _("name"), _("state"), _("reason"), _("canary"), _("version"),
              _("audit"), _("submitted"), _("released")]  # fmt: skip
    items = campaign.items.select_related("authorizer", "audit").order_by("id")
    rows = (_cells(item, campaign) for item in items.iterator(chunk_size=1000))
    return csv_lines(titles, rows)


def _cells(item: CampaignItem, campaign: Campaign) -> Iterator[str]:
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


# ── the mini programs of campaigns ──────────────────────────────────────────────────────────────


@admin.register(CampaignItem)
class CampaignItemAdmin(StaffAdmin):
    list_display = ("program", "state_label", "reason_in_short", "is_canary", "campaign", "audit",
                    "updated")  # fmt: skip
    list_display_links = ("program",)
    list_filter = ("state", "is_canary", "campaign")
    list_select_related = ("authorizer", "campaign", "audit")
    ordering = ("-id",)
    sortable_by = ()
    search_fields = ("authorizer__appid",)
    search_help_text = _("An appid")
    fields = ("program_link", "campaign_link", "state_label", "reason", "is_canary", "version",
              "audit", "release", "submitted_at", "failures", "updated")  # fmt: skip
    readonly_fields = fields
    actions = ("retry", "skip")
    actions_detail = ("retry_one", "skip_one")
    troubles = (CannotAct,)

    def get_queryset(self, request: HttpRequest) -> Any:
        related = ("authorizer", "campaign", "version", "audit", "release")
        return super().get_queryset(request).select_related(*related)

    def get_search_results(
        self, request: HttpRequest, queryset: Any, search_term: str
    ) -> tuple[Any, bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        program = Authorizer.objects.filter(appid=term).values_list("pk", flat=True).first()
        return queryset.filter(authorizer=program or 0), False

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("audits.view_campaign")

    def has_operate_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return _may_operate(request)

    @admin.action(description=_("Retry"), permissions=["operate"])
    def retry(self, request: HttpRequest, queryset: Any) -> None:
        self.tell_each(request, queryset, lambda row: _retry(row, request.user))

    @admin.action(description=_("Skip"), permissions=["operate"])
    def skip(self, request: HttpRequest, queryset: Any) -> None:
        self.tell_each(request, queryset, lambda row: _skip(row, request.user))

    @action(description=_("Retry"), permissions=["operate"], url_path="retry", icon="replay")
    def retry_one(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self.ask(
            request,
            object_id,
            lambda row, form: _retry(row, request.user),
            title=_("Retry"),
            question=RETRY_QUESTION,
        )

    @action(description=_("Skip"), permissions=["operate"], url_path="skip", icon="skip_next")
    def skip_one(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self.ask(
            request,
            object_id,
            lambda row, form: _skip(row, request.user),
            title=_("Skip"),
            question=_("The campaign leaves this mini program alone."),
        )

    @admin.display(description=_("mini program"))
    def program(self, row: CampaignItem) -> str:
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
        colour = ITEM_COLOURS.get(ItemState(row.state), "info")
        return label(row.get_state_display(), colour)

    @admin.display(description=_("reason"))
    def reason_in_short(self, row: CampaignItem) -> str:
        return Truncator(row.reason).chars(80) or "–"

    @admin.display(description=_("updated"))
    def updated(self, row: CampaignItem) -> SafeString | str:
        return ago(row.updated_at)


def _retry(row: CampaignItem, by: Any) -> object:
    campaigns.retry(row, by=by)
    return _("in line again.")


def _skip(row: CampaignItem, by: Any) -> object:
    campaigns.skip(row, by=by)
    return _("skipped.")
