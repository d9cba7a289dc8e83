"""Private interfaces: how they stand, applying for one at each door, and WeChat's verdict."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db.models.functions import Now
from django.test import Client
from django.utils import timezone

from miniprograms.models import Authorizer, InterfaceApplication, ReviewPicture
from miniprograms.services.review_pictures import keep_picture
from platform_auth.models import Operation, Push
from sandbox.world import WeChat
from tests.conftest import Bound, Deliver
from tests.test_admin_code_acts import browser_of, text_of
from tests.test_api_authorizers import client_of

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]

APPID = "wx00000000000000a1"
REST = f"/api/v1/authorizers/{APPID}/private-interfaces/"
APPLY, LIST = "/wxa/security/apply_privacy_interface", "/wxa/security/get_privacy_interface"
LOCATION = "wx.getLocation"
SHOT = "https://pictures.example.com/map.png"
FORM = {"content": "显示附近的门店", "pic_list": SHOT, "video_list": "", "url_list": ""}
BODY = {"api_name": LOCATION, "content": "显示附近的门店", "pic_list": [SHOT]}
JSON = "application/json"


@pytest.fixture
def shop(bound: Bound) -> Authorizer:
    return bound(APPID, nick_name="Tea & Cake")


@pytest.fixture
def page(shop: Authorizer) -> str:
    return f"/admin/miniprograms/authorizer/{shop.pk}/private-interfaces/"


@pytest.fixture
def operator(staff: User) -> Client:
    return browser_of(staff)


def post(client: Client, body: Any, **headers: str) -> Any:
    return client.post(REST, body, content_type=JSON, headers=headers)


def judge(wechat: WeChat, deliver: Deliver, outcome: str, reason: str | None = None) -> str:
    """WeChat's verdict, its push, and what our inbox made of that."""
    account = wechat.accounts[APPID]
    wechat.applications.judge_interface(account, LOCATION, outcome, reason)
    for delivery in wechat.deliver_all(deliver):
        assert delivery.answer == b"success"
    return Push.objects.order_by("-pk")[0].state


def states() -> list[str]:
    return list(InterfaceApplication.objects.order_by("pk").values_list("state", flat=True))


# Staff


def test_staff_apply_and_see_the_verdict(
    operator: Client, wechat: WeChat, deliver: Deliver, shop: Authorizer, page: str
) -> None:
    told = text_of(operator.get(page))
    assert f"{page}wx.getLocation/apply/" in told
    assert "to be applied for" in told
    told = text_of(operator.post(f"{page}wx.getLocation/apply/", FORM, follow=True))
    assert "applied for wx.getLocation." in told
    assert "in review" in told
    assert f"{page}wx.getLocation/apply/" not in told
    [application] = InterfaceApplication.objects.all()
    sent = wechat.accounts[APPID].program.interfaces[LOCATION]
    assert (application.audit_id, application.state) == (sent.audit_id, "in_review")
    assert sent.material["pic_list"] == [SHOT]
    assert judge(wechat, deliver, "reject", "看不出用途") == "done"
    told = text_of(operator.get(page))
    assert "看不出用途" in told
    assert f"{page}wx.getLocation/apply/" in told  # again
    account = text_of(operator.get(f"/admin/miniprograms/authorizer/{shop.pk}/change/"))
    assert "saw a private interface rejected" in account
    operator.post(f"{page}wx.getLocation/apply/", FORM)
    judge(wechat, deliver, "pass")
    assert states() == ["rejected", "granted"]
    log = Operation.objects.filter(action__contains="interface").order_by("pk")
    assert [(row.actor_name, row.action, row.result) for row in log] == [
        ("operator", "apply_for_interface", LOCATION),
        ("system", "interface_rejected", f"{LOCATION} 看不出用途"),
        ("operator", "apply_for_interface", LOCATION),
        ("system", "interface_granted", LOCATION),
    ]


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"content": ""}, "content"),
        ({"content": "x" * 301}, "content"),
        ({"pic_list": ""}, "url_list"),
        ({"pic_list": "a-media-id"}, "pic_list"),
        ({"pic_list": f"{SHOT}\n" * 11}, "pic_list"),
        ({"video_list": "https://example.com/a.mov"}, "video_list"),
        ({"video_list": "https://a.com/a.mp4 https://a.com/b.mp4"}, "video_list"),
        ({"url_list": "javascript:alert(1)"}, "url_list"),
    ],
)
def test_what_wechat_would_refuse_is_told_at_its_field(
    operator: Client, wechat: WeChat, page: str, values: dict[str, str], field: str
) -> None:
    answer = operator.post(f"{page}wx.getLocation/apply/", {**FORM, **values})
    assert answer.status_code == 200
    assert list(answer.context["form"].errors) == [field]
    assert wechat.count(APPLY) == 0


