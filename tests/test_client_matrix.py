"""
Every operation of the API, asked for with clients' keys: none, dead ones, one without the scope,
one of another merchant's, ones of other accounts, and the right one.
"""

from datetime import timedelta
from http import HTTPStatus

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import resolve
from django.utils import timezone

from api.clients import ANY_SCOPE, scope_of
from miniprograms.models import Authorizer
from platform_auth.client_models import GRAVE_SCOPES, SCOPES, ApiClient, ClientKey
from tests.test_api_clients import bearer, make_key, status_and_code
from tests.test_matrix import ACTORS, ADDRESSES, FURTHER_METHODS, MISSING, OK, SECRET_APPID, path_of
from tests.test_matrix import account as account
from tests.test_matrix import code as code
from tests.test_matrix import parked as parked
from tests.test_matrix import talk as talk

pytestmark = pytest.mark.django_db

OF_PEOPLE = "api/v1/auth/token/"
OPERATIONS = {
    **{(method, address): statuses for address, (method, statuses) in ADDRESSES.items()},
    **FURTHER_METHODS,
}
API = sorted(line for line in OPERATIONS if line[1].startswith("api/v1/") and line[1] != OF_PEOPLE)
each_operation = pytest.mark.parametrize(("method", "address"), API)
ELSEWHERE = "wx0000000000000000"
# What is asked where an empty request would be refused for its form: query, body, right answer.
QUOTA, RIDS = "api/v1/authorizers/<slug:appid>/quota/", "api/v1/rids/<slug:rid>/"
FILLED: dict[tuple[str, str], tuple[str, str, HTTPStatus]] = {
    ("GET", QUOTA): ("?path=/wxa/get_page", "", OK),
    ("POST", f"{QUOTA}clear/"): ("", '{"reason": "a test"}', OK),
    ("GET", RIDS): (f"?appid={SECRET_APPID}", "", HTTPStatus.UNPROCESSABLE_ENTITY),
    ("PUT", "api/v1/authorizers/<slug:appid>/ext/"): ("", '{"ext": {"shop": 7}}', OK),
    ("PUT", "api/v1/authorizers/<slug:appid>/options/<slug:name>/"): ("", '{"value": "1"}', OK),
    ("PUT", "api/v1/authorizers/<slug:appid>/settings/<slug:kind>/"): (
        "",
        '{"desired": null}',
        OK,
    ),
    ("POST", "api/v1/authorizers/<slug:appid>/testers/"): (
        "",
        '{"wechatid": "lin-tea"}',
        HTTPStatus.CREATED,
    ),
    ("POST", "api/v1/authorizers/<slug:appid>/settings/privacy-guideline/file/"): (
        "",
        '{"content": "All of it."}',
        HTTPStatus.CREATED,
    ),
}


def scope_at(path: str, method: str) -> str:
    """What the view of PATH asks of a client for METHOD."""
    view = resolve(path).func.cls  # type: ignore[attr-defined]
    return scope_of(view, type("Request", (), {"method": method}))  # type: ignore[arg-type]


class Door:
    """One operation, about the mini program of the matrix."""

    def __init__(self, method: str, address: str, account: Authorizer, merchant: User) -> None:
        path = path_of(address, account, merchant)
        self.method, self.scope = method, scope_at(path, method)
        statuses = dict(zip(ACTORS, OPERATIONS[method, address], strict=True))
        query, self.body, right = FILLED.get((method, address), ("", "", statuses["staff with"]))
        self.path = path + query
        self.is_of_one_account = "appid>" in address or address == RIDS
        # A merchant has a grave scope by a client alone, which staff gave it.
        self.is_grave = self.scope in GRAVE_SCOPES
        self.wanted = {"staff": right, "other": MISSING if self.is_grave else statuses["other"]}
        as_owner = right if statuses["owner"] == statuses["staff with"] else statuses["owner"]
        self.wanted["owner"] = right if self.is_grave else as_owner
        wider = {"api/v1/campaigns/<int:pk>/release/": ["code:write", "code:release"]}
        one = ["code:read"] if self.scope == ANY_SCOPE else [self.scope]
        self.scopes = wider.get(address, one)

    def ask(self, client: Client) -> tuple[int, str]:
        answer = client.generic(self.method, self.path, self.body, "application/json")
        return status_and_code(answer) if answer.content else (answer.status_code, "")

    def ask_with(self, key: str) -> int:
        return self.ask(bearer(key))[0]


@pytest.fixture
def boss(db: None) -> User:
    return User.objects.create_superuser("boss")


@pytest.fixture
def door(
    method: str, address: str, account: Authorizer, merchant: User, parked: object, code: None
) -> Door:
    return Door(method, address, account, merchant)


@pytest.fixture(autouse=True)
def _talk(talk: None) -> None:
    """A conversation, which addresses of messages name."""


@each_operation
def test_without_a_living_key_nothing_is_said(door: Door, boss: User) -> None:
    assert door.ask(Client()) == (HTTPStatus.UNAUTHORIZED, "not_authenticated")
    dead = (HTTPStatus.UNAUTHORIZED, "invalid_client_key")
    assert door.ask(bearer("wxp_" + "0" * 64)) == dead
    key = make_key(boss, *SCOPES)
    clients = ApiClient.objects.filter(name="shop", owner=boss)
    clients.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert door.ask(bearer(key)) == dead
    clients.update(expires_at=None, addresses=["192.0.2.1"])
    assert door.ask(bearer(key)) == dead
    clients.update(addresses=[])
    User.objects.filter(pk=boss.pk).update(is_active=False)
    assert door.ask(bearer(key)) == dead
    User.objects.filter(pk=boss.pk).update(is_active=True)
    ClientKey.objects.filter(client__owner=boss).delete()
    assert door.ask(bearer(key)) == dead


@each_operation
def test_a_key_without_the_scope_is_refused(door: Door, merchant: User, boss: User) -> None:
    if door.scope == ANY_SCOPE:
        return
    others = sorted(set(SCOPES) - {door.scope})
    for owner in (merchant, boss):
        refused = (HTTPStatus.FORBIDDEN, "missing_scope")
        assert door.ask(bearer(make_key(owner, *others))) == refused


@each_operation
def test_what_is_not_yours_is_not_found(
    door: Door, merchant: User, other_merchant: User, boss: User
) -> None:
    assert door.ask_with(make_key(other_merchant, *SCOPES)) == door.wanted["other"]
    if door.is_of_one_account:
        mine = make_key(merchant, *SCOPES, appids=ELSEWHERE)
        assert door.ask_with(mine) == door.wanted["other"]
        assert door.ask_with(make_key(boss, *SCOPES, appids=ELSEWHERE)) == MISSING


@each_operation
def test_the_right_key_is_enough(door: Door, merchant: User, boss: User) -> None:
    of_merchant = door.scopes if door.is_grave else list(SCOPES)
    assert door.ask_with(make_key(merchant, *of_merchant)) == door.wanted["owner"]
    if door.method != "GET" and door.wanted["owner"] == door.wanted["staff"]:
        return  # it is done, and may not be done twice
    appids = SECRET_APPID if door.is_of_one_account else ""
    assert door.ask_with(make_key(boss, *door.scopes, appids=appids)) == door.wanted["staff"]
