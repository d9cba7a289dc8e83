"""Where WeChat refuses a token, a ticket, a binding or our address, people read that it has."""

import json

import pytest
from django.contrib.auth.models import User
from django.db.models.functions import Now
from django.test import Client
from django.utils.html import escape

from miniprograms.models import Authorizer, Binding
from miniprograms.services import binding as bindings
from miniprograms.services import trading
from platform_auth.errcodes import explain_kept, refusal_of
from platform_auth.models import Component
from sandbox.world import WeChat
from tests.conftest import Bound
from tests.test_api_authorizers import client_of
from tests.test_portal_binding import PRE_AUTH_CODE, QUERY_AUTH, new_browser, text_of
from wechat.explanations import EXPLANATIONS, find_explanation

COMPONENT_TOKEN = "/cgi-bin/component/api_component_token"
REFRESH = "/cgi-bin/component/api_authorizer_token"

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("ticket")]

# What each may be answered, and what a merchant reads of it.
OURS = "does not accept our platform's request. This is for us to mend"
ADDRESS = "does not let our server in. This is for us to mend"
OF_TOKENS = {
    40001: OURS, 40013: OURS, 40125: OURS, 40164: ADDRESS, 41004: OURS, 45009: OURS, 45011: OURS,
    48001: "Check the account's kind and verification", 61004: ADDRESS, 61005: OURS, 61006: OURS,
    61011: OURS, 99999: OURS,
}  # fmt: skip
OF_BINDINGS = {
    **OF_TOKENS, 42001: OURS, 40029: OURS, 43007: "The account's owner must authorise this first",
    61003: "Ask the owner to authorise us again", 61007: "authorise again with this permission set",
    61023: "Ask the owner to authorise us again", 89401: "WeChat's system is unstable",
}  # fmt: skip
BY_PATH = [
    *((COMPONENT_TOKEN, errcode, words) for errcode, words in OF_TOKENS.items()),
    *((PRE_AUTH_CODE, errcode, words) for errcode, words in OF_BINDINGS.items()),
]


@pytest.fixture
def boss(admin_user: User) -> Client:
    return new_browser(admin_user)


@pytest.fixture
def browser(merchant: User) -> Client:
    return new_browser(merchant)


@pytest.mark.parametrize(("path", "errcode", "words"), BY_PATH)
def test_a_merchant_who_binds_reads_that_wechat_has_answered(
    browser: Client, wechat: WeChat, path: str, errcode: int, words: str
) -> None:
    wechat.fault(path, times=None, errcode=errcode)
    for _ in range(2):  # refused, and then perhaps a pause
        page = browser.post("/portal/bind/")
        assert page.status_code == 502
        shown = text_of(page).replace("&#x27;", "'")
        assert "WeChat has refused" in shown
        assert words in shown
        assert "does not answer" not in shown
        assert "waiting for WeChat" not in shown


@pytest.mark.parametrize("errcode", OF_TOKENS)
def test_staff_read_what_the_refusal_of_the_platforms_token_means(
    browser: Client, boss: Client, wechat: WeChat, component: Component, errcode: int
) -> None:
    wechat.fault(COMPONENT_TOKEN, times=None, errcode=errcode)
    browser.post("/portal/bind/")
    explanation = find_explanation(errcode)
    for url in (f"/admin/platform_auth/component/{component.pk}/change/", "/admin/"):
        shown = text_of(boss.get(url))
        assert escape(explanation.cause) in shown
        assert escape(explanation.remedy) in shown


@pytest.mark.parametrize("act", ["ask-for-tickets", "refresh-token"])
def test_staff_read_what_the_refusal_of_their_own_act_means(
    boss: Client, wechat: WeChat, component: Component, act: str
) -> None:
    wechat.fault(COMPONENT_TOKEN, times=None, errcode=40125)
    wechat.fault("/cgi-bin/component/api_start_push_ticket", times=None, errcode=40125)
    url = f"/admin/platform_auth/component/{component.pk}/{act}/"
    page = text_of(boss.post(url, follow=True))
    assert escape("The platform's secret is not the one WeChat has.") in page


@pytest.mark.parametrize("errcode", [61003, 61009, 61010, 61023, 40125, 61004])
def test_staff_read_what_the_refusal_of_a_binding_means(
    boss: Client, wechat: WeChat, merchant: User, errcode: int
) -> None:
    opened = bindings.start_binding(user=merchant, session="session")
    code = wechat.authorize(opened.pre_auth_code, wechat.create_account().appid)
    wechat.fault(QUERY_AUTH, times=None, errcode=errcode)
    trading.finish_binding(opened, code)
    page = text_of(boss.get(f"/admin/miniprograms/binding/{opened.pk}/change/"))
    assert escape(EXPLANATIONS[errcode].cause) in page
    assert str(errcode) in Binding.objects.get().last_error


@pytest.mark.parametrize("errcode", [61004, 61007, 61023, 40013, 45009])
def test_staff_read_what_the_refusal_of_an_accounts_token_means(
    boss: Client, wechat: WeChat, bound: Bound, errcode: int
) -> None:
    row = bound()
    wechat.fault(REFRESH, times=None, errcode=errcode)
    url = f"/admin/miniprograms/authorizer/{row.pk}/refresh/"
    page = text_of(boss.post(url, follow=True))
    assert escape(EXPLANATIONS[errcode].cause) in page


def test_a_client_of_the_api_reads_what_a_pause_goes_back_to(
    wechat: WeChat, merchant: User, bound: Bound
) -> None:
    row = bound()
    Authorizer.objects.update(expires=1, due_at=Now())
    wechat.fault(REFRESH, times=None, errcode=40013)
    client = client_of(merchant)
    url = f"/api/v1/authorizers/{row.appid}/testers/"
    answers = [client.get(url) for _ in range(2)]
    assert [answer.json()["code"] for answer in answers] == ["wechat_refused", "not_ready"]
    for answer in answers:
        assert EXPLANATIONS[40013].cause in json.dumps(answer.json())


def test_what_wechat_has_not_answered_is_no_refusal() -> None:
    for text in ("", "api_query_auth: the answer was lost", "api_query_auth: HTTP 502"):
        assert refusal_of(text) is None
        assert explain_kept(text) == text
