"""
How many calls of WeChat's API are left, counting them anew (重置API调用次数), and what WeChat has
seen of a call that failed (rid).
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from miniprograms.models import Authorizer
from miniprograms.tokens import call_as
from platform_auth.leases import release_db_connection
from platform_auth.models import UTC_PLUS_8, Component, Operation
from platform_auth.operations import Actor, record_operation
from platform_auth.problems import CannotAct
from platform_auth.tokens import with_component_token
from wechat import component as wechat
from wechat.errors import NotAuthorized, NotReady, Refused, TokenExpired, scrub
from wechat.http import read_number, read_object, read_text, read_time

SEEN = ("request_url", "request_body", "response_body", "client_ip")
RESETS_A_MONTH = 10  # of an account, clicks in WeChat's console among them
CLEAR, NOT_CLEARED = "clear_quota", "quota_not_cleared"


class NoResetLeft(CannotAct):
    """The resets of this month are used up."""

    code = "no_reset_left"
    text = _("The counters of this account were reset ten times this month; WeChat allows no more.")


def resets_left(appid: str) -> int:
    """How often the counters of APPID may still be reset this month, as far as we know."""
    rows = Operation.objects.filter(appid=appid, at__gte=_month_began())
    spent = rows.filter(action=CLEAR).count() - rows.filter(action=NOT_CLEARED).count()
    return max(0, RESETS_A_MONTH - spent)


def _month_began() -> datetime:
    """In Beijing, by whose calendar WeChat counts."""
    now = timezone.now().astimezone(UTC_PLUS_8)
    return now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def clear_quota(account: Authorizer | Component, reason: str, *, by: Actor) -> int:
    """
    clear_quota 重置API调用次数 of ACCOUNT, since BY has a REASON. How many resets are left.

    Of an authorizer by its own token, or where it has none, and of the platform itself, by the
    platform's secret (clear_quota/v2). Raises NoResetLeft and what WeChat answered.
    """
    _spend_reset(account, reason, by)
    try:
        _ask_to_clear(account)
    except (Refused, NotReady) as error:
        about = {"appid": account.appid, "result": str(error)}
        record_operation(NOT_CLEARED, by=by, has_failed=True, **about)
        raise
    return resets_left(account.appid)


def _spend_reset(account: Authorizer | Component, reason: str, by: Actor) -> None:
    """One at a time, so that the tenth is not spent twice; it is in the log before WeChat obeys."""
    with transaction.atomic():
        type(account)._default_manager.select_for_update().only("pk").get(pk=account.pk)
        if not resets_left(account.appid):
            raise NoResetLeft
        record_operation(CLEAR, by=by, appid=account.appid, result=reason)
    release_db_connection()


def _ask_to_clear(account: Authorizer | Component) -> None:
    if isinstance(account, Component):
        wechat.clear_component_quota(account.appid, account.app_secret)
        return
    try:
        call_as(account.appid, wechat.clear_quota, account.appid)
    except (NotReady, NotAuthorized, TokenExpired):
        component = account.component
        wechat.clear_component_quota(component.appid, component.app_secret, account.appid)


@dataclass(frozen=True, slots=True)
class PathQuota:
    """Calls of one path: how many a day, and how many were made. None for what WeChat left out."""

    daily_limit: int | None
    used: int | None
    remain: int | None
    rates: list[tuple[int, int]]  # calls, and in how many seconds


def quota_of(account: Authorizer | Component, path: str) -> PathQuota:
    """openapi/quota/get 查询API调用额度 of PATH, called with the token of ACCOUNT."""
    answer = _ask(account, wechat.get_quota, path)
    quota = read_object(answer.get("quota"))
    rates = (read_object(answer.get(name)) for name in ("rate_limit", "component_rate_limit"))
    return PathQuota(
        read_number(quota.get("daily_limit")),
        read_number(quota.get("used")),
        read_number(quota.get("remain")),
        [
            (calls, seconds)
            for rate in rates
            if (calls := read_number(rate.get("call_count")))
            and (seconds := read_number(rate.get("refresh_second")))
        ],
    )


def call_of(account: Authorizer | Component, rid: str) -> dict[str, Any]:
    """
    openapi/rid/get 查询rid信息: the call with the token of ACCOUNT that WeChat answered with RID,
    and no secret of it.
    """
    request = _ask(account, wechat.get_rid, rid)
    return {
        "invoked_at": read_time(request.get("invoke_time")) or None,
        "milliseconds": read_number(request.get("cost_in_ms")),
        **{name: scrub(read_text(request.get(name))) for name in SEEN},
    }


def _ask(
    account: Authorizer | Component, endpoint: Callable[[str, str], dict[str, Any]], about: str
) -> dict[str, Any]:
    release_db_connection()
    if isinstance(account, Component):
        return with_component_token(account, endpoint, about)
    return call_as(account.appid, endpoint, about)
