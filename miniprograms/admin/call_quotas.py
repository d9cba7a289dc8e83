"""The page of WeChat's API for an account: calls left, one call that failed, counting anew."""

from typing import Any

from django import forms
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminTextInputWidget

from miniprograms.services.call_quotas import (
    PathQuota,
    call_of,
    clear_quota,
    quota_of,
    resets_left,
)
from platform_auth.admin.acts import button, holding, report_lost_answer
from platform_auth.admin.explained import ExplainedAdmin
from platform_auth.forms import capitalise_labels
from platform_auth.logins.proof import require_proof
from platform_auth.models import Component

_PLAIN = {"autocomplete": "off", "spellcheck": "false"}


class _Form(forms.Form):
    def __init__(self, data: Any = None) -> None:
        super().__init__(data, label_suffix="")
        capitalise_labels(self)


class PathForm(_Form):
    """Which path of WeChat's API."""

    path = forms.RegexField(
        r"\A/[A-Za-z0-9_./-]{1,200}\Z",
        label=_("path"),
        help_text=_("As WeChat documents it, such as /wxa/get_page."),
        widget=UnfoldAdminTextInputWidget(attrs=_PLAIN),
    )


class RidForm(_Form):
    """Which call."""

    rid = forms.RegexField(
        r"\A[0-9A-Za-z-]{8,64}\Z",
        label="rid",
        help_text=_("It stands at the end of WeChat's message; WeChat keeps it for a week."),
        widget=UnfoldAdminTextInputWidget(attrs=_PLAIN),
    )


class ReasonForm(_Form):
    """Why the counters start anew."""

    reason = forms.CharField(
        label=_("reason"), max_length=200, widget=UnfoldAdminTextInputWidget(attrs=_PLAIN)
    )


class CallPages(ExplainedAdmin):
    """Adds the page to the admin of accounts, and to that of the platform itself."""

    needed_to_clear: tuple[str, ...] = ("miniprograms.clear_quota",)
    has_calls_permission = holding("miniprograms.view_authorizer")

    @button(_("Calls of WeChat's API"), "calls", path="calls", icon="speed")
    def calls_page(self, request: HttpRequest, object_id: str) -> HttpResponse:
        row = self.visible_or_404(request, object_id)
        may_clear = request.user.has_perms(self.needed_to_clear)
        reason = ReasonForm(request.POST if request.method == "POST" else None)
        if request.method == "POST":
            if not may_clear:
                raise PermissionDenied
            require_proof(request)
            if reason.is_valid():
                self._clear_quota(request, row, reason.cleaned_data["reason"])
                return HttpResponseRedirect(request.path)
        context = self._look_up(request, row)
        return self.page(
            request,
            "admin/calls.html",
            account_tab="log",
            title=_("Calls of WeChat's API"),
            row=row,
            is_component=isinstance(row, Component),
            reason_form=reason if may_clear else None,
            resets_left=resets_left(row.appid),
            back=self.url_of(row),
            **context,
        )

    def _clear_quota(self, request: HttpRequest, row: Any, reason: str) -> None:
        def act(row: Any) -> object:
            clear_quota(row, reason, by=request.user)
            return _("WeChat counts anew.")

        self.carry_out(request, row, lambda row: report_lost_answer(lambda: act(row)))

    def _look_up(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        """What was asked for in the address, as WeChat answers it now."""
        asks_path, asks_rid = "path" in request.GET, "rid" in request.GET
        path_form = PathForm(request.GET if asks_path else None)
        rid_form = RidForm(request.GET if asks_rid else None)
        context: dict[str, Any] = {"path_form": path_form, "rid_form": rid_form}
        try:
            if asks_path and path_form.is_valid():
                context |= _quota_table(quota_of(row, path_form.cleaned_data["path"]))
            if asks_rid and rid_form.is_valid():
                context["call"] = call_of(row, rid_form.cleaned_data["rid"])
        except self.troubles as problem:
            context["quota_problem" if asks_path else "call_problem"] = self.describe_problem(
                problem
            )
        return context


def _quota_table(quota: PathQuota) -> dict[str, Any]:
    """One row, as the page shows it."""
    row = [quota.remain, quota.used, quota.daily_limit]
    rates = [_("%(calls)d in %(seconds)d s") % {"calls": n, "seconds": s} for n, s in quota.rates]
    return {
        "quota": quota,
        "quota_headers": [_("left"), _("made today"), _("a day"), _("at most")],
        "quota_rows": [[*("–" if cell is None else cell for cell in row), ", ".join(rates) or "–"]],
    }
