"""Profiles of settings: values for many mini programs, and what applying one would come to."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html_join
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminSelectWidget,
    UnfoldBooleanWidget,
)

from miniprograms.admin.settings_forms import make_form
from miniprograms.admin.settings_pages import MAY_EDIT_SETTINGS, setting_url
from miniprograms.admin.settings_tables import (
    differences_table,
    drift_label,
    setting_state_label,
    value_changes_table,
)
from miniprograms.models import Authorizer, SettingProfile, Tag
from miniprograms.services.settings.applying import explain_outcome
from miniprograms.services.settings.many import (
    MAX_PROGRAMS,
    SettingPlan,
    apply_plans,
    members_of,
    plan_profile,
)
from miniprograms.services.settings.record import request_looks
from miniprograms.services.settings.registry import KINDS
from miniprograms.tasks import run_settings
from platform_auth.admin.account_links import link_account
from platform_auth.admin.acts import button, holding
from platform_auth.admin.columns import column, link
from platform_auth.admin.explained import ExplainedAdmin
from platform_auth.admin.pages import RecordedAdmin, StaffAdmin, ago
from platform_auth.forms import capitalise_labels
from platform_auth.listing import list_words
from platform_auth.operations import record_operation
from platform_auth.problems import CannotAct
from platform_auth.wakeup import enqueue

MAX_SHOWN = 200  # plans on a page; all are applied


class ProfileForm(forms.ModelForm[SettingProfile]):
    class Meta:
        model = SettingProfile
        fields = ("name", "tags")

    tags = forms.ModelMultipleChoiceField(
        Tag.objects.all(),
        label=_("tags"),
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text=_("It is for the mini programs with one of these."),
    )


class AddsForm(forms.Form):
    """Whether a profile takes the place of what mini programs have, or is added to it."""

    adds = forms.BooleanField(
        label=_("Add to what they have: nothing is taken away"),
        required=False,
        widget=UnfoldBooleanWidget,
    )

    def __init__(self, data: Any = None) -> None:
        super().__init__(data, label_suffix="")
        capitalise_labels(self)


class ChosenForm(AddsForm):
    profile = forms.ModelChoiceField(
        SettingProfile.objects.all(), label=_("profile of settings"), widget=UnfoldAdminSelectWidget
    )
    field_order = ("profile", "adds")


@admin.register(SettingProfile)
class SettingProfileAdmin(ExplainedAdmin, RecordedAdmin):
    form = ProfileForm
    list_display = ("name", "kinds", "tag_names")
    ordering = ("name",)
    sortable_by = ()
    search_fields = ("name__startswith",)
    search_help_text = _("The beginning of a name")
    fields = ("name", "tags", "value_links")
    readonly_fields = ("value_links",)
    actions_detail = ("apply_page",)

    has_edit_settings_permission = holding(MAY_EDIT_SETTINGS)

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).prefetch_related("tags")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.fields if obj else ("name", "tags")

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        view = wrap(self.value_page)
        own = [path("<path:object_id>/values/<slug:kind>/", view, name="profile-value")]
        return [*own, *super().get_urls()]

    kinds = column(
        _("settings"), lambda row: list_words(KINDS[name].title for name in _kinds_of(row))
    )
    tag_names = column(_("tags"), lambda row: list_words(row.tags.all()) or "–")

    @admin.display(description=_("values"))
    def value_links(self, row: SettingProfile) -> object:
        links = (
            (
                link(reverse("admin:profile-value", args=[row.pk, name]), kind.title),
                "✓" if name in row.values else "–",
            )
            for name, kind in KINDS.items()
        )
        return format_html_join("", "<div>{} {}</div>", links)

    def value_page(self, request: HttpRequest, object_id: str, kind: str) -> HttpResponse:
        """The value of one kind in a profile."""
        row = self.visible_or_404(request, object_id)
        if kind not in KINDS:
            raise Http404
        if not self.has_change_permission(request, row):
            raise PermissionDenied
        value, data = row.values.get(kind), request.POST or None
        form = make_form(kind, value, data=data, is_part=True)
        if "forget" in request.POST or (request.method == "POST" and form.is_valid()):
            others = {name: value for name, value in row.values.items() if name != kind}
            row.values = others if "forget" in request.POST else {**others, kind: form.read_value()}
            row.save(update_fields=["values"])
            result = f"{row}: {kind}"
            record_operation("change_settingprofile", by=request.user, result=result)
            self.message_user(request, _("It is saved; nothing was sent."), messages.SUCCESS)
            return HttpResponseRedirect(self.url_of(row))
        return self.page(
            request,
            "admin/settings/value.html",
            title=KINDS[kind].title,
            about=KINDS[kind].about,
            profile=row,
            is_part=kind in row.values,
            form=form,
            back=self.url_of(row),
        )

    @button(_("Compare and apply"), "edit_settings", path="apply", icon="publish")
    def apply_page(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Each mini program of the profile's tags: what would change; applied to one or to all."""
        row = self.visible_or_404(request, object_id)
        members = members_of(row)
        if len(members) > MAX_PROGRAMS:
            text = _("More than %(most)d mini programs have these tags: choose fewer.")
            self.message_user(request, text % {"most": MAX_PROGRAMS}, messages.ERROR)
            return HttpResponseRedirect(self.url_of(row))
        adds = "adds" in request.POST or "adds" in request.GET
        plans = plan_profile(row, members, adds=adds)
        if request.method == "POST":
            self._act(request, row, plans)
            return HttpResponseRedirect(f"{request.path}{'?adds=1' if adds else ''}")
        return self.page(
            request,
            "admin/settings/profile.html",
            title=_("Compare and apply"),
            profile=row,
            adds=adds,
            members=len(members),
            shown=describe_plans(plans[:MAX_SHOWN], request.user),
            hidden=max(len(plans) - MAX_SHOWN, 0),
            counts=_count(plans),
            back=self.url_of(row),
        )

    def _act(self, request: HttpRequest, row: SettingProfile, plans: Sequence[SettingPlan]) -> None:
        chosen = set(request.POST.getlist("program"))
        if "all" not in request.POST:
            plans = [plan for plan in plans if str(plan.authorizer.pk) in chosen]
        if "look" in request.POST:
            request_looks({plan.authorizer for plan in plans}, row.values)
            enqueue(run_settings)
            self.message_user(request, _("WeChat is being asked; load this page again soon."))
            return
        apply_and_report(self, request, plans, row)


