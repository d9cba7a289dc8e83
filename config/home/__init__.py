"""The first page of the staff pages: what waits for a person, and how things go."""

from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext as _

from config.home import charts, work
from platform_auth.admin.components import ticket_health, token_health
from platform_auth.admin.pages import table
from platform_auth.errcodes import explain_kept

__all__ = ["dashboard"]


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """unfold's DASHBOARD_CALLBACK. What a person may not look at is not counted for them."""
    user = request.user
    waiting, pipeline = work.read(user)
    context |= {
        "waiting": waiting,
        "pipeline": pipeline,
        "campaigns": work.campaigns_of(user),
        "charts": charts.charts_for(user),
    }
    if user.has_perm("platform_auth.view_component"):
        components, quotas = work.read_components()
        context["quotas"] = quotas if user.has_perm("audits.view_quotaentry") else []
        headers = [_("component"), _("ticket"), _("component token"), _("last error")]
        rows = [
            (row, ticket_health(row), token_health(row), explain_kept(row.last_error) or "–")
            for row in components
        ]
        context["health"] = table(headers, rows)
    return context
