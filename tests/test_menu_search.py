"""The search above the menu: accounts, people and pages, for whoever may look at them."""

import html

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from config.menu_search import MOST_OF_EACH
from miniprograms.models import Authorizer
from tests.conftest import Bound

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]


def find(user: User, term: str, language: str = "en") -> str:
    browser = Client(headers={"accept-language": language})
    browser.force_login(user)
    answer = browser.get("/admin/search/", {"s": term})
    assert answer.status_code == 200
    return html.unescape(answer.content.decode())


@pytest.fixture
def boss(db: None) -> User:
    return User.objects.create_superuser("boss", password="boss-password")


@pytest.fixture
def shop(bound: Bound) -> Authorizer:
    return bound("wx00000000000000a1", nick_name="青禾茶舍")


@pytest.mark.parametrize("part", ["appid", "user_name", "nick_name"])
def test_an_account_is_found_by_its_ids_their_beginning_and_any_part_of_its_name(
    boss: User, shop: Authorizer, part: str
) -> None:
    value = getattr(shop, part)
    pieces = [value, value[1:3]] if part == "nick_name" else [value, value[:-2]]
    for term in (*pieces, f"  {value} "):
        hits = find(boss, term)
        assert f'href="/admin/miniprograms/authorizer/{shop.pk}/change/"' in hits
        assert "青禾茶舍" in hits
        assert shop.appid in hits


@pytest.mark.parametrize("term", ["laojie", "lao", "青禾"])
def test_a_person_is_found_by_login_name_and_company(boss: User, term: str) -> None:
    merchant = User.objects.create_user("laojie", first_name="青禾餐饮")
    hits = find(boss, term)
    assert f'href="/admin/auth/user/{merchant.pk}/change/"' in hits
    assert "青禾餐饮" in hits
    assert "laojie · merchant" in hits


@pytest.mark.parametrize(("language", "term"), [("en", "CAMPAIGN"), ("zh-hans", "批量发布")])
def test_a_page_is_found_by_its_title(boss: User, language: str, term: str) -> None:
    assert 'href="/admin/audits/campaign/"' in find(boss, term, language)


@pytest.mark.parametrize(
    ("language", "sentence"), [("en", "Nothing is called “哪里”"), ("zh-hans", "没有找到“哪里”")]
)
def test_that_nothing_is_found_is_said(boss: User, language: str, sentence: str) -> None:
    hits = find(boss, "哪里", language)
    assert sentence in hits
    assert "<a " not in hits


def test_without_a_word_nothing_is_looked_for(boss: User) -> None:
    for term in ("", "   "):
        hits = find(boss, term)
        assert "<a " not in hits
        assert "Nothing is called" not in hits


def test_nobody_finds_what_they_may_not_look_at(shop: Authorizer, merchant: User) -> None:
    clerk = User.objects.create_user("clerk", password="clerk-password", is_staff=True)
    for term in (shop.appid, shop.appid[:-2], "青禾", "merchant", "campaign"):
        assert "<a " not in find(clerk, term)
    clerk.user_permissions.add(Permission.objects.get(codename="view_user"))
    assert "merchant" in find(clerk, "merch")
    assert "<a " not in find(clerk, shop.appid)
    browser = Client()
    browser.force_login(merchant)
    assert browser.get("/admin/search/", {"s": "merchant"}).status_code == 302


def test_many_of_a_name_are_cut_and_cost_no_more(boss: User, shop: Authorizer) -> None:
    with CaptureQueriesContext(connection) as few:
        find(boss, "shop")
    User.objects.bulk_create(User(username=f"shop-{number:02}") for number in range(30))
    with CaptureQueriesContext(connection) as many:
        hits = find(boss, "shop")
    assert hits.count("/admin/auth/user/") == MOST_OF_EACH
    assert len(many) == len(few)


def test_the_field_says_what_it_finds(boss: User) -> None:
    browser = Client(headers={"accept-language": "zh-hans"})
    browser.force_login(boss)
    page = browser.get("/admin/").content.decode()
    assert 'placeholder="账号、人员或页面"' in page
    assert "搜索应用和模型" not in page
    assert "opencommand" not in page
