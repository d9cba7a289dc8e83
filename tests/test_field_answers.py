"""Answers of WeChat's as the field has seen them, and what people see of them here."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from audits.models import CodeAudit, CodeTemplate, Screenshot
from audits.services import templates, verdicts
from miniprograms import tasks
from miniprograms.models import Authorizer
from miniprograms.services.profiles import sync_profile
from miniprograms.tokens import call_as
from platform_auth.models import Component
from sandbox.wire.jpeg import mosaic
from sandbox.world import WeChat
from tests.conftest import Bound
from tests.desk import LIVE, MEDIA, STATUS, Desk, fresh
from tests.desk import desk as desk
from tests.rollouts import make_template
from tests.test_api_authorizers import client_of
from tests.test_portal_binding import confirm, new_browser, start, text_of
from wechat import code_release
from wechat.http import TRIES

INFO = "/cgi-bin/component/api_get_authorizer_info"
TEMPLATES = "/wxa/gettemplatelist"
QUERY_AUTH = "/cgi-bin/component/api_query_auth"
PRE_AUTH_CODE = "/cgi-bin/component/api_create_preauthcode"
COMPONENT_TOKEN = "/cgi-bin/component/api_component_token"

State = Authorizer.State

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("ticket")]


@pytest.fixture
def boss(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("boss", password="boss-password"))
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    return client


# Prose


def test_a_template_whose_developer_has_an_odd_name_is_mirrored(
    wechat: WeChat, component: Component
) -> None:
    template = make_template(wechat, component, "3.1.4")
    wechat.fault(TEMPLATES, garble=True)
    assert templates.sync_templates(component) == 1
    template.refresh_from_db()
    assert (template.developer, template.user_desc) == ("王\ufffd\ufffd开发", "第\ufffd\ufffd一版")
    assert (template.user_version, template.gone_at) == ("3.1.4", None)


def test_a_template_that_makes_no_sense_costs_itself_alone(
    wechat: WeChat, component: Component
) -> None:
    first, second = make_template(wechat, component), make_template(wechat, component, "2.0.0")
    rows = [{"user_version": "1.0.0"}, {"template_id": second.template_id, "user_version": "2.0.1"}]
    wechat.fault(TEMPLATES, change={"template_list": rows})
    assert templates.sync_templates(component) == 1
    assert CodeTemplate.objects.get(pk=second.pk).user_version == "2.0.1"
    assert CodeTemplate.objects.get(pk=first.pk).gone_at is None, "it may be the odd one"
    counted = 'wechat_odd_rows_total{endpoint="/wxa/gettemplatelist"} 1.0'
    assert counted in Client().get("/metrics").content.decode()
    templates.sync_templates(component)
    assert CodeTemplate.objects.filter(gone_at=None).count() == 2


@pytest.mark.parametrize("errcode", ["0", 0], ids=["text", "number"])
def test_a_verdict_whose_reason_has_odd_characters_decides(desk: Desk, errcode: object) -> None:
    audit = desk.submit()
    desk.judge_unheard("reject", "类目\t不符")
    desk.wechat.fault(STATUS, garble=True, change={"errcode": errcode, "status": "1"})
    verdicts.refresh_audit(audit)
    assert fresh(audit).status == CodeAudit.Status.REJECTED
    assert audit.reason == "类\ufffd\ufffd目\t不符"


def test_a_version_whose_description_is_cut_within_a_character_is_read(desk: Desk) -> None:
    desk.commit("1.0.0")
    desk.wechat.fault(LIVE, garble=True)
    trial, _released = call_as(desk.shop.appid, code_release.get_version_info)
    assert trial is not None
    assert (trial.user_version, trial.user_desc) == ("1.0.0", "第\ufffd\ufffd一版")


def test_an_account_with_odd_texts_is_bound_and_keeps_its_profile(
    wechat: WeChat, bound: Bound
) -> None:
    row = bound(nick_name="Tea & Cake")
    info = {"user_name": row.user_name, "MiniProgramInfo": {}, "signature": "SIGN"}
    info |= {"nick_name": "NICK", "principal_name": "NAME", "account_status": "1"}
    body = json.dumps({"authorizer_info": info, "authorization_info": None}).encode()
    body = body.replace(b"SIGN", b"tea\nand\tcake\xe8\x8c").replace(b"NICK", b"Tea\x08Cake")
    wechat.fault(INFO, body=body.replace(b"NAME", rb"\ud83dTea Ltd"))
    Authorizer.objects.update(profile_due_at=timezone.now())
    tasks.fetch_profiles()
    account = Authorizer.objects.get()
    assert account.state == State.BOUND
    assert account.profile_due_at is not None, "again tomorrow, and not in two minutes"
    assert account.profile_due_at > timezone.now() + timedelta(hours=1)
    assert account.nick_name == "Tea\ufffdCake"
    assert account.signature == "tea\nand\tcake\ufffd"
    assert account.principal_name == "\ufffdTea Ltd"
    assert (account.user_name, account.func_info) == (row.user_name, row.func_info)


@pytest.mark.parametrize(
    ("info", "kind"),
    [
        ({"MiniProgramInfo": None}, "official_account"),
        ({"MiniProgramInfo": {"network": {}}}, "mini_program"),
        ({"channels_info": {"id": 1}}, "channels"),
        ({}, "official_account"),
    ],
    ids=["null", "an object", "channels", "nothing"],
)
def test_a_profile_tells_the_kind_and_where_it_does_not_it_stays(
    wechat: WeChat, bound: Bound, info: dict[str, Any], kind: str
) -> None:
    row = bound()
    Authorizer.objects.update(kind="official_account")
    row.refresh_from_db()
    answer = {"authorizer_info": {"nick_name": "Tea", **info}, "authorization_info": {}}
    wechat.fault(INFO, body=json.dumps(answer).encode())
    sync_profile(row)
    assert row.kind == kind


# Files


@pytest.mark.parametrize("media_type", ["image/jpg", "text/plain", "application/octet-stream", ""])
@pytest.mark.parametrize("kind", ["image/jpeg", "image/png", "image/gif", "image/webp"])
def test_a_screenshot_is_a_picture_whatever_it_is_called(
    desk: Desk, media_type: str, kind: str
) -> None:
    content = {
        "image/jpeg": mosaic([[0, 255]]),
        "image/png": b"\x89PNG\r\n\x1a\n" + b"p" * 20,
        "image/gif": b"GIF89a" + b"g" * 20,
        "image/webp": b"RIFF\x10\0\0\0WEBPVP8 " + b"w" * 20,
    }[kind]
    audit = desk.submit()
    desk.wechat.fault(MEDIA, body=content, headers={"Content-Type": media_type})
    desk.judge("reject", pictures=1)
    desk.settle()
    picture = Screenshot.objects.get(audit=audit)
    assert (picture.content_type, bytes(picture.content)) == (kind, content)


def test_a_refusal_is_no_picture_whatever_it_is_called(desk: Desk) -> None:
    audit = desk.submit()
    headers = {"Content-Type": "image/jpeg"}
    desk.wechat.fault(MEDIA, body=b'{"errcode": 40007, "errmsg": "no"}', headers=headers)
    desk.judge("reject", pictures=1)
    desk.settle()
    assert not Screenshot.objects.exists()
    assert fresh(audit).due_at is None, "it is gone, and nobody asks again"


# An authorisation without a refresh token


@pytest.mark.parametrize("token", ["", None], ids=["empty", "null"])
def test_without_a_refresh_token_every_page_asks_for_the_owner_at_once(
    wechat: WeChat, merchant: User, boss: Client, token: str | None
) -> None:
    browser = new_browser(merchant)
    account = wechat.create_account(nick_name="Tea & Cake")
    wechat.fault(QUERY_AUTH, change={"authorizer_refresh_token": token})
    started = start(browser)
    page = browser.get(started["back"], confirm(wechat, started, account), follow=True)
    row = Authorizer.objects.get()
    assert (row.state, row.due_at) == (State.NEEDS_REAUTHORIZATION, None)
    for shown in (page, browser.get("/portal/")):
        assert "Please have its administrator confirm again." in text_of(shown)
        assert "nothing more for you to do" not in text_of(shown)
        assert "There is nothing for you to do" not in text_of(shown)
    admin = text_of(boss.get(f"/admin/miniprograms/authorizer/{row.pk}/change/"))
    assert "needs to be authorised again" in admin
    assert "the owner must authorise again" in admin
    told = client_of(merchant).get(f"/api/v1/authorizers/{row.appid}/").json()
    assert told["state"] == "needs_reauthorization"


def test_an_older_refresh_token_is_tried_at_once(
    wechat: WeChat, merchant: User, bound: Bound
) -> None:
    row = bound()
    wechat.fault(QUERY_AUTH, change={"authorizer_refresh_token": ""})
    browser = new_browser(merchant)
    started = start(browser)
    browser.get(started["back"], confirm(wechat, started, wechat.accounts[row.appid]))
    row.refresh_from_db()
    assert row.state == State.NEEDS_RECOVERY
    assert row.due_at is not None
    assert row.due_at <= timezone.now()


# An address that WeChat does not know

ADDRESSES = [
    (61004, "access clientip is not registered requestIP: 203.0.113.7 rid: 1a-2b", "203.0.113.7"),
    (40164, "invalid ip 203.0.113.7 ipv6 ::ffff:203.0.113.7, not in whitelist", "203.0.113.7"),
    (40164, "invalid ip 2001:db8::7, not in whitelist rid: 1a-2b", "2001:db8::7"),
]


@pytest.mark.parametrize(("errcode", "errmsg", "address"), ADDRESSES, ids=["61004", "4", "6"])
def test_staff_see_which_address_to_enter_where(
    wechat: WeChat,
    component: Component,
    boss: Client,
    merchant: User,
    errcode: int,
    errmsg: str,
    address: str,
) -> None:
    wechat.fault(COMPONENT_TOKEN, times=None, errcode=errcode, errmsg=errmsg)
    browser = new_browser(merchant)
    for _ in range(2):  # refused, and then backing off
        page = browser.post("/portal/bind/")
        assert page.status_code == 502
        assert "This is for us to mend" in text_of(page)
        assert address not in text_of(page)
    for path in (f"/admin/platform_auth/component/{component.pk}/change/", "/admin/"):
        shown = text_of(boss.get(path))
        assert f"WeChat names our address {address}. Enter it" in shown
        assert "白名单IP地址列表" in shown


def test_what_names_no_address_is_told_as_it_is(
    wechat: WeChat, component: Component, boss: Client, merchant: User
) -> None:
    wechat.fault(COMPONENT_TOKEN, times=TRIES, errcode=61004, errmsg="access clientip 1.2.3.400")
    assert "This is for us to mend" in text_of(new_browser(merchant).post("/portal/bind/"))
    shown = text_of(boss.get(f"/admin/platform_auth/component/{component.pk}/change/"))
    assert "61004 access clientip 1.2.3.400" in shown
    assert "WeChat names our address" not in shown
