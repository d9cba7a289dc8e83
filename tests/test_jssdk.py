"""Pages of official accounts that use the JS-SDK, and cards: signed with one ticket for all."""

import hashlib
import logging
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db.models.functions import Now
from django.test import Client
from django.utils import timezone
from knox.models import AuthToken

from miniprograms.models import Authorizer, SigningTicket
from sandbox.world import WeChat
from tests.conftest import Bound
from tests.test_api_clients import bearer, make_key, status_and_code
from tests.threads import together
from wechat import bulkhead

pytestmark = pytest.mark.django_db

TICKET = "/cgi-bin/ticket/getticket"
HOSTS = "mp.weixin.qq.com,shop.example.com"
PAGE = "https://shop.example.com/p?id=1"

# Published: the ticket, nonce and time, and the signatures of two addresses.
SAMPLE_TICKET = (
    "sM4AOVdWfPE4DxkXGEs8VMCPGGVi4C3VM0P37wVUCFvkVAy_90u5h9nbSlYy3-Sl-HhTdfl2fzFy1AOcHKP7qg"
)
SAMPLE = {"nonceStr": "Wm3WZYTPz0wzccnW", "timestamp": "1414587457"}
SIGNATURES = {
    "http://mp.weixin.qq.com?params=value": "0f9de62fce790f9a083d5c99e95740ceb90c27ed",
    "http://mp.weixin.qq.com": "f4d90daf4b3bca3078ab155816175ba34c443a7b",
}


@pytest.fixture
def account(bound: Bound) -> Authorizer:
    return bound(kind="official_account")


@pytest.fixture
def shop(merchant: User) -> Client:
    return bearer(make_key(merchant, "jssdk:sign", redirect_hosts=HOSTS))


def sign(client: Client, account: Authorizer, url: str = PAGE, **query: str) -> Any:
    address = f"/api/v1/authorizers/{account.appid}/jssdk/"
    return client.get(address, {"url": url, **query})


def signed(client: Client, account: Authorizer, url: str = PAGE, **query: str) -> Any:
    answer = sign(client, account, url, **query)
    assert answer.status_code == 200, answer.content
    assert answer["Cache-Control"] == "no-store"
    return answer.json()


def signature_of(config: dict[str, Any], ticket: str) -> str:
    text = (
        f"jsapi_ticket={ticket}&noncestr={config['nonceStr']}"
        f"&timestamp={config['timestamp']}&url={config['url']}"
    )
    return hashlib.sha1(text.encode()).hexdigest()


# ── signatures ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("url", SIGNATURES)
def test_wechats_samples_come_out(
    account: Authorizer, shop: Client, wechat: WeChat, url: str
) -> None:
    wechat.next_signing_ticket = SAMPLE_TICKET
    assert signed(shop, account, f"{url}#top", **SAMPLE) == {
        "appId": account.appid,
        "timestamp": 1414587457,
        "nonceStr": "Wm3WZYTPz0wzccnW",
        "signature": SIGNATURES[url],
        "url": url,
    }


def test_nonce_and_time_are_ours_if_nobody_says_otherwise(
    account: Authorizer, shop: Client, wechat: WeChat
) -> None:
    wechat.next_signing_ticket = SAMPLE_TICKET
    configs = [signed(shop, account) for _ in range(2)]
    assert len({config["nonceStr"] for config in configs}) == 2
    for config in configs:
        assert abs(config["timestamp"] - timezone.now().timestamp()) < 60
        assert config["signature"] == signature_of(config, SAMPLE_TICKET)
    assert wechat.count(TICKET) == 1


def test_a_page_in_chinese_is_signed_as_the_browser_has_it(
    account: Authorizer, shop: Client, wechat: WeChat
) -> None:
    wechat.next_signing_ticket = SAMPLE_TICKET
    config = signed(shop, account, "https://shop.example.com/店?q=茶#x")
    assert config["url"] == "https://shop.example.com/店?q=茶"
    assert config["signature"] == signature_of(config, SAMPLE_TICKET)


