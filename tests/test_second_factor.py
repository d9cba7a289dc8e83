"""Staff may have a second factor, which is then asked for; grave acts ask again who is there."""

import json
import re
import time
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from django_otp.oath import TOTP

from platform_auth.login_models import LoginSession, SecondFactor
from platform_auth.models import Component, Operation
from tests.rows import make_authorizer

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]

TWO_STEPS, PROOF = "/admin/account/two-steps/", "/admin/account/proof/"
PASSWORD = "boss-password"


@pytest.fixture
def boss(db: None) -> User:
    return User.objects.create_superuser("boss", password=PASSWORD)


def new_browser() -> Client:
    return Client(headers={"accept-language": "en"})


def give_password(browser: Client, door: str = "/admin/login/", to: str = "") -> Any:
    return browser.post(door, {"username": "boss", "password": PASSWORD, "next": to})


def logged_in() -> Client:
    browser = new_browser()
    assert give_password(browser).status_code == 302
    return browser


def code_of(key: str, ahead: int = 0) -> str:
    totp = TOTP(bytes.fromhex(key))
    totp.time = time.time() + ahead
    return f"{totp.token():06}"


def set_up(browser: Client) -> list[str]:
    """The person scans the code and enters what the app shows; the recovery codes."""
    assert browser.get(TWO_STEPS).status_code == 200
    key = SecondFactor.objects.get().key
    page = browser.post(TWO_STEPS, {"code": code_of(key)}).content.decode()
    assert "It is set up." in page
    return re.findall(r"<li>([a-z2-7-]{19})</li>", page)


def next_code() -> str:
    """A code that was not used yet."""
    return code_of(SecondFactor.objects.get().key, ahead=30)


def acts() -> list[str]:
    return list(Operation.objects.order_by("pk").values_list("action", flat=True))


def test_it_is_set_up_with_a_picture_made_here(boss: User) -> None:
    browser = logged_in()
    page = browser.get(TWO_STEPS).content.decode()
    assert 'src="data:image/svg+xml' in page
    codes = set_up(browser)
    assert len(codes) == 10
    assert acts()[-2:] == ["set_second_factor", "end_sessions"]
    assert "Scan this" not in browser.get(TWO_STEPS).content.decode()


def test_the_key_is_not_kept_in_the_clear(boss: User) -> None:
    codes = set_up(logged_in())
    factor = SecondFactor.objects.get()
    [row] = SecondFactor.objects.values()
    stored = json.dumps(row, default=str)
    assert factor.key not in stored
    assert all(code.replace("-", "") not in stored for code in codes)


def test_a_wrong_first_code_sets_nothing_up(boss: User) -> None:
    browser = logged_in()
    browser.get(TWO_STEPS)
    page = browser.post(TWO_STEPS, {"code": "000000"}).content.decode()
    assert "This code is wrong." in page
    assert not SecondFactor.objects.filter(confirmed=True).exists()


@pytest.mark.parametrize(
    ("door", "home"), [("/admin/login/", "/admin/"), ("/portal/login/", "/portal/")]
)
def test_the_password_alone_lets_nobody_in(boss: User, door: str, home: str) -> None:
    set_up(logged_in())
    browser = new_browser()

    answer = give_password(browser, door)
    assert answer["Location"] == f"{door}code/"
    assert browser.get(home).status_code == 302

    assert browser.post(f"{door}code/", {"code": "000000"}).status_code == 200
    assert browser.get(home).status_code == 302
    SecondFactor.objects.update(throttling_failure_count=0)
    assert browser.post(f"{door}code/", {"code": next_code()})["Location"] == home
    assert browser.get(home).status_code == 200


