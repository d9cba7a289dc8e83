"""A click opens a binding: a state of its own, and one of WeChat's codes."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import AnonymousUser, User
from django.core import signing
from django.db.models.functions import Now

from miniprograms.models import Binding, BindLink
from miniprograms.services import bind_links, trading
from miniprograms.services import binding as bindings
from platform_auth.models import Component, Operation
from sandbox.world import WeChat
from wechat.errors import NotReady, WeChatError

PRE_AUTH_CODE = "/cgi-bin/component/api_create_preauthcode"
COMPUTER, PHONE = Binding.Device.COMPUTER, Binding.Device.PHONE

pytestmark = pytest.mark.django_db


def start(user: User, **more: Any) -> Binding:
    return bindings.start_binding(user=user, session="session", **more)


def merchant_of(token: str) -> User | None:
    """Whose link it is that TOKEN ends; None where it leads nowhere."""
    link = bind_links.find_bind_link(token)
    return link.user if link else None


def test_every_click_has_its_own_state_and_code(
    wechat: WeChat, ticket: str, merchant: User
) -> None:
    one, other = start(merchant), start(merchant)
    assert len(one.state) == len(other.state) == 43  # 256 bits
    assert one.state != other.state
    assert one.pre_auth_code != other.pre_auth_code
    assert wechat.count(PRE_AUTH_CODE) == 2


def test_the_state_is_nowhere_readable_in_the_row(ticket: str, merchant: User) -> None:
    opened = start(merchant)
    [values] = Binding.objects.filter(pk=opened.pk).values()
    assert opened.state not in str(values)
    assert opened.pre_auth_code not in str(values)


def test_without_a_component_or_a_ticket(db: None, merchant: User) -> None:
    with pytest.raises(bindings.NoComponent):
        start(merchant)


def test_without_a_ticket_it_is_not_ready(
    wechat: WeChat, component: Component, merchant: User
) -> None:
    with pytest.raises(NotReady):
        start(merchant)
    assert not Binding.objects.exists()


def test_when_wechat_fails_nothing_is_left(wechat: WeChat, ticket: str, merchant: User) -> None:
    wechat.fault(PRE_AUTH_CODE, times=None, status=500)
    with pytest.raises(WeChatError):
        start(merchant)
    assert not Binding.objects.exists()


def test_a_thousand_clicks_cost_five_codes(wechat: WeChat, ticket: str, merchant: User) -> None:
    opened = [start(merchant) for _ in range(5)]
    again = {start(merchant).pk for _ in range(100)}
    assert again == {opened[-1].pk}
    assert wechat.count(PRE_AUTH_CODE) == 5


def test_beyond_five_another_intent_is_refused(
    wechat: WeChat, ticket: str, merchant: User, other_merchant: User
) -> None:
    for _ in range(5):
        start(merchant)
    for intent in ({"auth_type": 1}, {"biz_appid": "wx0000000000000001"}, {"device": PHONE}):
        with pytest.raises(bindings.TooManyBindings):
            start(merchant, **intent)
    with pytest.raises(bindings.TooManyBindings):
        bindings.start_binding(user=merchant, session="another session")
    assert start(other_merchant)
    Binding.objects.update(started_at=Now() - timedelta(minutes=11))
    assert start(merchant, auth_type=1)


def test_a_phone_comes_back_without_a_session(ticket: str, merchant: User) -> None:
    opened = start(merchant, device=PHONE)
    assert bindings.find_open_binding(opened.state) == opened
    assert bindings.authorization_url(opened).startswith(
        "https://wechat.test/wxaopen/safe/bindcomponent?action=bindcomponent&no_scan=1&"
    )
    found = bindings.find_returning(opened.state, user=AnonymousUser(), session="")
    assert found == opened


def test_a_phones_binding_leads_its_owner_and_nobody_elses_account(
    wechat: WeChat, ticket: str, merchant: User
) -> None:
    opened = start(merchant, device=PHONE)
    code = wechat.authorize(opened.pre_auth_code, wechat.create_account().appid)
    done = trading.finish_binding(opened, code)
    assert done.authorizer
    assert done.authorizer.owner == merchant
    assert bindings.find_open_binding(opened.state) is None


def test_a_computers_binding_is_no_phones(ticket: str, merchant: User) -> None:
    opened = start(merchant)
    assert bindings.find_open_binding(opened.state) is None


def test_an_expired_binding_opens_no_page(ticket: str, merchant: User) -> None:
    opened = start(merchant, device=PHONE)
    Binding.objects.update(expires_at=Now() - timedelta(seconds=1))
    assert bindings.find_open_binding(opened.state) is None


@pytest.mark.parametrize("life", [60, 1800])
def test_it_lives_as_long_as_its_code_and_a_quarter_of_an_hour_at_most(
    wechat: WeChat, ticket: str, merchant: User, life: int
) -> None:
    wechat.preauth_life = life
    opened = start(merchant)
    assert opened.expires_at
    lives = opened.expires_at - opened.started_at
    assert lives == timedelta(seconds=min(life, 900))


@pytest.mark.parametrize("hours", [-3, 3])
def test_a_host_whose_clock_is_wrong_binds_all_the_same(
    wechat: WeChat, ticket: str, merchant: User, hours: int
) -> None:
    now = Component.objects.with_clock().get().now
    with time_machine.travel(now + timedelta(hours=hours)):
        opened = start(merchant)
        code = wechat.authorize(opened.pre_auth_code, wechat.create_account().appid)
        assert trading.finish_binding(opened, code).status == Binding.Status.BOUND


def test_a_bind_link_is_for_one_merchant_and_three_days(merchant: User, staff: User) -> None:
    url = bind_links.make_bind_link(merchant, by=staff).url
    assert url.startswith("http://testserver/portal/bind/link/")
    signed = url.rstrip("/").rpartition("/")[2]
    assert merchant_of(signed) == merchant
    assert Operation.objects.filter(action="make_bind_link", actor=staff).exists()
    row = BindLink.objects.get()
    assert row.expires_at - row.created_at == timedelta(days=3)
    BindLink.objects.update(expires_at=Now() - timedelta(seconds=1))
    assert merchant_of(signed) is None
    BindLink.objects.update(expires_at=Now() + timedelta(seconds=60))
    assert merchant_of(signed) == merchant


def test_a_bind_link_that_was_touched_leads_nowhere(merchant: User, staff: User) -> None:
    signed = bind_links.make_bind_link(merchant, by=staff).url.rstrip("/").rpartition("/")[2]
    value, rest = signed.split(":", 1)
    others = signing.dumps(merchant.pk, salt="another purpose")
    for touched in (signed[:-1], signed + "x", f"{value}x:{rest}", rest, "", others):
        assert merchant_of(touched) is None


def test_a_bind_link_dies_with_its_merchant(merchant: User, staff: User) -> None:
    signed = bind_links.make_bind_link(merchant, by=staff).url.rstrip("/").rpartition("/")[2]
    User.objects.filter(pk=merchant.pk).update(is_active=False)
    assert merchant_of(signed) is None
    merchant.delete()
    assert merchant_of(signed) is None
