"""An account lands with the merchant who asked for it; whatever is in doubt waits for staff."""

from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from miniprograms import tasks
from miniprograms.models import Authorizer, Binding
from miniprograms.services import binding as bindings
from miniprograms.services import trading
from miniprograms.services.reconciling import reconcile
from miniprograms.services.unclaimed import NotUnclaimed, assign_unclaimed, refuse_unclaimed
from miniprograms.tokens import authorizer_token
from platform_auth.models import Component, Operation
from sandbox.wire.pushes import Deliver
from sandbox.world import WeChat
from tests.accounts import let_pass, make_due
from tests.conftest import Bound
from tests.threads import together
from wechat.errors import NotReady

REFRESH = "/cgi-bin/component/api_authorizer_token"
INFO = "/cgi-bin/component/api_get_authorizer_info"

Status, Reason = Binding.Status, Binding.UnclaimedReason
State = Authorizer.State

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("ticket")]
with_threads = pytest.mark.django_db(transaction=True)


@pytest.fixture
def chief(db: None) -> User:
    """Who decides."""
    return User.objects.create_superuser("chief")


def bind(wechat: WeChat, user: User, appid: str, **more: Any) -> Binding:
    """USER's click, the owner's consent whatever account was expected, and the return."""
    opened = bindings.start_binding(user=user, session="session", **more)
    return trading.finish_binding(opened, wechat.authorize(opened.pre_auth_code, appid))


def park(wechat: WeChat, component: Component, appid: str = "") -> Binding:
    """An account that nobody asked for, as the list tells of it."""
    wechat.grant(appid or wechat.create_account().appid)
    reconcile(component)
    parked: Binding = Binding.objects.unclaimed().get()
    return parked


def test_another_account_than_the_expected_one_is_parked(
    wechat: WeChat, merchant: User, chief: User
) -> None:
    theirs = wechat.create_account(nick_name="Not Tea")
    done = bind(wechat, merchant, theirs.appid, biz_appid="wx0000000000000001")
    assert (done.status, done.parked_because) == (Status.UNCLAIMED, Reason.WRONG_ACCOUNT)
    assert not Authorizer.objects.exists()
    with pytest.raises(NotReady):
        authorizer_token(theirs.appid)
    assert Binding.objects.get().nick_name == "Not Tea"
    account = assign_unclaimed(done, user=merchant, by=chief)
    granted = wechat.authorization(theirs.appid)
    assert granted
    assert (account.owner, account.state, account.nick_name) == (merchant, State.BOUND, "Not Tea")
    assert account.refresh_token == granted.refresh_token
    assert authorizer_token(theirs.appid) == granted.tokens[-1].value
    assert Binding.objects.get().refresh_token == ""


def test_the_expected_account_is_bound(wechat: WeChat, merchant: User) -> None:
    theirs = wechat.create_account()
    assert bind(wechat, merchant, theirs.appid, biz_appid=theirs.appid).status == Status.BOUND


def test_an_account_of_another_merchant_stays_theirs_and_alive(
    wechat: WeChat, bound: Bound, merchant: User, other_merchant: User, chief: User
) -> None:
    account = bound()
    old = account.access_token
    done = bind(wechat, other_merchant, account.appid)
    assert (done.status, done.parked_because) == (Status.UNCLAIMED, Reason.OTHER_MERCHANT)
    account.refresh_from_db()
    granted = wechat.authorization(account.appid)
    assert granted
    assert (account.owner, account.state) == (merchant, State.BOUND)
    # Authorising again has killed the token of before.
    assert account.access_token == granted.tokens[-1].value != old
    assert account.refresh_token == granted.refresh_token
    make_due()
    tasks.refresh_tokens()
    assert assign_unclaimed(done, user=other_merchant, by=chief).owner == other_merchant
    assert Authorizer.objects.get().owner == other_merchant


def test_what_is_refused_stays_with_its_owner(
    wechat: WeChat, bound: Bound, merchant: User, other_merchant: User, chief: User
) -> None:
    account = bound()
    done = bind(wechat, other_merchant, account.appid)
    refuse_unclaimed(done, by=chief)
    account.refresh_from_db()
    assert (account.owner, account.state) == (merchant, State.BOUND)
    assert Operation.objects.filter(action="refuse_binding", actor=chief).count() == 1


@with_threads
def test_of_two_merchants_at_once_one_is_bound_and_the_other_parked(
    wechat: WeChat, merchant: User, other_merchant: User
) -> None:
    for _ in range(25):
        theirs = wechat.create_account()
        jobs = []
        for user in (merchant, other_merchant):
            opened = bindings.start_binding(user=user, session="session")
            code = wechat.authorize(opened.pre_auth_code, theirs.appid)
            jobs.append(partial(trading.finish_binding, opened, code))
        outcomes = together(jobs)
        found = {outcome.status: outcome for outcome in outcomes if isinstance(outcome, Binding)}
        assert sorted(found) == [Status.BOUND, Status.UNCLAIMED], outcomes
        account = Authorizer.objects.get(appid=theirs.appid)
        granted = wechat.authorization(theirs.appid)
        assert granted
        assert account.owner == found[Status.BOUND].user
        assert account.refresh_token == granted.refresh_token
        Binding.objects.all().delete()


