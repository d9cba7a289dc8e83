"""Sessions end by themselves, by their person, and when a password is changed."""

import time
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from knox.models import AuthToken

from platform_auth.login_models import LoginSession
from platform_auth.models import Operation
from platform_auth.tasks import forget_old_logins

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]

WINDOWS = "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/126.0 Safari/537.36"
PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0) MicroMessenger/8.0.50"
NEW = "a-better-password-4711"


def log_in(name: str = "merchant", agent: str = WINDOWS, door: str = "/portal/login/") -> Client:
    browser = Client(headers={"accept-language": "en", "user-agent": agent})
    fields = {"username": name, "password": f"{name}-password"}
    assert browser.post(door, fields).status_code == 302
    return browser


def is_in(browser: Client, path: str = "/portal/") -> bool:
    return browser.get(path).status_code == 200


def after(**time_passed: float) -> Any:
    return time_machine.travel(timezone.now() + timedelta(**time_passed))


def acts() -> list[str]:
    return list(Operation.objects.order_by("pk").values_list("action", flat=True))


@pytest.mark.parametrize(
    ("name", "path", "minutes"), [("merchant", "/portal/", 120), ("operator", "/admin/", 30)]
)
def test_a_session_that_nobody_uses_ends(
    merchant: User, staff: User, name: str, path: str, minutes: int
) -> None:
    browser = log_in(name)
    with after(minutes=minutes - 1):
        assert is_in(browser, path)
    with after(minutes=2 * minutes):
        answer = browser.get(path)
        assert answer.status_code == 302
        assert "Please log in again" in browser.get(answer["Location"]).content.decode()


def test_a_session_that_is_used_goes_on_but_not_for_ever(staff: User) -> None:
    browser = log_in("operator", door="/admin/login/")
    for minutes in range(20, 8 * 60, 20):
        with after(minutes=minutes):
            assert is_in(browser, "/admin/"), minutes
    with after(hours=8, minutes=1):
        assert not is_in(browser, "/admin/")


def test_a_page_that_reloads_itself_keeps_no_session_alive(staff: User) -> None:
    browser = log_in("operator")
    for minutes in (10, 20, 29):
        with after(minutes=minutes):
            assert browser.get("/portal/", headers={"hx-request": "true"}).status_code == 200
    with after(minutes=31):
        assert not is_in(browser)


def test_a_person_sees_where_they_are_logged_in(merchant: User) -> None:
    browser, phone = log_in(), log_in(agent=PHONE)
    assert is_in(phone)
    page = browser.get("/portal/sessions/").content.decode()
    assert "Chrome, Windows" in page
    assert "WeChat, iPhone" in page
    assert page.count("this one") == 1
    assert "127.0.0.1" in page
    for row in LoginSession.objects.all():
        assert row.session_key not in page


@pytest.mark.parametrize(
    ("name", "path"), [("merchant", "/portal/sessions/"), ("operator", "/admin/account/sessions/")]
)
def test_they_end_one_of_them(merchant: User, staff: User, name: str, path: str) -> None:
    browser, other, third = log_in(name), log_in(name, PHONE), log_in(name, PHONE)
    rows = browser.get(path).context["sessions"]
    handle = next(row.handle for row in rows if not row.is_this)

    page = browser.post(path, {"session": handle}, follow=True)

    assert "The session was ended." in page.content.decode()
    assert [is_in(browser), is_in(other) + is_in(third)] == [True, 1]
    assert "end_session" in acts()


def test_they_end_all_others(merchant: User) -> None:
    browser, *others = log_in(), log_in(), log_in()
    page = browser.post("/portal/sessions/", follow=True)
    assert "2 other sessions were ended." in page.content.decode()
    assert [is_in(one) for one in (browser, *others)] == [True, False, False]


def test_they_end_the_one_they_are_in(merchant: User) -> None:
    browser = log_in()
    [row] = browser.get("/portal/sessions/").context["sessions"]
    browser.post("/portal/sessions/", {"session": row.handle})
    assert not is_in(browser)


def test_nobody_ends_the_session_of_another(merchant: User, other_merchant: User) -> None:
    browser = log_in()
    [row] = browser.get("/portal/sessions/").context["sessions"]
    thief = Client()
    thief.force_login(other_merchant)
    thief.post("/portal/sessions/", {"session": row.handle})
    thief.post("/portal/sessions/")
    assert is_in(browser)


@pytest.mark.parametrize(
    ("name", "path"),
    [("merchant", "/portal/password/"), ("operator", "/admin/password_change/")],
)
def test_a_new_password_ends_what_the_old_one_has_opened(
    merchant: User, staff: User, name: str, path: str
) -> None:
    browser, other = log_in(name), log_in(name)
    user = User.objects.get(username=name)
    _row, key = AuthToken.objects.create(user)
    words = {"old_password": f"{name}-password", "new_password1": NEW, "new_password2": NEW}

    assert browser.post(path, words).status_code == 302

    assert [is_in(browser), is_in(other)] == [True, False]
    assert LoginSession.objects.filter(user=user).count() == 1
    answer = Client().get("/api/v1/authorizers/", headers={"authorization": f"Token {key}"})
    assert answer.status_code == 401
    [operation] = Operation.objects.filter(action="change_password")
    assert operation.result == "1 sessions, 1 keys ended"


def test_a_password_that_staff_set_ends_everything(merchant: User) -> None:
    browser = log_in()
    AuthToken.objects.create(merchant)
    boss = Client()
    boss.force_login(User.objects.create_superuser("boss"))
    words = {"password1": NEW, "password2": NEW}
    answer = boss.post(f"/admin/auth/user/{merchant.pk}/password/", words)
    assert answer.status_code == 302
    assert not is_in(browser)
    assert not AuthToken.objects.exists()
    assert acts() == ["change_user"]


def test_the_old_password_cannot_be_guessed_at_a_browser_left_open(merchant: User) -> None:
    browser = log_in()
    words = {"new_password1": NEW, "new_password2": NEW}
    statuses = [
        browser.post("/portal/password/", {**words, "old_password": "x"}).status_code
        for _ in range(11)
    ]
    assert statuses == [200] * 10 + [429]


def test_a_login_gives_the_session_a_new_key(merchant: User) -> None:
    browser = Client()
    browser.post("/i18n/setlang/", {"language": "en"})
    session = browser.session
    session["x"] = 1
    session.save()
    before = session.session_key
    browser.cookies["sessionid"] = str(before)
    browser.post("/portal/login/", {"username": "merchant", "password": "merchant-password"})
    assert browser.session.session_key != before
    assert not LoginSession.objects.filter(session_key=before).exists()


def test_what_has_expired_is_forgotten(merchant: User) -> None:
    log_in()
    AuthToken.objects.create(merchant)
    LoginSession.objects.update(expire_date=timezone.now() - timedelta(seconds=1))
    AuthToken.objects.update(expiry=timezone.now() - timedelta(seconds=1))
    forget_old_logins()
    assert not LoginSession.objects.exists()
    assert not AuthToken.objects.exists()


def test_nothing_is_written_at_each_click(merchant: User, django_assert_num_queries: Any) -> None:
    browser = log_in()
    browser.get("/portal/sessions/")
    used_at = LoginSession.objects.get(user=merchant).used_at
    time.sleep(0.01)
    browser.get("/portal/sessions/")
    assert LoginSession.objects.get(user=merchant).used_at == used_at
