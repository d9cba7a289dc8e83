"""REST: who may read what of the authorizers, and in which words."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from knox.models import AuthToken

from platform_auth.models import Component
from tests.rows import make_authorizer

pytestmark = pytest.mark.django_db

LIST = "/api/v1/authorizers/"
FAR = 4102444800  # the first second of 2100


def client_of(user: User) -> Client:
    """A REST client with a key of USER's."""
    _row, key = AuthToken.objects.create(user)
    return Client(headers={"authorization": f"Token {key}", "accept-language": "en"})


@pytest.fixture
def api(merchant: User) -> Client:
    return client_of(merchant)


def appids(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.content
    return [row["appid"] for row in json.loads(answer.content)["results"]]


def test_one_account_is_told_in_exactly_the_words_of_the_contract(
    api: Client, component: Component, merchant: User
) -> None:
    make_authorizer(
        component,
        merchant,
        user_name="gh_1",
        nick_name="Tea",
        principal_name="Tea Ltd",
        func_info=[18, 30],
        expires=FAR,
        access_token="99_secret-access-token",
        create_time=datetime(2026, 3, 4, 5, 6, 7, 89, tzinfo=UTC),
        updated_at=datetime(2026, 3, 5, tzinfo=UTC),
    )
    assert api.get(f"{LIST}wx00000000000000a1/").json() == {
        "appid": "wx00000000000000a1",
        "user_name": "gh_1",
        "nick_name": "Tea",
        "principal_name": "Tea Ltd",
        "kind": "mini_program",
        "state": "bound",
        "account_status": 1,
        "verify_type_info": -1,
        "func_info": [
            {"id": 18, "name": "小程序开发与数据分析"},
            {"id": 30, "name": "基本信息管理"},
        ],
        "missing_permissions": [
            {
                "code": "messages",
                "name": "messages of users, and answers",
                "sets": [{"id": 19, "name": "小程序客服管理"}],
            }
        ],
        "token": {"state": "fresh", "expires_at": "2100-01-01T00:00:00Z"},
        "authorized_at": "2026-03-04T05:06:07Z",
        "unauthorized_at": None,
        "updated_at": "2026-03-05T00:00:00Z",
        "audit": None,
    }


@pytest.mark.parametrize(
    ("values", "codes"),
    [
        ({"func_info": [18, 19, 30]}, []),
        ({"func_info": [30]}, ["code", "messages", "filing"]),
        ({"func_info": []}, []),
        ({"func_info": [30], "state": "unbound"}, []),
    ],
)
def test_what_an_account_does_not_let_us_do_is_told(
    api: Client,
    component: Component,
    merchant: User,
    values: dict[str, Any],
    codes: list[str],
) -> None:
    make_authorizer(component, merchant, **values)
    [told] = api.get(LIST).json()["results"]
    assert [missing["code"] for missing in told["missing_permissions"]] == codes


def test_the_list_tells_the_same_as_the_detail(
    api: Client, component: Component, merchant: User
) -> None:
    row = make_authorizer(component, merchant)
    answer = api.get(LIST).json()
    assert answer == {
        "next": None,
        "previous": None,
        "results": [api.get(f"{LIST}{row.appid}/").json()],
    }


@pytest.mark.parametrize(
    ("expires", "told"),
    [
        (0, {"state": "none", "expires_at": None}),
        (1767225600, {"state": "expired", "expires_at": "2026-01-01T00:00:00Z"}),
        (FAR, {"state": "fresh", "expires_at": "2100-01-01T00:00:00Z"}),
    ],
)
def test_the_health_of_a_token_is_told_but_not_the_token(
    api: Client, component: Component, merchant: User, expires: int, told: dict[str, str]
) -> None:
    make_authorizer(component, merchant, expires=expires, access_token="99_secret-access-token")
    answer = api.get(LIST)
    assert answer.json()["results"][0]["token"] == told
    assert b"secret" not in answer.content
    assert b"refreshtoken" not in answer.content


def test_columns_that_hold_secrets_are_not_even_read(
    api: Client, component: Component, merchant: User, django_assert_num_queries: Any
) -> None:
    make_authorizer(component, merchant)
    with django_assert_num_queries(4) as queries:  # knox twice, accounts, audits
        api.get(LIST)
    assert "authorizer_access_token" not in queries[-2]["sql"]
    assert "authorizer_refresh_token" not in queries[-2]["sql"]


def test_unbound_accounts_are_listed(api: Client, component: Component, merchant: User) -> None:
    moment = datetime(2026, 3, 4, tzinfo=UTC)
    make_authorizer(component, merchant, state="unbound", unauthorized_at=moment)
    [row] = api.get(LIST).json()["results"]
    assert (row["state"], row["unauthorized_at"]) == ("unbound", "2026-03-04T00:00:00Z")
    assert row["token"] == {"state": "none", "expires_at": None}


# Who sees what


def test_a_merchants_key_sees_that_merchants_rows_only(
    api: Client, component: Component, merchant: User, other_merchant: User
) -> None:
    make_authorizer(component, merchant, appid="wx00000000000000a1")
    make_authorizer(component, other_merchant, appid="wx00000000000000a2")
    make_authorizer(component, None, appid="wx00000000000000a3")
    assert appids(api.get(LIST)) == ["wx00000000000000a1"]


@pytest.mark.parametrize("appid", ["wx00000000000000a2", "wx00000000000000a9", "x", "%00", "wx-"])
def test_what_is_not_ones_own_is_not_found(
    api: Client, component: Component, other_merchant: User, appid: str
) -> None:
    make_authorizer(component, other_merchant, appid="wx00000000000000a2")
    answer = api.get(f"{LIST}{appid}/")
    assert answer.status_code == 404
    assert answer.json()["code"] == "not_found"


def test_a_staff_key_sees_all(staff: User, component: Component, merchant: User) -> None:
    make_authorizer(component, merchant, appid="wx00000000000000a1")
    make_authorizer(component, None, appid="wx00000000000000a2")
    assert appids(client_of(staff).get(LIST)) == ["wx00000000000000a2", "wx00000000000000a1"]


@pytest.mark.parametrize("path", [LIST, LIST + "wx00000000000000a1/"])
def test_staff_without_the_permission_are_refused(
    component: Component, merchant: User, path: str
) -> None:
    make_authorizer(component, merchant)
    user = User.objects.create_user("clerk", is_staff=True)
    answer = client_of(user).get(path)
    assert (answer.status_code, answer.json()["code"]) == (403, "permission_denied")


def test_the_permission_without_being_staff_opens_nothing(
    component: Component, merchant: User, other_merchant: User
) -> None:
    make_authorizer(component, merchant)
    permission = Permission.objects.get(codename="view_authorizer")
    other_merchant.user_permissions.add(permission)
    assert appids(client_of(other_merchant).get(LIST)) == []


PERSONS, CLIENTS = (
    ("authentication_failed", "Token"),
    (
        "invalid_client_key",
        'Bearer error="invalid_token"',
    ),
)
NOBODYS = ("not_authenticated", "Token, Bearer")


@pytest.mark.parametrize(
    ("key", "code", "challenge"),
    [
        (None, *NOBODYS),
        ("", *NOBODYS),
        ("Basic dTpw", *NOBODYS),
        ("Token nonsense", *PERSONS),
        ("token nonsense", *PERSONS),
        ("Token", *PERSONS),
        ("Token a b", *PERSONS),
        ("Bearer x", *CLIENTS),
        ("bearer x", *CLIENTS),
        ("Bearer", *CLIENTS),
        ("Bearer a b", *CLIENTS),
        (f"Bearer wxp_{'0' * 64}", *CLIENTS),
    ],
)
def test_without_a_good_key_the_answer_tells_which_kind_was_tried(
    key: str | None, code: str, challenge: str
) -> None:
    answer = Client(headers={} if key is None else {"authorization": key}).get(LIST)
    assert (answer.status_code, answer.json()["code"]) == (401, code)
    assert answer["WWW-Authenticate"] == challenge


def test_a_portal_session_is_no_key(merchant: User) -> None:
    browser = Client()
    browser.force_login(merchant)
    assert browser.get(LIST).status_code == 401


def test_a_key_dies_with_its_users_account(api: Client, merchant: User) -> None:
    User.objects.filter(pk=merchant.pk).update(is_active=False)
    assert api.get(LIST).status_code == 401


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_nothing_can_be_changed(api: Client, method: str) -> None:
    answer = getattr(api, method)(LIST)
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")


# Filters


@pytest.fixture
def three(component: Component, merchant: User) -> None:
    make_authorizer(component, merchant, appid="wx00000000000000a1", nick_name="Tea shop")
    make_authorizer(
        component, merchant, appid="wx00000000000000a2", nick_name="Cake", kind="official_account"
    )
    make_authorizer(
        component, merchant, appid="wx00000000000000a3", user_name="gh_3", state="unbound"
    )


@pytest.mark.usefixtures("three")
@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("kind=official_account", ["wx00000000000000a2"]),
        ("state=unbound", ["wx00000000000000a3"]),
        ("state=bound&kind=mini_program", ["wx00000000000000a1"]),
        ("search=wx00000000000000a2", ["wx00000000000000a2"]),
        ("search=gh_3", ["wx00000000000000a3"]),
        ("search=Tea", ["wx00000000000000a1"]),
        ("search=wx000000", []),
        ("search=%25", []),
        ("search=", ["wx00000000000000a3", "wx00000000000000a2", "wx00000000000000a1"]),
    ],
)
def test_filters_find(api: Client, query: str, found: list[str]) -> None:
    assert appids(api.get(f"{LIST}?{query}")) == found


