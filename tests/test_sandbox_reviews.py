"""The sandbox reviews as WeChat does: its rules, its quotas, its verdicts, its pushes."""

import json
import re
import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from sandbox import WeChat
from sandbox.pages.words import CHINESE
from sandbox.server import start
from sandbox.server.demo import create_accounts, upload_code
from sandbox.wire import crypto
from tests.conftest import AES_KEY, APPID, PREFIX
from tests.programs import EXT_JSON, Shop, open_shop, refused_with
from wechat import (
    code,
    code_release,
    code_review,
    code_templates,
    http,
    order_path,
    privacy,
)
from wechat.errors import QuotaMonth

PAGES = ["pages/index/index", "pages/mine/mine"]


@pytest.fixture
def shop() -> Shop:
    return open_shop()


def post(shop: Shop, path: str, body: bytes = b"{}") -> Any:
    """A call as our client would never make it."""
    query = {"access_token": shop.token}
    return http.session.post(PREFIX + path, params=query, data=body, timeout=5).json()


def told(shop: Shop) -> list[str]:
    """What was pushed to the shop's door, opened; and the outbox is empty again."""
    opened = []
    for push in shop.wechat.outbox:
        assert push.sealed.url.endswith(f"/wechat/{shop.appid}/push/")
        found = re.search(rb"<Encrypt><!\[CDATA\[(.+?)\]\]></Encrypt>", push.sealed.body)
        assert found
        opened.append(crypto.open_sealed(found[1].decode(), aes_key=AES_KEY, appid=APPID).decode())
    shop.wechat.outbox.clear()
    return opened


# Templates


def test_the_draft_box_keeps_the_newest_of_each_development_program(shop: Shop) -> None:
    shop.wechat.upload_draft(user_version="1")
    shop.wechat.upload_draft(user_version="2")
    shop.wechat.upload_draft(user_version="3", source_appid="wx0000000000000001")
    drafts = code_templates.list_drafts(shop.component_token)
    assert [draft.user_version for draft in drafts] == ["2", "3"]


def test_the_library_holds_two_hundred(shop: Shop) -> None:
    refused_with(85064, code_templates.add_to_template, shop.component_token, 1)
    draft = shop.wechat.upload_draft()
    for _ in range(200):
        code_templates.add_to_template(shop.component_token, draft.draft_id)
    refused_with(85065, code_templates.add_to_template, shop.component_token, draft.draft_id)


def test_templates_are_the_platforms(shop: Shop) -> None:
    refused_with(61014, code_templates.list_templates, shop.token)
    refused_with(61015, code_release.release_code, shop.component_token)


# Upload


@pytest.mark.parametrize(
    ("ext_json", "errcode"),
    [
        ("", 85013),
        ("[]", 85013),
        ("{", 85048),
        ({"pages": []}, 85047),
        ({"pages": "pages/index/index"}, 85013),
        ({"pages": ["pages/other"]}, 85045),
        ({"extPages": {"pages/other": {}}}, 85045),
        ({"tabBar": {"list": [{"text": "首页"}]}}, 85046),
        ({"tabBar": {"list": 1}}, 85013),
        ({"requiredPrivateInfos": ["getMood"]}, 85310),
        ({"requiredPrivateInfos": ["getLocation", "getFuzzyLocation"]}, 85311),
    ],
    ids=str,
)
def test_ext_json_is_looked_through(shop: Shop, ext_json: object, errcode: int) -> None:
    text = ext_json if isinstance(ext_json, str) else json.dumps(ext_json)
    refused_with(errcode, shop.commit, ext_json=text)
    assert shop.program.trial is None


def test_ext_json_may_leave_pages_out(shop: Shop) -> None:
    shop.commit(ext_json=json.dumps({"pages": PAGES}))
    assert code.get_page(shop.token) == PAGES


def test_a_standard_template_allows_little(shop: Shop) -> None:
    draft = shop.wechat.upload_draft()
    template = shop.wechat.component.library.keep(draft.draft_id, 1, 0)
    told_version: dict[str, Any] = {
        "user_version": "1",
        "user_desc": "1",
        "template_id": template.template_id,
    }
    allowed = json.dumps({"extAppid": shop.appid, "ext": {}, "window": {}})
    refused_with(9402203, code.commit, shop.token, ext_json=EXT_JSON, **told_version)
    code.commit(shop.token, ext_json=allowed, **told_version)
    refused_with(
        85014, code.commit, shop.token, ext_json=allowed, **told_version | {"template_id": 99}
    )


