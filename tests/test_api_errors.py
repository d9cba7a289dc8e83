"""One shape for every error of the API, and its documentation."""

import json
import re
from typing import Any

import pytest
import yaml
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client
from knox.models import AuthToken

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@pytest.fixture
def api(merchant: User) -> Client:
    _row, key = AuthToken.objects.create(merchant)
    return Client(headers={"authorization": f"Token {key}", "accept-language": "en"})


def told(answer: Any) -> tuple[int, str]:
    """Status and code of an error, once its shape is seen to be right."""
    assert answer["Content-Type"] == "application/json"
    body = json.loads(answer.content)
    assert set(body) - {"fields"} == {"code", "detail", "request_id"}
    assert isinstance(body["detail"], str)
    assert body["detail"]
    assert UUID.fullmatch(body["request_id"])
    assert answer["X-Request-ID"] == body["request_id"]
    return answer.status_code, body["code"]


@pytest.mark.parametrize("path", ["/api/", "/api/v1/", "/api/v1/nothing/", "/api/v2/authorizers/"])
def test_an_unknown_address(api: Client, path: str) -> None:
    assert told(api.get(path)) == (404, "not_found")


def test_an_unknown_account(api: Client) -> None:
    assert told(api.get("/api/v1/authorizers/wx0/")) == (404, "not_found")


def test_no_key() -> None:
    assert told(Client().get("/api/v1/authorizers/")) == (401, "not_authenticated")


def test_a_wrong_key() -> None:
    answer = Client().get("/api/v1/authorizers/", headers={"authorization": "Token x"})
    assert told(answer) == (401, "authentication_failed")


def test_a_method_that_is_not_allowed(api: Client) -> None:
    assert told(api.post("/api/v1/authorizers/")) == (405, "method_not_allowed")


@pytest.mark.parametrize("body", [b"{", b"\xff", b"[1", b"\x00", b"[" * 100_000])
def test_a_body_that_is_no_json(api: Client, body: bytes) -> None:
    answer = api.post("/api/v1/auth/token/", body, content_type="application/json")
    assert told(answer) == (400, "parse_error")


def test_a_body_that_is_no_object(api: Client) -> None:
    answer = api.post("/api/v1/auth/token/", b"[1]", content_type="application/json")
    assert told(answer) == (400, "invalid")


def test_a_body_of_another_kind(api: Client) -> None:
    answer = api.post("/api/v1/auth/token/", b"a=1", content_type="text/plain")
    assert told(answer) == (415, "unsupported_media_type")


def test_an_answer_of_another_kind(api: Client) -> None:
    answer = api.get("/api/v1/authorizers/", headers={"accept": "text/xml"})
    assert told(answer) == (406, "not_acceptable")


def test_a_body_that_is_too_large(api: Client, caplog: pytest.LogCaptureFixture) -> None:
    answer = api.post("/api/v1/auth/token/", b" " * 3_000_000, content_type="application/json")
    assert told(answer) == (413, "too_large")
    assert not [line for line in caplog.records if line.exc_info]


def test_a_post_without_the_last_slash_is_led_to_the_address_as_a_post(api: Client) -> None:
    answer = api.post("/api/v1/bindings?x=1", b"{}", content_type="application/json")
    assert (answer.status_code, answer["Location"]) == (308, "/api/v1/bindings/?x=1")


def test_a_filter_that_is_not_valid(api: Client) -> None:
    assert told(api.get("/api/v1/authorizers/?kind=x")) == (400, "invalid")


def test_a_fault_of_ours_is_told_without_a_trace(
    api: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: Any) -> None:
        raise RuntimeError("planted")

    monkeypatch.setattr("api.authorizers.AuthorizerViewSet.get_queryset", fail)
    api.raise_request_exception = False
    answer = api.get("/api/v1/authorizers/")
    assert told(answer) == (500, "error")
    assert b"planted" not in answer.content


@pytest.mark.parametrize(("language", "detail"), [("en", "Not found."), ("zh-hans", "未找到。")])
def test_the_detail_speaks_the_clients_language(language: str, detail: str) -> None:
    answer = Client(headers={"accept-language": language}).get("/api/v1/nothing/")
    assert answer.json()["detail"] == detail


# Documentation


def test_the_schema_describes_everything_and_warns_of_nothing(tmp_path: Any) -> None:
    file = tmp_path / "schema.yaml"
    call_command("spectacular", "--validate", "--fail-on-warn", "--file", str(file))
    paths = yaml.safe_load(file.read_text())["paths"]
    assert set(paths) >= {
        "/api/v1/auth/token/",
        "/api/v1/authorizers/",
        "/api/v1/authorizers/{appid}/",
    }


def test_the_schema_is_served_to_everybody() -> None:
    answer = Client().get("/api/schema/", headers={"accept": "application/json"})
    assert answer.status_code == 200
    assert answer.json()["openapi"].startswith("3.")


def test_the_documentation_page_asks_nobody_else_and_holds_no_script_of_its_own() -> None:
    page = Client().get("/api/docs/")
    text = page.content.decode()
    assert page.status_code == 200
    assert "'self'" in page["Content-Security-Policy"]
    assert "unsafe" not in page["Content-Security-Policy"]
    assert not re.search(r"<style|<script(?![^>]* src=)|\sstyle=", text)
    assert all(url.startswith("/") for url in re.findall(r'(?:src|href)="([^"]*)"', text))


@pytest.mark.usefixtures("dead_cache")
def test_without_redis_nobody_is_turned_away(
    merchant: User, caplog: pytest.LogCaptureFixture
) -> None:
    _row, key = AuthToken.objects.create(merchant)
    answer = Client().get("/api/v1/authorizers/", headers={"authorization": f"Token {key}"})
    assert answer.status_code == 200
    assert "nothing is throttled: ConnectionError" in caplog.text
