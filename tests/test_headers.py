"""What every answer tells browsers: a policy, no keeping, no guessing. All addresses are asked."""

import re
from base64 import b64encode
from hashlib import sha256
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.test import Client

from miniprograms.models import Authorizer
from tests.test_matrix import ADDRESSES, path_of
from tests.test_matrix import account as account
from tests.test_matrix import browsers as browsers
from tests.test_matrix import code as code
from tests.test_matrix import parked as parked
from tests.test_matrix import talk as talk

pytestmark = [pytest.mark.any_database, pytest.mark.django_db]

# The only answers that a browser may keep, and for itself: pictures and files that WeChat sent.
KEPT = ("trial", "screenshots", "trial-qrcode", "file/")
WRITTEN_IN = re.compile(r"<script(?![^>]* src=)|\son\w+=\"|href=\"javascript:")


def policy_of(answer: HttpResponse) -> dict[str, list[str]]:
    parts = [part.split() for part in answer["Content-Security-Policy"].split(";")]
    return {name: values for name, *values in parts}


def check_headers(answer: Any, path: str) -> None:
    assert answer["X-Content-Type-Options"] == "nosniff", path
    assert "camera=()" in answer["Permissions-Policy"], path
    policy = policy_of(answer)
    assert policy["default-src"] in (["'self'"], ["'none'"]), path
    if answer.get("Content-Type", "").startswith("text/html") and not answer.streaming:
        check_page(answer, path, policy)
    is_kept = any(part in path for part in KEPT) and answer.status_code == 200
    assert ("private" if is_kept else "no-store") in answer["Cache-Control"], path


def check_page(page: Any, path: str, policy: dict[str, list[str]]) -> None:
    assert page["X-Frame-Options"] == "DENY", path
    assert page["Cross-Origin-Opener-Policy"] == "same-origin", path
    assert page["Referrer-Policy"] in ("same-origin", "strict-origin", "no-referrer"), path
    assert policy["frame-ancestors"] == policy["object-src"] == ["'none'"], path
    assert policy["base-uri"] == ["'none'"], path
    is_staff_page = path.startswith("/admin/")
    scripts = ["'self'", "'unsafe-eval'"] if is_staff_page else None
    assert policy.get("script-src") == scripts, path
    assert "unsafe-inline" not in " ".join(policy.get("style-src-elem", [])), path
    text = page.content.decode()
    assert not WRITTEN_IN.search(text), path
    for style in re.findall(r"<style[^>]*>(.*?)</style>", text, re.DOTALL):
        digest = b64encode(sha256(style.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy["style-src-elem"], path


@pytest.mark.parametrize("address", sorted(ADDRESSES))
@pytest.mark.usefixtures("parked", "code", "talk")
def test_every_address_has_the_headers_for_everybody(
    address: str, browsers: dict[str, Client], account: Authorizer, merchant: User
) -> None:
    for actor in ("anonymous", "owner", "staff with"):
        for method in {"GET", ADDRESSES[address][0]}:
            path = path_of(address, account, merchant)
            check_headers(browsers[actor].generic(method, path), f"{path} ({actor})")


@pytest.mark.parametrize("path", ["/nowhere", "/admin/nowhere/", "/api/v1/nowhere/", "/portal"])
def test_what_is_not_there_has_the_headers_too(path: str) -> None:
    check_headers(Client().get(path), path)


def test_a_strange_host_gets_a_few_bytes_and_one_line(caplog: pytest.LogCaptureFixture) -> None:
    client = Client(headers={"host": "evil.example"})
    with caplog.at_level("WARNING"):
        answers = [client.get(path) for path in ("/portal/", "/admin/", "/api/v1/x/", "/nowhere")]
    assert {(answer.status_code, answer.content) for answer in answers} == {(400, b"")}
    assert [one.msg for one in caplog.records if "unknown host" in str(one.msg)] != []
    assert len(caplog.records) == 1
    for answer in answers:
        check_headers(answer, "/")


@pytest.mark.parametrize("path", ["/portal/logout/", "/admin/logout/"])
def test_whoever_logs_out_leaves_nothing_in_the_browser(path: str, merchant: User) -> None:
    client = Client()
    client.force_login(merchant)
    assert client.post(path)["Clear-Site-Data"] == '"storage"'
    assert "Clear-Site-Data" not in client.get("/portal/login/")


def test_a_refused_form_has_the_headers_too() -> None:
    answer = Client(enforce_csrf_checks=True).post("/portal/login/", {"username": "x"})
    assert answer.status_code == 403
    check_headers(answer, "/portal/login/")


@pytest.mark.parametrize("path", ["/portal/login/", "/admin/login/", "/api/v1/authorizers/"])
def test_our_own_failure_has_the_headers_too(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError("planted")

    monkeypatch.setattr("django.contrib.sessions.backends.db.SessionStore.load", fail)
    monkeypatch.setattr("django.middleware.locale.LocaleMiddleware.process_request", fail)
    client = Client(raise_request_exception=False)
    client.cookies["sessionid"] = "x" * 32
    answer = client.get(path)
    assert answer.status_code == 500
    check_headers(answer, path)
