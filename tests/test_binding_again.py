"""A bound account authorises again: other permission sets, new tokens, the same owner."""

from threading import Event

import pytest
from django.contrib.auth.models import User

from miniprograms import tasks
from miniprograms.models import Authorizer, Binding
from miniprograms.services import binding as bindings
from miniprograms.tokens import authorizer_token
from sandbox.wire.pushes import Deliver
from sandbox.world import WeChat
from tests.accounts import end_leases, let_pass, make_due, row_of
from tests.conftest import Bound
from tests.threads import in_a_thread

QUERY_AUTH = "/cgi-bin/component/api_query_auth"
REFRESH = "/cgi-bin/component/api_authorizer_token"

State = Authorizer.State

pytestmark = pytest.mark.django_db
with_threads = pytest.mark.django_db(transaction=True)


def test_fewer_permission_sets(
    wechat: WeChat, bound: Bound, deliver: Deliver, merchant: User
) -> None:
    account = bound()
    assert len(account.func_info) > 2
    wechat.update_authorization(account.appid, [17, 18])
    [push] = wechat.outbox
    assert push.kind == "updateauthorized"
    wechat.deliver_all(deliver)
    tasks.settle_bindings()
    row = row_of(account)
    granted = wechat.authorization(account.appid)
    assert granted
    assert (row.func_info, row.owner, row.state) == ([17, 18], merchant, State.BOUND)
    assert (row.refresh_token, row.auth_time) == (granted.refresh_token, granted.auth_time)
    assert row.older_refresh_tokens == [account.refresh_token]
    assert authorizer_token(account.appid) == granted.tokens[-1].value != account.access_token
    assert wechat.count(QUERY_AUTH) == 2
    assert wechat.count(REFRESH) == 0


def test_the_merchant_binds_what_is_bound_already(
    wechat: WeChat, bound: Bound, merchant: User
) -> None:
    """No push comes if the sets stay as they were."""
    account = bound()
    opened = bindings.start_binding(user=merchant, session="session")
    code = wechat.authorize(opened.pre_auth_code, account.appid)
    assert wechat.outbox == []
    assert bindings.finish_binding(opened, code).status == Binding.Status.BOUND
    granted = wechat.authorization(account.appid)
    assert granted
    assert Authorizer.objects.count() == 1
    assert authorizer_token(account.appid) == granted.tokens[-1].value
    assert row_of(account).refresh_token == granted.refresh_token


def test_an_unbound_account_comes_back_to_its_merchant(
    wechat: WeChat, bound: Bound, merchant: User, deliver: Deliver
) -> None:
    account = bound()
    wechat.cancel(account.appid)
    wechat.deliver_all(deliver)
    assert row_of(account).state == State.UNBOUND
    opened = bindings.start_binding(user=merchant, session="session")
    code = wechat.authorize(opened.pre_auth_code, account.appid)
    bindings.finish_binding(opened, code)
    wechat.deliver_all(deliver)
    row = row_of(account)
    assert (row.pk, row.state, row.unauthorized_at) == (account.pk, State.BOUND, None)
    assert authorizer_token(account.appid)


@with_threads
def test_a_refresh_under_way_does_not_bring_the_dead_tokens_back(
    wechat: WeChat, bound: Bound, deliver: Deliver
) -> None:
    account = bound()
    make_due()
    answer = Event()
    fault = wechat.fault(REFRESH, until=answer)
    refreshing = in_a_thread(lambda: authorizer_token(account.appid))
    assert fault.arrived.wait(10)
    wechat.update_authorization(account.appid, [17])
    wechat.deliver_all(deliver)
    tasks.settle_bindings()
    answer.set()
    granted = wechat.authorization(account.appid)
    assert granted
    assert refreshing.result() == granted.tokens[-1].value
    row = row_of(account)
    assert (row.access_token, row.refresh_token) == (
        granted.tokens[-1].value,
        granted.refresh_token,
    )


@with_threads
def test_a_sweep_under_way_does_not_either(wechat: WeChat, bound: Bound, deliver: Deliver) -> None:
    account = bound()
    make_due()
    answer = Event()
    fault = wechat.fault(REFRESH, until=answer)
    sweeping = in_a_thread(tasks.refresh_tokens)
    assert fault.arrived.wait(10)
    wechat.update_authorization(account.appid, [17])
    wechat.deliver_all(deliver)
    tasks.settle_bindings()
    answer.set()
    sweeping.result()
    end_leases()
    granted = wechat.authorization(account.appid)
    assert granted
    row = row_of(account)
    assert (row.access_token, row.refresh_token) == (
        granted.tokens[-1].value,
        granted.refresh_token,
    )
    assert (row.state, row.func_info) == (State.BOUND, [17])


def test_the_same_push_again_trades_nothing(wechat: WeChat, bound: Bound, deliver: Deliver) -> None:
    account = bound()
    wechat.update_authorization(account.appid, [17])
    [push] = wechat.outbox
    for _ in range(3):
        wechat.deliver(push, deliver)
        tasks.settle_bindings()
    assert wechat.count(QUERY_AUTH) == 2
    assert row_of(account).func_info == [17]


def test_an_older_change_that_comes_late_does_not_undo_the_newer(
    wechat: WeChat, bound: Bound, deliver: Deliver
) -> None:
    account = bound()
    wechat.update_authorization(account.appid, [17])
    let_pass(wechat, 5)
    wechat.update_authorization(account.appid, [18])
    older, newer = wechat.outbox
    for push in (newer, older):
        wechat.deliver(push, deliver)
        tasks.settle_bindings()
    granted = wechat.authorization(account.appid)
    assert granted
    row = row_of(account)
    assert (row.func_info, row.refresh_token) == ([18], granted.refresh_token)
