"""One authorisation code is traded once, whatever is lost on the way."""

from datetime import timedelta
from threading import Event
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.db.models.functions import Now
from django.urls import reverse
from django.utils import timezone

from miniprograms import tasks
from miniprograms.models import Authorizer, Binding, digest
from miniprograms.services import binding as bindings
from miniprograms.services import trading
from miniprograms.services.reconciling import reconcile
from miniprograms.tokens import authorizer_token
from platform_auth.fields import seal
from platform_auth.models import Component, Operation
from sandbox.wire.pushes import Deliver
from sandbox.world import WeChat
from tests.threads import in_a_thread

QUERY_AUTH = "/cgi-bin/component/api_query_auth"
INFO = "/cgi-bin/component/api_get_authorizer_info"
LIST = "/cgi-bin/component/api_get_authorizer_list"
COMPONENT_TOKEN = "/cgi-bin/component/api_component_token"

Status = Binding.Status
State = Authorizer.State

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("ticket")]


def start(user: User, **more: Any) -> Binding:
    return bindings.start_binding(user=user, session="session", **more)


def as_it_is(binding: Binding) -> Binding:
    row: Binding = Binding.objects.get(pk=binding.pk)
    return row


def settle(times: int = 1) -> None:
    """Pauses pass, and the worker does what is due."""
    for _ in range(times):
        due = Binding.objects.exclude(due_at=None)
        due.update(due_at=Now() - timedelta(seconds=1))
        tasks.advance_bindings()


def die(binding: Binding) -> None:
    """As long after the trading process died as its lease lasts."""
    Binding.objects.filter(pk=binding.pk).update(lease_until=Now() - timedelta(seconds=1))


def assert_bound(binding: Binding, wechat: WeChat, owner: User) -> Authorizer:
    row = as_it_is(binding)
    assert row.status == Status.BOUND, row.last_error
    assert row.code == ""
    assert row.refresh_token == ""
    assert row.due_at is None
    account = Authorizer.objects.get(appid=row.appid)
    granted = wechat.authorization(row.appid)
    assert granted
    assert (account.owner, account.state) == (owner, State.BOUND)
    assert account.refresh_token == granted.refresh_token
    assert authorizer_token(account.appid) == granted.tokens[-1].value
    assert Authorizer.objects.filter(appid=row.appid).count() == 1
    return account


def test_a_return_binds(wechat: WeChat, merchant: User) -> None:
    opened = start(merchant)
    theirs = wechat.create_account(nick_name="Tea & Cake")
    code = wechat.authorize(opened.pre_auth_code, theirs.appid)
    done = trading.finish_binding(opened, code)
    assert done.status == Status.BOUND
    account = assert_bound(opened, wechat, merchant)
    assert done.authorizer == account
    assert (account.nick_name, account.user_name) == ("Tea & Cake", theirs.user_name)
    assert account.kind == Authorizer.Kind.MINI_PROGRAM
    assert account.func_info
    assert account.profile_due_at
    assert account.profile_due_at > timezone.now() + timedelta(hours=19)
    assert Operation.objects.filter(action="bind", appid=account.appid, actor=merchant).exists()
    calls = wechat.count()
    assert trading.finish_binding(opened, code).status == Status.BOUND
    assert wechat.count() == calls


@pytest.mark.parametrize("state", ["unknown", "session", "user", "nobody's session"])
def test_a_foreign_state_makes_no_call(
    wechat: WeChat, merchant: User, other_merchant: User, state: str
) -> None:
    opened = start(merchant)
    calls = wechat.count()
    returns: dict[str, tuple[str, User | AnonymousUser, str]] = {
        "unknown": ("x" * 43, merchant, "session"),
        "session": (opened.state, merchant, "another session"),
        "user": (opened.state, other_merchant, "session"),
        "nobody's session": (opened.state, AnonymousUser(), ""),
    }
    given, user, session = returns[state]
    assert bindings.find_returning(given, user=user, session=session) is None
    assert wechat.count() == calls
    found = bindings.find_returning(opened.state, user=merchant, session="session")
    assert found == opened