@pytest.mark.parametrize(
    ("query", "field"),
    [
        (f"search={'x' * 201}", "search"),
        ("kind=shop", "kind"),
        ("state=1", "state"),
        ("search=%00", "search"),
    ],
)
def test_a_filter_value_nobody_knows_is_told(api: Client, query: str, field: str) -> None:
    answer = api.get(f"{LIST}?{query}")
    assert answer.status_code == 400
    assert answer.json()["code"] == "invalid"
    assert list(answer.json()["fields"]) == [field]


@pytest.mark.usefixtures("three")
@pytest.mark.parametrize("query", ["ordering=refresh_token", "owner__password=x", "uid=1"])
def test_other_parameters_filter_nothing(api: Client, query: str) -> None:
    assert len(appids(api.get(f"{LIST}?{query}"))) == 3


# Pages


def make_many(component: Component, owner: User, count: int) -> None:
    for number in range(count):
        make_authorizer(component, owner, appid=f"wx{number:016d}")


def test_pages_of_fifty_lead_through_everything_once(
    api: Client, component: Component, merchant: User
) -> None:
    make_many(component, merchant, 120)
    seen: list[str] = []
    url, sizes = LIST, []
    while url:
        page = api.get(url).json()
        seen += [row["appid"] for row in page["results"]]
        sizes.append(len(page["results"]))
        url = page["next"]
    assert sizes == [50, 50, 20]
    assert len(set(seen)) == 120


@pytest.mark.parametrize(("asked", "given"), [("10", 10), ("200", 120), ("5000", 120), ("x", 50)])
def test_a_page_can_have_another_size_up_to_two_hundred(
    api: Client, component: Component, merchant: User, asked: str, given: int
) -> None:
    make_many(component, merchant, 120)
    assert len(appids(api.get(f"{LIST}?page_size={asked}"))) == given


def test_no_page_has_more_than_two_hundred(
    api: Client, component: Component, merchant: User
) -> None:
    make_many(component, merchant, 201)
    assert len(appids(api.get(f"{LIST}?page_size=201"))) == 200


def test_a_cursor_of_nobodys_is_told(api: Client) -> None:
    answer = api.get(f"{LIST}?cursor=nonsense")
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
