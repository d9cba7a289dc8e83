"""Staff with the right call WeChat as an account, on a page, within the bounds of the REST door."""

import re
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from miniprograms.models import Authorizer
from platform_auth import call_log
from platform_auth.models import Operation, WeChatCall
from sandbox.world import WeChat
from tests.conftest import Bound
from wechat import bulkhead

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]

SEND, CATEGORIES = "/cgi-bin/message/custom/send", "/wxa/get_category"
NOBODY = '{"touser": "o-nobody", "msgtype": "text", "text": {"content": "好"}}'


@pytest.fixture
def account(bound: Bound) -> Authorizer:
    return bound()


@pytest.fixture
def browser(staff: User) -> Client:
    staff.user_permissions.add(Permission.objects.get(codename="call_wechat"))
    browser = Client(headers={"accept-language": "en"})
    browser.force_login(staff)
    return browser


def page_of(account: Authorizer) -> str:
    return f"/admin/miniprograms/authorizer/{account.pk}/call/"


def call(browser: Client, account: Authorizer, method: str, path: str, **fields: str) -> Any:
    return browser.post(page_of(account), {"method": method, "path": path, **fields})


def text_of(answer: Any) -> str:
    assert answer.status_code == 200
    return str(answer.content.decode())


def test_the_account_leads_there_and_wechats_answer_is_shown(
    browser: Client, account: Authorizer, wechat: WeChat
) -> None:
    change = text_of(browser.get(f"/admin/miniprograms/authorizer/{account.pk}/change/"))
    assert page_of(account) in change
    assert "Call WeChat" in text_of(browser.get(page_of(account)))
    text = text_of(call(browser, account, "GET", CATEGORIES))
    assert "200 OK" in text
    assert "category_list" in text
    assert not Operation.objects.filter(action="call_wechat").exists()
    [entry] = [entry for entry in wechat.ledger if entry.path == CATEGORIES]
    assert entry.appid == account.appid


def test_a_refusal_is_explained_and_its_rid_leads_on(
    browser: Client, account: Authorizer, staff: User
) -> None:
    answer = call(browser, account, "POST", SEND, body=NOBODY)
    text = text_of(answer)
    [rid] = re.findall(r"calls/\?rid=([0-9a-f-]+)", text)
    errcode = answer.context["answer"].errcode
    assert errcode
    assert f"({errcode})" in answer.context["explanation"]
    row = Operation.objects.get(action="call_wechat")
    assert (row.actor, row.appid, row.result) == (staff, account.appid, SEND)
    call_log.write()
    assert WeChatCall.objects.get(rid=rid).asked_by == staff.username
    address = f"/admin/miniprograms/authorizer/{account.pk}/calls/?rid={rid}"
    assert "o-nobody" in text_of(browser.get(address))


def test_the_query_may_stand_at_the_path_and_a_token_goes_nowhere(
    browser: Client, account: Authorizer, wechat: WeChat
) -> None:
    wechat.fault(CATEGORIES, body=account.access_token.encode().join([b'{"x": "', b'"}']))
    answer = call(
        browser, account, "GET", f"{CATEGORIES}?a=1&access_token=mine", query="b=2&c=%E5%A5%BD"
    )
    text = text_of(answer)
    assert account.access_token not in text
    assert "***" in text


@pytest.mark.parametrize(
    ("method", "path", "fields"),
    [
        ("GET", "/wxa/../cgi-bin/token", {}),
        ("GET", "https://evil.example.com/", {}),
        ("GET", "/wxa//get_page", {}),
        ("GET", "/cgi-bin/token", {}),
        ("POST", "CGI-BIN/component/api_query_auth", {}),
        ("GET", CATEGORIES, {"body": "{}"}),
        ("POST", SEND, {"body": "{"}),
        ("POST", SEND, {"query": "nonsense"}),
        ("PUT", SEND, {}),
    ],
)
def test_what_is_no_call_leads_nowhere(
    browser: Client,
    account: Authorizer,
    wechat: WeChat,
    method: str,
    path: str,
    fields: dict[str, str],
) -> None:
    before = wechat.count()
    answer = call(browser, account, method, path, **fields)
    assert answer.status_code == 200
    assert answer.context["form"].errors
    assert wechat.count() == before


def test_a_file_is_told_of(browser: Client, account: Authorizer, wechat: WeChat) -> None:
    for content in (b"\x89PNG" + bytes(900), b"\x89PNG" + bytes(3 * 1024 * 1024)):
        wechat.fault("/wxa/get_qrcode", body=content, headers={"Content-Type": "image/png"})
        text = text_of(call(browser, account, "GET", "wxa/get_qrcode"))
        assert "No JSON to be shown: image/png" in text


@pytest.mark.parametrize(
    ("fault", "is_lost"), [({"drop": "before"}, False), ({"drop": "after"}, True)]
)
def test_wechat_that_does_not_answer_is_told(
    browser: Client, account: Authorizer, wechat: WeChat, fault: dict[str, Any], is_lost: bool
) -> None:
    wechat.fault(SEND, **fault)
    text = text_of(call(browser, account, "POST", SEND, body=NOBODY))
    assert ("Nobody knows whether it was done" in text) == is_lost
    Authorizer.objects.update(state="needs_reauthorization", due_at=None)
    assert "staff-problem" in text_of(call(browser, account, "GET", CATEGORIES))


def test_it_waits_for_a_place_like_all_others(
    browser: Client, account: Authorizer, wechat: WeChat
) -> None:
    bulkhead.configure(places=1, patience=0).take()
    try:
        answer = call(browser, account, "POST", SEND, body=NOBODY)
    finally:
        bulkhead.configure(places=4)
    assert answer.status_code == 503
    assert not Operation.objects.filter(action="call_wechat").exists()


def test_without_the_right_there_is_no_page(staff: User, account: Authorizer) -> None:
    browser = Client()
    browser.force_login(staff)
    assert browser.get(page_of(account)).status_code == 403
    assert call(browser, account, "GET", CATEGORIES).status_code == 403
    change = browser.get(f"/admin/miniprograms/authorizer/{account.pk}/change/")
    assert page_of(account) not in change.content.decode()
