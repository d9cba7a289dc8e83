"""docs/api.md and the program beside it: what they ask for exists, and the program works."""

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest
from django.contrib.auth.models import User
from django.urls import resolve
from pytest_django.live_server_helper import LiveServer

from devtools.imports import ROOT
from platform_auth.client_models import SCOPES
from sandbox.world import WeChat
from tests.conftest import Bound
from tests.test_api_clients import make_key
from tests.test_api_schema import fetch

DOCUMENT = ROOT / "docs" / "api.md"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
ADDRESS = re.compile(r"(?:\$URL|\{URL\}|\{ACCOUNT\})[^\s\"?]*")
APPID = "wx0123456789abcdef"
ACCOUNT = f"/api/v1/authorizers/{APPID}"


def blocks(language: str) -> list[str]:
    return [text for name, text in BLOCK.findall(DOCUMENT.read_text()) if name == language]


def addresses(text: str) -> Iterator[str]:
    """The paths that TEXT asks for, with numbers where it has names."""
    for found in ADDRESS.findall(text):
        path = found.replace("$URL", "").replace("{URL}", "").replace("{ACCOUNT}", ACCOUNT)
        path = re.sub(r"\{[^}]*\}", "1", path.replace("$APPID", APPID))
        if path.startswith("/api/v1/"):
            yield path if "/wechat/" in path else f"{path.rstrip('/')}/"


@pytest.mark.parametrize("language", ["sh", "python"])
def test_every_address_exists(language: str) -> None:
    asked = {path for text in blocks(language) for path in addresses(text)}
    assert len(asked) > 20
    for path in asked:
        resolve(path)  # raises what names it


def subjects_in(language: str) -> set[str]:
    """The subjects of the schema that blocks in LANGUAGE show something of."""
    routes = {
        re.sub(r"<(?:\w+:)?(\w+)>|\(\?P<(\w+)>[^)]*\)", r"{\1\2}", resolve(path).route)
        for text in blocks(language)
        for path in addresses(text)
    }
    plain = {re.sub(r"[$^]", "", route).replace("{pk}", "{id}") for route in routes}
    paths = fetch("en")["paths"]
    return {
        tag
        for path, methods in paths.items()
        if path[1:] in plain
        for one in methods.values()
        for tag in one["tags"]
    }


@pytest.mark.django_db
@pytest.mark.any_database
@pytest.mark.parametrize("language", ["sh", "python"])
def test_every_subject_is_shown(language: str) -> None:
    paths = fetch("en")["paths"]
    subjects = {tag for ways in paths.values() for one in ways.values() for tag in one["tags"]}
    assert subjects - subjects_in(language) == (
        {"keys", "platform"} if language == "python" else set()
    )


def test_every_block_of_python_compiles() -> None:
    for text in blocks("python"):
        compile(text, DOCUMENT.name, "exec")


SHOP = DOCUMENT.parent / "examples" / "shop_backend.py"
OPENID = "o" + "u" * 27
RunShop = Callable[[str], "subprocess.CompletedProcess[str]"]
in_a_process = pytest.mark.django_db(transaction=True)


@pytest.fixture
def run_shop(bound: Bound, wechat: WeChat, live_server: LiveServer) -> RunShop:
    """The program of a back end, with a key of its own and nothing of WeChat's."""
    account = bound(APPID)
    scopes = ("users:login", "wechat:call", "authorizers:read")
    key = make_key(User.objects.create_superuser("boss"), *scopes, appids=APPID)

    def run(code: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, SHOP, account.appid, code],
            env={"PLATFORM_URL": live_server.url, "PLATFORM_KEY": key},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


@in_a_process
@pytest.mark.any_database
def test_a_back_end_lives_on_the_platform_alone(run_shop: RunShop, wechat: WeChat) -> None:
    wechat.say(APPID, OPENID, "hello")
    done = run_shop(wechat.users.log_in(APPID, OPENID))
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["openid"] == OPENID
    assert told["messages_left_today"] > 0
    [sent] = [call for call in wechat.ledger if call.path == "/cgi-bin/message/custom/send"]
    assert sent.errcode == 0


@in_a_process
@pytest.mark.any_database
def test_it_tells_what_the_platform_and_wechat_refuse(run_shop: RunShop, wechat: WeChat) -> None:
    done = run_shop("a code of nobody's")
    assert (done.returncode, done.stdout) == (1, "")
    assert "wechat_refused" in done.stderr
    done = run_shop(wechat.users.log_in(APPID, OPENID))  # who has never written
    assert (done.returncode, done.stdout) == (1, "")
    assert "45015" in done.stderr


def test_every_scope_is_told() -> None:
    assert [scope for scope in SCOPES if f"`{scope}`" not in DOCUMENT.read_text()] == []