def test_each_commit_starts_the_code_check_anew(shop: Shop) -> None:
    shop.wechat.reviews.check_seconds = 60
    shop.commit()
    shop.clock.now += 59
    refused_with(61039, code_review.submit_audit, shop.token, {})
    shop.commit()
    shop.clock.now += 59
    refused_with(61039, code_review.submit_audit, shop.token, {})
    shop.clock.now += 1
    assert code_review.submit_audit(shop.token, {})


# Submission


def test_what_must_come_before_a_submission(shop: Shop) -> None:
    refused_with(85086, code_review.submit_audit, shop.token, {})
    shop.commit()
    shop.program.is_complete = False
    refused_with(86002, code_review.submit_audit, shop.token, {})
    shop.program.is_complete = True
    shop.program.without_auth.append("wx.getLocation")
    refused_with(61040, code_review.submit_audit, shop.token, {"privacy_api_not_use": True})
    shop.program.without_auth.clear()
    shop.program.without_conf.append("wx.chooseAddress")
    refused_with(61040, code_review.submit_audit, shop.token, {})
    assert code_review.submit_audit(shop.token, {"privacy_api_not_use": True})
    refused_with(85009, code_review.submit_audit, shop.token, {})


@pytest.mark.parametrize(
    ("item", "errcode"),
    [
        ({}, 85010),
        ({"tag": " ".join("标签" for _ in range(11))}, 85006),
        ({"tag": "长" * 21}, 85006),
        ({"address": "pages/other"}, 85007),
        ({"first_class": "金融"}, 85008),
        ({"first_id": 1}, 85008),
        ({"title": "长" * 33}, 85011),
    ],
    ids=str,
)
def test_each_page_offered_is_looked_at(shop: Shop, item: dict[str, Any], errcode: int) -> None:
    shop.commit()
    [category] = code.get_category(shop.token)
    whole = {
        "address": "pages/index/index?from=review",
        "first_class": category.first_class,
        "first_id": category.first_id,
        "second_class": category.second_class,
        "second_id": category.second_id,
    }
    changed = {**whole, **item} if item else {}
    submission = {"item_list": [changed]}
    raw = json.dumps(submission, ensure_ascii=False).encode()
    assert post(shop, "/wxa/submit_audit", raw)["errcode"] == errcode
    for wrong in ([], [whole] * 6, "pages"):
        raw = json.dumps({"item_list": wrong}, ensure_ascii=False).encode()
        assert post(shop, "/wxa/submit_audit", raw)["errcode"] == 85023


def test_previews_must_be_there_and_few(shop: Shop) -> None:
    shop.commit()
    refused_with(
        85092, code_review.submit_audit, shop.token, {"preview_info": {"pic_id_list": ["x"]}}
    )
    many = {"pic_id_list": [str(number) for number in range(11)]}
    refused_with(85093, code_review.submit_audit, shop.token, {"preview_info": many})
    refused_with(85051, code_review.submit_audit, shop.token, {"feedback_info": "长" * 201})


def test_where_users_publish_the_first_submission_says_so(shop: Shop) -> None:
    shop.account.categories = [{"first": "社交", "second": "论坛"}]
    shop.commit()
    refused_with(85094, code_review.submit_audit, shop.token, {})
    assert code_review.submit_audit(shop.token, {"ugc_declare": {"scene": [4], "method": [1]}})
    shop.wechat.judge(shop.appid, "reject")
    assert code_review.submit_audit(shop.token, {})


def test_submissions_and_speed_ups_are_counted_by_the_month(shop: Shop) -> None:
    shop.wechat.reviews.audit_limit = shop.wechat.reviews.speedup_limit = 1
    code_review.speed_up_audit(shop.token, shop.submit())
    shop.wechat.judge(shop.appid, "reject")
    shop.commit()
    with pytest.raises(QuotaMonth):
        code_review.submit_audit(shop.token, {})
    assert code_review.query_quota(shop.token) == code_review.Quota(0, 1, 0, 1)
    shop.clock.now += 17 * 86_400
    shop.token = shop.wechat.new_token(shop.wechat.component.authorizations[shop.appid])[0]
    assert code_review.query_quota(shop.token) == code_review.Quota(1, 1, 1, 1)
    assert code_review.submit_audit(shop.token, {})


