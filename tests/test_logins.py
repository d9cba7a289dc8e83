"""Passwords at the three doors: whoever guesses waits, and nobody is kept out by others."""

import base64
import json
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db.models import F
from django.test import Client

from platform_auth.login_models import LoginCounter

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]

DOORS = ["/portal/login/", "/admin/login/", "/api/v1/auth/token/"]
RIGHT = "operator-password"


class Visitor:
    """Somebody with a browser, at an address of their own behind one proxy."""

    def __init__(self, address: str = "203.0.113.7") -> None:
        self.browser = Client(headers={"accept-language": "en"})
        self.address = address

    def try_password(self, door: str, password: str = RIGHT, name: str = "operator") -> Any:
        fields: Any = {"username": name, "password": password}
        headers = {"x-forwarded-for": self.address}
        if door.startswith("/api/"):
            return self.browser.post(
                door, json.dumps(fields), content_type="application/json", headers=headers
            )
        return self.browser.post(door, fields, headers=headers)

    def is_let_in(self, door: str = "/portal/login/", name: str = "operator") -> bool:
        password = RIGHT if name == "operator" else f"{name}-password"
        answer = self.try_password(door, password, name)
        return bool(answer.status_code == (200 if door.startswith("/api/") else 302))


def wait(time: timedelta) -> None:
    """TIME passes for all that is counted."""
    LoginCounter.objects.update(at=F("at") - time, not_before=F("not_before") - time)


@pytest.fixture(autouse=True)
def _one_proxy(settings: Any, staff: User) -> None:
    settings.NUM_PROXIES = 1


@pytest.mark.parametrize("door", DOORS)
def test_forty_wrong_passwords_and_then_the_right_one(door: str) -> None:
    guesser = Visitor()
    answers = [guesser.try_password(door, f"guess {number}") for number in range(40)]

    refused = [answer for answer in answers if answer.status_code == 429]
    assert len(refused) == 30
    assert all(0 < int(answer["Retry-After"]) <= 10 for answer in refused)
    assert not guesser.is_let_in(door)


@pytest.mark.parametrize("door", DOORS)
def test_who_has_waited_is_let_in(door: str) -> None:
    guesser = Visitor()
    for number in range(11):
        guesser.try_password(door, f"guess {number}")

    wait(timedelta(seconds=11))

    assert guesser.is_let_in(door)


def test_each_further_failure_doubles_the_pause() -> None:
    guesser, pauses = Visitor(), []
    for number in range(13):
        answer = guesser.try_password(DOORS[0], f"guess {number}")
        if answer.status_code == 429:
            pauses.append(int(answer["Retry-After"]))
            wait(timedelta(seconds=pauses[-1]))
            guesser.try_password(DOORS[0], f"guess {number} again")
    assert pauses == [10, 20, 40]


def test_the_three_doors_count_together() -> None:
    guesser = Visitor()
    for number in range(12):
        guesser.try_password(DOORS[number % 3], f"guess {number}")
    assert [guesser.is_let_in(door) for door in DOORS] == [False] * 3


def test_http_basic_is_counted_as_json_is() -> None:
    client = Client()

    def ask(password: str) -> int:
        word = base64.b64encode(f"operator:{password}".encode()).decode()
        answer = client.post(DOORS[2], headers={"authorization": f"Basic {word}"})
        return int(answer.status_code)

    assert [ask("wrong") for _ in range(11)] == [401] * 10 + [429]
    assert ask(RIGHT) == 429


def test_waiting_and_trying_again_too_early_costs_nothing_more() -> None:
    guesser = Visitor()
    for number in range(60):
        guesser.try_password(DOORS[0], f"guess {number}")
    wait(timedelta(seconds=11))
    assert guesser.is_let_in()


def test_the_person_is_let_in_from_elsewhere_while_somebody_guesses() -> None:
    guesser = Visitor()
    for number in range(20):
        guesser.try_password(DOORS[0], f"guess {number}")
    assert Visitor("198.51.100.1").is_let_in()


def test_a_browser_that_is_known_is_let_in_from_the_same_address() -> None:
    person, guesser = Visitor(), Visitor()
    assert person.is_let_in()
    for number in range(40):
        guesser.try_password(DOORS[0], f"guess {number}")
    assert person.is_let_in()
    assert not guesser.is_let_in()


def test_a_known_browser_is_known_for_its_own_person_only(merchant: User) -> None:
    guesser = Visitor()
    assert guesser.is_let_in(name="merchant")
    for number in range(11):
        guesser.try_password(DOORS[0], f"guess {number}")
    assert guesser.try_password(DOORS[0]).status_code == 429
    assert guesser.is_let_in(name="merchant")


