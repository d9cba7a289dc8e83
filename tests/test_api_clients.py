"""Other back ends' keys: made by command, held to scopes, accounts and their owner's rights."""

import json
from collections.abc import Iterator
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone
from knox.models import AuthToken
from rest_framework.permissions import SAFE_METHODS

from api.auth import TokenView
from api.clients import ANY_SCOPE
from platform_auth.client_models import SCOPES, ApiClient, ClientKey
from platform_auth.logins.api_clients import rotate_key
from platform_auth.models import Component, Operation
from tests.rows import make_authorizer

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]

LIST = "/api/v1/authorizers/"
ME = "/api/v1/me/"
A1, A2 = "wx00000000000000a1", "wx00000000000000a2"
DEAD = {"code": "invalid_client_key", "detail": "Invalid token."}


def make_key(owner: User, *scopes: str, name: str = "shop", **options: Any) -> str:
    """The key of a new client, as an operator makes it."""
    out = StringIO()
    words = {"owner": owner.username, "scopes": ",".join(scopes or ["authorizers:read"])}
    call_command("create_api_client", name, **words, **options, stdout=out, stderr=StringIO())
    return out.getvalue().splitlines()[-1]


def bearer(key: str) -> Client:
    return Client(headers={"authorization": f"Bearer {key}", "accept-language": "en"})


def status_and_code(answer: Any) -> tuple[int, str]:
    body = json.loads(answer.content)
    return answer.status_code, body.get("code", "") if isinstance(body, dict) else ""


def assert_dead(client: Client) -> None:
    answer = client.get(ME)
    assert answer.status_code == 401
    assert {name: answer.json()[name] for name in DEAD} == DEAD


@pytest.fixture
def accounts(component: Component, merchant: User, other_merchant: User) -> None:
    make_authorizer(component, merchant, A1)
    make_authorizer(component, merchant, A2)
    make_authorizer(component, other_merchant, "wx00000000000000b1")


def appids(client: Client, query: str = "") -> list[str]:
    answer = client.get(LIST + query)
    assert answer.status_code == 200, answer.content
    return sorted(row["appid"] for row in answer.json()["results"])


def test_the_key_is_alone_on_the_last_line_and_kept_nowhere(merchant: User) -> None:
    key = make_key(merchant)
    assert key.startswith("wxp_")
    assert len(key) > 40
    assert key not in str(list(ClientKey.objects.values()))
    assert key not in str(list(Operation.objects.values()))


def test_a_client_is_told_who_it_is(merchant: User) -> None:
    key = make_key(merchant, "authorizers:read", "code:read", appids=A1, days=7)
    about = bearer(key).get(ME).json()
    expiry = ApiClient.objects.get().expires_at
    assert expiry is not None
    assert about == {
        "kind": "client",
        "name": "shop",
        "owner": "merchant",
        "scopes": ["authorizers:read", "code:read"],
        "appids": [A1],
        "expiry": expiry.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "rate": 600,
    }
    assert timedelta(days=6) < expiry - timezone.now() <= timedelta(days=7)


def test_a_person_is_told_too_and_never_has_a_grave_scope(merchant: User) -> None:
    _row, key = AuthToken.objects.create(merchant)
    about = Client(headers={"authorization": f"Token {key}"}).get(ME).json()
    assert (about["kind"], about["name"], about["appids"]) == ("person", "merchant", [])
    assert set(about["scopes"]) == set(SCOPES) - {"tokens:read", "wechat:call"}


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"owner": "nobody"}, "no active user"),
        ({"scopes": "authorizers:read,everything"}, "There are no such scopes: everything"),
        ({"appids": "tea"}, "tea"),
        ({"days": 0}, "--days"),
    ],
)
def test_what_is_wrong_with_the_command_is_named(
    merchant: User, options: dict[str, Any], problem: str
) -> None:
    words = {"owner": "merchant", "scopes": "authorizers:read", **options}
    with pytest.raises(CommandError, match=problem):
        call_command("create_api_client", "shop", **words, stdout=StringIO())
    assert not ApiClient.objects.exists()


# What it sees