def test_a_card_is_signed_over_its_values_sorted(
    bound: Bound, shop: Client, wechat: WeChat
) -> None:
    wechat.component.func_ids.append(8)
    account = bound(kind="official_account")
    wechat.next_signing_ticket = "card-ticket"
    answer = shop.get(
        f"/api/v1/authorizers/{account.appid}/jssdk/card/",
        {"card_id": "pCard", "openid": "o1", **SAMPLE},
    )
    assert answer.status_code == 200, answer.content
    values = sorted(["card-ticket", "1414587457", "Wm3WZYTPz0wzccnW", "pCard", "o1"])
    assert answer.json() == {
        "card_id": "pCard",
        "card_ext": {
            "openid": "o1",
            "timestamp": "1414587457",
            "nonce_str": "Wm3WZYTPz0wzccnW",
            "signature": hashlib.sha1("".join(values).encode()).hexdigest(),
        },
    }
    assert SigningTicket.objects.get().name == f"{account.appid} wx_card"


# ── the ticket ──────────────────────────────────────────────────────────────────────────────────


def test_it_lies_encrypted_in_one_row(account: Authorizer, shop: Client, wechat: WeChat) -> None:
    wechat.next_signing_ticket = SAMPLE_TICKET
    signed(shop, account)
    assert SAMPLE_TICKET not in str(list(SigningTicket.objects.values()))
    assert SigningTicket.objects.get().value == SAMPLE_TICKET


def expire(seconds: int) -> None:
    """The ticket is due, and good for so long."""
    expires = int(timezone.now().timestamp()) + seconds
    past = timezone.now() - timedelta(hours=1)
    SigningTicket.objects.update(expires=expires, due_at=past)


def test_it_is_renewed_before_it_expires(account: Authorizer, shop: Client, wechat: WeChat) -> None:
    signed(shop, account)
    due_at = SigningTicket.objects.get().due_at
    assert due_at is not None
    assert 3500 < (due_at - timezone.now()).total_seconds() < 4400
    expire(3000)
    wechat.next_signing_ticket = SAMPLE_TICKET
    config = signed(shop, account)
    assert config["signature"] == signature_of(config, SAMPLE_TICKET)
    assert wechat.count(TICKET) == 2


def test_a_live_one_serves_while_wechat_gives_none(
    account: Authorizer, shop: Client, wechat: WeChat
) -> None:
    wechat.next_signing_ticket = SAMPLE_TICKET
    signed(shop, account)
    wechat.fault(TICKET, times=99, status=502)
    expire(3000)
    config = signed(shop, account)
    assert config["signature"] == signature_of(config, SAMPLE_TICKET)
    expire(-1)
    assert status_and_code(sign(shop, account)) == (502, "wechat_unreachable")
    assert status_and_code(sign(shop, account)) == (503, "not_ready")  # a pause runs


def test_a_refusal_of_the_accounts_rights_is_told_each_time_and_passes_when_mended(
    bound: Bound, shop: Client, wechat: WeChat
) -> None:
    wechat.component.func_ids.remove(4)
    account = bound(kind="official_account")
    for _ in range(2):
        answer = sign(shop, account)
        assert status_and_code(answer) == (422, "wechat_refused")
        assert answer.json()["wechat"]["errcode"] == 61007
    wechat.component.func_ids.append(4)
    wechat.update_authorization(account.appid, [1, 2, 3, 4])
    assert sign(shop, account).status_code == 200


def test_calls_that_are_used_up_are_not_asked_for_again_today(
    account: Authorizer, shop: Client, wechat: WeChat
) -> None:
    wechat.daily_limits[TICKET] = 0
    answer = sign(shop, account)
    assert status_and_code(answer) == (422, "wechat_refused")
    assert status_and_code(sign(shop, account)) == (503, "not_ready")
    assert wechat.count(TICKET) == 1


def test_an_account_that_cancelled_is_a_conflict(
    account: Authorizer, shop: Client, wechat: WeChat
) -> None:
    signed(shop, account)
    Authorizer.objects.update(state="needs_reauthorization", due_at=None)
    assert status_and_code(sign(shop, account)) == (409, "not_bound")
    Authorizer.objects.update(state="bound", due_at=Now(), expires=1)
    wechat.cancel(account.appid)
    expire(-1)
    assert status_and_code(sign(shop, account)) == (409, "not_bound")