@pytest.mark.parametrize(
    ("errcode", "words"),
    [
        (61031, "still deciding on the last application"),
        (61035, "needs no permission"),
        (61036, "categories of the mini program do not allow"),
    ],
)
def test_a_refusal_is_explained_and_kept(
    operator: Client, wechat: WeChat, page: str, errcode: int, words: str
) -> None:
    wechat.fault(APPLY, errcode=errcode)
    told = text_of(operator.post(f"{page}wx.getLocation/apply/", FORM, follow=True))
    assert told.count(words) == 2  # as the outcome, and among the applications
    assert states() == ["not_taken"]


def test_without_a_fitting_category_there_is_nothing_to_apply_for(
    operator: Client, wechat: WeChat, page: str
) -> None:
    wechat.accounts[APPID].categories = []
    told = text_of(operator.get(page))
    assert "no right to it" in told
    assert "类目未符合开通条件" in told
    assert "/apply/" not in told


@pytest.mark.parametrize(("effect", "state"), [(True, "in_review"), (False, "not_taken")])
def test_a_lost_answer_is_settled_by_wechats_list(
    operator: Client, wechat: WeChat, page: str, effect: bool, state: str
) -> None:
    wechat.fault(APPLY, drop="after", effect=effect)
    told = text_of(operator.post(f"{page}wx.getLocation/apply/", FORM, follow=True))
    assert "answer was lost" in told
    InterfaceApplication.objects.update(applied_at=Now() - timedelta(minutes=2))
    operator.get(page)
    assert states() == [state]


def test_a_lost_verdict_is_found_by_wechats_list(
    operator: Client, wechat: WeChat, page: str
) -> None:
    operator.post(f"{page}wx.getLocation/apply/", FORM)
    wechat.applications.judge_interface(wechat.accounts[APPID], LOCATION, "reject", "看不出用途")
    wechat.outbox.clear()
    told = text_of(operator.get(page))
    assert states() == ["rejected"]
    assert "看不出用途" in told


def test_a_verdict_on_what_was_applied_for_elsewhere_is_kept_once(
    operator: Client, wechat: WeChat, deliver: Deliver, shop: Authorizer, page: str
) -> None:
    account = wechat.accounts[APPID]
    wechat.applications.apply_for_interface(account, LOCATION, {})
    assert judge(wechat, deliver, "pass") == "done"
    verdict = {"api_name": LOCATION, "audit_id": account.program.interfaces[LOCATION].audit_id}
    again = {"Event": "wxa_privacy_apply", "result_info": verdict | {"status": 3}}
    wechat.push_message(APPID, again)
    wechat.deliver_all(deliver)
    assert Push.objects.order_by("-pk")[0].state == "ignored"
    assert states() == ["granted"]
    assert "It was applied for elsewhere." in text_of(operator.get(page))


@pytest.mark.parametrize(
    "verdict",
    [
        "nonsense",
        {},
        {"api_name": LOCATION, "status": 3},
        {"api_name": LOCATION, "audit_id": "x", "status": 3},
        {"api_name": LOCATION, "audit_id": 7, "status": 9},
        {"audit_id": 7, "status": 3},
    ],
)
def test_a_verdict_that_says_nothing_changes_nothing(
    wechat: WeChat, deliver: Deliver, shop: Authorizer, verdict: Any
) -> None:
    wechat.push_message(APPID, {"Event": "wxa_privacy_apply", "result_info": verdict})
    wechat.deliver_all(deliver)
    assert Push.objects.order_by("-pk")[0].state == "ignored"
    assert states() == []


def test_staff_without_the_right_see_and_do_nothing(wechat: WeChat, page: str) -> None:
    browser = browser_of(User.objects.create_user("looker", is_staff=True))
    assert browser.get(page).status_code == 403
    assert browser.post(f"{page}wx.getLocation/apply/", FORM).status_code == 403
    assert wechat.count(LIST) + wechat.count(APPLY) == 0


# REST


