"""Other back ends call WeChat through us: as the account, within bounds, and never with a token."""

import json
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from knox.models import AuthToken

from miniprograms.models import Authorizer
from platform_auth.models import ApiClient, Operation
from sandbox.world import WeChat
from tests.conftest import Bound
from tests.test_api_clients import bearer, make_key, status_and_code

pytestmark = pytest.mark.django_db

PAGE, SEND, UPLOAD, MEDIA = (
    "wxa/get_category",
    "cgi-bin/message/custom/send",
    "cgi-bin/media/upload",
    "cgi-bin/media/get",
)
PNG = b"\x89PNG\r\n\x1a\n" + bytes(64)
MIB = 1024 * 1024


@pytest.fixture
def account(bound: Bound) -> Authorizer:
    return bound()


@pytest.fixture
def caller(merchant: User) -> Client:
    return bearer(make_key(merchant, "wechat:call", name="till"))


def url_of(account: Authorizer, path: str) -> str:
    return f"/api/v1/authorizers/{account.appid}/wechat/{path}"


def say(client: Client, account: Authorizer, openid: str = "o-nobody") -> Any:
    body = {"touser": openid, "msgtype": "text", "text": {"content": "好"}}
    text = json.dumps(body, ensure_ascii=False)
    return client.post(url_of(account, SEND), text, content_type="application/json")


def test_wechats_answer_comes_as_it_is(account: Authorizer, caller: Client, wechat: WeChat) -> None:
    answer = caller.get(url_of(account, PAGE))
    assert answer.status_code == 200
    assert answer.json()["errcode"] == 0
    assert answer["X-WeChat-Errcode"] == "0"
    assert answer["Cache-Control"] == "no-store"
    [entry] = [entry for entry in wechat.ledger if entry.path == f"/{PAGE}"]
    assert entry.appid == account.appid


def test_a_refusal_comes_as_it_is_with_its_rid(account: Authorizer, caller: Client) -> None:
    answer = say(caller, account)
    assert answer.status_code == 200
    errcode = answer.json()["errcode"]
    assert errcode != 0
    assert answer["X-WeChat-Errcode"] == str(errcode)
    assert answer["X-WeChat-Rid"] in answer.json()["errmsg"]


def test_what_may_change_something_is_in_the_operation_log(
    account: Authorizer, caller: Client, merchant: User
) -> None:
    caller.get(url_of(account, PAGE))
    say(caller, account)
    [row] = Operation.objects.filter(action="call_wechat")
    assert (row.actor, row.appid, row.result) == (merchant, account.appid, f"/{SEND} [till]")


@pytest.mark.parametrize("errcode", [40001, 42001])
def test_a_dead_token_is_replaced_and_the_call_repeated_once(
    account: Authorizer, caller: Client, wechat: WeChat, errcode: int
) -> None:
    wechat.fault(f"/{SEND}", errcode=errcode)
    answer = say(caller, account)
    assert answer["X-WeChat-Errcode"] not in ("40001", "42001")
    assert wechat.count(f"/{SEND}") == 2
    assert Authorizer.objects.get().access_token != account.access_token
    wechat.fault(f"/{SEND}", errcode=errcode, times=9)
    assert say(caller, account)["X-WeChat-Errcode"] == str(errcode)
    assert wechat.count(f"/{SEND}") == 4


def test_a_form_with_a_file_goes_up_and_the_file_comes_down(
    account: Authorizer, caller: Client, wechat: WeChat
) -> None:
    boundary = "x-boundary"
    head = 'Content-Disposition: form-data; name="media"; filename="a.png"'
    parts = f"--{boundary}\r\n{head}\r\nContent-Type: image/png\r\n\r\n".encode()
    body = parts + PNG + f"\r\n--{boundary}--\r\n".encode()
    answer = caller.generic(
        "POST",
        url_of(account, f"{UPLOAD}?type=image"),
        body,
        content_type=f"multipart/form-data; boundary={boundary}",
    )
    assert answer.status_code == 200, answer.content
    media_id = answer.json()["media_id"]
    assert wechat.media.files[media_id].content == PNG
    answer = caller.get(url_of(account, MEDIA), {"media_id": media_id})
    assert (answer.content, answer["X-WeChat-Errcode"]) == (PNG, "0")


@pytest.mark.parametrize(
    ("size", "content_type", "status"),
    [
        (MIB, "application/json", 200),
        (MIB + 1, "application/json", 413),
        (10 * MIB, "multipart/form-data; boundary=x", 200),
        (10 * MIB + 1, "multipart/form-data; boundary=x", 413),
        (9, "text/xml", 415),
        (9, "application/x-www-form-urlencoded", 415),
        (9, "multipart/form-data", 415),
    ],
)
def test_what_goes_up_is_bounded(
    account: Authorizer, caller: Client, size: int, content_type: str, status: int
) -> None:
    answer = caller.generic(
        "POST", url_of(account, f"{UPLOAD}?type=image"), b"x" * size, content_type=content_type
    )
    assert answer.status_code == status, answer.content


