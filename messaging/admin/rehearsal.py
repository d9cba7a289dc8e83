"""WeChat's 全网发布 test: what it asked of us, and the rehearsal of it."""

from typing import Any

from django.conf import settings
from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action
from unfold.enums import ActionVariant

from messaging.models import ReleaseTest
from messaging.services import rehearsal
from messaging.services.rehearsal import CannotRehearse, Step, Verdict
from messaging.services.release_test import MINI_PROGRAMS
from miniprograms.models import Authorizer
from platform_auth.admin.pages import StaffAdmin, ago, label, table
from platform_auth.models import REHEARSAL, Component
from platform_auth.operations import record_operation

REHEARSE = "messaging.rehearse_release"
COLOURS = {
    Verdict.PASSED: "success",
    Verdict.FAILED: "danger",
    Verdict.UNPROVABLE: "info",
    Verdict.NOT_TRIED: "warning",
}
STATE_COLOURS = {
    ReleaseTest.State.DUE: "info",
    ReleaseTest.State.DONE: "success",
    ReleaseTest.State.FAILED: "danger",
}
_SHOWN = ("at", "component", "account", "asked_by", "how", "answered", "failures", "last_error")


class AskedByFilter(admin.SimpleListFilter):
    """Whether WeChat asked, or we ourselves."""

    title = _("asked by")
    parameter_name = "by"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return [("wechat", "WeChat"), ("us", _("a rehearsal"))]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        match self.value():
            case "us":
                return queryset.filter(openid__startswith=REHEARSAL)
            case "wechat":
                return queryset.exclude(openid__startswith=REHEARSAL)
            case _:
                return queryset


@admin.register(ReleaseTest)
class ReleaseTestAdmin(StaffAdmin):
    list_display = ("at", "account", "asked_by", "how", "answered", "last_error")
    list_filter = ("state", AskedByFilter)
    ordering = ("-at", "-id")
    sortable_by = ()
    fields = _SHOWN
    readonly_fields = _SHOWN
    actions_list = ("rehearse",)

    def has_rehearse_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm(REHEARSE)

    @action(
        description=_("Rehearse the release test"),
        permissions=["rehearse"],
        url_path="rehearse",
        icon="fact_check",
        variant=ActionVariant.PRIMARY,
    )
    def rehearse(self, request: HttpRequest) -> HttpResponse:
        """The page with the button; POST rehearses and shows each step."""
        components = list(Component.objects.order_by("appid"))
        context: dict[str, Any] = {}
        if request.method == "POST":
            chosen = request.POST.get("component", "")
            component = next((one for one in components if one.appid == chosen), None)
            if component is None:
                raise Http404
            context = _outcome(request, component)
        return self.page(
            request,
            "admin/rehearsal.html",
            title=_("Rehearse the release test"),
            url=settings.PUBLIC_URL,
            warnings=rehearsal.warnings_about(settings.PUBLIC_URL),
            components=components,
            consoles=_consoles(request, components),
            back=reverse(f"{self.admin_site.name}:messaging_releasetest_changelist"),
            **context,
        )

    @admin.display(description=_("account"))
    def account(self, row: ReleaseTest) -> str:
        return _account(row.appid)

    @admin.display(description=_("asked by"))
    def asked_by(self, row: ReleaseTest) -> object:
        return _("a rehearsal") if row.is_rehearsal else "WeChat"

    @admin.display(description=_("state"))
    def how(self, row: ReleaseTest) -> SafeString:
        state = ReleaseTest.State(row.state)
        return label(state.label, STATE_COLOURS[state])

    @admin.display(description=_("answered"))
    def answered(self, row: ReleaseTest) -> SafeString | str:
        return ago(row.done_at)


def _outcome(request: HttpRequest, component: Component) -> dict[str, Any]:
    """What the rehearsal of COMPONENT came to, for the page and for the operation log."""
    try:
        steps = list(rehearsal.rehearse(component, settings.PUBLIC_URL))
    except CannotRehearse as problem:
        return {"component": component, "problem": str(problem)}
    wrong = [step for step in steps if not step.is_in_order]
    result = ", ".join(step.name for step in wrong) or "passed"
    record_operation("rehearse_release", by=request.user, appid=component.appid, result=result)
    return {
        "component": component,
        "steps": _steps_table(steps),
        "wrong": len(wrong),
        "passed": sum(step.verdict == Verdict.PASSED for step in steps),
        "unprovable": sum(step.verdict == Verdict.UNPROVABLE for step in steps),
    }


def _steps_table(steps: list[Step]) -> object:
    headers = [_("verdict"), _("step"), _("account"), _("time"), _("what came")]
    return table(headers, [_cells(step) for step in steps])


def _cells(step: Step) -> tuple[object, ...]:
    time = "–" if step.milliseconds is None else _whole(f"{step.milliseconds} ms")
    said: object = step.said
    if step.hint:
        said = format_html('{}<br><span class="staff-faint">{}</span>', step.said, step.hint)
    account = _whole(_account(step.account)) if step.account else "–"
    verdict = label(step.verdict.label, COLOURS[step.verdict])
    return verdict, _whole(step.title), account, time, said


def _whole(text: str) -> SafeString:
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
