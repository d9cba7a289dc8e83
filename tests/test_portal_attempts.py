"""A merchant's unfinished bindings: told apart, alike ones as one, and cancelled honestly."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from miniprograms.models import Authorizer, Binding
from miniprograms.services import unbinding
from miniprograms.services.unclaimed import assign_unclaimed, refuse_unclaimed
from platform_auth.models import Component
from sandbox.world import WeChat
from sandbox.world.parties import Account
from tests.conftest import Bound
from tests.rows import make_authorizer
from tests.test_binding_words import LATE, WAITING, attempt, begin, made_link
from tests.test_portal_binding import account as account
from tests.test_portal_binding import browser as browser
from tests.test_portal_binding import confirm, new_browser, start, text_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("ticket")]

ANY = "an account that is or was yours here is authorised again at once"
STAFF = "our staff decide about the account."
STILL_BOUND = "had been cancelled before the administrator confirmed. As the account"


def rows_of(page: str) -> list[str]:
    """What the first page says of each: for what, when and how."""
    texts = re.findall(r'<p><strong>(.*?)</strong> <span class="begun">(.*?)</span>', page)
    return [f"{aim}: {begun}" for aim, begun in texts]


def ago(minutes: int) -> dict[str, Any]:
    return {**WAITING, "started_at": timezone.now() - timedelta(minutes=minutes)}


def clock(row: Binding) -> str:
    return f"{timezone.localtime(row.started_at):%H:%M}"


def test_each_says_what_it_is_for_and_how(
    browser: Client, component: Component, merchant: User
) -> None:
    make_authorizer(component, merchant, nick_name="Tea")
    mine = attempt(component, merchant, **ago(3), biz_appid="wx00000000000000a1", device="phone")
    other = attempt(component, merchant, **ago(4), biz_appid="wx00000000000000b1")
    program = attempt(component, merchant, **ago(5), auth_type=2)
    either = attempt(component, merchant, **ago(6), device="phone")
    new_browser().post(made_link(merchant))
    by_link = Binding.objects.latest("id")
    assert rows_of(text_of(browser.get("/portal/"))) == [
        f"Mini program or official account: by a bind link, {clock(by_link)}",
        f"Tea: on a phone, {clock(mine)}",
        f"wx00000000000000b1: on a computer, {clock(other)}",
        f"Mini program: on a computer, {clock(program)}",
        f"Mini program or official account: on a phone, {clock(either)}",
    ]


def test_those_that_are_alike_are_one_and_are_cancelled_together(
    browser: Client, component: Component, merchant: User
) -> None:
    newest = attempt(component, merchant, **ago(1))
    attempt(component, merchant, **ago(2))
    attempt(component, merchant, **ago(3))
    other = attempt(component, merchant, **ago(4), auth_type=1)
    page = text_of(browser.get("/portal/"))
    assert rows_of(page) == [
        f"Mini program or official account: on a computer, {clock(newest)}; 2 earlier ones like it",
        f"Official account: on a computer, {clock(other)}",
    ]
    browser.post(f"/portal/bind/drop/{newest.pk}/", {"alike": "1"})
    assert [row.pk for row in Binding.objects.filter(dropped_at=None)] == [other.pk]


def test_from_another_page_only_one_is_cancelled(
    browser: Client, component: Component, merchant: User
) -> None:
    newest = attempt(component, merchant, **ago(1))
    older = attempt(component, merchant, **ago(2))
    browser.post(f"/portal/bind/drop/{newest.pk}/")
    assert [row.pk for row in Binding.objects.filter(dropped_at=None)] == [older.pk]


def test_what_came_to_nothing_gives_way_to_what_was_begun_for_the_same(
    browser: Client, component: Component, merchant: User
) -> None:
    attempt(component, merchant, **{**LATE, "started_at": timezone.now() - timedelta(hours=2)})
    attempt(component, merchant, **{**LATE, "started_at": timezone.now() - timedelta(hours=1)})
    assert len(rows_of(text_of(browser.get("/portal/")))) == 1
    now = attempt(component, merchant, **ago(1))
    assert rows_of(text_of(browser.get("/portal/"))) == [
        f"Mini program or official account: on a computer, {clock(now)}"
    ]


def test_that_a_refusal_is_not_told_stands_where_one_waits(
    browser: Client, component: Component, merchant: User
) -> None:
    row = attempt(component, merchant, **WAITING)
    page = text_of(browser.get("/portal/"))
    assert row.expires_at is not None
    assert f"until {timezone.localtime(row.expires_at):%H:%M} at most." in page
    assert "WeChat does not tell us when an administrator refuses." in page
    assert "Cancel this binding" in page
    Binding.objects.update(**LATE)
    assert "administrator refuses" not in text_of(browser.get("/portal/"))


def test_the_code_for_a_phone_can_be_cancelled_where_it_is_shown(
    browser: Client, merchant: User
) -> None:
    page = text_of(browser.post("/portal/bind/", {"device": "phone"}))
    assert f"/portal/bind/drop/{Binding.objects.get().pk}/" in page
    stranger = text_of(new_browser().post(made_link(merchant), {"device": "phone"}))
    assert "/portal/bind/drop/" not in stranger


# Cancelled, and confirmed all the same


def cancel(browser: Client, **fields: str) -> tuple[dict[str, str], str]:
    started = start(browser, **fields)
    row = Binding.objects.latest("id")
    page = text_of(browser.post(f"/portal/bind/drop/{row.pk}/", follow=True))
    [message] = re.findall('<p class="note success" role="status">(.*?)</p>', page)
    return started, message


@pytest.mark.parametrize("is_unbound", [False, True], ids=["theirs", "theirs before"])
@pytest.mark.parametrize("is_named", [False, True], ids=["any", "named"])
def test_an_account_of_theirs_is_authorised_again_as_the_page_has_said(
    browser: Client,
    bound: Bound,
    wechat: WeChat,
    merchant: User,
    is_unbound: bool,
    is_named: bool,
) -> None:
    row = bound(nick_name="Tea & Cake")
    if is_unbound:
        unbinding.unbind_locally(row, by=merchant)
    started, message = cancel(browser, biz_appid=row.appid if is_named else "")
    promise = "Tea &amp; Cake is authorised again at once" if is_named else ANY
    assert promise in message
    told = confirm(wechat, started, wechat.accounts[row.appid])
    page = text_of(browser.get(started["back"], told, follow=True))
    assert "Tea &amp; Cake is bound" in page
    assert STILL_BOUND in page
    row.refresh_from_db()
    assert (row.state, row.owner) == (Authorizer.State.BOUND, merchant)


@pytest.mark.parametrize("is_named", [False, True], ids=["any", "named"])
def test_an_account_that_never_was_theirs_waits_for_staff_as_the_page_has_said(
    browser: Client, wechat: WeChat, account: Account, is_named: bool, admin_user: User
) -> None:
    started, message = cancel(browser, biz_appid=account.appid if is_named else "")
    assert message.endswith(STAFF)
    page = text_of(browser.get(started["back"], confirm(wechat, started, account), follow=True))
    assert "Our staff will look at it" in page
    assert "Our staff will look at it" in text_of(browser.get("/portal/"))
    assert not Authorizer.objects.exists()
    row = Binding.objects.get()
    if is_named:
        refuse_unclaimed(row, by=admin_user)
        assert "Our staff have declined it" in text_of(browser.get("/portal/"))
        browser.post(f"/portal/bind/drop/{row.pk}/")
        assert "Our staff have declined it" not in text_of(browser.get("/portal/"))
        return
    assert row.user is not None
    assign_unclaimed(row, user=row.user, by=admin_user)
    page = text_of(browser.get(started["back"]))
    assert STILL_BOUND not in page


def test_an_account_of_another_waits_for_staff_as_the_page_has_said(
    browser: Client, bound: Bound, wechat: WeChat, other_merchant: User
) -> None:
    row = bound(owner=other_merchant)
    started, message = cancel(browser, biz_appid=row.appid)
    assert message.endswith(STAFF)
    told = confirm(wechat, started, wechat.accounts[row.appid])
    page = text_of(browser.get(started["back"], told, follow=True))
    assert "Our staff will look at it" in page


def test_who_has_accounts_reads_of_both(browser: Client, bound: Bound) -> None:
    bound()
    assert ANY in cancel(browser)[1]
    assert "about any other our staff decide" in cancel(browser)[1]


def test_begun_by_a_link_and_confirmed_it_says_nothing_of_a_cancellation(
    wechat: WeChat, account: Account, merchant: User
) -> None:
    guest = new_browser()
    started = begin(guest, made_link(merchant))
    page = guest.get(started["back"], confirm(wechat, started, account), follow=True)
    assert "had been cancelled" not in text_of(page)
