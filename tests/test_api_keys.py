"""Keys to the REST API: made from a password, revoked by themselves."""

import base64
from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from knox.models import AuthToken

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]

URL = "/api/v1/auth/token/"
RIGHT = {"username": "merchant", "password": "merchant-password"}


def ask(client: Client, body: Any) -> Any:
    return client.post(URL, body, content_type="application/json")


def basic(username: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()


@pytest.fixture
def client() -> Client:
    return Client(headers={"accept-language": "en"})


def key_of(answer: Any) -> str:
    assert answer.status_code == 200, answer.content
    key: str = answer.json()["token"]
    return key


def test_a_username_and_a_password_make_a_key(client: Client, merchant: User) -> None:
    answer = ask(client, RIGHT)
    assert answer.status_code == 200
    assert set(answer.json()) == {"token", "expiry"}
    expiry = datetime.fromisoformat(answer.json()["expiry"])
    assert answer.json()["expiry"].endswith("Z")
    assert timedelta(hours=9) < expiry - timezone.now() < timedelta(hours=11)


def test_http_basic_makes_a_key_too(client: Client, merchant: User) -> None:
    header = basic(**RIGHT)
    assert key_of(client.post(URL, headers={"authorization": header}))


def test_the_key_opens_the_api(client: Client, merchant: User) -> None:
    key = key_of(ask(client, RIGHT))
    answer = client.get("/api/v1/authorizers/", headers={"authorization": f"Token {key}"})
    assert answer.status_code == 200


def test_the_key_is_not_kept_in_the_clear(client: Client, merchant: User) -> None:
    key = key_of(ask(client, RIGHT))
    assert key not in str(AuthToken.objects.values().get())


def test_a_key_expires(client: Client, merchant: User) -> None:
    key = key_of(ask(client, RIGHT))
    with time_machine.travel(timezone.now() + timedelta(hours=11)):
        answer = client.get("/api/v1/authorizers/", headers={"authorization": f"Token {key}"})
    assert answer.status_code == 401


@pytest.mark.parametrize(
    "body",
    [
        {"username": "merchant", "password": "wrong"},
        {"username": "nobody", "password": "merchant-password"},
        {"username": "merchant", "password": "merchant-password "},
    ],
)
def test_wrong_credentials_are_refused_all_alike(
    client: Client, merchant: User, body: dict[str, str]
) -> None:
    answer = ask(client, body)
    assert answer.status_code == 401
    assert answer.json()["code"] == "authentication_failed"
    assert answer.json()["detail"] == "Invalid username/password."
    assert answer["WWW-Authenticate"] == 'Basic realm="api"'


@pytest.mark.parametrize(
    "header", [basic("merchant", "wrong"), "Basic", "Basic x y", "Basic %", "Basic /w=="]
)
def test_a_wrong_basic_header_is_refused(client: Client, merchant: User, header: str) -> None:
    answer = client.post(URL, headers={"authorization": header})
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"] == 'Basic realm="api"'


def test_a_user_who_is_not_active_gets_no_key(client: Client, merchant: User) -> None:
    User.objects.filter(pk=merchant.pk).update(is_active=False)
    assert ask(client, RIGHT).status_code == 401


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, ["username", "password"]),
        ({"username": "merchant"}, ["password"]),
        ({"username": "mer\x00chant", "password": "x"}, ["username"]),
        ({"username": ["merchant"], "password": "x"}, ["username"]),
    ],
)
def test_what_is_missing_or_malformed_is_named(
    client: Client, body: dict[str, Any], fields: list[str]
) -> None:
    answer = ask(client, body)
    assert answer.status_code == 400
    assert list(answer.json()["fields"]) == fields


def test_a_null_byte_in_basic_is_no_fault_of_ours(client: Client) -> None:
    answer = client.post(URL, headers={"authorization": basic("mer\x00chant", "x")})
    assert answer.status_code == 400


def test_an_old_key_in_the_header_does_not_hinder_a_login(client: Client, merchant: User) -> None:
    answer = client.post(
        URL, RIGHT, content_type="application/json", headers={"authorization": "Token expired"}
    )
    assert key_of(answer)


@pytest.mark.parametrize("way", ["json", "basic"])
def test_guessing_is_throttled_both_ways(client: Client, merchant: User, way: str) -> None:
    def guess() -> Any:
        if way == "json":
            return ask(client, {"username": "merchant", "password": "wrong"})
        return client.post(URL, headers={"authorization": basic("merchant", "wrong")})

    statuses = [guess().status_code for _ in range(11)]
    assert statuses == [401] * 10 + [429]
    answer = guess()
    assert answer.json()["code"] == "throttled"
    assert int(answer["Retry-After"]) > 0
    assert ask(client, RIGHT).status_code == 429


def test_a_key_revokes_itself_and_no_other(client: Client, merchant: User) -> None:
    first, second = key_of(ask(client, RIGHT)), key_of(ask(client, RIGHT))
    answer = client.delete(URL, headers={"authorization": f"Token {first}"})
    assert (answer.status_code, answer.content) == (204, b"")
    statuses = [
        client.get("/api/v1/authorizers/", headers={"authorization": f"Token {key}"}).status_code
        for key in (first, second)
    ]
    assert statuses == [401, 200]


def test_revoking_needs_a_key(client: Client) -> None:
    answer = client.delete(URL)
    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, "Token, Bearer")


def test_a_password_revokes_nothing(client: Client, merchant: User) -> None:
    assert client.delete(URL, headers={"authorization": basic(**RIGHT)}).status_code == 401


def test_reading_the_address_is_not_allowed(client: Client, merchant: User) -> None:
    key = key_of(ask(client, RIGHT))
    answer = client.get(URL, headers={"authorization": f"Token {key}"})
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