def test_the_way_on_is_kept_and_stays_with_us(boss: User) -> None:
    set_up(logged_in())
    browser = new_browser()
    give_password(browser, to="/admin/auth/user/")
    answer = browser.post("/admin/login/code/", {"code": next_code()})
    assert answer["Location"] == "/admin/auth/user/"

    browser = new_browser()
    give_password(browser, to="https://evil.example/")
    SecondFactor.objects.update(last_step=-1)
    answer = browser.post("/admin/login/code/", {"code": next_code()})
    assert answer["Location"] == "/admin/"


def test_a_code_is_good_once(boss: User) -> None:
    set_up(logged_in())
    code = next_code()
    browser, thief = new_browser(), new_browser()
    give_password(browser)
    give_password(thief)
    assert browser.post("/admin/login/code/", {"code": code}).status_code == 302
    assert thief.post("/admin/login/code/", {"code": code}).status_code == 200


def test_a_recovery_code_lets_in_once(boss: User) -> None:
    recovery = set_up(logged_in())[0]
    statuses = []
    for _ in range(2):
        browser = new_browser()
        give_password(browser)
        statuses.append(browser.post("/admin/login/code/", {"code": recovery.upper()}).status_code)
    assert statuses == [302, 200]


def test_wrong_codes_make_the_next_wait(boss: User) -> None:
    set_up(logged_in())
    browser = new_browser()
    give_password(browser)
    for _ in range(5):
        browser.post("/admin/login/code/", {"code": "000000"})
    assert SecondFactor.objects.get().throttling_failure_count >= 1
    SecondFactor.objects.update(throttling_failure_count=12)  # more than half an hour
    assert browser.post("/admin/login/code/", {"code": next_code()}).status_code == 200
    SecondFactor.objects.update(throttling_failure_timestamp=timezone.now() - timedelta(hours=1))
    assert browser.post("/admin/login/code/", {"code": next_code()}).status_code == 302


def test_between_the_steps_there_is_not_for_ever(boss: User) -> None:
    set_up(logged_in())
    browser = new_browser()
    give_password(browser)
    with time_machine.travel(timezone.now() + timedelta(minutes=6)):
        answer = browser.post("/admin/login/code/", {"code": next_code()})
        assert answer["Location"] == "/admin/login/"


def test_setting_it_up_ends_the_sessions_that_had_a_password_only(boss: User) -> None:
    old = logged_in()
    set_up(logged_in())
    assert old.get("/admin/").status_code == 302
    assert LoginSession.objects.filter(user=boss).count() == 1


def test_its_person_removes_it(boss: User) -> None:
    browser = logged_in()
    set_up(browser)
    browser.post(TWO_STEPS, {"remove": "yes"})
    assert not SecondFactor.objects.exists()
    assert acts()[-1] == "remove_second_factor"
    assert give_password(new_browser())["Location"] == "/admin/"


def test_a_superuser_removes_that_of_a_colleague(boss: User, staff: User) -> None:
    SecondFactor.objects.create(user=staff, name="TOTP", key="00" * 20, confirmed=True)
    browser = logged_in()
    address = f"/admin/auth/user/{staff.pk}/remove-factor/"
    assert browser.get(address).status_code == 200
    assert browser.post(address).status_code == 302
    assert not SecondFactor.objects.exists()


def test_nobody_else_does(boss: User, staff: User) -> None:
    SecondFactor.objects.create(user=boss, name="TOTP", key="00" * 20, confirmed=True)
    browser = Client()
    browser.force_login(staff)
    assert browser.post(f"/admin/auth/user/{boss.pk}/remove-factor/").status_code == 403
    assert SecondFactor.objects.exists()


def make_key(**words: str) -> Any:
    fields = {"username": "boss", "password": PASSWORD, **words}
    return Client().post("/api/v1/auth/token/", json.dumps(fields), content_type="application/json")


def test_a_key_to_the_api_needs_it_too(boss: User) -> None:
    set_up(logged_in())
    assert make_key().json()["code"] == "second_factor_needed"
    assert make_key(code="000000").json()["code"] == "second_factor_wrong"
    SecondFactor.objects.update(throttling_failure_count=0)
    assert make_key(code=next_code()).status_code == 200


