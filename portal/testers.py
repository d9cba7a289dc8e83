"""The merchants' page of who may try their mini program out, with the code to scan."""

from collections.abc import Callable

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from miniprograms.account_events import OUT_OF_REACH
from miniprograms.models import Authorizer, Tester
from miniprograms.services.testers import (
    ListedTester,
    NotATester,
    add_tester,
    find_tester,
    known_testers,
    list_testers,
    remove_tester,
)
from platform_auth.errcodes import explain_to_merchant, tell_merchant
from platform_auth.fields import Unreadable
from portal.code import find_program, trial_version
from portal.conditions import condition_of, lacking_needs
from portal.forms import RemoveTesterForm, TesterForm
from wechat.bulkhead import take_place
from wechat.errors import NotSent, Refused, Unreachable, WeChatError


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def testers_page(request: HttpRequest, appid: str) -> HttpResponseBase:
    """Who may try it, and a form to add somebody; POST adds them."""
    row = find_program(request, appid)
    is_ended, needs = row.state in OUT_OF_REACH, lacking_needs(row, "code")
    may_change = not is_ended and not needs
    form = TesterForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and may_change and form.is_valid():
        wechatid = form.cleaned_data["wechatid"]
        _carry_out(request, lambda: _add(row, wechatid, request))
        return redirect("portal:testers", appid=appid)
    listed, problem = _list(row) if may_change else (_list_of_ours(row), "")
    context = {
        "row": row,
        "form": form,
        "testers": [(one.userstr, _describe(request, one.added)) for one in listed],
        "problem": problem,
        "is_ended": is_ended,
        "needs": needs,
        "condition": condition_of(row),
        "may_change": may_change,
        "trial": trial_version(row),
    }
    return render(request, "portal/testers.html", context)


@require_POST
@login_required
def remove_tester_view(request: HttpRequest, appid: str) -> HttpResponseBase:
    """Somebody may try it no more."""
    row = find_program(request, appid)
    form = RemoveTesterForm(request.POST)
    if form.is_valid():
        userstr = form.cleaned_data["userstr"]
        _carry_out(request, lambda: _remove(row, userstr, request))
    return redirect("portal:testers", appid=appid)


def _add(row: Authorizer, wechatid: str, request: HttpRequest) -> str:
    add_tester(row, wechatid, by=request.user)
    return _("%(wechatid)s may try it out now.") % {"wechatid": wechatid}


def _remove(row: Authorizer, userstr: str, request: HttpRequest) -> str:
    tester = find_tester(row, userstr)
    try:
        remove_tester(row, userstr, by=request.user)
    except NotATester as problem:
        return str(problem)
    name = tester.wechatid if tester else userstr
    return _("%(name)s cannot try it out any more.") % {"name": name}


def _carry_out(request: HttpRequest, act: Callable[[], str]) -> None:
    """Do ACT and tell what came of it. Raises Crowded before anything is done."""
    take_place()
    try:
        messages.success(request, act())
    except (WeChatError, Unreadable) as problem:
        messages.error(request, _describe_problem(problem))


def _list(row: Authorizer) -> tuple[list[ListedTester], str]:
    """WeChat's list; where it cannot be had, whom we know of, and why."""
    try:
        return list_testers(row), ""
    except (WeChatError, Unreadable) as problem:
        return _list_of_ours(row), _describe_problem(problem)


def _list_of_ours(row: Authorizer) -> list[ListedTester]:
    return [ListedTester(one.userstr, one) for one in known_testers(row)]


def _describe_problem(problem: Exception) -> str:
    """What a merchant can make of PROBLEM."""
    if isinstance(problem, Refused) and (text := explain_to_merchant(problem.errcode)):
        return text
    if refusal := tell_merchant(problem):
        return refusal
    if isinstance(problem, Unreachable) and not isinstance(problem, NotSent):
        return _("WeChat's answer was lost. Look at the list in a moment before you try again.")
    return _("WeChat cannot be asked just now. Try again later; if it stays so, tell our staff.")


def _describe(request: HttpRequest, tester: Tester | None) -> dict[str, object] | None:
    """What we know of a tester; members of staff are not named to merchants."""
    if tester is None:
        return None
    by = _("you") if tester.added_by == request.user else _("the platform's staff")
    return {"name": tester.wechatid, "by": by, "at": tester.added_at}