@pytest.mark.usefixtures("accounts")
def test_a_client_sees_what_its_owner_sees_narrowed_by_its_accounts(merchant: User) -> None:
    assert appids(bearer(make_key(merchant))) == [A1, A2]
    narrow = bearer(make_key(merchant, appids=f"{A1},wx00000000000000b1"))
    assert appids(narrow) == [A1]
    assert [narrow.get(f"{LIST}{appid}/").status_code for appid in (A1, A2)] == [200, 404]
    assert narrow.get(f"{LIST}wx00000000000000b1/").status_code == 404


@pytest.mark.usefixtures("accounts")
def test_other_doors_are_narrowed_alike(merchant: User) -> None:
    narrow = bearer(make_key(merchant, "code:read", appids=A1))
    statuses = [narrow.get(f"{LIST}{appid}/audits/").status_code for appid in (A1, A2)]
    assert statuses == [200, 404]


@pytest.mark.usefixtures("accounts")
def test_a_scope_that_is_missing_is_named_before_anything_is_looked_up(merchant: User) -> None:
    client = bearer(make_key(merchant, "users:login"))
    for path in (LIST, f"{LIST}{A1}/", f"{LIST}wx00000000000000b1/", f"{LIST}{A1}/audits/"):
        answer = client.get(path, headers={"accept-language": "en"})
        assert status_and_code(answer) == (403, "missing_scope"), path
        needed = "code:read" if "audits" in path else "authorizers:read"
        assert answer.json()["detail"].endswith(f" {needed}.")
    assert client.get(ME).status_code == 200


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_of_a_method_that_an_address_does_not_know_no_scope_is_said_to_be_missing(
    merchant: User, method: str
) -> None:
    client = bearer(make_key(merchant, "authorizers:read"))
    assert status_and_code(getattr(client, method)(ME)) == (405, "method_not_allowed")


@pytest.mark.usefixtures("accounts")
def test_a_scope_gives_no_right_that_the_owner_has_not(merchant: User) -> None:
    client = bearer(make_key(merchant, "code:release", "code:write", "settings:write"))
    answer = client.post(f"{LIST}{A1}/release/")
    assert status_and_code(answer) == (403, "permission_denied")


@pytest.mark.usefixtures("accounts")
def test_a_right_that_the_owner_loses_is_lost_to_the_client_at_once(staff: User) -> None:
    client = bearer(make_key(staff, "authorizers:read"))
    assert len(appids(client)) == 3
    staff.groups.clear()
    assert client.get(LIST).status_code == 403


def test_what_a_client_does_is_its_owners_and_names_it(component: Component, staff: User) -> None:
    make_authorizer(component, None, A1)
    staff.user_permissions.add(Permission.objects.get(codename="edit_ext_values"))
    client = bearer(make_key(staff, "settings:write", name="the till"))
    answer = client.put(f"{LIST}{A1}/ext/", {"ext": {"a": 1}}, content_type="application/json")
    assert answer.status_code == 200, answer.content
    row = Operation.objects.get(action="set_ext_values")
    assert row.actor == staff
    assert row.result.endswith("[the till]")


# How it ends


def test_a_wrong_key_an_expired_and_a_revoked_one_are_refused_all_alike(merchant: User) -> None:
    key = make_key(merchant, days=1)
    assert_dead(bearer("wxp_" + "0" * 64))
    assert_dead(bearer("x"))
    assert_dead(bearer("cl\xe9"))
    ApiClient.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert_dead(bearer(key))
    ApiClient.objects.update(expires_at=None)
    assert bearer(key).get(ME).status_code == 200
    ClientKey.objects.all().delete()
    assert_dead(bearer(key))


def test_a_client_dies_with_its_owners_account(merchant: User) -> None:
    client = bearer(make_key(merchant))
    User.objects.filter(pk=merchant.pk).update(is_active=False)
    assert_dead(client)
    User.objects.filter(pk=merchant.pk).delete()
    assert_dead(client)


def test_a_clients_key_is_no_persons_key(merchant: User) -> None:
    key = make_key(merchant)
    assert Client(headers={"authorization": f"Token {key}"}).get(ME).status_code == 401
    _row, own = AuthToken.objects.create(merchant)
    assert_dead(bearer(own))
    assert bearer(key).delete("/api/v1/auth/token/").status_code == 401