def test_a_staff_key_applies_and_a_merchant_looks_on(
    staff: User, merchant: User, other_merchant: User, wechat: WeChat, shop: Authorizer
) -> None:
    made = post(client_of(staff), BODY)
    assert made.status_code == 201
    assert (made.json()["status"], made.json()["api_name"]) == ("in_review", LOCATION)
    answer = client_of(merchant).get(REST).json()
    rows = {row["api_name"]: row for row in answer["interfaces"]}
    assert rows[LOCATION]["status"] == "in_review"
    assert rows[LOCATION]["audit_id"] == made.json()["audit_id"]
    assert rows["wx.chooseAddress"]["status"] == "to_apply"
    assert answer["applications"] == [made.json()]
    assert post(client_of(merchant), BODY).status_code == 403
    assert client_of(other_merchant).get(REST).status_code == 404
    again = post(client_of(staff), BODY)
    assert (again.status_code, again.json()["wechat"]["errcode"]) == (422, 61031)


def test_a_wrong_application_is_told_field_by_field(
    staff: User, wechat: WeChat, shop: Authorizer
) -> None:
    key = client_of(staff)
    wrong = {
        "content": {**BODY, "content": "x" * 301},
        "url_list": {"api_name": LOCATION, "content": "x"},
        "video_list": {**BODY, "video_list": ["https://example.com/a.mov"]},
        "pic_list": {**BODY, "pic_list": [SHOT] * 11},
        "api_name": {**BODY, "api_name": "wx.get Location"},
        "pictures": {**BODY, "pictures": []},
    }
    for field, body in wrong.items():
        answer = post(key, body)
        assert (answer.status_code, list(answer.json()["fields"])) == (400, [field])
    assert wechat.count(APPLY) == 0


def test_a_lost_answer_is_unknown(staff: User, wechat: WeChat, shop: Authorizer) -> None:
    wechat.fault(APPLY, drop="after", effect=True)
    answer = post(client_of(staff), BODY)
    assert (answer.status_code, answer.json()["status"]) == (202, "unknown")


# Pictures from here

PNG = b"\x89PNG\r\n\x1a\n" + b"x" * 100
PICTURES_REST = f"/api/v1/authorizers/{APPID}/review-pictures/"


def test_a_picture_is_uploaded_with_the_application_and_loaded_by_anybody(
    operator: Client, wechat: WeChat, page: str
) -> None:
    picture = SimpleUploadedFile("map.png", PNG, "image/png")
    form = {**FORM, "pic_list": "", "picture": picture}
    told = text_of(operator.post(f"{page}wx.getLocation/apply/", form, follow=True))
    assert "applied for wx.getLocation." in told
    [address] = wechat.accounts[APPID].program.interfaces[LOCATION].material["pic_list"]
    assert address.startswith("http://testserver/review-pictures/")
    answer = Client().get(address.removeprefix("http://testserver"))
    assert (answer.status_code, answer.content, answer["Content-Type"]) == (200, PNG, "image/png")
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in answer["Content-Security-Policy"]
    ReviewPicture.objects.update(added_at=timezone.now() - timedelta(days=31))
    assert Client().get(address.removeprefix("http://testserver")).status_code == 404


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"<svg onload='alert(1)'/>", "Only JPEG, PNG and GIF"),
        (PNG + b"x" * (2 * 1024 * 1024), "may have 2 MB"),
    ],
)
def test_what_is_no_picture_is_not_served(
    operator: Client, staff: User, wechat: WeChat, page: str, content: bytes, words: str
) -> None:
    form = {**FORM, "picture": SimpleUploadedFile("map.png", content, "image/png")}
    assert words in text_of(operator.post(f"{page}wx.getLocation/apply/", form, follow=True))
    picture = SimpleUploadedFile("map.png", content, "image/png")
    answer = client_of(staff).post(PICTURES_REST, {"picture": picture})
    assert answer.status_code == 400
    assert words in answer.json()["fields"]["picture"][0]
    assert wechat.count(APPLY) == 0
    assert not ReviewPicture.objects.exists()


def test_a_picture_uploaded_by_rest_can_be_named_in_an_application(
    staff: User, merchant: User, wechat: WeChat, shop: Authorizer
) -> None:
    def upload(user: User) -> Any:
        picture = SimpleUploadedFile("map.png", PNG, "image/png")
        return client_of(user).post(PICTURES_REST, {"picture": picture})

    made = upload(staff)
    assert made.status_code == 201
    assert post(client_of(staff), {**BODY, "pic_list": [made.json()["url"]]}).status_code == 201
    assert upload(merchant).status_code == 403
    log = Operation.objects.filter(action="keep_picture").values_list("actor_name", "appid")
    assert list(log) == [("operator", APPID)]


def test_old_pictures_are_thrown_away(staff: User, shop: Authorizer) -> None:
    keep_picture(shop, PNG, by=staff)
    ReviewPicture.objects.update(added_at=timezone.now() - timedelta(days=31))
    keep_picture(shop, PNG, by=staff)
    assert ReviewPicture.objects.count() == 1