def test_a_known_browser_may_not_guess_for_ever_either() -> None:
    person = Visitor()
    assert person.is_let_in()
    statuses = [person.try_password(DOORS[0], "guess").status_code for _ in range(11)]
    assert statuses == [200] * 10 + [429]


def test_many_addresses_that_guess_cost_the_person_a_few_seconds() -> None:
    for number in range(40):
        Visitor(f"198.51.100.{number}").try_password(DOORS[0], "guess")
    person = Visitor()

    answer = person.try_password(DOORS[0])
    assert (answer.status_code, answer["Retry-After"]) == (429, "5")

    own = LoginCounter.objects.exclude(not_before=None).order_by("-not_before")[:1]
    LoginCounter.objects.filter(pk__in=[row.pk for row in own]).update(
        not_before=F("not_before") - timedelta(seconds=5)
    )
    for number in range(40, 60):  # they cannot use up the turn of the person
        Visitor(f"198.51.100.{number}").try_password(DOORS[0], "guess")
    assert person.is_let_in()


def test_one_password_tried_on_everybody_is_slowed_down_by_its_address() -> None:
    guesser = Visitor()
    statuses = [
        guesser.try_password(DOORS[0], "summer2026", f"user-{number}").status_code
        for number in range(30)
    ]
    assert statuses == [200] * 20 + [429] * 10
    wait(timedelta(minutes=1))
    assert guesser.try_password(DOORS[0], "summer2026", "user-99").status_code == 200
    assert guesser.try_password(DOORS[0], "summer2026", "user-98").status_code == 429


def test_what_a_client_claims_to_be_forwarded_for_does_not_count(settings: Any) -> None:
    settings.NUM_PROXIES = 0
    statuses = [
        Visitor(f"10.0.{number}.1").try_password(DOORS[0], "guess").status_code
        for number in range(12)
    ]
    assert statuses == [200] * 10 + [429] * 2


def test_a_claim_before_what_our_proxy_adds_neither_helps_nor_blames_others() -> None:
    for number in range(12):
        guesser = Visitor(f"198.51.100.9, 10.0.0.{number}, 203.0.113.7")
        answer = guesser.try_password(DOORS[0], "guess")
    assert answer.status_code == 429
    assert Visitor("198.51.100.9").is_let_in()


def test_of_ipv6_a_whole_network_is_one_client() -> None:
    statuses = [
        Visitor(f"2001:db8::{number:x}").try_password(DOORS[0], "guess").status_code
        for number in range(11)
    ]
    assert statuses[-1] == 429
    assert Visitor("2001:db8:0:1::1").is_let_in()


@pytest.mark.usefixtures("dead_cache")
def test_it_counts_without_redis() -> None:
    guesser = Visitor()
    statuses = [guesser.try_password(DOORS[2], "guess").status_code for _ in range(12)]
    assert statuses == [401] * 10 + [429] * 2


@pytest.mark.parametrize("door", DOORS)
def test_nobody_learns_which_users_there_are(door: str) -> None:
    User.objects.create_user("switched-off", password=RIGHT, is_active=False)
    answers = {
        (answer.status_code, answer.content.decode().replace(name, "…")[-1500:])
        for name, password in [("operator", "x"), ("nobody", "x"), ("switched-off", RIGHT)]
        for answer in [Visitor(f"198.51.100.{len(name)}").try_password(door, password, name)]
        for answer.content in [_without_ids(answer.content)]
    }
    assert len(answers) == 1
    statuses = {
        name: [Visitor().try_password(door, "x", name).status_code for _ in range(11)]
        for name in ("operator", "nobody")
    }
    assert statuses["operator"] == statuses["nobody"]


def _without_ids(content: bytes) -> bytes:
    try:
        return json.dumps(json.loads(content) | {"request_id": ""}).encode()
    except ValueError:
        return content.split(b"csrfmiddlewaretoken")[0]


def test_the_page_tells_how_long_to_wait_in_both_languages() -> None:
    guesser = Visitor()
    for number in range(11):
        page = guesser.try_password(DOORS[0], f"guess {number}")
    assert "Please try again in 10 seconds." in page.content.decode()
    assert "no-store" in page["Cache-Control"]

    guesser.browser = Client(headers={"accept-language": "zh-hans"})
    assert "请在 10 秒后再试。" in guesser.try_password(DOORS[1]).content.decode()


def test_an_address_that_is_none_is_counted_too() -> None:
    statuses = [Visitor("nonsense").try_password(DOORS[0], "x").status_code for _ in range(11)]
    assert statuses[-1] == 429