def test_an_account_that_nobody_asked_for_is_parked_once(
    wechat: WeChat, component: Component, deliver: Deliver
) -> None:
    """The list tells of it, and a push that comes later."""
    theirs = wechat.create_account()
    wechat.update_authorization(theirs.appid, [17])
    assert reconcile(component).unclaimed == [theirs.appid]
    wechat.deliver_all(deliver)
    tasks.advance_bindings()
    assert reconcile(component).unclaimed == []
    parked = Binding.objects.unclaimed().get()
    assert (parked.appid, parked.parked_because) == (theirs.appid, Reason.NOBODY_ASKED)
    assert parked.nick_name == theirs.nick_name
    assert not Authorizer.objects.exists()


def test_a_push_that_nobody_asked_for_parks_with_its_tokens(
    wechat: WeChat, deliver: Deliver, merchant: User, chief: User
) -> None:
    theirs = wechat.create_account()
    wechat.update_authorization(theirs.appid, [17, 18])
    wechat.deliver_all(deliver)
    tasks.advance_bindings()
    account = assign_unclaimed(Binding.objects.unclaimed().get(), user=merchant, by=chief)
    assert (account.owner, account.state, account.func_info) == (merchant, State.BOUND, [17, 18])
    assert authorizer_token(theirs.appid)


@with_threads
def test_of_two_decisions_one_counts(
    wechat: WeChat, component: Component, merchant: User, other_merchant: User, chief: User
) -> None:
    for _ in range(10):
        parked = park(wechat, component)
        owners = [merchant, other_merchant]
        jobs: list[partial[Any]] = [
            partial(assign_unclaimed, parked, user=one, by=chief) for one in owners
        ]
        outcomes = together([*jobs, partial(refuse_unclaimed, parked, by=chief)])
        assert sum(isinstance(outcome, NotUnclaimed) for outcome in outcomes) == 2, outcomes
        decided = Binding.objects.get(pk=parked.pk)
        account = Authorizer.objects.filter(appid=parked.appid).first()
        if account is None:
            assert decided.status == Status.REFUSED
        else:
            assert (decided.status, decided.user) == (Status.BOUND, account.owner)
        assert decided.refresh_token == ""


def test_what_is_decided_is_not_decided_again(
    wechat: WeChat, component: Component, merchant: User, chief: User
) -> None:
    parked = park(wechat, component)
    assign_unclaimed(parked, user=merchant, by=chief)
    with pytest.raises(NotUnclaimed):
        refuse_unclaimed(parked, by=chief)
    with pytest.raises(NotUnclaimed):
        assign_unclaimed(parked, user=chief, by=chief)
    assert Authorizer.objects.get().owner == merchant
    assert Operation.objects.filter(action="assign_binding").count() == 1


def test_it_is_assigned_though_wechat_fails(
    wechat: WeChat, component: Component, merchant: User, chief: User
) -> None:
    parked = park(wechat, component)
    wechat.fault(REFRESH, times=None, status=500)
    wechat.fault(INFO, times=None, status=500)
    account = assign_unclaimed(parked, user=merchant, by=chief)
    assert (account.owner, account.state) == (merchant, State.NEEDS_RECOVERY)
    assert account.refresh_token
    wechat.clear_faults()
    make_due(profile_due_at=None)
    assert authorizer_token(account.appid)
    account.refresh_from_db()
    assert account.state == State.BOUND


def test_a_refused_account_stays_refused_until_it_authorises_again(
    wechat: WeChat, component: Component, chief: User
) -> None:
    parked = park(wechat, component)
    refuse_unclaimed(parked, by=chief)
    for _ in range(2):
        assert reconcile(component).unclaimed == []
    for _ in range(2):
        let_pass(wechat, 60)
        wechat.grant(parked.appid)
        assert reconcile(component).unclaimed == [parked.appid]
        assert reconcile(component).unclaimed == []
        refuse_unclaimed(Binding.objects.unclaimed().get(), by=chief)
        assert reconcile(component).unclaimed == []


def test_a_refusal_holds_though_wechat_never_told_the_time_of_the_authorisation(
    wechat: WeChat, merchant: User, component: Component, chief: User
) -> None:
    theirs = wechat.create_account()
    done = bind(wechat, merchant, theirs.appid, biz_appid="wx0000000000000001")
    assert done.auth_time == 0
    refuse_unclaimed(done, by=chief)
    assert reconcile(component).unclaimed == []


def test_for_some_days_the_merchant_sees_what_staff_have_decided(
    wechat: WeChat, merchant: User, chief: User
) -> None:
    browser = Client(headers={"accept-language": "en"})
    browser.force_login(merchant)
    words = "Not Tea waited for our staff, who have assigned it to you."
    names = ("Not Tea", "Coffee")
    for number, name in enumerate(names):
        account = wechat.create_account(nick_name=name)
        bind(wechat, merchant, account.appid, biz_appid=f"wx000000000000000{number}")
    tea, coffee = Binding.objects.unclaimed().order_by("pk")
    assert words not in browser.get("/portal/").content.decode()
    assign_unclaimed(tea, user=merchant, by=chief)
    refuse_unclaimed(coffee, by=chief)
    page = browser.get("/portal/").content.decode()
    assert words in page
    assert "Our staff have declined it" in page
    Binding.objects.update(
        started_at=timezone.now() - timedelta(days=9),
        finished_at=timezone.now() - timedelta(days=4),
    )
    page = browser.get("/portal/").content.decode()
    assert words not in page
    assert "Our staff have declined it" not in page
