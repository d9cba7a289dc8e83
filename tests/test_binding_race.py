"""
The browser's return and the `authorized` push come for the same authorisation, at the same moment
and in either order, again and again: one trade, one authorizer, the same outcome.
"""

import random
import time
from collections.abc import Callable
from functools import partial

import pytest
from django.contrib.auth.models import User

from miniprograms.models import Authorizer, Binding
from miniprograms.services import binding as bindings
from miniprograms.services import trading
from sandbox.wire.pushes import Deliver, Push
from sandbox.world import WeChat
from tests.threads import together

QUERY_AUTH = "/cgi-bin/component/api_query_auth"

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("ticket")]


@pytest.fixture
def rounds(request: pytest.FixtureRequest) -> int:
    """How many races of each kind, by `--race-rounds`."""
    return int(request.config.getoption("--race-rounds"))


def come_back(binding: Binding, code: str, pause: float) -> Binding:
    """The browser, so much later."""
    time.sleep(pause)
    return trading.finish_binding(binding, code)


def hear(wechat: WeChat, push: Push, deliver: Deliver, binding: Binding, pause: float) -> None:
    """The push, and the worker that its bell has woken."""
    time.sleep(pause)
    assert wechat.deliver(push, deliver).answer == b"success"
    trading.advance_binding(binding.pk)


@pytest.mark.parametrize("push_code", [False, True], ids=["same code", "a code each"])
def test_the_return_and_the_push_race(
    wechat: WeChat, merchant: User, deliver: Deliver, push_code: bool, rounds: int
) -> None:
    for _ in range(rounds):
        race(wechat, merchant, deliver, push_code)
    assert wechat.count(QUERY_AUTH) == wechat.count(QUERY_AUTH, effect=True) == rounds
    assert Authorizer.objects.filter(owner=merchant).count() == rounds
    assert not Binding.objects.exclude(status=Binding.Status.BOUND).exists()


def race(wechat: WeChat, merchant: User, deliver: Deliver, push_code: bool) -> None:
    account = wechat.create_account()
    opened = bindings.start_binding(user=merchant, session="session")
    code = wechat.authorize(opened.pre_auth_code, account.appid, push_code=push_code)
    pauses = random.sample([0, random.choice([0, random.uniform(0, 0.02)])], 2)
    jobs: list[Callable[[], Binding | None]] = [
        partial(come_back, opened, code, pauses[0]),
        partial(hear, wechat, wechat.outbox.pop(), deliver, opened, pauses[1]),
    ]
    returned, heard = together(jobs)
    assert heard is None
    assert isinstance(returned, Binding), returned
    assert (returned.status, returned.appid) == (Binding.Status.BOUND, account.appid)
    row = Authorizer.objects.get(appid=account.appid)
    granted = wechat.authorization(account.appid)
    assert granted
    assert (returned.authorizer, row.state) == (row, Authorizer.State.BOUND)
    assert (row.auth_time, row.access_token) == (granted.auth_time, granted.tokens[-1].value)


def test_a_return_five_times_at_once_trades_once(wechat: WeChat, merchant: User) -> None:
    wechat.fault(QUERY_AUTH, delay=0.3)
    opened = bindings.start_binding(user=merchant, session="session")
    code = wechat.authorize(opened.pre_auth_code, wechat.create_account().appid)
    outcomes = together([partial(trading.finish_binding, opened, code)] * 5)
    assert {outcome.status for outcome in outcomes if isinstance(outcome, Binding)} == {"bound"}
    assert len({outcome.authorizer for outcome in outcomes if isinstance(outcome, Binding)}) == 1
    assert wechat.count(QUERY_AUTH) == 1


def test_who_saw_the_binding_open_just_before_it_was_bound_trades_nothing(
    wechat: WeChat, merchant: User
) -> None:
    opened = bindings.start_binding(user=merchant, session="session")
    code = wechat.authorize(opened.pre_auth_code, wechat.create_account().appid)
    seen: Binding = Binding.objects.with_clock().get(pk=opened.pk)
    trading.finish_binding(opened, code)
    assert not seen.take_lease()