def test_five_withdrawals_a_day_and_ten_a_month(shop: Shop) -> None:
    refused_with(85019, code_review.undo_code_audit, shop.token)
    for _ in range(2):
        for _ in range(5):
            shop.submit()
            code_review.undo_code_audit(shop.token)
        auditid = shop.submit()
        with pytest.raises(QuotaMonth):
            code_review.undo_code_audit(shop.token)
        assert shop.program.find_audit(auditid).is_open
        shop.wechat.judge(shop.appid, "reject")
        tomorrow(shop)
    shop.submit()
    refused_with(87013, code_review.undo_code_audit, shop.token)


def tomorrow(shop: Shop) -> None:
    """A day later, with new tokens."""
    shop.clock.now += 86_400
    shop.token = shop.wechat.new_token(shop.wechat.component.authorizations[shop.appid])[0]
    shop.component_token = shop.wechat.new_token(shop.wechat.component)[0]


# Verdicts


def test_a_verdict_is_pushed_and_names_no_audit(shop: Shop) -> None:
    auditid = shop.submit()
    shop.wechat.judge(shop.appid, "delay", "需要核实")
    [delayed] = told(shop)
    assert "<Event><![CDATA[weapp_audit_delay]]></Event>" in delayed
    assert f"<DelayTime>{int(shop.clock.now)}</DelayTime>" in delayed
    assert "<Reason><![CDATA[需要核实]]></Reason>" in delayed
    assert code_review.get_auditstatus(shop.token, auditid) == code_review.AuditVerdict(
        code_review.DELAYED, "需要核实", []
    )
    shop.wechat.judge(shop.appid, "reject", "1:不符<br>2:请改", pictures=2)
    [rejected] = told(shop)
    assert "<Event><![CDATA[weapp_audit_fail]]></Event>" in rejected
    assert "<Reason><![CDATA[1:不符<br>2:请改]]></Reason>" in rejected
    assert f"<FailTime>{int(shop.clock.now)}</FailTime>" in rejected
    screenshots = code_review.get_auditstatus(shop.token, auditid).screenshots
    assert f"<ScreenShot><![CDATA[{'|'.join(screenshots)}]]></ScreenShot>" in rejected
    shop.submit()
    shop.wechat.judge(shop.appid, "pass")
    [passed] = told(shop)
    assert "<Event><![CDATA[weapp_audit_success]]></Event>" in passed
    assert f"<SuccTime>{int(shop.clock.now)}</SuccTime>" in passed
    assert str(auditid) not in delayed + rejected + passed
    with pytest.raises(ValueError, match="nothing of .* is in review"):
        shop.wechat.judge(shop.appid, "pass")


def test_who_has_not_our_code_is_told_nothing() -> None:
    shop = open_shop()
    shop.submit()
    shop.wechat.component.authorizations[shop.appid].func_ids.remove(18)
    shop.wechat.judge(shop.appid, "pass")
    assert told(shop) == []


@pytest.mark.parametrize(
    ("outcome", "statuses"),
    [
        ("pass", [code_review.PASSED]),
        ("reject", [code_review.REJECTED]),
        ("delay", [code_review.DELAYED, code_review.PASSED]),
    ],
)
def test_reviews_may_end_by_themselves(shop: Shop, outcome: str, statuses: list[int]) -> None:
    shop.wechat.reviews.review_seconds, shop.wechat.reviews.outcome = 60, outcome
    auditid = shop.submit()
    for status in statuses:
        shop.clock.now += 59
        assert code_review.get_auditstatus(shop.token, auditid).status != status
        shop.clock.now += 1
        assert code_review.get_auditstatus(shop.token, auditid).status == status
        assert len(told(shop)) == 1
    shop.clock.now += 600
    shop.wechat.reviews.judge_due()
    assert told(shop) == []


def test_a_withdrawn_review_does_not_end_by_itself(shop: Shop) -> None:
    shop.wechat.reviews.review_seconds = 60
    auditid = shop.submit()
    code_review.undo_code_audit(shop.token)
    shop.clock.now += 60
    assert code_review.get_auditstatus(shop.token, auditid).status == code_review.WITHDRAWN
    assert told(shop) == []


