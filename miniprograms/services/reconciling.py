"""
Our rows against WeChat's list of authorizers: what was lost on the way is found again here.

Absence from the list never deletes anything. An account that is in it and not with us waits
for staff; nobody is given an account that they did not bind.
"""

import logging
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Now

from miniprograms.account_events import (
    NEEDS_REAUTHORIZATION,
    OUT_OF_REACH,
    publish_account_event,
    publish_bound,
)
from miniprograms.models import Authorizer, AuthorizerQuerySet, Binding
from miniprograms.services.addresses import RELEASE_TEST_ACCOUNTS
from miniprograms.services.unclaimed import fetch_names, record_unclaimed
from miniprograms.tokens import (
    list_pages,
    remember_refresh_token,
    rotated_tokens,
    usable_refresh_tokens,
)
from platform_auth.leases import release_db_connection
from platform_auth.models import LEASE, Component
from platform_auth.tokens import as_component
from wechat import component as wechat
from wechat.component import Listed
from wechat.http import Rows

logger = logging.getLogger(__name__)

FULL_PASS_EVERY = timedelta(hours=6)


@dataclass(slots=True)
class Report:
    """What a pass over the list found, by appid."""

    listed: int = 0
    odd: int = 0  # rows that made no sense
    recovered: list[str] = field(default_factory=list)
    unclaimed: list[str] = field(default_factory=list)
    given_up: int = 0


def reconcile(component: Component) -> Report:
    """
    Walk the whole list of COMPONENT's authorizers: recover refresh tokens, take back accounts that
    authorised again, show staff unknown ones.

    Raises what WeChat answered; what was read until then is kept.
    """
    report = Report()
    lost = dict(_in_recovery(component).values_list("pk", "epoch"))
    release_db_connection()
    for page in list_pages(component):
        _compare_page(component, page, report)
        _keep_turn(component)
        release_db_connection()
    if not report.odd:  # or one of those rows may be the one that is needed
        report.given_up = _give_up(component, lost)
    Component.objects.filter(pk=component.pk).update(reconciled_at=Now())
    logger.info("reconciled %s: %s", component.appid, report)
    for appid in report.unclaimed:
        fetch_names(component, appid)
        _keep_turn(component)
    return report


def _give_up(component: Component, lost: dict[int, int]) -> int:
    """
    The owners of LOST must help, ids with their epochs; but not of those that somebody has touched
    since: what the list said of them may be older than what was tried.
    """
    rows = list(_in_recovery(component).filter(pk__in=lost).values_list("pk", "appid", "epoch"))
    return sum(
        _give_up_one(_in_recovery(component).filter(pk=pk, epoch=epoch), appid)
        for pk, appid, epoch in rows
        if lost[pk] == epoch
    )


def _give_up_one(untouched: AuthorizerQuerySet, appid: str) -> bool:
    with transaction.atomic():
        state = Authorizer.State.NEEDS_REAUTHORIZATION
        if not untouched.update(state=state, updated_at=Now()):
            return False
        reason = Authorizer.objects.values_list("last_error", flat=True).get(appid=appid)
        publish_account_event(NEEDS_REAUTHORIZATION, appid, reason=reason)
    return True


def reconcile_if_needed(component: Component) -> Report | None:
    """
    A pass, unless another process is at it, if an account needs the list, WeChat counts others than
    we do, or the last pass is six hours old: for a million accounts it is two thousand calls. The
    turn is kept from page to page, so that of whoever dies soon passes on.
    """
    rows = Component.objects.filter(pk=component.pk)
    free = Q(reconciling_until=None) | Q(reconciling_until__lt=Now())
    if not rows.filter(free).update(reconciling_until=Now() + LEASE):
        return None
    try:
        return reconcile(component) if _is_needed(component) else None
    finally:
        rows.update(reconciling_until=None)


def _keep_turn(component: Component) -> None:
    turn = Component.objects.filter(pk=component.pk, reconciling_until__isnull=False)
    turn.update(reconciling_until=Now() + LEASE)


def is_recovery_needed(component: Component) -> bool:
    """Whether accounts of COMPONENT wait for the list, none of their refresh tokens working."""
    return _in_recovery(component).exists()


