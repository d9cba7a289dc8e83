"""What this app tells on the tabs of an account: merchant, testers, bindings, and the logs."""

from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from miniprograms.admin.account_parts import LOG, OVERVIEW, PEOPLE, Part, add_parts
from miniprograms.admin.concerns import MAY_INVITE, MAY_VIEW, page_url
from miniprograms.admin.testers import MAY_VIEW_TESTERS
from miniprograms.admin.wechat_calls import describe_outcome
from miniprograms.models import Authorizer
from miniprograms.services.testers import known_testers
from platform_auth.admin.call_links import calls_url
from platform_auth.admin.columns import link_to
from platform_auth.admin.operations import action_name, actor_label
from platform_auth.admin.pages import ago, table
from platform_auth.admin.results import show_outcome
from platform_auth.models import Operation, WeChatCall
from platform_auth.person_names import name_person

FEW, MOST = 5, 20  # rows of a log on the overview, and on a tab of its own


def operations_table(row: Authorizer, most: int) -> object:
    rows = Operation.objects.filter(appid=row.appid).order_by("-id")[:most]
    headers = [_("time"), _("actor"), _("action"), _("version"), _("result")]
    cells = [
        (
            *(ago(row.at), actor_label(row), action_name(row)),
            *(row.version or "–", show_outcome(row)),
        )
        for row in rows
    ]
    return table(headers, cells)


def _calls_table(request: HttpRequest, row: Authorizer) -> object:
    rows = WeChatCall.objects.filter(appid=row.appid).order_by("-id")[:MOST]
    headers = [_("time"), _("path"), _("errcode"), "ms", _("called by")]
    cells = [
        (ago(call.at), call.path, describe_outcome(call), call.milliseconds, call.asked_by or "–")
        for call in rows
    ]
    return table(headers, cells)


def _merchant(request: HttpRequest, row: Authorizer) -> object:
    owner: Any = row.owner
    may_see = request.user.has_perm("auth.view_user")
    may_invite = request.user.has_perm(MAY_INVITE)
    is_lacking = row.state == Authorizer.State.BOUND and bool(row.lacking_needs)
    context = {
        "owner": owner,
        "name": name_person(owner) if owner else "",
        "url": reverse("admin:auth_user_change", args=[owner.pk]) if owner and may_see else "",
        "bind_link": page_url(row, "bind_link") if owner and may_invite else "",
        "ask_again": page_url(row, "ask_one_again") if is_lacking and may_invite else "",
    }
    return render_to_string("admin/accounts/merchant.html", context)


def _testers(request: HttpRequest, row: Authorizer) -> object:
    headers = [_("WeChat ID"), _("added by"), _("time of adding")]
    testers = known_testers(row)
    cells = [(one.wechatid, one.added_by or "–", ago(one.added_at)) for one in testers[:MOST]]
    return table(headers, cells)


def _bindings(request: HttpRequest, row: Authorizer) -> object:
    rows = row.bindings.select_related("user").order_by("-id")[:MOST]
    headers = [_("binding"), _("started"), _("status"), _("merchant"), _("finished")]
    cells = [
        (
            link_to(one, one.pk),
            ago(one.started_at),
            one.get_status_display(),
            one.user or "–",
            ago(one.finished_at),
        )
        for one in rows
    ]
    return table(headers, cells)


def list_url(model: str, **query: str) -> str:
    """The address of the list of MODEL, narrowed by QUERY."""
    return f"{reverse(f'admin:{model}_changelist')}?{urlencode(query)}"


def _all_operations(row: Authorizer) -> str:
    return list_url("platform_auth_operation", q=row.appid)


_MAY_SEE_OPERATIONS = "platform_auth.view_operation"
add_parts(
    Part(
        OVERVIEW,
        90,
        _("Last operations"),
        _MAY_SEE_OPERATIONS,
        lambda request, row: operations_table(row, FEW),
        _all_operations,
    ),
    Part(PEOPLE, 10, _("Merchant"), MAY_VIEW, _merchant),
    Part(
        PEOPLE,
        20,
        _("Testers that somebody here has added"),
        MAY_VIEW_TESTERS,
        _testers,
        lambda row: page_url(row, "testers_page"),
        is_of_programs=True,
    ),
    Part(
        PEOPLE,
        30,
        _("Bindings"),
        "miniprograms.view_binding",
        _bindings,
        lambda row: list_url("miniprograms_binding", q=row.appid),
    ),
    Part(
        LOG,
        10,
        _("Operation log"),
        _MAY_SEE_OPERATIONS,
        lambda request, row: operations_table(row, MOST),
        _all_operations,
    ),
    Part(
        LOG,
        30,
        _("Calls to WeChat"),
        "platform_auth.view_wechatcall",
        _calls_table,
        lambda row: calls_url(q=row.appid),
    ),
)