# Release


def test_a_release_takes_no_version_but_a_body(shop: Shop) -> None:
    shop.approve("1.0.0")
    assert post(shop, "/wxa/release", b"")["errcode"] == 44002
    assert post(shop, "/wxa/getversioninfo", b"")["errcode"] == 44002
    assert post(shop, "/wxa/getvisitstatus", b"")["errcode"] == 44002
    shop.approve("1.1.0")  # meanwhile
    code_release.release_code(shop.token)
    assert shop.program.online is not None
    assert shop.program.online.version.user_version == "1.1.0"
    assert shop.wechat.count("/wxa/release", shop.appid, effect=True) == 1


def test_what_cannot_be_released_says_why(shop: Shop) -> None:
    refused_with(85019, code_release.release_code, shop.token)
    shop.submit()
    refused_with(85020, code_release.release_code, shop.token)
    shop.wechat.judge(shop.appid, "reject")
    refused_with(85020, code_release.release_code, shop.token)
    shop.release()
    refused_with(85052, code_release.release_code, shop.token)
    assert shop.wechat.count("/wxa/release", shop.appid, effect=True) == 1
    assert shop.wechat.count("/wxa/release", shop.appid, effect=False) == 4


def test_a_passed_version_waits_while_the_next_is_in_review(shop: Shop) -> None:
    shop.approve("1.0.0")
    shop.submit("1.1.0")
    code_release.release_code(shop.token)
    assert shop.program.online is not None
    assert shop.program.online.version.user_version == "1.0.0"


def test_five_versions_are_kept_and_each_is_gone_back_to_once(shop: Shop) -> None:
    for number in range(7):
        shop.release(f"1.{number}.0")
    kept = [one.user_version for one in code_release.get_history_version(shop.token)]
    assert kept == ["1.5.0", "1.4.0", "1.3.0", "1.2.0", "1.1.0"]
    oldest = code_release.get_history_version(shop.token)[-1]
    code_release.revert_code_release(shop.token)
    assert live(shop) == "1.5.0"
    code_release.revert_code_release(shop.token, oldest.app_version)
    assert live(shop) == "1.1.0"
    refused_with(87012, code_release.revert_code_release, shop.token, oldest.app_version)
    kept = [one.user_version for one in code_release.get_history_version(shop.token)]
    assert kept == ["1.4.0", "1.3.0", "1.2.0"]
    path = "/wxa/revertcoderelease"
    assert shop.wechat.count(path, shop.appid, effect=True) == 2
    assert shop.wechat.count(f"{path}?action=get_history_version", shop.appid) == 3


def live(shop: Shop) -> str:
    _, released = code_release.get_version_info(shop.token)
    return released.user_version if released else ""


def test_a_release_in_steps_only_grows(shop: Shop) -> None:
    shop.approve("1.0.0")
    refused_with(85079, code_release.gray_release, shop.token, 10)
    code_release.release_code(shop.token)
    refused_with(85080, code_release.gray_release, shop.token, 10)
    shop.approve("2.0.0")
    for wrong in (-1, 101, 0):
        refused_with(85081, code_release.gray_release, shop.token, wrong)
    code_release.gray_release(shop.token, 10)
    for wrong in (10, 5):
        refused_with(85082, code_release.gray_release, shop.token, wrong)
    assert live(shop) == "1.0.0"
    code_release.gray_release(shop.token, 100)
    assert live(shop) == "2.0.0"
    assert shop.program.gray.status == code_release.GRAY_FINISHED
    refused_with(85021, code_release.revert_gray_release, shop.token)
    code_release.revert_code_release(shop.token)
    assert live(shop) == "1.0.0"


# By hand


@pytest.fixture
def desk(shop: Shop) -> Iterator[str]:
    """The URL of the shop's page in a running sandbox."""
    server = start(shop.wechat)
    yield f"{shop.wechat.base_url}/sandbox/program/{shop.appid}"
    server.shutdown()
    server.server_close()


def open_page(url: str, **more: Any) -> requests.Response:
    with requests.Session() as session:
        session.trust_env = False
        return session.get(url, timeout=5, **more)