def _is_needed(component: Component) -> bool:
    recent = Component.objects.filter(pk=component.pk, reconciled_at__gt=Now() - FULL_PASS_EVERY)
    if _in_recovery(component).exists() or not recent.exists():
        return True
    release_db_connection()
    total, _page = as_component(component, wechat.get_authorizer_list, offset=0, count=1)
    return total != _expected_total(component)


def _in_recovery(component: Component) -> AuthorizerQuerySet:
    """Accounts without a refresh token that works, which nothing but the list can help."""
    return Authorizer.objects.filter(
        component=component, state=Authorizer.State.NEEDS_RECOVERY, due_at__isnull=True
    )


def _expected_total(component: Component) -> int:
    """How many accounts WeChat should list, by what we know."""
    rows = Authorizer.objects.filter(component=component).exclude(state=Authorizer.State.UNBOUND)
    without_row = _without_row(component).values("appid").distinct()
    return int(rows.count()) + int(without_row.count())


def _without_row(component: Component) -> Any:
    """Bindings that hold an account which is not in our table: unclaimed, or refused by staff."""
    statuses = [Binding.Status.UNCLAIMED, Binding.Status.REFUSED]
    return Binding.objects.filter(component=component, authorizer=None, status__in=statuses)


def _compare_page(component: Component, page: Rows[Listed], report: Report) -> None:
    """Compare a page of the list with the rows of its accounts."""
    appids = [listed.appid for listed in page]
    authorizers = Authorizer.objects.with_clock().select_related("component")
    rows = {row.appid: row for row in authorizers.filter(appid__in=appids)}
    # The last of an account's bindings counts: later ones overwrite earlier ones.
    bindings = _without_row(component).filter(appid__in=appids).order_by("pk")
    last_bindings = {binding.appid: binding for binding in bindings}
    report.listed += len(page)
    report.odd += page.odd
    for listed in page:
        if row := rows.get(listed.appid):
            if _update_from_list(row, listed):
                report.recovered.append(listed.appid)
        elif listed.appid in RELEASE_TEST_ACCOUNTS:
            continue
        elif _is_news(last_bindings.get(listed.appid), listed) and record_unclaimed(
            component, listed
        ):
            report.unclaimed.append(listed.appid)


def _is_news(binding: Binding | None, listed: Listed) -> bool:
    """Whether staff do not know of the account, or it was authorised anew since they refused."""
    if binding is None:
        return True
    if binding.status != Binding.Status.REFUSED or binding.finished_at is None:
        return False
    return listed.auth_time > (binding.auth_time or binding.finished_at.timestamp())


def _update_from_list(row: Authorizer, listed: Listed) -> bool:
    """Bring ROW up to what WeChat lists. Whether that gave it a refresh token it needed."""
    if not listed.refresh_token:
        return False
    is_known = listed.refresh_token in usable_refresh_tokens(row)
    is_newer = listed.auth_time > row.auth_time
    is_wanted = {
        Authorizer.State.BOUND: is_newer and not is_known,
        # Cancelled and authorised in the same second: what is listed counts.
        Authorizer.State.UNBOUND: listed.auth_time >= row.auth_time,
    }
    if is_wanted.get(Authorizer.State(row.state), is_newer or not is_known):
        return _adopt(row, listed)
    if row.state == Authorizer.State.BOUND:
        if is_newer:
            _save_auth_time(row, listed)
        if not is_known:
            remember_refresh_token(row.pk, listed.refresh_token)
    return False


def _adopt(row: Authorizer, listed: Listed) -> bool:
    """Take the refresh token of the list as ROW's own; it is tried out at once."""
    values = rotated_tokens(row, listed.refresh_token)
    rows = Authorizer.objects.filter(pk=row.pk, epoch=row.epoch)
    with transaction.atomic():
        is_ours = rows.update(
            **values,
            state=Authorizer.State.NEEDS_RECOVERY,
            due_at=Now(),
            failures=0,
            auth_time=listed.auth_time,
            unauthorized_at=None,
            epoch=F("epoch") + 1,
            lease_until=None,
        )
        if is_ours and row.state in OUT_OF_REACH:
            publish_bound(row.appid)
    return bool(is_ours)


def _save_auth_time(row: Authorizer, listed: Listed) -> None:
    """WeChat's own time of the authorisation, where no push has told it."""
    rows = Authorizer.objects.filter(pk=row.pk, auth_time__lt=listed.auth_time)
    rows.update(auth_time=listed.auth_time)
