"""What merchants see of their code: online, under review, the verdict, and what may be tried."""

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from audits.models import (
    CodeAudit,
    CodeTemplate,
    CodeVersion,
    PreflightSummary,
    Release,
    Screenshot,
)
from audits.services import committing, submitting, templates, verdicts
from miniprograms.models import Authorizer
from platform_auth.models import Component
from sandbox.world import WeChat
from sandbox.world.faults import Fault
from tests.conftest import Bound, Deliver
from tests.rows import make_authorizer
from tests.test_portal_pages import EVIL, new_browser, text_of

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]

APPID = "wx00000000000000a1"
PAGE = f"/portal/{APPID}/"
TRIAL = f"{PAGE}trial/"
NOON = datetime(2026, 3, 4, 4, tzinfo=UTC)  # in Shanghai
PNG = b"\x89PNG\r\n\x1a\n"
Status = CodeAudit.Status


@pytest.fixture
def browser(merchant: User) -> Client:
    return new_browser(merchant)


@pytest.fixture
def row(component: Component, merchant: User) -> Authorizer:
    return make_authorizer(component, merchant, APPID, nick_name="Tea & Cake")


def make_audit(row: Authorizer, status: int, **values: Any) -> CodeAudit:
    values = {"user_version": "1.2.0", "create_time": NOON, "decided_at": NOON, **values}
    audit: CodeAudit = CodeAudit.objects.create(
        authorizer=row, appid=row.appid, status=status, **values
    )
    return audit


def make_picture(audit: CodeAudit, kind: str = "image/png", content: bytes = PNG) -> str:
    picture = Screenshot.objects.create(
        audit=audit, media_id=str(audit.screenshots.count()), content_type=kind, content=content
    )
    return f"{PAGE}screenshots/{picture.pk}/"


def make_act(row: Authorizer, **values: Any) -> Release:
    values = {"kind": "release", "state": "done", "at": NOON, **values}
    act: Release = Release.objects.create(authorizer=row, **values)
    return act


# The page


def test_a_new_mini_program_has_nothing_to_show(browser: Client, row: Authorizer) -> None:
    page = text_of(browser.get(PAGE))
    assert "<h1>Tea &amp; Cake</h1>" in page
    assert "We have not put a version online yet." in page
    assert "No version has been handed in for review yet." in page
    assert "Try it out" not in page


@pytest.mark.parametrize(
    ("status", "values", "told"),
    [
        (-1, {}, "Version 1.2.0 is being handed to WeChat for review."),
        (-3, {}, "Version 1.2.0 is being handed to WeChat for review."),
        (2, {}, "has been reviewing version 1.2.0 since March 4, 2026, 12:00."),
        (4, {}, "since March 4, 2026, 12:00, and needs longer than usual."),
        (0, {}, "approved version 1.2.0 on March 4, 2026. It is not online yet."),
        (0, {"released_at": NOON}, "version 1.2.0, and it went online on March 4, 2026."),
        (1, {}, "WeChat did not approve version 1.2.0 on March 4, 2026."),
        (3, {}, "The review of version 1.2.0 was called off on March 4, 2026."),
        (-2, {"errcode": 85085}, "could not begin to review version 1.2.0 on March 4, 2026."),
        (1, {"user_version": "", "decided_at": None}, "version – on March 4, 2026."),
    ],
)
def test_each_state_of_a_review_in_plain_words(
    browser: Client, row: Authorizer, status: int, values: Any, told: str
) -> None:
    make_audit(row, status, **values)
    assert told in text_of(browser.get(PAGE))
    assert (told in text_of(browser.get("/portal/"))) is (
        status != 0 or "released_at" not in values
    )


def test_a_rejection_with_its_reason_and_pictures(browser: Client, row: Authorizer) -> None:
    audit = make_audit(row, Status.REJECTED, reason="1:内容不符\n2:类目不符")
    first, second = make_picture(audit), make_picture(audit)
    page = text_of(browser.get(PAGE))
    assert "1:内容不符<br>2:类目不符" in page
    assert f'<img src="{first}" alt="Picture 1, to be opened in full"' in page
    assert f'href="{second}"' in page


@pytest.mark.parametrize(
    ("reason", "turn"),
    [("1:页面内容不完整", "It is our turn"), ("1:小程序类目与服务不符", "It is your turn")],
)
def test_after_a_rejection_it_says_whose_turn_it_is(
    browser: Client, row: Authorizer, settings: Any, reason: str, turn: str
) -> None:
    settings.SUPPORT_CONTACT = "400-000"
    make_audit(row, Status.REJECTED, reason=reason)
    for address in (PAGE, "/portal/"):
        page = text_of(browser.get(address))
        assert turn in page
        assert "You reach us here: 400-000" in page
        assert ("https://mp.weixin.qq.com/" in page) is (turn == "It is your turn")