@pytest.fixture
def wide(settings: Any) -> Iterator[None]:
    """A process with a place for each who asks."""
    bulkhead.configure(32)
    yield
    bulkhead.configure(settings.BULKHEAD_PLACES)


@pytest.mark.usefixtures("wide")
@pytest.mark.django_db(transaction=True)
def test_many_who_ask_at_once_have_it_asked_for_once(
    account: Authorizer, merchant: User, wechat: WeChat
) -> None:
    key = make_key(merchant, "jssdk:sign", redirect_hosts=HOSTS)
    wechat.fault(TICKET, times=None, delay=0.2)
    answers = together([lambda: sign(bearer(key), account)] * 16)
    for answer in answers:
        assert not isinstance(answer, Exception), answer
        assert answer.status_code == 200, answer.content
    [ticket] = SigningTicket.objects.all()
    configs = [answer.json() for answer in answers if not isinstance(answer, Exception)]
    assert all(one["signature"] == signature_of(one, ticket.value) for one in configs)
    assert wechat.count(TICKET) == 1


# ── hosts ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "url", ["https://evil.example/", "https://a.shop.example.com/", "https://shop.example.com:81/"]
)
def test_a_host_that_is_not_on_the_list_is_not_signed_for(
    account: Authorizer, shop: Client, wechat: WeChat, url: str
) -> None:
    assert status_and_code(sign(shop, account, url)) == (403, "host_not_allowed")
    assert wechat.count(TICKET) == 0


@pytest.mark.parametrize(
    "url",
    [
        *("", "x", "/p", "ftp://shop.example.com/", "https://shop.example.com@evil.example/"),
        *("https://evil.example\\@shop.example.com/", "https://shop.example.com /", "#top"),
        "https://shop.example.com/" + "x" * 2000,
    ],
)
def test_what_is_no_address_of_a_page_is_refused(
    account: Authorizer, shop: Client, url: str
) -> None:
    answer = sign(shop, account, url)
    assert (answer.status_code, list(answer.json()["fields"])) == (400, ["url"])


@pytest.mark.parametrize(
    "query", [{"nonceStr": "a&url=b"}, {"nonceStr": "x" * 33}, {"timestamp": "0"}, {"more": "x"}]
)
def test_a_nonce_cannot_be_more_than_one(
    account: Authorizer, shop: Client, query: dict[str, str]
) -> None:
    answer = sign(shop, account, **query)
    assert (answer.status_code, list(answer.json()["fields"])) == (400, list(query))


def test_a_client_without_hosts_and_a_person_have_none(account: Authorizer, merchant: User) -> None:
    _row, key = AuthToken.objects.create(merchant)
    for asking in (
        bearer(make_key(merchant, "jssdk:sign")),
        Client(headers={"authorization": f"Token {key}"}),
    ):
        assert status_and_code(sign(asking, account)) == (403, "host_not_allowed")


def test_a_mini_program_has_no_pages(bound: Bound, shop: Client, wechat: WeChat) -> None:
    program = bound()
    assert status_and_code(sign(shop, program)) == (409, "other_kind")
    card = shop.get(f"/api/v1/authorizers/{program.appid}/jssdk/card/")
    assert status_and_code(card) == (409, "other_kind")
    assert wechat.count(TICKET) == 0


# ── secrets ─────────────────────────────────────────────────────────────────────────────────────


def test_the_ticket_is_in_no_answer_and_no_log(
    account: Authorizer, shop: Client, wechat: WeChat, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    wechat.next_signing_ticket = SAMPLE_TICKET
    answers = [sign(shop, account), sign(shop, account, "https://evil.example/")]
    wechat.fault(TICKET, body=f'{{"errcode":1,"errmsg":"ticket={SAMPLE_TICKET}"}}'.encode())
    expire(-1)
    answers.append(sign(shop, account))
    assert [answer.status_code for answer in answers] == [200, 403, 422]
    texts = [*(answer.content.decode() for answer in answers), caplog.text]
    texts.append(str(list(SigningTicket.objects.values())))
    assert not any(SAMPLE_TICKET in text for text in texts)
