"""Access tokens for other back ends: with enough time left, one refresh for all who ask."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db.models.functions import Now
from django.test import Client
from django.utils import timezone
from knox.models import AuthToken

from miniprograms.models import Authorizer
from platform_auth.models import Operation
from sandbox.world import WeChat
from tests.conftest import Bound
from tests.test_api_clients import bearer, make_key, status_and_code
from tests.threads import together
from wechat import bulkhead

pytestmark = pytest.mark.django_db(transaction=True)

REFRESH = "/cgi-bin/component/api_authorizer_token"


def url_of(account: Authorizer) -> str:
    return f"/api/v1/authorizers/{account.appid}/access-token/"


@pytest.fixture
def reader(merchant: User) -> Client:
    return bearer(make_key(merchant, "tokens:read", name="till"))


def expire_in(account: Authorizer, seconds: int) -> None:
    """Refreshing has failed for a while: the token of ACCOUNT is still good for so long."""
    expires = int(timezone.now().timestamp()) + seconds
    Authorizer.objects.filter(pk=account.pk).update(expires=expires)


def test_the_token_is_told_with_its_time_and_kept_by_nobody_between(
    bound: Bound, reader: Client, wechat: WeChat
) -> None:
    account = bound()
    answer = reader.get(url_of(account))
    assert answer.status_code == 200
    assert answer["Cache-Control"] == "no-store"
    data = answer.json()
    assert set(data) == {"access_token", "expires_at", "expires_in"}
    assert data["access_token"] == account.access_token
    assert 7000 < data["expires_in"] <= 7200
    assert data["expires_at"].endswith("Z")
    assert wechat.count(REFRESH) == 0


def test_each_reading_is_in_the_operation_log_without_the_token(
    bound: Bound, reader: Client, merchant: User
) -> None:
    account = bound()
    for _ in range(3):
        reader.get(url_of(account))
    rows = Operation.objects.filter(action="read_token", appid=account.appid)
    assert [row.actor for row in rows] == [merchant] * 3
    assert all(row.result.endswith("[till]") for row in rows)
    assert account.access_token not in str(list(rows.values()))


def test_one_with_less_time_left_than_is_needed_is_refreshed(
    bound: Bound, reader: Client, wechat: WeChat
) -> None:
    account = bound()
    expire_in(account, 200)
    enough = reader.get(f"{url_of(account)}?min_seconds=100").json()
    assert enough["access_token"] == account.access_token
    assert wechat.count(REFRESH) == 0
    fresh = reader.get(f"{url_of(account)}?min_seconds=300").json()
    assert fresh["access_token"] != account.access_token
    assert fresh["expires_in"] >= 300
    assert wechat.count(REFRESH) == 1


def test_who_needs_more_than_there_is_waits_while_wechat_gives_none(
    bound: Bound, reader: Client, wechat: WeChat
) -> None:
    account = bound()
    expire_in(account, 200)
    wechat.fault(REFRESH, errcode=-1, times=9)
    assert status_and_code(reader.get(f"{url_of(account)}?min_seconds=300")) == (503, "not_ready")
    assert status_and_code(reader.get(f"{url_of(account)}?min_seconds=300")) == (503, "not_ready")
    assert reader.get(url_of(account)).json()["access_token"] == account.access_token
    assert Operation.objects.filter(action="read_token").count() == 1


@pytest.mark.parametrize("text", ["301", "-1", "x", "1.5", "", "9" * 30])
def test_what_is_no_number_of_seconds_is_refused(bound: Bound, reader: Client, text: str) -> None:
    answer = reader.get(f"{url_of(bound())}?min_seconds={text}")
    assert (answer.status_code, list(answer.json()["fields"])) == (400, ["min_seconds"])


@pytest.mark.parametrize("state", ["unbound", "needs_reauthorization"])
def test_an_account_that_only_its_owner_can_help_is_a_conflict(
    bound: Bound, reader: Client, state: str
) -> None:
    account = bound()
    none = {"access_token": "", "refresh_token": "", "expires": 0, "due_at": None}
    Authorizer.objects.update(state=state, **none)
    assert status_and_code(reader.get(url_of(account))) == (409, "not_bound")


def test_an_account_whose_owner_has_just_cancelled_is_a_conflict(
    bound: Bound, reader: Client, wechat: WeChat
) -> None:
    account = bound()
    wechat.cancel(account.appid)
    wechat.outbox.clear()
    Authorizer.objects.update(due_at=Now(), expires=1)
    assert status_and_code(reader.get(url_of(account))) == (409, "not_bound")


def test_another_account_is_not_found(bound: Bound, merchant: User, other_merchant: User) -> None:
    own, other = bound(), bound(owner=other_merchant)
    narrow = bearer(make_key(merchant, "tokens:read", appids=own.appid))
    assert [narrow.get(url_of(account)).status_code for account in (own, other)] == [200, 404]


def test_a_merchants_own_key_is_given_none(bound: Bound, merchant: User) -> None:
    account = bound()
    _row, key = AuthToken.objects.create(merchant)
    answer = Client(headers={"authorization": f"Token {key}"}).get(url_of(account))
    assert status_and_code(answer) == (403, "missing_scope")


def test_a_client_of_staff_needs_the_right_as_well(bound: Bound, staff: User) -> None:
    account = bound()
    client = bearer(make_key(staff, "tokens:read"))
    assert status_and_code(client.get(url_of(account))) == (403, "missing_scope")
    staff.user_permissions.add(Permission.objects.get(codename="read_tokens"))
    assert client.get(url_of(account)).status_code == 200


@pytest.fixture
def wide(settings: Any) -> Iterator[None]:
    """A process with a place for each who asks."""
    bulkhead.configure(32)
    yield
    bulkhead.configure(settings.BULKHEAD_PLACES)


@pytest.mark.usefixtures("wide")
def test_many_who_ask_at_once_have_each_account_refreshed_once(
    bound: Bound, merchant: User, wechat: WeChat
) -> None:
    accounts = [bound() for _ in range(4)]
    Authorizer.objects.update(due_at=Now(), expires=1)
    key = make_key(merchant, "tokens:read")

    def ask(account: Authorizer) -> Any:
        return lambda: bearer(key).get(url_of(account))

    answers = together([ask(account) for account in accounts * 4])

    tokens: dict[str, set[str]] = {}
    for account, answer in zip(accounts * 4, answers, strict=True):
        assert not isinstance(answer, Exception), answer
        assert answer.status_code == 200, answer.content
        tokens.setdefault(account.appid, set()).add(answer.json()["access_token"])
    assert [len(found) for found in tokens.values()] == [1] * 4
    assert wechat.count(REFRESH) == 4
    assert Operation.objects.filter(action="read_token").count() == 16
