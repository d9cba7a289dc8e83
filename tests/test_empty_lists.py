"""An empty list says what it will hold and what to do; one that nothing fits says that."""

import html
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils.translation import override

from config.empty_lists import TEXTS
from miniprograms.models import Authorizer, Tag
from platform_auth.models import Component
from tests.conftest import Bound
from tests.test_portal_binding import new_browser

pytestmark = pytest.mark.django_db

# In the place of a list a page of its own, which says itself that nothing is there.
PAGES = {
    "audits.codesummary": "There is no template yet.",
    "audits.reviewoutcome": "Nothing was rejected in this time.",
    "miniprograms.permissionrequest": "To ask: choose accounts in the list",
}
MODELS = sorted(model._meta.label_lower for model in admin.site._registry)
LISTS = [model for model in MODELS if model not in PAGES]
NOTHING_FITS = "fits what was searched for or filtered by"


def url_of(model: str) -> str:
    return reverse(f"admin:{model.replace('.', '_')}_changelist")


def text_of(page: Any) -> str:
    return html.unescape(page.content.decode())


@pytest.fixture
def boss(admin_user: User) -> Client:
    return new_browser(admin_user)


def empty(model: str) -> None:
    """Take away what is there from the beginning."""
    if model in ("auth.group", "django_celery_beat.intervalschedule"):
        apps.get_model(model).objects.all().delete()


def test_every_list_has_a_text_of_its_own() -> None:
    assert set(TEXTS) == set(MODELS)
    with override("en"):
        assert len({str(text) for text in TEXTS.values()}) == len(TEXTS)


@pytest.mark.parametrize("model", [model for model in LISTS if model != "auth.user"])
def test_an_empty_list_says_what_it_is_for(boss: Client, model: str) -> None:
    empty(model)
    page = text_of(boss.get(url_of(model)))
    with override("en"):
        assert str(TEXTS[model]) in page
    assert NOTHING_FITS not in page
    assert "This page yielded" not in page


@pytest.mark.parametrize("model", [model for model in LISTS if model != "auth.user"])
def test_and_in_chinese(admin_client: Client, model: str) -> None:
    empty(model)
    page = text_of(admin_client.get(url_of(model)))
    with override("zh-hans"):
        assert str(TEXTS[model]) in page
    assert "Nothing here yet" not in page


@pytest.mark.parametrize("model", LISTS)
def test_a_list_that_nothing_fits_says_so(boss: Client, model: str) -> None:
    empty(model)
    if not admin.site.get_model_admin(apps.get_model(model)).search_fields:
        pytest.skip("it is not searched")
    page = text_of(boss.get(url_of(model), {"q": "wxnothingfitsthis"}))
    assert NOTHING_FITS in page
    with override("en"):
        assert str(TEXTS[model]) not in page


def test_a_filter_that_nothing_fits_is_told_from_an_empty_list(
    boss: Client, component: Component
) -> None:
    page = text_of(boss.get(url_of("miniprograms.binding"), {"status__exact": "parked"}))
    assert NOTHING_FITS in page
    assert 'href="?"' in page


def test_an_order_or_a_page_narrows_nothing(boss: Client) -> None:
    page = text_of(boss.get(url_of("miniprograms.binding"), {"o": "1", "q": ""}))
    assert NOTHING_FITS not in page


def test_only_who_may_add_is_offered_it(boss: Client, staff: User) -> None:
    url = url_of("platform_auth.apiclient")
    assert "Add API client" in text_of(boss.get(url))
    assert "Add API client" not in text_of(new_browser(staff).get(url))


@pytest.mark.parametrize(("model", "sentence"), PAGES.items())
@pytest.mark.usefixtures("component")
def test_the_pages_in_the_place_of_lists(boss: Client, model: str, sentence: str) -> None:
    assert sentence in text_of(boss.get(url_of(model)))


def test_a_list_with_rows_says_nothing_of_it(boss: Client) -> None:
    Tag.objects.create(name="tea")
    page = text_of(boss.get(url_of("miniprograms.tag")))
    with override("en"):
        assert str(TEXTS["miniprograms.tag"]) not in page


# The portal


def test_the_portals_lists_say_what_to_do(merchant: User, bound: Bound, ticket: str) -> None:
    browser = new_browser(merchant)
    home = text_of(browser.get("/portal/"))
    assert "Nothing is bound yet. Start below" in home
    assert "A program gets one from the API" in text_of(browser.get("/portal/keys/"))
    row: Authorizer = bound()
    program = text_of(browser.get(f"/portal/{row.appid}/"))
    assert "Our staff hand versions in" in program
    testers = text_of(browser.get(f"/portal/{row.appid}/testers/"))
    assert "Add below who shall open new versions" in testers
    found = text_of(browser.get("/portal/", {"q": "nobody"}))
    assert "None of your accounts is called nobody" in found
    assert "Show all" in found