def test_the_push_alone_binds(wechat: WeChat, merchant: User, deliver: Deliver) -> None:
    opened = start(merchant)
    wechat.authorize(opened.pre_auth_code, wechat.create_account().appid)
    calls = wechat.count()
    wechat.deliver_all(deliver)
    assert wechat.count() == calls
    tasks.advance_binding(opened.pk)
    assert_bound(opened, wechat, merchant)
    assert wechat.count(QUERY_AUTH) == 1


def test_the_push_tells_the_time_of_an_authorisation_that_is_bound_already(
    wechat: WeChat, merchant: User, deliver: Deliver
) -> None:
    opened = start(merchant)
    theirs = wechat.create_account()
    done = trading.finish_binding(opened, wechat.authorize(opened.pre_auth_code, theirs.appid))
    assert done.authorizer
    assert done.authorizer.auth_time == 0
    wechat.deliver_all(deliver)
    account = assert_bound(opened, wechat, merchant)
    granted = wechat.authorization(theirs.appid)
    assert granted
    assert account.auth_time == granted.auth_time
    assert wechat.count(QUERY_AUTH) == 1


def test_without_return_and_push_the_list_parks_it_for_staff(
    wechat: WeChat, merchant: User, component: Component
) -> None:
    opened = start(merchant)
    theirs = wechat.create_account()
    wechat.authorize(opened.pre_auth_code, theirs.appid)
    wechat.outbox.clear()
    assert reconcile(component).unclaimed == [theirs.appid]
    assert as_it_is(opened).status == Status.OPEN
    parked = Binding.objects.unclaimed().get()
    assert (parked.appid, parked.user, parked.authorizer) == (theirs.appid, None, None)
    assert parked.nick_name == theirs.nick_name
    assert not Authorizer.objects.exists()


def test_what_the_list_told_first_is_the_merchants_once_the_browser_comes_back(
    wechat: WeChat, merchant: User, component: Component
) -> None:
    opened = start(merchant)
    code = wechat.authorize(opened.pre_auth_code, wechat.create_account().appid)
    reconcile(component)
    assert Binding.objects.unclaimed().count() == 1
    trading.finish_binding(opened, code)
    assert_bound(opened, wechat, merchant)
    assert not Binding.objects.unclaimed().exists()


@pytest.mark.parametrize("is_told", [True, False])
@pytest.mark.parametrize("push_code", [False, True])
def test_an_answer_lost_after_its_effect(
    wechat: WeChat, merchant: User, deliver: Deliver, is_told: bool, push_code: bool
) -> None:
    opened = start(merchant)
    theirs = wechat.create_account()
    code = wechat.authorize(opened.pre_auth_code, theirs.appid, push_code=push_code)
    if is_told:
        wechat.deliver_all(deliver)
    wechat.fault(QUERY_AUTH, drop="after")
    waiting = trading.finish_binding(opened, code)
    assert waiting.status == Status.OPEN or waiting.status == Status.TRADING
    assert wechat.count(QUERY_AUTH) == 1
    settle()
    wechat.deliver_all(deliver)
    settle(3)
    assert_bound(opened, wechat, merchant)
    assert wechat.count(QUERY_AUTH, effect=True) == 1
    assert wechat.count(QUERY_AUTH) <= 1 + push_code


@pytest.mark.parametrize("trouble", [{"status": 502}, {"body": b"<html>", "effect": False}])
@pytest.mark.parametrize("push_code", [False, True])
def test_an_answer_lost_before_its_effect(
    wechat: WeChat, merchant: User, deliver: Deliver, trouble: dict[str, Any], push_code: bool
) -> None:
    opened = start(merchant)
    theirs = wechat.create_account()
    code = wechat.authorize(opened.pre_auth_code, theirs.appid, push_code=push_code)
    wechat.fault(QUERY_AUTH, **trouble)
    assert trading.finish_binding(opened, code).status == Status.TRADING
    settle()
    wechat.deliver_all(deliver)
    settle(3)
    assert_bound(opened, wechat, merchant)
    assert wechat.count(QUERY_AUTH, effect=True) == 1


