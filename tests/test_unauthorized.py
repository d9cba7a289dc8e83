"""The owner cancels in WeChat, or we let an account go."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from threading import Event

import pytest
import time_machine
from django.conf import settings
from django.contrib.auth.models import User
from django.db.models.functions import Now

from miniprograms import tasks
from miniprograms.models import Authorizer, Binding
from miniprograms.services.reconciling import reconcile
from miniprograms.services.refreshing import sweep
from miniprograms.services.unbinding import DOUBT, unbind_locally
from miniprograms.tokens import authorizer_token
from platform_auth.fields import seal
from platform_auth.models import Component, Operation, Push
from sandbox.wire.pushes import Deliver
from sandbox.world import WeChat
from tests.accounts import let_pass, make_due, make_due_account, row_of
from tests.conftest import Bound
from tests.threads import in_a_thread, together
from wechat.errors import NotReady

REFRESH = "/cgi-bin/component/api_authorizer_token"
LIST = "/cgi-bin/component/api_get_authorizer_list"

State = Authorizer.State

pytestmark = pytest.mark.django_db
with_threads = pytest.mark.django_db(transaction=True)


def last_push() -> Push:
    push = Push.objects.order_by("-pk").first()
    assert push
    return push


def cancelled_at(wechat: WeChat, appid: str, created: int) -> None:
    """An `unauthorized` push of that time, though the owner may have done nothing."""
    wechat.push("unauthorized", {"AuthorizerAppid": appid}, create_time=created)


def assert_is_unbound(authorizer: Authorizer) -> None:
    row = row_of(authorizer)
    assert row.state == State.UNBOUND
    assert (row.access_token, row.refresh_token, row.expires) == ("", "", 0)
    assert row.unauthorized_at is not None


def test_tokens_are_emptied_and_the_row_stays(
    wechat: WeChat, bound: Bound, deliver: Deliver, merchant: User
) -> None:
    account = bound(nick_name="Tea & Cake")
    history = seal(Authorizer, account.appid, refresh_token_history="older")
    Authorizer.objects.update(**history, auth_time=1)
    wechat.cancel(account.appid)
    calls = wechat.count()
    [delivery] = wechat.deliver_all(deliver)
    assert delivery.answer == b"success"
    assert_is_unbound(account)
    row = row_of(account)
    assert (row.owner, row.nick_name, row.func_info) == (
        merchant,
        "Tea & Cake",
        account.func_info,
    )
    assert row.older_refresh_tokens == ["older"]
    assert row.due_at is None
    assert last_push().state == Push.State.DONE
    assert Operation.objects.filter(action="cancelled in WeChat", appid=account.appid).exists()
    with pytest.raises(NotReady):
        authorizer_token(account.appid)
    assert wechat.count() == calls


def test_a_cancellation_older_than_the_authorisation_is_ignored(
    wechat: WeChat, ticket: str, component: Component, deliver: Deliver
) -> None:
    account = make_due_account(wechat, component, access_token="token", expires=2**33)
    cancelled_at(wechat, account.appid, account.auth_time - 1)
    wechat.deliver_all(deliver)
    row = row_of(account)
    assert (row.state, row.access_token) == (State.BOUND, "token")
    assert last_push().state == Push.State.IGNORED
    assert wechat.count() == 0


def test_one_that_is_newer_is_believed_without_asking(
    wechat: WeChat, ticket: str, component: Component, deliver: Deliver
) -> None:
    account = make_due_account(wechat, component)
    cancelled_at(wechat, account.appid, account.auth_time + 1)
    wechat.deliver_all(deliver)
    assert_is_unbound(account)
    tasks.settle_bindings()
    assert row_of(account).due_at is None
    assert wechat.count() == 0


def test_an_account_that_nobody_knows_is_ignored(
    wechat: WeChat, ticket: str, deliver: Deliver
) -> None:
    cancelled_at(wechat, "wxffffffffffffffff", 2_000_000_000)
    [delivery] = wechat.deliver_all(deliver)
    assert delivery.answer == b"success"
    assert last_push().state == Push.State.IGNORED


@pytest.mark.parametrize("auth_time", [0, 1_900_000_000])
@pytest.mark.parametrize("is_true", [True, False])
def test_in_doubt_it_is_believed_and_wechat_is_asked(
    wechat: WeChat,
    ticket: str,
    component: Component,
    deliver: Deliver,
    auth_time: int,
    is_true: bool,
) -> None:
    """The same second, or an authorisation whose time WeChat never told."""
    account = make_due_account(wechat, component, auth_time=auth_time)
    if is_true:
        wechat.cancel(account.appid)
        wechat.outbox.clear()
    cancelled_at(wechat, account.appid, 1_900_000_000)
    wechat.deliver_all(deliver)
    assert_is_unbound(account)
    row = row_of(account)
    assert row.due_at
    assert timedelta(0) < row.due_at - row.now <= DOUBT
    make_due()
    tasks.settle_bindings()
    assert wechat.count(LIST) == 1
    row = row_of(account)
    if is_true:
        assert_is_unbound(account)
        assert row.due_at is None
    else:
        granted = wechat.authorization(account.appid)
        assert granted
        assert (row.state, row.unauthorized_at) == (State.BOUND, None)
        assert row.refresh_token == granted.refresh_token
        assert row.auth_time == granted.auth_time
        assert row.access_token


def test_in_doubt_the_answer_is_there_within_thirty_seconds() -> None:
    beat = settings.CELERY_BEAT_SCHEDULE["finish bindings"]
    assert beat["task"] == "miniprograms.tasks.settle_bindings"
    assert DOUBT.total_seconds() + beat["schedule"] <= 30 - 10


def test_while_wechat_is_down_the_doubt_remains(
    wechat: WeChat, ticket: str, component: Component, deliver: Deliver
) -> None:
    account = make_due_account(wechat, component, auth_time=0)
    cancelled_at(wechat, account.appid, 1_900_000_000)
    wechat.deliver_all(deliver)
    wechat.fault(LIST, times=None, status=500)
    make_due()
    tasks.settle_bindings()
    assert_is_unbound(account)
    wechat.clear_faults()
    make_due()
    tasks.settle_bindings()
    assert row_of(account).state == State.BOUND


def test_said_twice_it_has_one_effect(
    wechat: WeChat, bound: Bound, deliver: Deliver, component: Component
) -> None:
    account = bound()
    Authorizer.objects.update(auth_time=1)
    wechat.cancel(account.appid)
    [push] = wechat.outbox
    wechat.deliver(push, deliver)
    first = row_of(account).unauthorized_at
    wechat.deliver(push, deliver)
    at = Push.objects.get(kind="unauthorized").created.timestamp()
    cancelled_at(wechat, account.appid, int(at))  # sealed anew
    wechat.deliver_all(deliver)
    assert row_of(account).unauthorized_at == first
    assert Push.objects.filter(kind="unauthorized").count() == 1


@with_threads
def test_a_call_that_waits_for_the_refresh_is_told(
    wechat: WeChat, ticket: str, component: Component, deliver: Deliver
) -> None:
    account = make_due_account(wechat, component, auth_time=1)
    answer = Event()
    fault = wechat.fault(REFRESH, until=answer)
    caller = in_a_thread(lambda: authorizer_token(account.appid))
    assert fault.arrived.wait(10)
    wechat.cancel(account.appid)
    wechat.deliver_all(deliver)
    answer.set()
    with pytest.raises(NotReady):
        caller.result()
    assert_is_unbound(account)


@with_threads
def test_whatever_a_sweep_is_doing_a_cancelled_account_ends_unbound(
    wechat: WeChat, ticket: str, component: Component, deliver: Deliver
) -> None:
    wechat.rotate = "always"
    for _ in range(30):
        account = make_due_account(wechat, component, auth_time=1)
        wechat.cancel(account.appid)
        [push] = wechat.outbox

        jobs: list[Callable[[], object]] = [
            sweep,
            partial(wechat.deliver, push, deliver),
            partial(authorizer_token, account.appid),
        ]
        outcomes = together(jobs)
        assert not isinstance(outcomes[0], Exception)
        assert_is_unbound(account)
        assert row_of(account).due_at is None


@pytest.mark.parametrize("is_authorised_last", [True, False])
@pytest.mark.parametrize("first_told", ["authorized", "unauthorized"])
@pytest.mark.parametrize("is_settled_between", [True, False])
def test_cancelled_and_authorised_in_one_second_ends_as_wechat_has_it(
    wechat: WeChat,
    ticket: str,
    component: Component,
    deliver: Deliver,
    is_authorised_last: bool,
    first_told: str,
    is_settled_between: bool,
) -> None:
    account = make_due_account(wechat, component)
    second = int(wechat.clock()) + 10
    wechat.clock = lambda: second
    wechat.cancel(account.appid)
    wechat.update_authorization(account.appid, [17, 18])
    if not is_authorised_last:
        wechat.cancel(account.appid)
    told = {push.kind: push for push in wechat.outbox}
    other = ({"authorized", "unauthorized"} - {first_told}).pop()
    for kind in (first_told, other):
        wechat.deliver(told[kind], deliver)
        if is_settled_between:
            settle()
    settle()
    granted = wechat.authorization(account.appid)
    if granted is None:
        assert_is_unbound(account)
    else:
        row = row_of(account)
        assert (row.state, row.refresh_token) == (State.BOUND, granted.refresh_token)
        assert authorizer_token(account.appid) == granted.tokens[-1].value


def settle() -> None:
    """Everything that is due by now, or soon, is done."""
    for _ in range(4):
        make_due()
        Binding.objects.exclude(due_at=None).update(due_at=Now(), lease_until=None)
        tasks.settle_bindings()


def test_an_authorisation_that_is_late_does_not_revive_a_cancelled_account(
    wechat: WeChat, ticket: str, component: Component, deliver: Deliver
) -> None:
    account = make_due_account(wechat, component)
    wechat.update_authorization(account.appid, [17])
    [late] = wechat.outbox
    let_pass(wechat, 60)
    wechat.cancel(account.appid)
    wechat.deliver(wechat.outbox[1], deliver)
    wechat.deliver(late, deliver)
    settle()
    assert_is_unbound(account)
    assert not Binding.objects.exists()


@pytest.mark.parametrize("minutes", [-60, 0, 60])
def test_unbound_by_us_it_stays_so_until_it_is_authorised_again(
    wechat: WeChat,
    ticket: str,
    component: Component,
    deliver: Deliver,
    merchant: User,
    minutes: int,
) -> None:
    """Also where this host's clock is wrong: WeChat goes on listing it."""
    account = make_due_account(wechat, component)
    with time_machine.travel(row_of(account).now + timedelta(minutes=minutes)):
        unbind_locally(account, by=merchant)
    assert_is_unbound(account)
    assert Operation.objects.filter(action="unbind_locally", actor=merchant).exists()
    for _ in range(2):
        reconcile(component)
        settle()
        assert_is_unbound(account)
    let_pass(wechat, 2)
    wechat.update_authorization(account.appid, [17])
    wechat.deliver_all(deliver)
    settle()
    assert row_of(account).state == State.BOUND


def test_a_parked_account_that_cancels_is_withdrawn(
    wechat: WeChat, ticket: str, component: Component, deliver: Deliver
) -> None:
    theirs = wechat.create_account()
    wechat.grant(theirs.appid)
    reconcile(component)
    parked = Binding.objects.get(status=Binding.Status.PARKED)
    assert parked.refresh_token
    wechat.cancel(theirs.appid)
    wechat.deliver_all(deliver)
    parked.refresh_from_db()
    assert (parked.status, parked.refresh_token) == (Binding.Status.FAILED, "")
