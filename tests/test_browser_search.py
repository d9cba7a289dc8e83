"""The search above the menu in a real browser: typed, walked by arrows, opened by Enter."""

import re
from typing import Any

import pytest
from django.contrib.auth.models import User

from miniprograms.models import Authorizer
from tests.conftest import Bound
from tests.test_browser_axe import log_in
from tests.test_browser_binding import NewPage
from tests.test_browser_binding import chromium as chromium
from tests.test_browser_binding import new_page as new_page
from tests.test_browser_binding import world as world

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("ticket", "world"),
]


@pytest.fixture
def shop(bound: Bound) -> Authorizer:
    return bound(nick_name="Tea & Cake")


@pytest.fixture
def home(new_page: NewPage, shop: Authorizer) -> Any:
    """The staff's first page; it has had no error of a script when the test is over."""
    User.objects.create_superuser("boss", password="boss-password")
    page = new_page(locale="en")
    errors: list[object] = []
    page.on("pageerror", lambda error: errors.append(error))
    log_in(page, "/admin/", "boss", "boss-password")
    page.goto("/admin/")
    yield page
    assert not errors


def test_enter_opens_the_first_that_is_found(home: Any, shop: Authorizer) -> None:
    home.keyboard.press("t")
    home.keyboard.type("cake")
    home.keyboard.press("Enter")  # sooner than anything is found
    home.wait_for_url(re.compile(rf"/authorizer/{shop.pk}/change/"))


def test_arrows_walk_and_escape_closes(home: Any) -> None:
    home.keyboard.press("Control+k")
    home.keyboard.type("account")
    entries = home.locator("#search-results a")
    entries.first.wait_for()
    home.keyboard.press("ArrowDown")
    assert entries.first.evaluate("entry => entry === document.activeElement")
    home.keyboard.press("ArrowUp")
    home.keyboard.press("Escape")
    assert entries.count() == 0
    assert home.evaluate("document.activeElement.id") == "nav-filter"


def test_enter_where_nothing_is_found_does_nothing(home: Any) -> None:
    home.get_by_placeholder("Account, person or page").fill("nowhere")
    home.get_by_text("Nothing is called “nowhere”").wait_for()
    home.keyboard.press("Enter")
    assert home.url.endswith("/admin/")