@pytest.mark.parametrize("trouble", [{"drop": "before"}, {"errcode": -1}, {"errcode": 45009}])
def test_a_trade_that_wechat_did_not_take_is_tried_again_without_a_push(
    wechat: WeChat, merchant: User, trouble: dict[str, Any]
) -> None:
    opened = start(merchant)
    code = wechat.authorize(opened.pre_auth_code, wechat.create_account().appid)
    wechat.fault(QUERY_AUTH, **trouble)
    waiting = trading.finish_binding(opened, code)
    assert waiting.status == Status.TRADING
    assert waiting.last_error
    settle()
    assert_bound(opened, wechat, merchant)


def test_without_a_component_token_the_code_waits(wechat: WeChat, merchant: User) -> None:
    opened = start(merchant)
    code = wechat.authorize(opened.pre_auth_code, wechat.create_account().appid)
    Component.objects.update(access_token_expires=1, due_at=Now())
    wechat.fault(COMPONENT_TOKEN, times=None, errcode=61006)
    assert trading.finish_binding(opened, code).status == Status.TRADING
    assert wechat.count(QUERY_AUTH) == 0
    wechat.clear_faults()
    Component.objects.update(due_at=Now())
    settle()
    assert_bound(opened, wechat, merchant)


@pytest.mark.parametrize("comes", ["push", "browser, then push"])
def test_a_process_that_died_after_the_trade(
    wechat: WeChat, merchant: User, deliver: Deliver, comes: str
) -> None:
    """As kill -9 leaves it: the code spent, the lease held, nothing else written."""
    opened = start(merchant)
    theirs = wechat.create_account()
    code = wechat.authorize(opened.pre_auth_code, theirs.appid)
    row: Binding = Binding.objects.with_clock().get(pk=opened.pk)
    assert row.take_lease()
    row.write(code_digest=digest(code), lease_until=Now() + timedelta(seconds=25))
    wechat.trade(wechat.component, code)
    assert bindings.find_open_binding(opened.state) is None
    die(opened)
    if comes == "browser, then push":
        assert trading.finish_binding(opened, code).status == Status.FAILED
    wechat.deliver_all(deliver)
    settle(3)
    assert_bound(opened, wechat, merchant)
    assert wechat.count(QUERY_AUTH, effect=True) == 0
    assert wechat.count(LIST) == 1


def test_a_process_that_died_before_the_trade(wechat: WeChat, merchant: User) -> None:
    opened = start(merchant)
    code = wechat.authorize(opened.pre_auth_code, wechat.create_account().appid)
    row: Binding = Binding.objects.with_clock().get(pk=opened.pk)
    assert row.take_lease()
    die(opened)
    assert trading.finish_binding(opened, code).status == Status.BOUND


def test_a_code_that_expired(wechat: WeChat, merchant: User) -> None:
    wechat.code_life = 0
    opened = start(merchant)
    code = wechat.authorize(opened.pre_auth_code, wechat.create_account().appid)
    done = trading.finish_binding(opened, code)
    assert done.status == Status.FAILED
    assert "61010" in done.last_error
    calls = wechat.count()
    assert trading.finish_binding(opened, code).status == Status.FAILED
    settle(2)
    assert wechat.count() == calls


def test_a_code_that_nobody_gave_out(wechat: WeChat, merchant: User) -> None:
    opened = start(merchant)
    assert trading.finish_binding(opened, "queryauthcode@@@forged").status == Status.FAILED
    assert not Authorizer.objects.exists()


def test_a_link_that_expired_asks_wechat_nothing(wechat: WeChat, merchant: User) -> None:
    opened = start(merchant)
    code = wechat.authorize(opened.pre_auth_code, wechat.create_account().appid)
    Binding.objects.update(expires_at=Now() - timedelta(seconds=1))
    assert trading.finish_binding(opened, code).status == Status.FAILED
    assert wechat.count(QUERY_AUTH) == 0