def test_where_staff_need_it_they_set_it_up_first(settings: Any, boss: User) -> None:
    settings.STAFF_NEEDS_TOTP = True
    browser = logged_in()
    assert browser.get("/admin/auth/user/")["Location"] == TWO_STEPS
    assert make_key().json()["code"] == "second_factor_missing"
    set_up(browser)
    assert browser.get("/admin/auth/user/").status_code == 200


def test_merchants_need_none(settings: Any, merchant: User) -> None:
    settings.STAFF_NEEDS_TOTP = True
    browser = new_browser()
    words = {"username": "merchant", "password": "merchant-password"}
    assert browser.post("/portal/login/", words)["Location"] == "/portal/"
    assert browser.get("/portal/").status_code == 200


# Proof


GRAVE = [
    "/admin/platform_auth/component/{component}/change/",
    "/admin/auth/user/{user}/change/",
    "/admin/auth/user/{user}/password/",
    "/admin/auth/user/{user}/revoke-keys/",
    "/admin/auth/group/add/",
    "/admin/messaging/target/add/",
    TWO_STEPS,
]


@pytest.mark.parametrize("address", GRAVE)
def test_grave_pages_ask_again_after_a_while(
    boss: User, component: Component, address: str
) -> None:
    browser = logged_in()
    path = address.format(component=component.pk, user=boss.pk)
    assert browser.get(path).status_code == 200
    with time_machine.travel(timezone.now() + timedelta(minutes=16)):
        for answer in (browser.get(path), browser.post(path)):
            assert answer["Location"] == f"{PROOF}?next={path.replace('/', '%2F')}"
        page = browser.get(answer["Location"])
        assert "Confirm that it is you" in page.content.decode()
        assert browser.post(answer["Location"], {"password": "wrong"}).status_code == 200
        assert browser.post(answer["Location"], {"password": PASSWORD})["Location"] == path
        assert browser.get(path).status_code == 200
    assert browser.get("/admin/").status_code == 200


def test_releases_ask_again(boss: User, component: Component) -> None:
    shop = make_authorizer(component, None, kind="mini_program")
    list_of_shops = "/admin/miniprograms/authorizer/"
    browser = logged_in()
    with time_machine.travel(timezone.now() + timedelta(minutes=16)):
        for act in ("release", "revert", "gray-release", "approve", "close"):
            answer = browser.post(f"{list_of_shops}{shop.pk}/code/{act}/")
            assert answer["Location"].startswith(PROOF), act
        chosen = {"action": "release_code", "_selected_action": [shop.pk], "confirmed": "yes"}
        assert browser.post(list_of_shops, chosen)["Location"].startswith(PROOF)
        assert browser.get(f"{list_of_shops}{shop.pk}/code/submit/").status_code == 200


def test_with_a_second_factor_they_ask_sooner_and_for_a_code(
    boss: User, component: Component
) -> None:
    browser = logged_in()
    set_up(browser)
    path = f"/admin/platform_auth/component/{component.pk}/change/"
    assert browser.get(path).status_code == 200
    with time_machine.travel(timezone.now() + timedelta(minutes=6)):
        proof = browser.get(path)["Location"]
        assert browser.post(proof, {"password": PASSWORD}).status_code == 200
        assert browser.get(path).status_code == 302
        assert browser.post(proof, {"code": next_code()})["Location"] == path
        assert browser.get(path).status_code == 200


def test_passwords_are_not_guessed_there_either(boss: User) -> None:
    browser = logged_in()
    statuses = [browser.post(PROOF, {"password": "guess"}).status_code for _ in range(11)]
    assert statuses == [200] * 10 + [429]


def test_the_way_back_stays_with_us(boss: User) -> None:
    browser = logged_in()
    answer = browser.post(f"{PROOF}?next=https://evil.example/", {"password": PASSWORD})
    assert answer["Location"] == "/admin/"
