"""The first page of the staff pages: what waits for a person, and how things go."""

from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext as _

from config.home import charts, work
from config.setup_guide.facts import read_facts
from config.setup_guide.pages import MAY_SET_UP
from config.setup_guide.step import Step
from config.setup_guide.steps import steps_of
from platform_auth.admin.components import ticket_health, token_health
from platform_auth.admin.pages import table
from platform_auth.errcodes import explain_kept
from platform_auth.installation import is_real

__all__ = ["dashboard"]


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """unfold's DASHBOARD_CALLBACK. What a person may not look at is not counted for them."""
    user = request.user
    waiting, pipeline = work.read(user)
    context |= {
        "title": _("Home"),
        "waiting": waiting,
        "pipeline": pipeline,
        "campaigns": work.campaigns_of(user),
        "charts": charts.charts_for(user),
    }
    may_set_up, may_see = user.has_perm(MAY_SET_UP), user.has_perm("platform_auth.view_component")
    components, quotas = work.read_components() if may_set_up or may_see else ([], [])
    if may_set_up:
        context["set_up"] = _unfinished(steps_of(read_facts(components)))
    if may_see:
        context["quotas"] = quotas if user.has_perm("audits.view_quotaentry") else []
        headers = [_("component"), _("ticket"), _("component token"), _("last error")]
        rows = [
            (row, ticket_health(row), token_health(row), explain_kept(row.last_error) or "–")
            for row in components
        ]
        context["health"] = table(headers, rows)
    return context


def _unfinished(steps: list[Step]) -> dict[str, Any] | None:
    """How far the platform is set up and what comes next; None once all is done."""
    left = [step for step in steps if not step.is_done]
    if not left:
        return None
    done = len(steps) - len(left)
    return {"is_real": is_real(), "total": len(steps), "done": done, "next": left[0]}