@pytest.mark.parametrize(("codes", "is_merchants"), [("category filed", True), ("", False)])
def test_what_stands_in_the_way_of_a_review_and_is_the_merchants_to_mend(
    browser: Client, row: Authorizer, codes: str, is_merchants: bool
) -> None:
    PreflightSummary.objects.create(
        authorizer=row, ok=False, failing=["quota", *codes.split()], for_merchant=codes
    )
    page = text_of(browser.get(PAGE))
    assert ("It has no category yet that it may be reviewed in." in page) is is_merchants
    assert ("There is nothing for you to do." in page) is not is_merchants
    if is_merchants:
        home = text_of(browser.get("/portal/", {"part": "to-do"}))
        assert "WeChat would not review it as it is." in home
        PreflightSummary.objects.update(ok=True)
        assert "Something to do" not in text_of(browser.get(PAGE))


def test_a_reason_is_text_whatever_it_says(browser: Client, row: Authorizer) -> None:
    make_audit(row, Status.REJECTED, reason=EVIL, user_version=EVIL[:64])
    for path in (PAGE, "/portal/"):
        page = text_of(browser.get(path))
        assert "alert(1)" in page
        assert "<script>alert" not in page
        assert "<img src=x" not in page


@pytest.mark.parametrize(
    ("errcode", "told"),
    [(86002, "console."), (85085, "Our staff see to it."), (None, "Our staff see to it.")],
)
def test_a_refused_submission_says_what_the_merchant_must_do_if_anything(
    browser: Client, row: Authorizer, errcode: int | None, told: str
) -> None:
    make_audit(row, Status.REFUSED, errcode=errcode)
    page = text_of(browser.get(PAGE))
    assert told in page
    assert str(errcode) not in page.replace(APPID, "")


def test_what_came_before_is_kept(browser: Client, row: Authorizer) -> None:
    for number in range(12):
        make_audit(row, Status.REJECTED, user_version=f"0.{number}.0", reason=f"why {number}")
    make_audit(row, Status.IN_REVIEW, decided_at=None)
    page = text_of(browser.get(PAGE))
    shown = [number for number in range(12) if f"0.{number}.0" in page]
    assert shown == list(range(3, 12))
    assert "why 11" in page


@pytest.mark.parametrize(
    ("act", "told"),
    [
        ({"live_after": "1.3.0"}, "Version 1.3.0 has been online since March 4, 2026."),
        ({"live_after": ""}, "Version 1.2.0 has been online since March 4, 2026."),
        ({"kind": "revert", "live_after": "1.1.0"}, "Version 1.1.0 has been online since"),
        ({"kind": "revert", "audit": None}, "An earlier version has been online again since"),
    ],
)
def test_what_is_online(browser: Client, row: Authorizer, act: Any, told: str) -> None:
    audit = make_audit(row, Status.PASSED, released_at=NOON)
    make_act(row, **{"audit": audit, **act})
    make_act(row, state="refused", live_after="9.9.9")
    for path in (PAGE, "/portal/"):
        page = text_of(browser.get(path))
        assert told in page
        assert "9.9.9" not in page


def test_what_was_released_before_our_time_is_online(browser: Client, row: Authorizer) -> None:
    make_audit(row, Status.PASSED, released_at=NOON)
    assert "Version 1.2.0 has been online since March 4" in text_of(browser.get(PAGE))


def test_no_word_of_the_trade_is_on_the_page(browser: Client, row: Authorizer) -> None:
    audit = make_audit(row, Status.REJECTED, auditid="430000001", reason="为什么", errcode=85019)
    make_picture(audit)
    make_audit(row, Status.IN_REVIEW, auditid="430000002")
    page = text_of(browser.get(PAGE))
    main = page[page.index("<main") : page.index("</main>")].lower()
    for word in ("audit", "430000001", "430000002", "85019", "errcode", "commit", "appid", "gh_"):
        assert word not in main, word


def test_the_page_in_chinese_has_its_own_dates(merchant: User, row: Authorizer) -> None:
    make_audit(row, Status.IN_REVIEW)
    page = Client(headers={"accept-language": "zh-hans"})
    page.force_login(merchant)
    assert re.search("2026年3月4日,? 12:00", text_of(page.get(PAGE)))


def test_home_leads_to_the_page_of_each_mini_program(
    browser: Client, component: Component, row: Authorizer, merchant: User
) -> None:
    make_authorizer(component, merchant, "wx00000000000000a2", kind="official_account")
    page = text_of(browser.get("/portal/"))
    assert f'href="{PAGE}"' in page
    assert 'href="/portal/wx00000000000000a2/"' not in page


