"""notify_third_fasteregister: the code in it is traded like that of any authorisation, once."""

import pytest

from miniprograms import tasks
from miniprograms.models import Authorizer, Binding
from miniprograms.services.unclaimed import assign_unclaimed
from platform_auth.models import Component, Push
from sandbox.wire.pushes import Deliver
from sandbox.world import WeChat

pytestmark = pytest.mark.django_db

TRADE = "/cgi-bin/component/api_query_auth"


@pytest.fixture
def door(wechat: WeChat, component: Component, ticket: str, deliver: Deliver) -> Deliver:
    return deliver


def test_the_code_is_traded_and_the_account_waits_for_staff(
    wechat: WeChat, door: Deliver, staff: object, merchant: object
) -> None:
    account = wechat.register_quickly("新公司")
    assert account is not None
    wechat.deliver_all(door)
    tasks.advance_bindings()
    row = Binding.objects.unclaimed().get()
    authorization = wechat.authorization(account.appid)
    assert authorization is not None
    assert (row.appid, row.refresh_token) == (account.appid, authorization.refresh_token)
    assert row.refresh_token
    authorizer = assign_unclaimed(row, user=merchant, by=staff)  # type: ignore[arg-type]
    assert authorizer.state == Authorizer.State.BOUND


def test_a_code_is_spent_once_however_often_it_comes(wechat: WeChat, door: Deliver) -> None:
    wechat.register_quickly("新公司")
    push = wechat.outbox[0]
    for _ in range(2):
        wechat.deliver(push, door)
        tasks.advance_bindings()
    again = push.inner.replace("<msg>", "<extra>1</extra><msg>")
    appid = Binding.objects.get().appid
    code = push.inner.partition("<auth_code><![CDATA[")[2].partition("]]>")[0]
    wechat.outbox.clear()
    wechat.push(
        "notify_third_fasteregister", {"appid": appid, "auth_code": code, "status": 0, "n": again}
    )
    wechat.deliver_all(door)
    tasks.advance_bindings()
    assert Binding.objects.count() == 1
    assert wechat.count(TRADE, effect=True) == 1


@pytest.mark.parametrize("status", [100001, 101, -1])
def test_a_registration_that_failed_is_kept_and_no_more(
    wechat: WeChat, door: Deliver, status: int
) -> None:
    assert wechat.register_quickly("新公司", status) is None
    wechat.deliver_all(door)
    row = Push.objects.get(kind="notify_third_fasteregister")
    assert row.state == Push.State.IGNORED
    assert not Binding.objects.exists()
