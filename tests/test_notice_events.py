"""Each thing that people are told of, from where it happens: what is kept, and how often."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db.models import F
from django.utils import timezone

from audits.models import Campaign
from audits.services import quota as quota_service
from audits.services.campaigns import pause_campaign
from audits.services.releasing import release_newest_audit, revert_release
from audits.services.rollout.admission import halt_campaign, manage_campaign
from messaging.models import Target
from messaging.services.forwarding.circuit_breaker import MAX_FAILURES, close_circuit, count_failure
from miniprograms.models import Authorizer
from miniprograms.services.profiles import sync_profile
from miniprograms.services.refreshing import sweep
from miniprograms.services.unclaimed import record_unclaimed
from miniprograms.tokens import mark_needs_reauthorization
from notices.models import Notice, Threshold
from notices.services.watching import MANY_REFUSALS, watch_refusals
from platform_auth.models import Component, PushRefusal
from platform_auth.tokens import ask_for_late_tickets, component_token
from sandbox.world import WeChat
from tests.conftest import Bound
from tests.desk import Desk
from tests.desk import desk as desk
from wechat.code_review import Quota
from wechat.component import Listed
from wechat.errors import RefreshTokenInvalid, WeChatError

pytestmark = pytest.mark.django_db(transaction=True)


def kinds() -> list[str]:
    return list(Notice.objects.order_by("pk").values_list("kind", flat=True))


def facts(kind: str) -> dict[str, Any]:
    """Of the one notice of KIND."""
    return dict(Notice.objects.get(kind=kind).facts)


def test_the_life_of_a_version(desk: Desk) -> None:
    desk.submit()
    desk.judge("delay", "需要更久")
    desk.judge("pass")
    release_newest_audit(desk.shop, by=desk.staff)
    assert kinds() == ["audit.delayed", "audit.passed", "release.published"]
    assert facts("release.published")["user_version"] == "1.0.0"
    desk.release("1.0.1")
    revert_release(desk.shop, by=desk.staff)
    assert kinds()[-1] == "release.reverted"


def test_an_owner_who_cancels(wechat: WeChat, desk: Desk) -> None:
    wechat.cancel(desk.shop.appid)
    desk.deliver()
    assert kinds() == ["authorizer.unbound"]


def test_credentials_that_died_and_nothing_helps(desk: Desk) -> None:
    row = Authorizer.objects.with_clock().get(pk=desk.shop.pk)
    mark_needs_reauthorization(row, RefreshTokenInvalid("api_authorizer_token", 61023))
    assert kinds() == ["authorizer.needs_reauthorization"]


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (14, "account.cancelled"),
        (16, "account.banned"),
        (18, "account.alerted"),
        (19, "account.frozen"),
    ],
)
def test_an_account_that_wechat_punishes(
    wechat: WeChat, desk: Desk, status: int, kind: str
) -> None:
    wechat.accounts[desk.shop.appid].account_status = status
    sync_profile(desk.shop)
    sync_profile(desk.shop)
    assert kinds() == [kind]
    wechat.accounts[desk.shop.appid].account_status = 1
    sync_profile(desk.shop)
    assert kinds() == [kind]


def test_a_violation(desk: Desk) -> None:
    desk.tell("wxa_illegal_record", timezone.now().timestamp(), illegal_reason="涉嫌侵权")
    assert kinds() == ["account.violation"]
    assert facts("account.violation")["details"]["illegal_reason"] == "涉嫌侵权"


def test_a_verification_that_runs_out(desk: Desk) -> None:
    desk.tell("annual_renew", timezone.now().timestamp(), ExpiredTime="1")
    assert kinds() == ["account.expiring"]


def test_a_binding_that_nobody_here_asked_for(component: Component) -> None:
    listed = Listed("wx00000000000000b7", "refreshtoken@@@x", 1)
    assert record_unclaimed(component, listed)
    assert not record_unclaimed(component, listed)
    assert kinds() == ["binding.unclaimed"]
    assert facts("binding.unclaimed")["reason"] == "unclaimed"


def test_a_late_ticket_is_told_once_however_long_it_stays_away(
    wechat: WeChat, component: Component
) -> None:
    for _ in range(3):
        Component.objects.update(ticket_received_at=None, push_asked_at=None)
        Component.objects.update(created_at=timezone.now() - timedelta(hours=1))
        ask_for_late_tickets(Component.objects.get())
    assert kinds() == ["ticket.late"]


def test_tokens_that_cannot_be_refreshed_are_told_once_an_hour(
    wechat: WeChat, bound: Bound, ticket: str
) -> None:
    rows = [bound(), bound()]
    wechat.fault("/cgi-bin/component/api_authorizer_token", errcode=-1, times=100)
    for _ in range(5):
        Authorizer.objects.update(due_at=timezone.now() - timedelta(seconds=1))
        sweep(budget=5)
    assert kinds() == ["tokens.failing"]
    assert facts("tokens.failing")["name"] in {str(row) for row in rows}


def test_a_component_token_that_cannot_be_had(wechat: WeChat, ticket: str) -> None:
    wechat.fault("/cgi-bin/component/api_component_token", errcode=-1, times=100)
    for _ in range(4):
        past = timezone.now() - timedelta(seconds=1)
        Component.objects.update(access_token_expires=0, due_at=past, lease_until=None)
        with pytest.raises(WeChatError):
            component_token(Component.objects.get())
    assert kinds() == ["tokens.failing"]


def test_few_reviews_left_are_told_once_a_month(desk: Desk) -> None:
    for rest in (50, 10, 9, 3, 0, 0):
        quota_service.log_quota(desk.shop, Quota(rest, 100, 1, 1))
    assert kinds() == ["quota.low", "quota.low"]
    assert facts_of_all() == [{"rest": 10, "limit": 100}, {"rest": 0, "limit": 100}]


def facts_of_all() -> list[Any]:
    return list(Notice.objects.order_by("pk").values_list("facts", flat=True))


def test_a_forward_target_that_goes_down(db: None) -> None:
    target = Target.objects.create(name="ERP", url="https://erp.example.com/")
    for _ in range(MAX_FAILURES + 3):
        count_failure(Target.objects.get(), "It answered HTTP 503.")
    assert kinds() == ["target.paused"]
    assert facts("target.paused") == {
        "pk": target.pk,
        "target": "ERP",
        "reason": "It answered HTTP 503.",
    }
    close_circuit(Target.objects.get())
    for _ in range(MAX_FAILURES):
        count_failure(Target.objects.get(), "It answered HTTP 503.")
    assert kinds() == ["target.paused"] * 2


def test_refused_pushes_that_rise(db: None) -> None:
    """What was refused before we looked is no news; a stranger who knocks is none either."""
    PushRefusal.objects.create(door="message", reason="signature", count=1000)
    watch_refusals()
    PushRefusal.objects.create(door="component", reason="format", count=MANY_REFUSALS - 1)
    watch_refusals()
    assert kinds() == []
    PushRefusal.objects.filter(door="message").update(
        count=F("count") + MANY_REFUSALS, newest_at=timezone.now()
    )
    watch_refusals()
    assert kinds() == []  # five minutes have not passed
    Threshold.objects.update(at=timezone.now() - timedelta(minutes=6))
    watch_refusals()
    watch_refusals()
    assert kinds() == ["pushes.refused"]
    assert facts("pushes.refused") == {"number": MANY_REFUSALS, "reason": "message: signature"}


def test_a_campaign_that_stops_and_one_that_ends(staff: User, desk: Desk) -> None:
    campaign = Campaign.objects.create(
        template=desk.template, user_version="2", user_desc="x", state=Campaign.State.RUNNING
    )
    pause_campaign(campaign, by=staff)
    Campaign.objects.update(state=Campaign.State.RUNNING)
    halt_campaign(campaign, "3 of 5 failed.")
    halt_campaign(campaign, "3 of 5 failed.")
    Campaign.objects.update(state=Campaign.State.RUNNING)
    manage_campaign(campaign.pk)
    assert kinds() == ["campaign.paused", "campaign.paused", "campaign.done"]