# Whose


def test_others_find_nothing(
    other_merchant: User, staff: User, row: Authorizer, component: Component
) -> None:
    make_version(row)
    picture = make_picture(make_audit(row, Status.REJECTED))
    for user in (other_merchant, staff):
        for path in (PAGE, TRIAL, picture):
            assert new_browser(user).get(path).status_code == 404


def test_strangers_are_asked_to_log_in(row: Authorizer) -> None:
    for path in (PAGE, TRIAL, f"{PAGE}screenshots/1/"):
        assert new_browser().get(path)["Location"] == f"/portal/login/?next={path}"


def test_a_picture_belongs_to_the_mini_program_in_its_address(
    browser: Client, component: Component, merchant: User, row: Authorizer
) -> None:
    other = make_authorizer(component, merchant, "wx00000000000000a2")
    address = make_picture(make_audit(row, Status.REJECTED))
    assert browser.get(address).status_code == 200
    assert browser.get(address.replace(APPID, other.appid)).status_code == 404


@pytest.mark.parametrize("appid", ["wx9", "login-", "%00", "x" * 300])
def test_a_mini_program_of_nobodys(browser: Client, appid: str) -> None:
    assert browser.get(f"/portal/{appid}/").status_code == 404


def test_an_official_account_has_no_such_page(
    browser: Client, component: Component, merchant: User
) -> None:
    make_authorizer(component, merchant, APPID, kind="official_account")
    assert browser.get(PAGE).status_code == 404


def test_the_page_costs_the_same_however_many_reviews(
    browser: Client, row: Authorizer, django_assert_max_num_queries: Any
) -> None:
    for _ in range(12):
        make_picture(make_audit(row, Status.REJECTED, reason="x"))
    with django_assert_max_num_queries(8) as queries:
        browser.get(PAGE)
    assert not [one for one in queries if '"content"' in one["sql"]]


# Pictures


@pytest.mark.parametrize("kind", ["image/png", "image/jpeg", "image/gif"])
def test_a_picture_is_sent_as_what_it_is(browser: Client, row: Authorizer, kind: str) -> None:
    answer = browser.get(make_picture(make_audit(row, Status.REJECTED), kind))
    assert (answer.content, answer["Content-Type"]) == (PNG, kind)
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert "private" in answer["Cache-Control"]


@pytest.mark.parametrize("kind", ["image/svg+xml", "text/html", ""])
def test_nothing_that_could_hold_a_script_is_sent(
    browser: Client, row: Authorizer, kind: str
) -> None:
    address = make_picture(make_audit(row, Status.REJECTED), kind, b"<svg onload=alert(1)>")
    assert browser.get(address).status_code == 404


@pytest.mark.parametrize("number", [0, 999, 10**30])
def test_a_picture_that_is_none(browser: Client, row: Authorizer, number: int) -> None:
    assert browser.get(f"{PAGE}screenshots/{number}/").status_code == 404


# The trial version


def make_version(row: Authorizer, **values: Any) -> CodeVersion:
    template, _made = CodeTemplate.objects.get_or_create(component=row.component, template_id=1)
    version: CodeVersion = CodeVersion.objects.create(
        authorizer=row,
        template=template,
        **{"user_version": "1.3.0", "state": "committed", "created_at": NOON, **values},
    )
    return version


@pytest.fixture
def shop(bound: Bound, wechat: WeChat, component: Component) -> Authorizer:
    """A mini program with a version to try."""
    row = bound(APPID)
    draft = wechat.upload_draft()
    templates.add_template(component, draft.draft_id, by=None)
    template = CodeTemplate.objects.get()
    committing.commit_template(row, template, user_version="1.3.0", user_desc="x", by=None)
    return row


def test_the_trial_version_and_its_code(browser: Client, shop: Authorizer, wechat: WeChat) -> None:
    page = text_of(browser.get(PAGE))
    assert f'<img class="qr" src="{TRIAL}?version={shop.versions.get().pk}"' in page
    assert "Version 1.3.0, prepared on" in page
    first, second = browser.get(TRIAL), browser.get(TRIAL)
    assert (first.status_code, first["Content-Type"]) == (200, "image/jpeg")
    assert first.content == second.content != b""
    assert first["X-Content-Type-Options"] == "nosniff"
    assert wechat.ledger.count("/wxa/get_qrcode") == 1