def press(desk: str, button: str, **fields: str) -> requests.Response:
    """A button of the desk, with the key its page shows."""
    key = re.search(r'name="form_key" value="(.+?)"', open_page(desk).text)
    assert key
    with requests.Session() as session:
        session.trust_env = False
        return session.post(f"{desk}/{button}", data={"form_key": key[1], **fields}, timeout=5)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_desk_shows_versions_and_reviews(shop: Shop, desk: str, language: str) -> None:
    empty = open_page(desk, params={"lang": language}).text
    nothing = "Nothing was submitted yet."
    assert (CHINESE[nothing] if language == "zh" else nothing) in empty
    shop.release("1.0.0")
    shop.approve("2.0.0")
    code_release.gray_release(shop.token, 30)
    auditid = shop.submit("3.0.0")
    page = open_page(desk, params={"lang": language}).text
    for shown in ("1.0.0", "2.0.0", "3.0.0", str(auditid), "30"):
        assert shown in page


def test_a_reviewer_delays_and_rejects_with_pictures(shop: Shop, desk: str) -> None:
    auditid = shop.submit()
    assert press(desk, "delay", reason="等等").status_code == 200
    assert code_review.get_auditstatus(shop.token, auditid).status == code_review.DELAYED
    page = press(desk, "reject", reason="<b>不行</b>", pictures="2").text
    assert "&lt;b&gt;不行&lt;/b&gt;" in page
    pictures = re.findall(r'src="(/sandbox/media/\w+)"', page)
    assert len(pictures) == 2
    shown = open_page(shop.wechat.base_url + pictures[0])
    assert shown.headers["Content-Type"] == "image/jpeg"
    assert shown.content.startswith(b"\xff\xd8\xff")
    assert open_page(f"{shop.wechat.base_url}/sandbox/media/none").status_code == 404


def test_a_reviewer_lets_it_pass_once(shop: Shop, desk: str) -> None:
    shop.submit()
    key = re.search(r'name="form_key" value="(.+?)"', open_page(desk).text)
    assert key
    assert press(desk, "pass").status_code == 200
    assert shop.program.approved is not None
    with requests.Session() as session:
        session.trust_env = False
        again = session.post(f"{desk}/pass", data={"form_key": key[1]}, timeout=5)
        assert again.status_code == 400
        assert session.post(f"{desk}/pass", data={"form_key": "x"}, timeout=5).status_code == 403
    assert open_page(f"{desk}0").status_code == 400


def test_a_reviewer_decides_on_what_was_applied_for(shop: Shop, desk: str) -> None:
    assert "Nothing was applied for." in open_page(desk, params={"lang": "en"}).text
    material = {"url_list": [], "pic_list": ["https://pictures.example.com/map.png"]}
    for name in ("wx.getLocation", "wx.chooseAddress"):
        privacy.apply_privacy_interface(shop.token, name, "显示附近的书店", **material)
    order_path.apply_order_path(shop.component_token, [shop.appid], "pages/order/list")
    page = open_page(desk).text
    for shown in ("wx.getLocation", "wx.chooseAddress", "pages/order/list"):
        assert shown in page
    assert press(desk, "grant", interface="wx.getLocation").status_code == 200
    assert press(desk, "refuse", interface="wx.chooseAddress", reason="不行").status_code == 200
    assert press(desk, "grant").status_code == 200
    rows = {row["api_name"]: row for row in privacy.list_privacy_interfaces(shop.token)}
    assert rows["wx.getLocation"]["status"] == privacy.GRANTED
    assert rows["wx.chooseAddress"]["fail_reason"] == "不行"
    assert order_path.get_order_path(shop.token) is not None


def test_reviewers_decide_by_themselves_after_a_while(shop: Shop) -> None:
    shop.wechat.reviews.review_seconds = 60
    order_path.apply_order_path(shop.component_token, [shop.appid], "pages/order/list")
    assert order_path.get_order_path(shop.token) is None
    shop.clock.now += 61
    shop.wechat.judge_due()
    assert order_path.get_order_path(shop.token) is not None
    shop.wechat.reviews.outcome = "reject"
    pictures = ["https://pictures.example.com/map.png"]
    privacy.apply_privacy_interface(shop.token, "wx.choosePoi", "x", url_list=[], pic_list=pictures)
    shop.clock.now += 61
    shop.wechat.judge_due()
    rows = {row["api_name"]: row for row in privacy.list_privacy_interfaces(shop.token)}
    assert rows["wx.choosePoi"]["status"] == privacy.REFUSED


