"""The page with orders as a setting: applied for, judged by WeChat, and told by its pushes."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from miniprograms.models import Authorizer, Setting
from miniprograms.services.settings.record import setting_of
from platform_auth.models import Operation, Push
from sandbox.world import WeChat
from tests.conftest import Bound, Deliver
from tests.test_admin_code_acts import browser_of, text_of
from tests.test_settings import work

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.any_database]

APPID = "wx00000000000000a1"
KIND, PATH = "order-path", "pages/order/list"
APPLY = "/wxa/security/applysetorderpathinfo"
SHOT = "https://pictures.example.com/orders.png"
FORM = {"path": PATH, "img_list": SHOT, "video": "", "test_remark": "“我的”里", "seen": "0"}
State = Setting.State


@pytest.fixture
def shop(bound: Bound) -> Authorizer:
    return bound(APPID, nick_name="Tea & Cake")


@pytest.fixture
def page(shop: Authorizer) -> str:
    return f"/admin/miniprograms/authorizer/{shop.pk}/settings/{KIND}/"


@pytest.fixture
def browser(staff: User) -> Client:
    return browser_of(staff)


def deliver_all(wechat: WeChat, deliver: Deliver) -> list[str]:
    """WeChat's pushes, and what our inbox made of each; what they made due is done."""
    for delivery in wechat.deliver_all(deliver):
        assert delivery.answer == b"success"
    work()
    return list(Push.objects.filter(kind__startswith="order_path").values_list("state", flat=True))


def test_a_path_is_applied_for_and_used_once_wechat_approves(
    browser: Client, wechat: WeChat, deliver: Deliver, shop: Authorizer, page: str
) -> None:
    told = text_of(browser.post(page, {**FORM, "apply": "yes"}, follow=True))
    assert "in review" in told
    application = wechat.accounts[APPID].program.order_application
    assert application is not None
    assert application.material == {"img_list": [SHOT], "test_remark": "“我的”里"}
    assert deliver_all(wechat, deliver) == ["done"]
    row: Any = setting_of(shop, KIND)
    assert (row.state, row.has_drifted) == (State.APPLIED, False)
    browser.post(page, {"act": "apply"})  # is there already
    assert wechat.count(APPLY) == 1
    wechat.applications.judge_path(wechat.accounts[APPID], "pass")
    assert deliver_all(wechat, deliver) == ["done", "done"]
    row.refresh_from_db()
    assert (row.at_wechat["path"], row.has_drifted) == (PATH, False)
    assert Operation.objects.filter(action="order_path_approved", appid=APPID).count() == 1


def test_a_rejection_is_told_with_its_reason_and_is_drift(
    browser: Client, wechat: WeChat, deliver: Deliver, shop: Authorizer, page: str
) -> None:
    browser.post(page, {**FORM, "apply": "yes"})
    wechat.applications.judge_path(wechat.accounts[APPID], "reject", "页面打不开")
    deliver_all(wechat, deliver)
    row = setting_of(shop, KIND)
    assert (row.state, row.has_drifted) == (State.REFUSED, True)
    told = text_of(browser.get(page))
    assert "页面打不开" in told
    assert "rejected" in told
    browser.post(page, {"act": "apply"})
    assert wechat.count(APPLY) == 2


@pytest.mark.parametrize(
    ("ret_code", "words"),
    [(-2, "does not know this appid"), (30001, "has not authorised us"), (7, "taken it (7)")],
)
def test_an_application_that_is_not_taken_says_why(
    browser: Client, wechat: WeChat, deliver: Deliver, page: str, ret_code: int, words: str
) -> None:
    wechat.fault(APPLY, body=b'{"errcode":0,"errmsg":"ok"}', effect=False)
    browser.post(page, {**FORM, "apply": "yes"})
    row = {"appid": APPID, "audit_id": 0, "ret_code": ret_code}
    wechat.push("order_path_apply_result_notify", {"list": row})
    deliver_all(wechat, deliver)
    assert words in text_of(browser.get(page))


def test_the_names_of_wechats_page_are_understood_too(
    browser: Client, wechat: WeChat, deliver: Deliver, page: str
) -> None:
    wechat.fault(APPLY, body=b'{"errcode":0,"errmsg":"ok"}', effect=False)
    browser.post(page, {**FORM, "apply": "yes"})
    flat = {"List": "x", "Appid": APPID, "AuditId": 1, "RetCode": 30001}
    wechat.push("order_path_apply_result_notify", flat)
    deliver_all(wechat, deliver)
    assert "has not authorised us" in text_of(browser.get(page))


@pytest.mark.parametrize(
    "fields", [{}, {"list": "x"}, {"list": {"appid": "wx0000000000000000", "status": 4}}]
)
def test_a_push_about_nobody_of_ours_changes_nothing(
    wechat: WeChat, deliver: Deliver, shop: Authorizer, fields: Any
) -> None:
    for kind in ("order_path_apply_result_notify", "order_path_audit_result_notify"):
        wechat.push(kind, fields)
    assert deliver_all(wechat, deliver) == ["done", "done"]
    assert not Setting.objects.exists()
    assert not Operation.objects.filter(action__startswith="order_path").exists()


@pytest.mark.parametrize(
    "values",
    [
        {"path": ""},
        {"path": "https://example.com"},
        {"path": "订单"},
        {"img_list": "a-media-id"},
        {"img_list": f"{SHOT}\n" * 11},
        {"video": "ftp://example.com/a.mp4"},
    ],
)
def test_what_wechat_would_refuse_is_told_at_the_form(
    browser: Client, wechat: WeChat, page: str, values: dict[str, str]
) -> None:
    answer = browser.post(page, {**FORM, **values, "apply": "yes"})
    assert answer.status_code == 200
    assert answer.context["form"].errors
    assert wechat.count(APPLY) == 0


def test_a_slash_before_the_path_is_left_out(browser: Client, shop: Authorizer, page: str) -> None:
    browser.post(page, {**FORM, "path": f"/{PATH}"})
    desired: Any = setting_of(shop, KIND).desired
    assert desired["path"] == PATH


def test_a_picture_for_the_reviewer_is_uploaded_on_the_page(
    browser: Client, wechat: WeChat, shop: Authorizer, page: str
) -> None:
    browser.post(page, FORM)
    picture = SimpleUploadedFile("orders.png", b"\x89PNG\r\n\x1a\n" + b"x" * 100, "image/png")
    told = text_of(browser.post(page, {"act": "picture", "picture": picture}, follow=True))
    assert "the picture is uploaded" in told
    browser.post(page, {"act": "apply"})
    application = wechat.accounts[APPID].program.order_application
    assert application is not None
    first, second = application.material["img_list"]
    assert first == SHOT
    assert Client().get(second.removeprefix("http://testserver")).status_code == 200