def test_two_keys_live_at_once_and_a_third_ends_the_first(merchant: User) -> None:
    first = make_key(merchant)
    client = ApiClient.objects.get()
    second = rotate_key(client, by=None)
    assert [bearer(key).get(ME).status_code for key in (first, second)] == [200, 200]
    third = rotate_key(client, by=None)
    statuses = [bearer(key).get(ME).status_code for key in (first, second, third)]
    assert statuses == [401, 200, 200]


@pytest.mark.parametrize(
    ("addresses", "status"),
    [
        ([], 200),
        (["127.0.0.1"], 200),
        (["10.0.0.0/8", "127.0.0.0/8"], 200),
        (["10.0.0.0/8"], 401),
        (["2001:db8::/32"], 401),
    ],
)
def test_it_may_be_held_to_addresses(merchant: User, addresses: list[str], status: int) -> None:
    key = make_key(merchant)
    ApiClient.objects.update(addresses=addresses)
    assert bearer(key).get(ME).status_code == status


def test_its_rate_is_its_own(merchant: User) -> None:
    slow, fast = bearer(make_key(merchant)), bearer(make_key(merchant))
    ApiClient.objects.filter(pk=ApiClient.objects.order_by("pk")[0].pk).update(rate=3)
    assert [slow.get(ME).status_code for _ in range(4)] == [200, 200, 200, 429]
    assert fast.get(ME).status_code == 200
    _row, own = AuthToken.objects.create(merchant)
    assert Client(headers={"authorization": f"Token {own}"}).get(ME).status_code == 200


def test_its_use_is_noted_and_not_written_at_each_request(
    merchant: User, django_assert_num_queries: Any
) -> None:
    client = bearer(make_key(merchant))
    client.get(ME)
    used_at = ApiClient.objects.get().used_at
    assert used_at is not None
    with django_assert_num_queries(1):
        client.get(ME)
    assert ApiClient.objects.get().used_at == used_at


def test_two_clients_of_one_owner_may_use_the_same_idempotency_key(
    component: Component, staff: User
) -> None:
    make_authorizer(component, None, A1)
    make_authorizer(component, None, A2)
    wide = bearer(make_key(staff, "settings:write"))
    narrow = bearer(make_key(staff, "settings:write", appids=A2))
    body, once = {"ext": {"a": 1}}, {"Idempotency-Key": "monday"}
    url = f"{LIST}{A1}/ext/"

    def put(client: Client) -> int:
        answer = client.put(url, body, content_type="application/json", headers=once)
        return answer.status_code

    assert put(wide) == 200
    assert put(narrow) == 404


# Every door


def views(resolver: Any = None, before: str = "") -> Iterator[tuple[str, Any]]:
    """The views under /api/v1/, and their addresses."""
    for pattern in (resolver or get_resolver()).url_patterns:
        address = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from views(pattern, address)
        elif isinstance(pattern, URLPattern) and address.startswith("api/v1/"):
            yield address, pattern.callback


def methods_of(callback: Any) -> list[str]:
    routed = getattr(callback, "actions", None)  # of a viewset
    view: Any = callback.cls
    names = routed or {name: name for name in view.http_method_names if hasattr(view, name)}
    return [name.upper() for name in names if name not in ("head", "options")]


def test_every_view_says_which_scope_it_asks_of_a_client() -> None:
    silent = []
    for address, callback in views():
        if callback.cls is TokenView:  # of people's own keys
            continue
        for method in methods_of(callback):
            name = "read_scope" if method in SAFE_METHODS else "act_scope"
            scope = getattr(callback.cls, name, "")
            if scope not in {*SCOPES, ANY_SCOPE}:
                silent.append((method, address, scope))
    assert silent == []


def test_the_schema_tells_both_kinds_of_keys_apart() -> None:
    schema = Client().get("/api/schema/?format=json", headers={"accept-language": "en"}).json()
    schemes = schema["components"]["securitySchemes"]
    assert schemes["clientKey"]["scheme"] == "bearer"
    assert schemes["personKey"]["name"] == "Authorization"
    security = schema["paths"]["/api/v1/authorizers/"]["get"]["security"]
    assert security == [{"personKey": []}, {"clientKey": []}]
    assert schema["paths"]["/api/v1/auth/token/"]["delete"]["security"] == [{"personKey": []}]
