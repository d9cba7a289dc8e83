"""
What only WeChat knows of a mini program's code, as pieces of page that are loaded on their own: a
WeChat that is slow or down keeps nobody waiting for the rest.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils.translation import gettext_lazy as _

from audits.admin.code_status import open_rejection
from audits.admin.submission_items import (
    MAX_SUBMITTED_PAGES,
    ItemForm,
    category_choice,
    read_category,
)
from audits.services import releasing
from audits.services.preflight.checking import TITLES, preflight_of
from audits.services.quota import read_quota
from audits.services.submission_profiles import find_category
from audits.services.summaries import summary_of
from miniprograms.models import Authorizer
from miniprograms.tokens import call_as
from platform_auth.admin.pages import ago
from platform_auth.errcodes import explain_error
from platform_auth.fields import Unreadable
from platform_auth.leases import release_db_connection
from wechat import code, code_release
from wechat.errors import CheckRunning, NoAudit, WeChatError
from wechat.http import File

WHO = {"merchant": _("the merchant"), "staff": _("we"), "wechat": _("WeChat")}


def trial_qrcode(row: Authorizer) -> File:
    """The picture that opens the trial version. Raises what WeChat answered."""
    release_db_connection()
    return call_as(row.appid, code.get_qrcode)


def call_or_problem(row: Authorizer, endpoint: Callable[..., Any]) -> tuple[Any, str]:
    """What ENDPOINT answers about ROW; or None, and the reason why that is not known now."""
    release_db_connection()
    try:
        return call_as(row.appid, endpoint), ""
    except (WeChatError, Unreadable) as problem:
        return None, explain_error(problem)


def _versions(request: HttpRequest, row: Authorizer) -> dict[str, Any]:
    versions, problem = call_or_problem(row, code_release.get_version_info)
    trial, released = versions or (None, None)
    return {
        "is_told": not problem,
        "trial": trial,
        "tried": ago(wechat_time(trial.at)) if trial else "",
        "released": released,
        "came": ago(wechat_time(released.at)) if released else "",
        "problem": problem,
    }


def wechat_time(seconds: int) -> datetime | None:
    """Unix SECONDS of WeChat's as a time; None if it did not say, or said nonsense."""
    try:
        return datetime.fromtimestamp(seconds, UTC) if seconds > 0 else None
    except (ValueError, OverflowError, OSError):
        return None


def _rollout(request: HttpRequest, row: Authorizer) -> dict[str, Any]:
    is_online, problem = _ask_whether_online(row)
    if not is_online:
        return {"is_online": is_online, "problem": problem}
    is_open, open_problem = call_or_problem(row, code_release.is_open_to_visits)
    plan, plan_problem = call_or_problem(row, code_release.get_gray_release_plan)
    running = plan is not None and plan.status in (
        code_release.GRAY_RUNNING,
        code_release.GRAY_PAUSED,
    )
    fitting = {
        "stop-gray-release": running or bool(plan_problem),
        "open": is_open is not True,
        "close": is_open is not False,
    }
    return {
        "is_online": True,
        "is_open": is_open,
        "plan": plan if running else None,
        "is_paused": running and plan.status == code_release.GRAY_PAUSED,
        "problem": open_problem or plan_problem,
        "fitting": {name for name, fits in fitting.items() if fits},
    }


def _ask_whether_online(row: Authorizer) -> tuple[bool | None, str]:
    """Whether users have any version: WeChat is asked where our records name none."""
    if summary_of(row).live_version:
        return True, ""
    versions, problem = call_or_problem(row, code_release.get_version_info)
    return (None if problem else versions[1] is not None), problem


def _quota(request: HttpRequest, row: Authorizer) -> dict[str, Any]:
    try:
        return {"quota": read_quota(row), "problem": ""}
    except (WeChatError, Unreadable) as problem:
        return {"quota": None, "problem": explain_error(problem)}


def _check(request: HttpRequest, row: Authorizer) -> dict[str, Any]:
    release_db_connection()
    try:
        check = call_as(row.appid, code.get_code_privacy_info)
    except CheckRunning:
        return {"is_running": True}
    except (WeChatError, Unreadable) as problem:
        return {"problem": explain_error(problem)}
    return {"found": check}


def _items(request: HttpRequest, row: Authorizer) -> dict[str, Any]:
    """Choices for what a submission may name; what was entered before is in the query."""
    pages, problem = call_or_problem(row, code.get_page)
    categories, other_problem = (None, "") if problem else call_or_problem(row, code.get_category)
    choices = [("", "–"), *(category_choice(category) for category in categories or [])]
    forms = []
    for number in range(1, MAX_SUBMITTED_PAGES + 1):
        prefix = f"item{number}"
        entered = {name: request.GET.get(f"{prefix}-{name}", "") for name in ItemForm.base_fields}
        entered["category"] = _offered_category(entered, categories or [])
        form = ItemForm(prefix=prefix, initial=entered)
        form.fields["category"].widget.choices = choices
        form.fields["address"].widget.attrs["list"] = "pages"
        forms.append((form, number == 1 or any(entered.values())))
    return {"pages": pages or [], "items": forms, "problem": problem or other_problem}


def _offered_category(entered: dict[str, str], categories: list[code.Category]) -> str:
    """
    The choice for what was ENTERED, or is kept; the first where a page is kept without a category,
    or with one that the mini program has not.
    """
    category = find_category(read_category(entered["category"]), categories)
    if category is None and categories and (entered["address"] or entered["title"]):
        category = categories[0]
    return category_choice(category)[0] if category else ""


def _past(request: HttpRequest, row: Authorizer) -> dict[str, Any]:
    try:
        versions = releasing.list_past_versions(row)
        times = [ago(wechat_time(version.commit_time)) for version in versions]
        return {"past": list(zip(versions, times, strict=True))}
    except NoAudit:
        return {"past": []}
    except (WeChatError, Unreadable) as problem:
        return {"problem": explain_error(problem)}


def _preflight(request: HttpRequest, row: Authorizer) -> dict[str, Any]:
    """What would stand in the way of a submission, line by line."""
    result = preflight_of(row)
    lines = [(TITLES[check.code], check, WHO[check.who]) for check in result.checks]
    failing = [line for line in lines if line[1].ok is False]
    others = [line for line in lines if line not in failing]
    return {"failing": failing, "others": others, "rejection": open_rejection(row)}


Piece = Callable[[HttpRequest, Authorizer], dict[str, Any]]
PIECES: dict[str, Piece] = {
    "versions": _versions,
    "rollout": _rollout,
    "quota": _quota,
    "check": _check,
    "items": _items,
    "past": _past,
    "preflight": _preflight,
}


def render_piece(request: HttpRequest, row: Authorizer, name: str, **context: Any) -> str:
    """The piece NAME of the page of ROW."""
    context = {"row": row, **context, **PIECES[name](request, row)}
    return render_to_string(f"admin/code/{name}.html", context, request=request)
