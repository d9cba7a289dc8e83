"""Logins in a real browser: waiting, the second factor, being asked again, one's own sessions."""

import time
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db.models.functions import Now
from django_otp.oath import TOTP
from pytest_django.live_server_helper import LiveServer

from platform_auth.login_models import LoginCounter, LoginSession, SecondFactor
from platform_auth.models import Component
from tests.test_browser_binding import NewPage, log_in
from tests.test_browser_binding import chromium as chromium
from tests.test_browser_binding import new_page as new_page
from tests.test_browser_binding import world as world

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("ticket", "world"),
]

WIDTHS = [1280, 390]
ENGLISH, CHINESE = "en", "zh-hans"


@pytest.fixture
def boss(db: None) -> User:
    return User.objects.create_superuser("boss", password="boss-password")


def speak(page: Any, language: str, live_server: LiveServer) -> None:
    """The person has chosen LANGUAGE on an earlier visit."""
    cookie = {"name": "django_language", "value": language, "url": live_server.url}
    page.context.add_cookies([cookie])


def fits(page: Any) -> None:
    """Nothing of PAGE lies beside the window."""
    script = "document.documentElement.scrollWidth - window.innerWidth"
    assert page.evaluate(script) <= 0, page.url


def code() -> str:
    totp = TOTP(bytes.fromhex(SecondFactor.objects.get().key))
    totp.time = time.time()
    return f"{totp.token():06}"


def staff_log_in(page: Any) -> None:
    page.goto("/admin/login/")
    page.locator("[name=username]").fill("boss")
    page.locator("[name=password]").fill("boss-password")
    page.locator("#login-form button[type=submit]").click()


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize(
    ("language", "sentence"), [(ENGLISH, "Please try again in"), (CHINESE, "秒后再试")]
)
def test_whoever_guesses_reads_how_long_to_wait(
    new_page: NewPage,
    live_server: LiveServer,
    merchant: User,
    width: int,
    language: str,
    sentence: str,
) -> None:
    page = new_page(viewport={"width": width, "height": 800})
    speak(page, language, live_server)
    for number in range(11):
        page.goto("/portal/login/")
        page.locator("[name=username]").fill("merchant")
        page.locator("[name=password]").fill(f"guess {number}")
        page.locator("form[method=post] button.button").click()
    page.get_by_text(sentence).wait_for()
    fits(page)

    LoginCounter.objects.update(not_before=Now())
    page.locator("a.button").click()
    page.locator("[name=username]").fill("merchant")
    page.locator("[name=password]").fill("merchant-password")
    page.locator("form[method=post] button.button").click()
    page.wait_for_url("**/portal/")


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("language", [ENGLISH, CHINESE])
def test_staff_set_up_a_second_factor_and_log_in_with_it(
    new_page: NewPage,
    live_server: LiveServer,
    boss: User,
    component: Component,
    width: int,
    language: str,
) -> None:
    page = new_page(viewport={"width": width, "height": 800})
    speak(page, language, live_server)
    staff_log_in(page)
    page.wait_for_url("**/admin/")
    page.goto("/admin/account/two-steps/")
    assert page.locator("img[src^='data:image/svg']").bounding_box()["width"] >= 200
    fits(page)
    page.locator("[name=code]").fill(code())
    page.locator("form:has([name=code]) button").click()
    page.locator("li", has_text="-").nth(9).wait_for()
    fits(page)

    SecondFactor.objects.update(last_step=-1)
    other = new_page(viewport={"width": width, "height": 800})
    speak(other, language, live_server)
    staff_log_in(other)
    other.wait_for_url("**/admin/login/code/")
    fits(other)
    other.locator("[name=code]").fill(code())
    other.locator("#code-form button").click()
    other.wait_for_url("**/admin/")

    other.goto("/admin/account/sessions/")
    assert other.locator("[name=session]").count() == 2
    fits(other)


@pytest.mark.parametrize("width", WIDTHS)
def test_before_a_grave_act_staff_are_asked_who_they_are(
    new_page: NewPage, boss: User, component: Component, settings: Any, width: int
) -> None:
    page = new_page(viewport={"width": width, "height": 800})
    staff_log_in(page)
    page.wait_for_url("**/admin/")
    settings.PROOF_MINUTES = settings.PROOF_MINUTES_WITH_TOTP = 0
    page.goto(f"/admin/platform_auth/component/{component.pk}/change/")
    page.get_by_text("Confirm that it is you").first.wait_for()
    fits(page)
    settings.PROOF_MINUTES = settings.PROOF_MINUTES_WITH_TOTP = 5
    page.locator("[name=password]").fill("boss-password")
    page.locator("form:has([name=password]) button[type=submit]").click()
    page.wait_for_url(f"**/component/{component.pk}/change/")


@pytest.mark.parametrize("width", WIDTHS)
def test_a_merchant_ends_the_session_on_another_device(
    new_page: NewPage, merchant: User, width: int
) -> None:
    page, other = new_page(viewport={"width": width, "height": 800}), new_page()
    log_in(page)
    log_in(other)
    if width < 600:
        page.locator("summary", has_text="Menu").click()
    page.get_by_role("link", name="Sessions").click()
    page.get_by_text("this one").wait_for()
    fits(page)
    page.get_by_role("button", name="End", exact=True).click()
    page.get_by_text("The session was ended.").wait_for()
    assert LoginSession.objects.filter(user=merchant).count() == 1
    other.goto("/portal/")
    other.wait_for_url("**/portal/login/**")
