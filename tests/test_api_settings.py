"""REST: what a mini program should have at WeChat, said, applied and looked at."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from miniprograms.models import Authorizer
from sandbox.world import WeChat
from tests.conftest import Bound
from tests.test_api_authorizers import client_of
from tests.test_settings import (
    API,
    DESIRED,
    KIND,
    LISTS,
    MODIFY,
    OTHER,
    at_wechat,
    lose_answer,
    put_at_wechat,
    work,
)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.any_database]

APPID = "wx00000000000000a1"
SETTINGS = f"/api/v1/authorizers/{APPID}/settings/"
ONE = f"{SETTINGS}{KIND}/"
WHOLE = {**{name: [] for name in LISTS}, **DESIRED}


@pytest.fixture
def shop(bound: Bound) -> Authorizer:
    return bound(APPID)


@pytest.fixture
def operator(staff: User, shop: Authorizer) -> Client:
    return client_of(staff)


def put(client: Client, body: Any, path: str = ONE, **headers: str) -> Any:
    return client.put(path, body, content_type="application/json", headers=headers)


def test_a_value_is_said_applied_and_read(
    operator: Client, wechat: WeChat, shop: Authorizer
) -> None:
    before = operator.get(ONE).json()
    assert (before["desired"], before["at_wechat"], before["drift"]) == (None, None, None)
    assert (before["state"], before["version"], before["versions"]) == ("untouched", 0, [])
    answer = put(operator, {"desired": DESIRED})
    assert answer.status_code == 200, answer.json()
    body = answer.json()
    assert (body["desired"], body["at_wechat"], body["drift"]) == (WHOLE, WHOLE, False)
    assert (body["state"], body["version"], body["remarks"]) == ("applied", 1, {})
    assert body["checked_at"].endswith("Z")
    [version] = body["versions"]
    assert (version["version"], version["changed_by"]) == (1, "operator")
    assert at_wechat(wechat, shop) == DESIRED
    assert operator.get(ONE).json() == body
    listed = {row["kind"]: row for row in operator.get(SETTINGS).json()}
    assert (listed[KIND]["drift"], listed["webview-domains"]["drift"]) == (False, None)


def test_a_check_looks_now_and_tells_what_differs(
    operator: Client, wechat: WeChat, shop: Authorizer
) -> None:
    put(operator, {"desired": DESIRED})
    put_at_wechat(wechat, shop, requestdomain=[API, OTHER])
    answer = operator.post(f"{ONE}check/")
    assert answer.status_code == 200
    body = answer.json()
    assert body["drift"] is True
    assert body["differences"] == [
        {"name": "requestdomain", "missing": [], "surplus": [OTHER]},
        {"name": "wsrequestdomain", "missing": DESIRED["wsrequestdomain"], "surplus": []},
    ]


def test_what_is_only_saved_is_not_sent(operator: Client, wechat: WeChat, shop: Authorizer) -> None:
    body = put(operator, {"desired": DESIRED, "apply": False}).json()
    assert (body["state"], body["version"]) == ("untouched", 1)
    assert wechat.count(MODIFY, shop.appid) == 0
    assert put(operator, {"desired": None}).json()["version"] == 2


def test_an_older_version_changes_nothing(operator: Client) -> None:
    put(operator, {"desired": DESIRED, "apply": False})
    answer = put(operator, {"desired": {}, "version": 0})
    assert (answer.status_code, answer.json()["code"]) == (409, "setting_changed")


def test_a_lost_answer_is_202_and_settled_later(
    operator: Client, wechat: WeChat, shop: Authorizer
) -> None:
    lose_answer(wechat, has_effect=True)
    answer = put(operator, {"desired": DESIRED})
    assert (answer.status_code, answer.json()["state"]) == (202, "unknown")
    work()
    assert operator.get(ONE).json()["state"] == "applied"


def test_a_wechat_that_is_out_of_reach_is_tried_again(operator: Client, wechat: WeChat) -> None:
    wechat.fault(MODIFY, errcode=-1, times=3)
    answer = put(operator, {"desired": DESIRED})
    assert (answer.status_code, answer.json()["state"]) == (202, "waiting")
    work()
    assert operator.get(ONE).json()["state"] == "applied"


def test_a_refusal_of_wechats_is_422_and_what_is_desired_stays(operator: Client) -> None:
    path = f"{SETTINGS}server-domains/"
    answer = put(operator, {"desired": DESIRED}, path)
    assert answer.status_code == 422
    wechat = answer.json()["wechat"]
    assert wechat["errcode"] == 85301
    assert wechat["errmsg"].startswith("no domain to modify")
    body = operator.get(path).json()
    assert (body["state"], body["errcode"], body["drift"]) == ("refused", 85301, True)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"desired": {"requestdomain": ["http://a.example.com"]}}, "desired"),
        ({"desired": {"nonsense": []}}, "desired"),
        ({"desired": 7}, "desired"),
        ({}, "desired"),
        ({"desired": {}, "applies": True}, "applies"),
        ({"desired": {}, "version": -1}, "version"),
    ],
)
def test_what_is_wrong_with_a_request_is_named(operator: Client, body: Any, field: str) -> None:
    answer = put(operator, body)
    assert answer.status_code == 400
    assert field in answer.json()["fields"]


def test_a_key_makes_a_put_happen_once(operator: Client, wechat: WeChat, shop: Authorizer) -> None:
    first = put(operator, {"desired": DESIRED}, **{"Idempotency-Key": "k1"})
    asked = wechat.count(MODIFY, shop.appid)
    again = put(operator, {"desired": DESIRED}, **{"Idempotency-Key": "k1"})
    assert again.json() == first.json()
    assert wechat.count(MODIFY, shop.appid) == asked


def test_merchants_and_unknown_kinds_get_nothing(
    operator: Client, merchant: User, shop: Authorizer
) -> None:
    theirs = client_of(merchant)
    assert theirs.get(ONE).status_code == 403
    assert put(theirs, {"desired": DESIRED}).status_code == 403
    assert operator.get(f"{SETTINGS}no-such-kind/").status_code == 404
    assert put(operator, {"desired": DESIRED}, f"{SETTINGS}no-such-kind/").status_code == 404
