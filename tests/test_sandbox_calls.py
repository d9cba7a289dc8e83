"""What the sandbox says it plays is what it plays; the rest is a sample that says so."""

import re
from typing import Any

import pytest

from devtools import list_calls
from sandbox.endpoints.api import ENDPOINTS, NOT_PLAYED
from sandbox.endpoints.call import Endpoint
from sandbox.world.parties import Account
from sandbox.world.permissions import KINDS, MINI_PROGRAM, OFFICIAL_ACCOUNT, SETS
from tests.test_sandbox_api import Platform

SAMPLES = {path: one for path, one in ENDPOINTS.items() if not one.is_played}


@pytest.fixture
def platform() -> Platform:
    """One that publishes every permission set."""
    platform = Platform()
    platform.wechat.component.func_ids = list(SETS)
    return platform


def token_of(platform: Platform, kind: str) -> str:
    """The access token of an account of this kind that has granted everything."""
    account = platform.wechat.create_account(kind=kind)
    platform.wechat.grant(account.appid)
    authorization = platform.wechat.authorization(account.appid)
    assert authorization is not None
    return platform.wechat.new_token(authorization)[0]


def test_the_table_in_the_documents_is_the_routers() -> None:
    current = list_calls.DOCUMENT.read_text()
    assert current == list_calls.write(), "python -m devtools.list_calls"


def test_a_call_that_is_not_played_answers_a_sample_marked_as_such(platform: Platform) -> None:
    tokens = {kind: token_of(platform, kind) for kind in (MINI_PROGRAM, OFFICIAL_ACCOUNT)}
    tokens["component"] = platform.component_token()
    for path, endpoint in SAMPLES.items():
        answer = ask(platform, path, endpoint, tokens[caller_of(endpoint)])
        assert answer.headers["X-Sandbox"] == NOT_PLAYED["X-Sandbox"], (path, answer.text)
        assert answer.json()["errcode"] == 0, path


def caller_of(endpoint: Endpoint) -> str:
    """Who may make a call: the platform, or an account of a kind that has one of its sets."""
    if endpoint.token == "component":
        return "component"
    kinds = [
        kind
        for kind in (MINI_PROGRAM, OFFICIAL_ACCOUNT)
        if not endpoint.sets or any(SETS[number].fits(kind) for number in endpoint.sets)
    ]
    return kinds[0]


def ask(platform: Platform, path: str, endpoint: Endpoint, token: str) -> Any:
    address, _, query = path.partition("?")
    return platform.session.request(
        endpoint.methods[0],
        f"https://api.weixin.qq.com{address}?{query}&access_token={token}",
        data=b"{}" if endpoint.methods[0] == "POST" else None,
        timeout=5,
    )


def test_a_sample_is_for_whoever_may_call_only(platform: Platform) -> None:
    path = "/wxa/getillegalrecords"
    endpoint = ENDPOINTS[path]
    for token, errcode in [
        ("", 41001),
        (platform.component_token(), 61015),
        (token_of(platform, OFFICIAL_ACCOUNT), 48001),
    ]:
        answer = ask(platform, path, endpoint, token)
        assert answer.json()["errcode"] == errcode
        assert "X-Sandbox" not in answer.headers


def test_what_is_played_is_not_marked_and_what_nobody_has_is_wechats_own_refusal(
    platform: Platform,
) -> None:
    token = token_of(platform, MINI_PROGRAM)
    played = platform.raw("/wxaapi/newtmpl/getcategory", token=token)
    assert "X-Sandbox" not in played.headers
    unknown = platform.post("/wxa/there_is_no_such_call", token=token)
    assert unknown["errcode"] == 40066
    assert re.match(r"invalid url rid: [0-9a-f-]{26}$", unknown["errmsg"])
    assert [entry.path for entry in platform.wechat.unknown_calls] == ["/wxa/there_is_no_such_call"]


def test_what_wants_an_accounts_own_secret_is_no_way_in(platform: Platform) -> None:
    account: Account = platform.wechat.create_account()
    body = {"grant_type": "client_credential", "appid": account.appid, "secret": "x"}
    assert platform.post("/cgi-bin/stable_token", body)["errcode"] == 40125
    assert platform.post("/cgi-bin/stable_token", {"appid": account.appid})["errcode"] == 41004
    assert platform.post("/cgi-bin/stable_token", body | {"appid": "wx1"})["errcode"] == 40013


def test_every_set_that_a_call_names_exists() -> None:
    for path, endpoint in ENDPOINTS.items():
        assert set(endpoint.sets) <= set(SETS), path
        assert not endpoint.sets or any(
            SETS[number].fits(kind) for number in endpoint.sets for kind in KINDS
        )
