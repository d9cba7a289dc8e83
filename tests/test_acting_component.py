"""Which of several platforms new bindings go to: the named one, or one that is chosen."""

import logging
import threading
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client

from config.checks import warn_of_disagreement
from miniprograms.models import Binding
from platform_auth.models import Component
from sandbox.world import WeChat
from tests.test_bind_links import OTHER
from tests.test_bind_links import other as other
from tests.test_portal_binding import PRE_AUTH_CODE, link_in, new_browser, query_of, text_of

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]


@pytest.fixture
def browser(merchant: User, ticket: str) -> Client:
    return new_browser(merchant)


def acts(browser: Client, **fields: str) -> str:
    """The platform that WeChat's page is opened for."""
    return query_of(link_in(browser.post("/portal/bind/", fields)))["component_appid"]


def test_the_only_one_acts_without_being_named(browser: Client, component: Component) -> None:
    assert acts(browser) == component.appid


def test_the_named_one_acts_and_not_the_oldest(
    browser: Client, other: Component, settings: Any
) -> None:
    settings.WECHAT_COMPONENT_APPID = OTHER
    assert acts(browser) == OTHER
    assert 'name="component"' not in text_of(browser.get("/portal/"))


@pytest.mark.usefixtures("other")
def test_without_a_name_nobody_guesses(browser: Client, wechat: WeChat) -> None:
    page = browser.post("/portal/bind/")
    assert page.status_code == 503
    assert "This is for us to mend" in text_of(page)
    assert wechat.count(PRE_AUTH_CODE) == 0
    assert not Binding.objects.exists()


def test_a_name_that_is_not_registered_is_replaced_by_no_other(
    browser: Client, wechat: WeChat, settings: Any
) -> None:
    settings.WECHAT_COMPONENT_APPID = OTHER
    assert browser.post("/portal/bind/").status_code == 503
    assert wechat.count(PRE_AUTH_CODE) == 0


def test_merchants_choose_where_staff_let_them(
    browser: Client, component: Component, other: Component, settings: Any
) -> None:
    settings.WECHAT_COMPONENT_APPID = component.appid
    assert browser.post("/portal/bind/", {"component": OTHER}).status_code == 200
    assert Binding.objects.latest("pk").component == component
    Component.objects.filter(pk=other.pk).update(is_offered=True)
    page = text_of(browser.get("/portal/"))
    assert f'value="{OTHER}"' in page
    assert "Second" in page
    assert acts(browser) == component.appid
    assert acts(browser, component=OTHER) == OTHER
    assert browser.post("/portal/bind/", {"component": "wx0"}).status_code == 400


def test_where_none_is_named_they_must(browser: Client, other: Component) -> None:
    Component.objects.filter(pk=other.pk).update(is_offered=True)
    assert browser.post("/portal/bind/").status_code == 400
    assert acts(browser, component=OTHER) == OTHER


def test_staff_say_what_merchants_may_choose(
    client: Client, other: Component, component: Component, settings: Any
) -> None:
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    client.post("/admin/login/", boss())
    settings.WECHAT_COMPONENT_APPID = component.appid
    page = f"/admin/platform_auth/component/{other.pk}/change/"
    assert 'name="is_offered"' in text_of(client.get(page))
    client.post(page, {"name": "Second", "is_offered": "on"})
    other.refresh_from_db()
    assert other.is_offered
    text = text_of(client.get("/admin/platform_auth/component/"))
    assert "acts for them" in text
    assert "may be chosen" in text


def boss() -> dict[str, str]:
    User.objects.create_superuser("boss", password="boss-password")
    return {"username": "boss", "password": "boss-password"}


# Said by `check`, and at the start


def check() -> str:
    out = StringIO()
    call_command("check", databases=["default"], stdout=out, stderr=out)
    return out.getvalue()


def test_check_says_nothing_where_they_agree(component: Component, settings: Any) -> None:
    assert "W005" not in check()
    Component.objects.create(appid=OTHER)
    settings.WECHAT_COMPONENT_APPID = OTHER
    assert "W005" not in check()


def test_check_says_which_is_not_registered(component: Component, settings: Any) -> None:
    settings.WECHAT_COMPONENT_APPID = OTHER
    said = check()
    assert "platform_auth.W005" in said
    assert f"names {OTHER}, which is not registered; registered is {component.appid}" in said


@pytest.mark.usefixtures("other")
def test_check_says_that_none_is_named() -> None:
    assert "2 components are registered" in check()


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("other")
def test_a_process_says_it_as_it_starts(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        warn_of_disagreement()
        for thread in threading.enumerate():
            if thread.name == "components":
                thread.join(10)
    assert "2 components are registered" in caplog.text


@pytest.mark.usefixtures("unregistered")
def test_before_anything_is_registered_nobody_is_warned() -> None:
    assert "W005" not in check()
