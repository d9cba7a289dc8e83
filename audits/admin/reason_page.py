"""Why reviews fail, how often they pass at once, and how long they take."""

from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import BadRequest, PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSelectWidget

from audits.models import CodeTemplate, ReviewOutcome
from audits.services.review_counts import (
    ClauseCounts,
    count_passes,
    count_reasons,
    decided_since,
    month_beginnings,
    wait_by_category,
    wait_by_hour,
)
from platform_auth.admin.pages import StaffAdmin

MONTHS = [(3, _("3 months")), (6, _("6 months")), (12, _("12 months"))]
USUAL_MONTHS = 6


class PeriodForm(forms.Form):
    """Of which template, and how far back."""

    template = forms.ModelChoiceField(
        CodeTemplate.objects.order_by("-template_id"),
        label=_("template"),
        required=False,
        empty_label=_("all"),
        widget=UnfoldAdminSelectWidget,
    )
    months = forms.TypedChoiceField(
        label=_("period"),
        choices=MONTHS,
        coerce=int,
        empty_value=str(USUAL_MONTHS),
        required=False,
        widget=UnfoldAdminSelectWidget,
    )


@admin.register(ReviewOutcome)
class ReviewOutcomeAdmin(StaffAdmin):
    """In the place of a list of outcomes, the page that counts them."""

    list_title = _("Why reviews fail")
    asks_outside = False
    fields: tuple[str, ...] = ("audit", "authorizer", "category", "template", "has_passed")
    fields += ("is_first", "submitted_at", "decided_at", "waited")
    readonly_fields = fields

    class Media:
        css = {"all": ("log.css",)}

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        form = PeriodForm({"months": USUAL_MONTHS, **request.GET.dict()})
        if request.GET.keys() - form.fields.keys() or not form.is_valid():
            raise BadRequest
        months = month_beginnings(int(form.cleaned_data["months"]))
        outcomes = decided_since(months[0], form.cleaned_data["template"])
        return self.page(
            request,
            "admin/code/reasons.html",
            title=_("Why reviews fail"),
            form=form,
            months=months,
            rates=count_passes(outcomes),
            reasons=[_by_month(counts, months) for counts in count_reasons(outcomes)],
            by_hour=wait_by_hour(outcomes),
            by_category=wait_by_category(outcomes),
        )


def _by_month(
    counts: ClauseCounts, months: list[datetime]
) -> tuple[ClauseCounts, list[int | None]]:
    """COUNTS with a number for each of MONTHS."""
    return counts, [counts.by_month.get(month) for month in months]
