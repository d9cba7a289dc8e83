"""What staff are told where a page is not to be had: in their own frame, with the way home."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client, RequestFactory
from django.utils import translation

from config.errors import server_error
from tests.test_bulkhead import full as full

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]

TO_THE_ADMIN = 'href="/admin/">To the staff home'
TO_THE_PORTAL = "To my accounts"


def opened(user: User, **options: Any) -> Client:
    browser = Client(headers={"accept-language": "en"}, **options)
    browser.force_login(user)
    return browser


def assert_leads_to_the_admin(page: Any, status: int) -> str:
    text: str = page.content.decode()
    assert page.status_code == status
    assert TO_THE_ADMIN in text
    assert 'id="nav-sidebar"' in text
    assert TO_THE_PORTAL not in text
    return text


@pytest.mark.parametrize("path", ["no-such-page/", "miniprograms/authorizer/999/testers/"])
def test_what_does_not_exist_leads_staff_to_their_own_home(staff: User, path: str) -> None:
    text = assert_leads_to_the_admin(opened(staff).get(f"/admin/{path}"), 404)
    assert "This page does not exist" in text


def test_what_is_not_for_them_leads_staff_to_their_own_home(staff: User) -> None:
    text = assert_leads_to_the_admin(opened(staff).get("/admin/auth/group/"), 403)
    assert "This page is not for you" in text


def test_what_nobody_does_by_hand_is_no_matter_of_rights(db: None) -> None:
    boss = User.objects.create_superuser("boss")
    text = assert_leads_to_the_admin(opened(boss).get("/admin/platform_auth/push/add/"), 403)
    assert "Nobody does this by hand" in text
    assert "An administrator can extend them" not in text


@pytest.mark.usefixtures("component", "full")
def test_where_too_many_wait_for_wechat_staff_stay_among_their_pages(staff: User) -> None:
    page = opened(staff).post("/admin/audits/codetemplate/sync/", {"confirmed": "yes"})
    text = assert_leads_to_the_admin(page, 503)
    assert "Please try again in a moment" in text


def test_a_form_from_before_the_login_leads_staff_to_their_own_home(staff: User) -> None:
    strict = opened(staff, enforce_csrf_checks=True)
    text = assert_leads_to_the_admin(strict.post("/admin/miniprograms/tag/add/", {}), 403)
    assert "This page was open for too long" in text


def test_who_is_not_staff_is_led_to_the_portal(merchant: User) -> None:
    page = opened(merchant).get("/portal/no-such-account/")
    assert page.status_code == 404
    assert TO_THE_PORTAL in page.content.decode()


def test_an_error_of_ours_leads_back_to_where_it_happened() -> None:
    """Without asking who it was: what failed may be the database."""
    ask = RequestFactory().get
    translation.activate("en")
    assert 'href="/admin/">To the staff home' in server_error(ask("/admin/x/")).content.decode()
    assert 'href="/portal/">To my accounts' in server_error(ask("/portal/x/")).content.decode()