def apply_and_report(
    model_admin: StaffAdmin,
    request: HttpRequest,
    plans: Sequence[SettingPlan],
    profile: SettingProfile,
) -> None:
    """Apply PLANS, which workers then bring to WeChat, and say how many they are."""
    differing = [plan for plan in plans if plan.changes or plan.at_wechat or not plan.is_seen]
    try:
        number = apply_plans(differing, profile=profile, by=request.user)
    except CannotAct as problem:
        model_admin.message_user(request, str(problem), messages.ERROR)
        return
    enqueue(run_settings)
    text = _("%(number)d mini programs: it is being applied. What is there already is not sent.")
    model_admin.message_user(request, text % {"number": number}, messages.SUCCESS)


class ProfileOfMany(StaffAdmin):
    """Adds the act that applies a profile to chosen mini programs to their list."""

    has_edit_settings_permission = holding(MAY_EDIT_SETTINGS)

    @admin.action(description=_("Apply a profile of settings"), permissions=["edit_settings"])
    def apply_profile(self, request: HttpRequest, queryset: Any) -> HttpResponse | None:
        rows = list(queryset.filter(kind=Authorizer.Kind.MINI_PROGRAM)[: MAX_PROGRAMS + 1])
        if len(rows) > MAX_PROGRAMS or not rows:
            text = _("Nothing was done: choose 1 to %(most)d mini programs.")
            self.message_user(request, text % {"most": MAX_PROGRAMS}, messages.ERROR)
            return None
        form = ChosenForm(request.POST if request.POST.get("confirmed") else None)
        preview: object = ""
        if form.is_bound and form.is_valid():
            profile = form.cleaned_data["profile"]
            plans = plan_profile(profile, rows, adds=form.cleaned_data["adds"])
            if "preview" not in request.POST:
                apply_and_report(self, request, plans, profile)
                return None
            preview = plans_table(plans[:MAX_SHOWN])
        chosen = [(ACTION_CHECKBOX_NAME, str(row.pk)) for row in rows]
        return self.page(
            request,
            "admin/ask.html",
            rows=[] if preview else rows,
            title=_("Apply a profile of settings"),
            question=_("Where WeChat has something else, a worker changes it within minutes."),
            form=form,
            hidden=[("action", "apply_profile"), *chosen],
            back=request.get_full_path(),
            preview=preview,
            has_preview=True,
        )


def _kinds_of(profile: SettingProfile) -> list[str]:
    return [name for name in KINDS if name in profile.values]


def _count(plans: Sequence[SettingPlan]) -> dict[str, int]:
    return {
        "same": sum(plan.is_seen and not plan.at_wechat for plan in plans),
        "differing": sum(bool(plan.at_wechat) for plan in plans),
        "unseen": sum(not plan.is_seen for plan in plans),
        "refused": sum(plan.setting.state == "refused" for plan in plans),
    }


def describe_plans(plans: Sequence[SettingPlan], reader: Any) -> list[dict[str, object]]:
    """What a page shows of each of PLANS."""
    return [
        {
            "authorizer": plan.authorizer,
            "link": link_account(plan.authorizer.appid, reader, tab="settings"),
            "title": KINDS[plan.setting.kind].title,
            "url": setting_url(plan.authorizer, plan.setting.kind),
            "problem": plan.problem,
            "is_seen": plan.is_seen,
            "changes": value_changes_table(plan.changes) if plan.changes else "",
            "differences": differences_table(plan.at_wechat) if plan.at_wechat else "",
            "drift": drift_label(plan.setting),
            "state": setting_state_label(plan.setting),
            "outcome": explain_outcome(plan.setting),
            "checked": ago(plan.setting.checked_at),
        }
        for plan in plans
    ]


def plans_table(plans: Sequence[SettingPlan]) -> object:
    """Who would get what, for a page that asks."""
    items = (
        (
            plan.authorizer,
            plan.authorizer.appid,
            KINDS[plan.setting.kind].title,
            plan.problem or value_changes_table(plan.changes),
        )
        for plan in plans
    )
    return format_html_join(
        "",
        '<section class="staff-item"><p>{} <span class="staff-faint">{}</span> {}</p>{}</section>',
        items,
    )
