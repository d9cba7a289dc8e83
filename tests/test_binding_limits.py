"""Five attempts that nobody has finished, and no more, however many click at once."""

from datetime import timedelta
from functools import partial
from urllib.parse import urlsplit

import pytest
from django.contrib.auth.models import User
from django.db.models.functions import Now

from miniprograms.models import Binding, BindLink
from miniprograms.services import bind_links
from miniprograms.services.binding import TooManyBindings, start_binding
from sandbox.world import WeChat
from tests.test_portal_binding import PRE_AUTH_CODE, new_browser, query_of
from tests.test_portal_binding import link_in as way_in
from tests.threads import together

pytestmark = pytest.mark.usefixtures("ticket")

with_threads = pytest.mark.django_db(transaction=True)
CLICKS = 24


@pytest.fixture
def link(merchant: User, staff: User) -> BindLink:
    return bind_links.make_bind_link(merchant, by=staff)


@with_threads
@pytest.mark.both_databases("locks: what counts the attempts is a row's, or the whole database's")
@pytest.mark.parametrize("by_link", [False, True])
def test_many_clicks_at_once_cost_five_codes(
    wechat: WeChat, merchant: User, link: BindLink, by_link: bool
) -> None:
    click = partial(start_binding, user=merchant, link=link if by_link else None, session="session")
    came = together([click] * CLICKS)
    opened = [one for one in came if isinstance(one, Binding)]
    assert all(isinstance(one, Binding | TooManyBindings) for one in came)
    assert wechat.count(PRE_AUTH_CODE) == 5
    assert len({one.pk for one in opened}) == 5
    assert Binding.objects.count() == 5
    assert all(one.pre_auth_code for one in opened)


@pytest.mark.django_db
def test_who_holds_a_link_cannot_lock_the_merchants_own_button(
    wechat: WeChat, merchant: User, link: BindLink
) -> None:
    path, holders = urlsplit(link.url).path, [new_browser() for _ in range(10)]
    assert [holder.post(path).status_code for holder in holders] == [200] * 5 + [429] * 5
    assert wechat.count(PRE_AUTH_CODE) == 5
    assert new_browser(merchant).post("/portal/bind/").status_code == 200
    other = bind_links.make_bind_link(merchant, by=merchant)
    assert new_browser().post(urlsplit(other.url).path).status_code == 200
    link.refresh_from_db()
    assert link.presses == 10
    Binding.objects.update(started_at=Now() - timedelta(minutes=11))
    assert new_browser().post(path).status_code == 200


@pytest.mark.django_db
def test_the_merchants_own_button_locks_no_link(
    wechat: WeChat, merchant: User, link: BindLink
) -> None:
    browser = new_browser(merchant)
    for number in range(6):
        browser.post("/portal/bind/", {"biz_appid": f"wx00000000000000a{number}"})
    assert new_browser().post(urlsplit(link.url).path).status_code == 200


@pytest.mark.django_db
def test_what_failed_at_wechat_takes_no_place(
    wechat: WeChat, merchant: User, link: BindLink
) -> None:
    path = urlsplit(link.url).path
    wechat.fault(PRE_AUTH_CODE, times=None, status=500)
    assert [new_browser().post(path).status_code for _ in range(6)] == [502] * 6
    assert not Binding.objects.exists()
    wechat.clear_faults()
    assert new_browser().post(path).status_code == 200


@pytest.mark.django_db
def test_the_page_of_somebody_at_it_can_be_had_again(wechat: WeChat, link: BindLink) -> None:
    browser, path = new_browser(), urlsplit(link.url).path
    ways = [query_of(way_in(browser.post(path)))["pre_auth_code"] for _ in range(9)]
    assert len(set(ways)) == 5
    assert len(set(ways[4:])) == 1
