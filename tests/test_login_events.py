"""Whoever comes in, is refused or changes credentials leaves one log line."""

import json
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from knox.models import AuthToken

from platform_auth.login_models import SecondFactor
from platform_auth.models import Component
from tests.conftest import AES_KEY

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]

Lines = list[dict[str, Any]]


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Any:
    """The lines of the authentication log, without what is the same in each."""

    def read() -> Lines:
        records = [record.msg for record in caplog.records if isinstance(record.msg, dict)]
        return [record for record in records if record["event"] == "authentication"]

    caplog.set_level("INFO")
    return read


def short(lines: Lines) -> list[tuple[str, str, str]]:
    return [(line["act"], line["outcome"], line["user"]) for line in lines]


def post(path: str, name: str, password: str, browser: Client | None = None) -> Any:
    fields = {"username": name, "password": password}
    browser = browser or Client()
    if path.startswith("/api/"):
        return browser.post(path, json.dumps(fields), content_type="application/json")
    return browser.post(path, fields)


def test_a_line_tells_who_where_from_where_and_by_which_request(lines: Any, merchant: User) -> None:
    answer = post("/portal/login/", "merchant", "wrong")
    [line] = lines()
    assert line["request_id"] == answer["X-Request-ID"]
    assert (line["door"], line["address"]) == ("portal", "127.0.0.1")
    assert (line["act"], line["outcome"], line["user"]) == ("password", "wrong", "merchant")
    assert "wrong-password" not in json.dumps(line, default=str)


@pytest.mark.parametrize(
    ("path", "door"),
    [("/portal/login/", "portal"), ("/admin/login/", "admin"), ("/api/v1/auth/token/", "api")],
)
def test_each_door_tells_of_what_is_tried_at_it(
    lines: Any, staff: User, path: str, door: str
) -> None:
    for number in range(11):
        post(path, "operator", f"guess {number}")
    assert [line["outcome"] for line in lines()] == ["wrong"] * 10 + ["throttled"]
    assert {line["door"] for line in lines()} == {door}


def test_coming_and_going(lines: Any, merchant: User) -> None:
    browser = Client()
    post("/portal/login/", "merchant", "merchant-password", browser)
    browser.post("/portal/logout/")
    assert short(lines()) == [
        ("password", "right", "merchant"),
        ("login", "done", "merchant"),
        ("logout", "done", "merchant"),
    ]


def test_a_merchant_at_the_door_of_staff(lines: Any, merchant: User) -> None:
    post("/admin/login/", "merchant", "merchant-password")
    assert short(lines())[-1] == ("login", "refused", "merchant")


def test_keys_to_the_api(lines: Any, merchant: User) -> None:
    key = post("/api/v1/auth/token/", "merchant", "merchant-password").json()["token"]
    Client().delete("/api/v1/auth/token/", headers={"authorization": f"Token {key}"})
    assert short(lines())[1:] == [
        ("make_key", "done", "merchant"),
        ("revoke_key", "done", "merchant"),
    ]
    assert key not in json.dumps(lines(), default=str)


def test_what_somebody_may_not_do(lines: Any, merchant: User) -> None:
    plain = User.objects.create_user("plain", is_staff=True)
    browser = Client()
    browser.force_login(plain)
    assert browser.get("/admin/auth/user/").status_code == 403
    _row, key = AuthToken.objects.create(merchant)
    header = {"authorization": f"Token {key}"}
    assert Client().get("/api/v1/templates/", headers=header).status_code == 403
    events = [(line["act"], line["outcome"], line["user"], line["path"]) for line in lines()]
    assert events == [
        ("act", "refused", "plain", "/admin/auth/user/"),
        ("act", "refused", "merchant", "/api/v1/templates/"),
    ]


def test_credentials_that_change(lines: Any, merchant: User, component: Component) -> None:
    browser = Client()
    browser.force_login(User.objects.create_superuser("boss"))
    other = AES_KEY[::-1]
    change = f"/admin/platform_auth/component/{component.pk}/change/"
    assert browser.post(change, {"name": "x", "key": other}).status_code == 302
    [line] = lines()
    assert (line["act"], line["fields"]) == ("change_component", ["aes_key", "name"])
    assert other not in json.dumps(lines(), default=str)


def test_a_second_factor(lines: Any, staff: User) -> None:
    SecondFactor.objects.create(user=staff, name="TOTP", key="00" * 20, confirmed=True)
    browser = Client()
    post("/admin/login/", "operator", "operator-password", browser)
    browser.post("/admin/login/code/", {"code": "000000"})
    assert short(lines())[-1] == ("second_factor", "wrong", "operator")


def test_a_name_that_is_a_book_is_cut(lines: Any) -> None:
    post("/portal/login/", "x" * 150 + "\nforged line", "guess")
    post("/api/v1/auth/token/", "x" * 9000, "guess")
    assert all(len(line["user"]) <= 150 for line in lines())