def test_what_comes_down_is_bounded(account: Authorizer, caller: Client, wechat: WeChat) -> None:
    wechat.fault(f"/{MEDIA}", body=PNG + bytes(20 * MIB - len(PNG)))
    assert len(caller.get(url_of(account, MEDIA)).getvalue()) == 20 * MIB
    wechat.fault(f"/{MEDIA}", body=PNG + bytes(20 * MIB))
    assert status_and_code(caller.get(url_of(account, MEDIA))) == (502, "wechat_unreachable")


def test_a_token_in_the_answer_is_masked(
    account: Authorizer, caller: Client, wechat: WeChat
) -> None:
    echo = json.dumps({"errcode": 1, "errmsg": f"bad {account.access_token}"}).encode()
    wechat.fault(f"/{PAGE}", body=echo)
    answer = caller.get(url_of(account, PAGE))
    assert account.access_token not in answer.content.decode()
    assert answer.json()["errmsg"] == "bad ***"


def test_a_token_that_the_caller_sends_goes_nowhere(
    account: Authorizer, caller: Client, wechat: WeChat
) -> None:
    path = f"{PAGE}?access_token=mine&Component_Access_Token=x&begin=0"
    assert caller.get(url_of(account, path)).json()["errcode"] == 0


@pytest.mark.parametrize(
    "path",
    [
        "wxa/../cgi-bin/token",
        "wxa/%2e%2e/cgi-bin/token",
        "wxa/%252e%252e/cgi-bin/token",
        "wxa//get_page",
        "/wxa/get_page",
        "wxa%2f%2fget_page",
        "wxa/./get_page",
        "wxa\\get_page",
        "wxa/get_page;x=1",
        "wxa/get_page%3fx=1",
        "wxa/get_page%23",
        "wxa/get_page%20",
        "wxa/get_page/",
        "@evil.example.com/wxa/get_page",
        "evil.example.com:443/x",
        "https://evil.example.com/",
        "wxa/get_p%D0%B0ge",
        "wxa/" + "x" * 300,
    ],
)
def test_what_is_no_path_leads_nowhere(
    account: Authorizer, caller: Client, wechat: WeChat, path: str
) -> None:
    before = len(list(wechat.ledger))
    answer = caller.get(url_of(account, path))
    assert answer.status_code in (400, 404), answer.content
    assert len(list(wechat.ledger)) == before


@pytest.mark.parametrize(
    "path",
    [
        "cgi-bin/token",
        "CGI-BIN/Token",
        "cgi-bin/stable_token",
        "cgi-bin/component/api_query_auth",
        "cgi-bin/clear_quota",
        "cgi-bin/clear_quota/v2",
    ],
)
def test_what_gives_tokens_is_closed(account: Authorizer, caller: Client, path: str) -> None:
    assert status_and_code(caller.get(url_of(account, path))) == (403, "path_not_allowed")


def test_a_client_may_be_held_to_paths(account: Authorizer, caller: Client) -> None:
    ApiClient.objects.update(path_prefixes=["/wxa/", "/cgi-bin/media/get"])
    for path, is_allowed in [
        (PAGE, True),
        (MEDIA, True),
        (f"{MEDIA}x", False),
        (UPLOAD, False),
        (SEND, False),
        ("wxaapi/x", False),
    ]:
        code = status_and_code(caller.get(url_of(account, path)))[1] if not is_allowed else ""
        assert code == ("" if is_allowed else "path_not_allowed"), path
    assert caller.get(url_of(account, PAGE)).status_code == 200


def test_another_account_is_not_found_and_one_unbound_a_conflict(
    bound: Bound, caller: Client, other_merchant: User
) -> None:
    own, other = bound(), bound(owner=other_merchant)
    assert caller.get(url_of(other, PAGE)).status_code == 404
    Authorizer.objects.filter(pk=own.pk).update(state="needs_reauthorization", due_at=None)
    assert status_and_code(caller.get(url_of(own, PAGE))) == (409, "not_bound")


def test_wechat_that_fails_is_told_as_ours(
    account: Authorizer, caller: Client, wechat: WeChat
) -> None:
    wechat.fault(f"/{PAGE}", status=502)
    assert status_and_code(caller.get(url_of(account, PAGE))) == (502, "wechat_unreachable")
    wechat.fault(f"/{PAGE}", drop="after")
    assert status_and_code(caller.get(url_of(account, PAGE))) == (502, "wechat_unreachable")
    assert wechat.count(f"/{PAGE}") == 2  # nothing is repeated blindly


def test_a_key_without_the_right_calls_nothing(
    account: Authorizer, merchant: User, staff: User, wechat: WeChat
) -> None:
    _row, own = AuthToken.objects.create(merchant)
    _row, theirs = AuthToken.objects.create(staff)
    for client in (
        Client(headers={"authorization": f"Token {own}"}),
        Client(headers={"authorization": f"Token {theirs}"}),
        bearer(make_key(merchant, "tokens:read")),
        bearer(make_key(staff, "wechat:call")),
    ):
        assert status_and_code(client.get(url_of(account, PAGE))) == (403, "missing_scope")
    assert wechat.count(f"/{PAGE}") == 0
    staff.user_permissions.add(Permission.objects.get(codename="call_wechat"))
    client = Client(headers={"authorization": f"Token {theirs}"})
    assert client.get(url_of(account, PAGE)).status_code == 200