def test_scripts_judge_applications(shop: Shop, desk: str) -> None:
    order_path.apply_order_path(shop.component_token, [shop.appid], "pages/order/list")
    with requests.Session() as session:
        session.trust_env = False
        url = f"{shop.wechat.base_url}/sandbox/api/judge_application"
        data = {"appid": shop.appid, "outcome": "reject", "reason": "打不开"}
        assert "audit_id" in session.post(url, json=data, timeout=5).json()
        about = {**data, "interface": "wx.getLocation"}
        assert "error" in session.post(url, json=about, timeout=5).json()


def test_scripts_review_too(shop: Shop, desk: str) -> None:
    with requests.Session() as session:
        session.trust_env = False

        def script(name: str, data: Any = None) -> Any:
            url = f"{shop.wechat.base_url}/sandbox/api/{name}"
            if data is None:
                return session.get(url, timeout=5).json()
            return session.post(url, json=data, timeout=5).json()

        made = script("drafts", {"user_version": "5.0.0", "user_desc": "脚本", "keep": True})
        assert [one.template_id for one in code_templates.list_templates(shop.component_token)] == [
            made["template_id"]
        ]
        assert "template_id" not in script("drafts", {"user_version": "5.0.1"})
        settings = script("settings", {"check_seconds": 0, "review_outcome": "reject"})
        assert (settings["review_seconds"], settings["review_outcome"]) == (None, "reject")
        assert "error" in script("settings", {"review_outcome": "perhaps"})
        script("program", {"appid": shop.appid, "without_auth": ["wx.getLocation"]})
        shop.commit("5.0.0")
        refused_with(61040, code_review.submit_audit, shop.token, {})
        script("program", {"appid": shop.appid, "without_auth": []})
        assert "error" in script("program", {"appid": shop.appid, "trial": 1})
        auditid = code_review.submit_audit(shop.token, {})
        assert script("judge", {"appid": shop.appid, "outcome": "pass"}) == {"auditid": auditid}
        assert "error" in script("judge", {"appid": shop.appid, "outcome": "pass"})
        code_release.release_code(shop.token)
        program = script(f"program?appid={shop.appid}")
        assert program["trial"]["user_version"] == program["online"]["user_version"] == "5.0.0"
        assert [audit["status"] for audit in program["audits"]] == [0]
        assert (program["approved"], program["released"]) == (None, 1)


def test_the_console_uploads_drafts_and_sets_how_reviews_go(shop: Shop, desk: str) -> None:
    home = shop.wechat.base_url
    key = re.search(r'name="form_key" value="(.+?)"', open_page(home).text)
    assert key
    fields = {
        "drafts": {"user_version": "7.0.0", "user_desc": "新"},
        "reviews": {
            "check_seconds": "5",
            "review_seconds": "",
            "audit_limit": "20",
            "speedup_limit": "2",
            "review_outcome": "delay",
        },
    }
    with requests.Session() as session:
        session.trust_env = False
        for button, sent in fields.items():
            url = f"{home}/sandbox/do/{button}"
            page = session.post(url, data={"form_key": key[1], **sent}, timeout=5)
            assert page.status_code == 200
    assert "7.0.0" in page.text
    reviews = shop.wechat.reviews
    assert (reviews.check_seconds, reviews.review_seconds, reviews.outcome) == (5, None, "delay")
    assert f'href="/sandbox/program/{shop.appid}"' in page.text


def test_a_verdict_falls_due_in_a_running_sandbox_that_nobody_asks(shop: Shop, desk: str) -> None:
    shop.wechat.reviews.review_seconds = 10
    shop.submit()
    shop.clock.now += 10
    for _ in range(100):
        if shop.wechat.outbox:
            break
        time.sleep(0.02)
    assert shop.program.approved is not None


def test_the_demo_has_code_to_try() -> None:
    wechat = WeChat(deliver=None)
    wechat.register_component(appid=APPID, secret="s" * 32, token="t" * 32, aes_key=AES_KEY)
    create_accounts(wechat)
    upload_code(wechat)
    library = wechat.component.library
    assert [one.draft.user_version for one in library.templates.values()] == ["1.0.0", "1.1.0"]
    assert [one.user_version for one in library.drafts.values()] == ["1.2.0"]
