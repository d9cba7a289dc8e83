"""Where a form leads that is sent after its session has ended: by way of the login, to its page."""

import pytest
from django.contrib.auth.models import User
from django.test import Client

from platform_auth.login_models import LoginSession

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]

PAGE = "http://testserver/portal/notices/?show=all"


def late(user: User) -> Client:
    browser = Client()
    browser.force_login(user)
    LoginSession.objects.all().delete()
    return browser


@pytest.mark.parametrize(
    ("referer", "to"),
    [
        (PAGE, "/portal/login/?next=%2Fportal%2Fnotices%2F%3Fshow%3Dall"),
        ("https://evil.test/portal/notices/", "/portal/login/?next=/portal/notices/add/"),
        ("", "/portal/login/?next=/portal/notices/add/"),
    ],
)
def test_it_leads_to_the_page_that_it_was_on(merchant: User, referer: str, to: str) -> None:
    answer = late(merchant).post("/portal/notices/add/", {}, headers={"referer": referer})
    assert (answer.status_code, answer["Location"]) == (302, to)


def test_a_form_that_a_script_sends_leads_the_whole_page_there(merchant: User) -> None:
    headers = {"referer": PAGE, "hx-request": "true"}
    answer = late(merchant).post("/portal/notices/add/", {}, headers=headers)
    assert answer["HX-Redirect"] == "/portal/login/?next=%2Fportal%2Fnotices%2F%3Fshow%3Dall"


def test_a_piece_that_a_script_loads_leads_nowhere(merchant: User) -> None:
    headers = {"referer": PAGE, "hx-request": "true"}
    answer = late(merchant).get("/portal/notices/", headers=headers)
    assert "HX-Redirect" not in answer


def test_logging_out_leads_to_the_login_as_ever(merchant: User) -> None:
    browser = Client()
    browser.force_login(merchant)
    answer = browser.post("/portal/logout/", headers={"referer": PAGE})
    assert answer["Location"] == "/portal/login/"
