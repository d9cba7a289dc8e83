"""WeChat's 全网发布 test: what it asked of us, and the rehearsal of it."""

from typing import Any

from django.conf import settings
from django.contrib import admin
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.enums import ActionVariant

from messaging.models import ReleaseTest
from messaging.services.release_test.answers import MINI_PROGRAMS
from messaging.services.release_test.rehearsal import (
    CannotRehearse,
    record_rehearsal,
    rehearse,
    warnings_about,
)
from messaging.services.release_test.steps import Step, StepResult
from miniprograms.models import Authorizer
from platform_auth.admin.acts import button, holding
from platform_auth.admin.columns import choice_column, column, time_column
from platform_auth.admin.filters import choice_filter
from platform_auth.admin.pages import StaffAdmin, label, table
from platform_auth.errcodes import explain_kept
from platform_auth.models import TESTER_OPENID_PREFIX, Component
from wechat.bulkhead import take_place

REHEARSE_PERMISSION = "messaging.rehearse_release"
STEP_COLOURS = {
    StepResult.PASSED: "success",
    StepResult.FAILED: "danger",
    StepResult.UNPROVABLE: "info",
    StepResult.NOT_TRIED: "warning",
}
RELEASE_TEST_COLOURS = {
    ReleaseTest.State.DUE: "info",
    ReleaseTest.State.DONE: "success",
    ReleaseTest.State.FAILED: "danger",
}
_SHOWN = ("at", "component", "account", "asked_by", "how", "answered", "failures", "problem")
_BY_US = Q(openid__startswith=TESTER_OPENID_PREFIX)
AskedByFilter = choice_filter(
    _("asked by"),
    "by",
    {"wechat": (_("WeChat"), lambda: ~_BY_US), "us": (_("a rehearsal"), lambda: _BY_US)},
)


@admin.register(ReleaseTest)
class ReleaseTestAdmin(StaffAdmin):
    list_display = ("at", "account", "asked_by", "how", "answered", "problem")
    list_filter = ("state", AskedByFilter)
    ordering = ("-id",)
    sortable_by = ()
    fields = _SHOWN
    readonly_fields = _SHOWN
    actions_list = ("rehearse",)

    has_rehearse_permission = holding(REHEARSE_PERMISSION)

    @button(
        _("Rehearse the release test"),
        "rehearse",
        path="rehearse",
        icon="fact_check",
        variant=ActionVariant.PRIMARY,
    )
    def rehearse(self, request: HttpRequest) -> HttpResponse:
        """The page with the button; POST rehearses and shows each step."""
        components = list(Component.objects.order_by("appid"))
        context: dict[str, Any] = {}
        if request.method == "POST":
            by_appid = {component.appid: component for component in components}
            chosen = by_appid.get(request.POST.get("component", ""))
            if chosen is None:
                raise Http404
            context = _rehearse(request, chosen)
        return self.page(
            request,
            "admin/rehearsal.html",
            title=_("Rehearse the release test"),
            url=settings.PUBLIC_URL,
            warnings=warnings_about(settings.PUBLIC_URL),
            components=components,
            consoles=_consoles(request, components),
            back=reverse(f"{self.admin_site.name}:messaging_releasetest_changelist"),
            **context,
        )

    account = column(_("account"), lambda row: _account(row.appid))
    asked_by = column(
        _("asked by"), lambda row: _("a rehearsal") if row.is_rehearsal else _("WeChat")
    )
    how = choice_column("state", _("state"), RELEASE_TEST_COLOURS)
    answered = time_column("done_at", _("answered"))
    problem = column(_("last error"), lambda row: explain_kept(row.last_error) or "–")


def _rehearse(request: HttpRequest, component: Component) -> dict[str, Any]:
    """What the rehearsal of COMPONENT came to, for the page and for the operation log."""
    take_place()
    try:
        steps = list(rehearse(component, settings.PUBLIC_URL))
    except CannotRehearse as problem:
        return {"component": component, "problem": str(problem)}
    failed = record_rehearsal(component, steps, by=request.user)
    return {
        "component": component,
        "steps": _steps_table(steps),
        "wrong": len(failed),
        "passed": sum(step.result == StepResult.PASSED for step in steps),
        "unprovable": sum(step.result == StepResult.UNPROVABLE for step in steps),
    }


def _steps_table(steps: list[Step]) -> object:
    headers = [_("verdict"), _("step"), _("account"), _("time"), _("what came")]
    return table(headers, [_step_cells(step) for step in steps])


def _step_cells(step: Step) -> tuple[object, ...]:
    time = "–" if step.milliseconds is None else _unbroken(f"{step.milliseconds} ms")
    detail: object = step.detail
    if step.hint:
        detail = format_html('{}<br><span class="staff-faint">{}</span>', step.detail, step.hint)
    account = _unbroken(_account(step.account)) if step.account else "–"
    result = label(step.result.label, STEP_COLOURS[step.result])
    return result, _unbroken(step.title), account, time, detail


def _unbroken(text: str) -> SafeString:
    """TEXT on one line, however narrow the table."""
    return format_html('<span class="whitespace-nowrap">{}</span>', text)


def _account(appid: str) -> str:
    """APPID, and which of the two kinds of WeChat's test accounts it is."""
    kinds = Authorizer.Kind
    kind = kinds.MINI_PROGRAM if appid in MINI_PROGRAMS else kinds.OFFICIAL_ACCOUNT
    return f"{appid} ({kind.label})"


def _consoles(request: HttpRequest, components: list[Component]) -> list[tuple[Component, str]]:
    """Where a person reads what WeChat's console must contain, if they may."""
    if not request.user.has_perm("platform_auth.view_component"):
        return []
    name = "admin:platform_auth_component_change"
    return [(component, reverse(name, args=[component.pk])) for component in components]