@pytest.mark.usefixtures("dead_cache")
def test_without_redis_the_code_is_shown_all_the_same(
    browser: Client, shop: Authorizer, wechat: WeChat
) -> None:
    first, second = browser.get(TRIAL), browser.get(TRIAL)
    assert (first.status_code, second.status_code) == (200, 200)
    assert wechat.ledger.count("/wxa/get_qrcode") == 2
    wechat.faults.add(Fault("/wxa/get_qrcode", times=None, errcode=-1))
    assert browser.get(TRIAL).status_code == 502


def test_a_new_version_has_a_new_code(browser: Client, shop: Authorizer, wechat: WeChat) -> None:
    browser.get(TRIAL)
    committing.commit_template(
        shop, CodeTemplate.objects.get(), user_version="1.4.0", user_desc="x", by=None
    )
    browser.get(TRIAL)
    assert wechat.ledger.count("/wxa/get_qrcode") == 2


def test_a_code_that_wechat_does_not_give_is_not_asked_for_again_at_once(
    browser: Client, shop: Authorizer, wechat: WeChat
) -> None:
    wechat.faults.add(Fault("/wxa/get_qrcode", times=None, errcode=-1))
    first, asked = browser.get(TRIAL), wechat.ledger.count("/wxa/get_qrcode")
    second = browser.get(TRIAL)
    assert (first.status_code, second.status_code) == (502, 502)
    assert wechat.ledger.count("/wxa/get_qrcode") == asked


@pytest.mark.parametrize("state", ["committing", "refused", "unknown"])
def test_what_was_not_uploaded_cannot_be_tried(
    browser: Client, row: Authorizer, state: str
) -> None:
    make_version(row, state=state)
    assert "Try it out" not in text_of(browser.get(PAGE))
    assert browser.get(TRIAL).status_code == 404


def test_without_the_permission_the_code_gives_way_to_what_is_missing(
    browser: Client, row: Authorizer, wechat: WeChat
) -> None:
    make_version(row)
    Authorizer.objects.update(func_info=[17, 19, 30])
    for address in (PAGE, f"{PAGE}testers/"):
        page = text_of(browser.get(address))
        assert "Development and data analysis (小程序开发与数据分析)" in page
        assert f'name="biz_appid" value="{APPID}"' in page
        assert 'class="qr"' not in page
        assert 'name="wechatid"' not in page
    assert not wechat.ledger.count("/wxa/memberauth")


def test_testers_of_an_account_that_is_not_bound(
    browser: Client, component: Component, merchant: User, wechat: WeChat
) -> None:
    make_authorizer(component, merchant, APPID, state="unbound")
    page = text_of(browser.get(f"{PAGE}testers/"))
    assert "This account is no longer bound" in page
    assert "Bind again" in page
    assert 'name="wechatid"' not in page
    assert browser.post(f"{PAGE}testers/", {"wechatid": "teahouse"}).status_code == 200
    assert not wechat.ledger.count("/wxa/bind_tester")
    assert "nothing for you to do" not in text_of(browser.get(PAGE))


def test_what_is_online_is_not_ahead_of_the_users(browser: Client, row: Authorizer) -> None:
    version = make_version(row)
    assert "before your users do" in text_of(browser.get(PAGE))
    make_act(row, audit=make_audit(row, 0, version=version, released_at=NOON))
    page = text_of(browser.get(PAGE))
    assert "This version is online: your users have it too." in page
    assert "to see this version before your users do" not in page
    make_act(row, kind="revert")
    assert "to see this version before your users do" in text_of(browser.get(PAGE))


def test_an_unbound_mini_program_cannot_be_tried(
    browser: Client, component: Component, merchant: User
) -> None:
    make_version(make_authorizer(component, merchant, APPID, state="unbound"))
    assert browser.get(PAGE).status_code == 200
    assert browser.get(TRIAL).status_code == 404


# From WeChat's verdict to the page


def test_a_verdict_pushed_by_wechat_is_on_the_page_with_its_pictures(
    browser: Client, shop: Authorizer, wechat: WeChat, deliver: Deliver
) -> None:
    submitting.submit_newest_version(shop, by=None)
    wechat.judge(APPID, "reject", "1:小程序内容不符合规则<br>(1):请补充", pictures=2)
    wechat.deliver_all(deliver)
    verdicts.refresh_audit(CodeAudit.objects.get())
    page = text_of(browser.get(PAGE))
    assert "1:小程序内容不符合规则<br>(1):请补充" in page
    for picture in Screenshot.objects.all():
        answer = browser.get(f"{PAGE}screenshots/{picture.pk}/")
        assert (answer["Content-Type"], answer.content[:2]) == ("image/jpeg", b"\xff\xd8")
    assert Screenshot.objects.count() == 2