def test_a_push_still_binds_after_the_link_expired(
    wechat: WeChat, merchant: User, deliver: Deliver
) -> None:
    opened = start(merchant)
    code = wechat.authorize(opened.pre_auth_code, wechat.create_account().appid)
    Binding.objects.update(expires_at=Now() - timedelta(seconds=1))
    trading.finish_binding(opened, code)
    wechat.deliver_all(deliver)
    settle()
    assert_bound(opened, wechat, merchant)


def test_tokens_are_kept_though_the_profile_fails(wechat: WeChat, merchant: User) -> None:
    opened = start(merchant)
    theirs = wechat.create_account(nick_name="Tea & Cake")
    code = wechat.authorize(opened.pre_auth_code, theirs.appid)
    wechat.fault(INFO, times=3, status=500)
    assert trading.finish_binding(opened, code).status == Status.BOUND
    account = assert_bound(opened, wechat, merchant)
    assert account.nick_name == ""
    Authorizer.objects.update(profile_due_at=Now())
    tasks.fetch_profiles()
    account.refresh_from_db()
    assert account.nick_name == "Tea & Cake"
    assert account.profile_due_at
    assert account.profile_due_at > timezone.now() + timedelta(hours=19)


def test_an_account_cancelled_in_the_middle_ends_unbound(
    wechat: WeChat, merchant: User, deliver: Deliver
) -> None:
    """Cancelled after the trade and before its answer was kept: nobody to tell it to yet."""
    opened = start(merchant)
    theirs = wechat.create_account()
    code = wechat.authorize(opened.pre_auth_code, theirs.appid)
    wechat.deliver_all(deliver)
    wechat.cancel(theirs.appid)
    assert trading.finish_binding(opened, code).status != Status.BOUND
    wechat.deliver_all(deliver)
    wechat.code_life = 0
    settle(12)
    assert not Authorizer.objects.filter(state=State.BOUND).exists()


@pytest.mark.django_db(transaction=True)
def test_a_late_trader_does_not_overwrite_what_was_landed_since(
    wechat: WeChat, merchant: User, deliver: Deliver
) -> None:
    """Its lease ran out; whoever took over found the account in the list."""
    wechat.rotate = "always"
    opened = start(merchant)
    theirs = wechat.create_account()
    code = wechat.authorize(opened.pre_auth_code, theirs.appid, push_code=True)
    answer = Event()
    fault = wechat.fault(QUERY_AUTH, until=answer)
    late = in_a_thread(lambda: trading.finish_binding(opened, code))
    assert fault.arrived.wait(10)
    granted = wechat.authorization(theirs.appid)
    assert granted
    received = granted.refresh_token
    die(opened)
    wechat.deliver_all(deliver)
    settle(4)
    newest = authorizer_token(theirs.appid)
    answer.set()
    assert late.result().status == Status.BOUND
    account = assert_bound(opened, wechat, merchant)
    assert account.access_token == newest
    assert received in [account.refresh_token, *account.older_refresh_tokens]


def test_a_binding_that_cannot_be_read_stops_nobody(
    wechat: WeChat, merchant: User, deliver: Deliver
) -> None:
    first, second = start(merchant), start(merchant)
    for opened in (first, second):
        wechat.authorize(opened.pre_auth_code, wechat.create_account().appid)
    wechat.deliver_all(deliver)
    Binding.objects.filter(pk=first.pk).update(**seal(Binding, "another", code="spoilt"))
    settle()
    assert_bound(second, wechat, merchant)


def test_the_page_of_wechat_gets_what_it_needs(
    wechat: WeChat, merchant: User, component: Component
) -> None:
    opened = start(merchant, auth_type=2, biz_appid="wx0000000000000001")
    url = bindings.authorization_url(opened)
    assert url.startswith("https://wechat.test/cgi-bin/componentloginpage?component_appid=")
    assert "auth_type=2" in url
    assert "biz_appid=wx0000000000000001" in url
    back = reverse("portal:bind-return", args=[opened.state])
    assert back.replace("/", "%2F") in url
