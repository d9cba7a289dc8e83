"""What is asked again, how often, and what never is."""

import random

import pytest

from sandbox.world import WeChat
from tests.conftest import APPID, SECRET
from wechat import component, http
from wechat.errors import (
    Busy,
    CodeSpent,
    NotAuthorized,
    NotSent,
    QuotaDay,
    QuotaMinute,
    RefreshTokenInvalid,
    Refused,
    TicketExpired,
    TokenExpired,
    Unreachable,
    WeChatError,
)

TOKEN_PATH = "/cgi-bin/component/api_component_token"
TRADE_PATH = "/cgi-bin/component/api_query_auth"
REFRESH_PATH = "/cgi-bin/component/api_authorizer_token"


@pytest.fixture
def ticket(wechat: WeChat, monkeypatch: pytest.MonkeyPatch) -> str:
    """A ticket to ask with; pauses between tries are as short as chance allows."""
    monkeypatch.setattr(random, "uniform", lambda low, high: 0.0)
    value = wechat.push_ticket()
    wechat.outbox.clear()
    return value


def ask(ticket: str) -> component.Token:
    return component.get_component_token(APPID, SECRET, ticket)


FAULTS: dict[str, dict[str, object]] = {
    "busy": {"errcode": -1},
    "HTTP 502": {"status": 502},
    "HTTP 503": {"status": 503},
    "no connection": {"drop": "before"},
    "a connection that breaks": {"drop": "after"},
    "an answer cut short": {"truncate": 20},
    "HTML": {"body": b"<html></html>"},
    "an empty answer": {"body": b""},
}


@pytest.mark.parametrize("what", FAULTS)
@pytest.mark.parametrize("times", [1, 2])
def test_what_may_be_repeated_is_asked_up_to_three_times(
    wechat: WeChat, ticket: str, what: str, times: int
) -> None:
    wechat.fault(TOKEN_PATH, times=times, **FAULTS[what])
    assert ask(ticket).value
    assert wechat.count(TOKEN_PATH) == times + 1


@pytest.mark.parametrize("what", FAULTS)
def test_and_not_a_fourth_time(wechat: WeChat, ticket: str, what: str) -> None:
    wechat.fault(TOKEN_PATH, times=None, **FAULTS[what])
    with pytest.raises(WeChatError) as caught:
        ask(ticket)
    assert isinstance(caught.value, Busy | Unreachable)
    assert isinstance(caught.value, NotSent) == (what == "no connection")
    assert wechat.count(TOKEN_PATH) == 3


@pytest.mark.parametrize("errcode", [40001, 40013, 42001, 45009, 45011, 61004, 61005, 48001])
def test_a_refusal_is_not_asked_again(wechat: WeChat, ticket: str, errcode: int) -> None:
    wechat.fault(TOKEN_PATH, times=None, errcode=errcode)
    with pytest.raises(Refused):
        ask(ticket)
    assert wechat.count(TOKEN_PATH) == 1


@pytest.mark.parametrize("what", FAULTS)
def test_a_code_is_traded_once_whatever_happens(wechat: WeChat, ticket: str, what: str) -> None:
    token = ask(ticket).value
    wechat.fault(TRADE_PATH, times=None, **FAULTS[what])
    with pytest.raises(WeChatError):
        component.query_auth(token, APPID, "queryauthcode@@@x")
    assert wechat.count(TRADE_PATH) == 1


@pytest.mark.parametrize("what", FAULTS)
def test_a_refresh_is_not_repeated_by_the_client(wechat: WeChat, ticket: str, what: str) -> None:
    token = ask(ticket).value
    wechat.fault(REFRESH_PATH, times=None, **FAULTS[what])
    with pytest.raises(WeChatError):
        component.refresh_authorizer_token(token, APPID, "wxaaaaaaaaaaaaaaaa", "refreshtoken@@@x")
    assert wechat.count(REFRESH_PATH) == 1


@pytest.mark.parametrize("what", FAULTS)
def test_quota_resets_are_too_few_to_be_repeated(wechat: WeChat, ticket: str, what: str) -> None:
    token = ask(ticket).value
    for path in ("/cgi-bin/clear_quota", "/cgi-bin/component/clear_quota/v2"):
        wechat.fault(path, times=None, **FAULTS[what])
    with pytest.raises(WeChatError):
        component.clear_quota(token, APPID)
    with pytest.raises(WeChatError):
        component.clear_component_quota(APPID, SECRET)
    assert wechat.count("/cgi-bin/clear_quota") == 1
    assert wechat.count("/cgi-bin/component/clear_quota/v2") == 1


def test_no_try_begins_after_fifteen_seconds(
    wechat: WeChat, ticket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "REPEATS_WITHIN", 0)
    wechat.fault(TOKEN_PATH, times=None, status=502, delay=0.01)
    with pytest.raises(Unreachable):
        ask(ticket)
    assert wechat.count(TOKEN_PATH) == 1


def test_the_pauses_grow_and_are_spread(
    wechat: WeChat, ticket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ranges: list[tuple[float, float]] = []

    def uniform(low: float, high: float) -> float:
        ranges.append((low, high))
        return 0.0

    monkeypatch.setattr(random, "uniform", uniform)
    wechat.fault(TOKEN_PATH, times=None, errcode=-1)
    with pytest.raises(Busy):
        ask(ticket)
    assert ranges == [(0, 0.5), (0, 1.0), (0, 2.0)]


CLASSES: dict[int, type[Refused]] = {
    -1: Busy,
    40001: TokenExpired,
    40014: TokenExpired,
    42001: TokenExpired,
    45009: QuotaDay,
    45011: QuotaMinute,
    61003: NotAuthorized,
    61005: TicketExpired,
    61006: TicketExpired,
    61009: CodeSpent,
    61010: CodeSpent,
    61023: RefreshTokenInvalid,
    40013: Refused,
    61004: Refused,
    61007: Refused,
    48001: Refused,
    999_999: Refused,
}


@pytest.mark.parametrize("errcode", CLASSES)
def test_each_errcode_has_its_class(wechat: WeChat, ticket: str, errcode: int) -> None:
    wechat.fault(TOKEN_PATH, times=None, errcode=errcode, errmsg="why not")
    with pytest.raises(Refused) as caught:
        ask(ticket)
    assert type(caught.value) is CLASSES[errcode]
    assert caught.value.errcode == errcode
    assert str(caught.value).startswith(f"{TOKEN_PATH}: {errcode} why not (rid ")
