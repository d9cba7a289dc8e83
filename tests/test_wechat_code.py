"""Every endpoint for code asks WeChat as it wants to be asked, and reads what it answers."""

from collections.abc import Callable

import pytest

from tests.programs import EXT_JSON, Shop, open_shop, refused_with
from wechat import code
from wechat.errors import (
    AuditOpen,
    BadAnswer,
    CheckRunning,
    MustCommit,
    NoAudit,
    NothingToRelease,
    QuotaMonth,
    Refused,
    Unreachable,
)
from wechat.http import File
from wechat.media import get_media

PNG = b"\x89PNG\r\n\x1a\n" + b"p" * 100


@pytest.fixture
def shop() -> Shop:
    return open_shop()


def test_a_draft_becomes_a_template_and_is_deleted(shop: Shop) -> None:
    draft = shop.wechat.upload_draft(user_version="2.0.0", user_desc="会员中心")
    [listed] = code.list_drafts(shop.component_token)
    assert (listed.draft_id, listed.user_version, listed.user_desc) == (
        *(draft.draft_id, "2.0.0", "会员中心"),
    )
    assert listed.source_miniprogram == "模板小程序"
    code.add_to_template(shop.component_token, draft.draft_id)
    [template] = code.list_templates(shop.component_token)
    assert (template.draft_id, template.user_version) == (draft.draft_id, "2.0.0")
    assert (template.template_type, template.audit_status) == (code.ORDINARY_TEMPLATE, None)
    assert code.list_templates(shop.component_token, code.STANDARD_TEMPLATE) == []
    code.delete_template(shop.component_token, template.template_id)
    assert code.list_templates(shop.component_token) == []
    refused_with(85064, code.delete_template, shop.component_token, template.template_id)


def test_a_commit_makes_a_trial_version(shop: Shop) -> None:
    with pytest.raises(MustCommit):
        code.get_page(shop.token)
    shop.commit("1.2.3")
    assert code.get_page(shop.token)[0] == "pages/index/index"
    trial, released = code.get_version_info(shop.token)
    assert trial is not None
    assert (trial.user_version, trial.user_desc) == ("1.2.3", "版本 1.2.3")
    assert trial.at == int(shop.clock.now)
    assert released is None


def test_the_trial_code_is_a_picture(shop: Shop) -> None:
    refused_with(86001, code.get_qrcode, shop.token)
    shop.commit()
    picture = code.get_qrcode(shop.token)
    assert picture.kind == "image/jpeg"
    assert picture.content.startswith(b"\xff\xd8\xff")
    there = code.get_qrcode(shop.token, "pages/goods/detail?id=1&from=扫码")
    assert there.content != picture.content


def test_categories_are_read_with_their_ids(shop: Shop) -> None:
    shop.account.categories.append({"first": "餐饮", "second": "点评", "third": "点餐"})
    two, three = code.get_category(shop.token)
    assert (two.first_class, two.second_class, two.third_class) == ("工具", "效率", "")
    assert (two.third_id, three.third_class) == (None, "点餐")
    assert three.first_id > 0
    assert isinstance(three.third_id, int)


def test_the_privacy_check_says_what_it_found(shop: Shop) -> None:
    shop.wechat.reviews.check_seconds = 60
    shop.program.without_conf.append("wx.chooseAddress")
    shop.commit()
    with pytest.raises(CheckRunning):
        code.get_code_privacy_info(shop.token)
    shop.clock.now += 60
    found = code.get_code_privacy_info(shop.token)
    assert (found.without_auth, found.without_conf) == ([], ["wx.chooseAddress"])


def test_a_submission_takes_every_field(shop: Shop) -> None:
    shop.commit()
    picture = code.upload_media(shop.token, File("image/png", PNG))
    film = code.upload_media(shop.token, File("video/mp4", b"film"))
    [category] = code.get_category(shop.token)
    submission = code.Submission(
        item_list=[
            code.AuditItem(
                address="pages/index/index",
                tag="书店 阅读",
                title="首页",
                first_class=category.first_class,
                second_class=category.second_class,
                first_id=category.first_id,
                second_id=category.second_id,
            )
        ],
        preview_info=code.Preview(pic_id_list=[picture], video_id_list=[film]),
        version_desc="首次提审",
        feedback_info="已补充说明",
        feedback_stuff=picture,
        ugc_declare=code.UgcDeclare(scene=[0], method=[4], has_audit_team=0, audit_desc="无"),
        privacy_api_not_use=True,
        order_path="pages/order/list",
    )
    auditid = code.submit_audit(shop.token, submission)
    assert shop.program.audits[-1].submission == submission
    assert code.get_auditstatus(shop.token, auditid) == code.Verdict(code.IN_REVIEW, "", [])


def test_the_newest_audit_says_which_version_it_is_about(shop: Shop) -> None:
    with pytest.raises(NoAudit):
        code.get_latest_auditstatus(shop.token)
    auditid = shop.submit("1.1.0")
    latest = code.get_latest_auditstatus(shop.token)
    assert (latest.auditid, latest.user_version) == (auditid, "1.1.0")
    assert (latest.user_desc, latest.submit_audit_time) == ("版本 1.1.0", int(shop.clock.now))
    with pytest.raises(NoAudit):
        code.get_auditstatus(shop.token, auditid + 1)


def test_a_rejection_comes_with_its_reason_and_pictures(shop: Shop) -> None:
    shop.submit()
    shop.wechat.judge(shop.appid, "reject", "类目不符<br>请修改", pictures=2)
    verdict = code.get_latest_auditstatus(shop.token).verdict
    assert (verdict.status, verdict.reason) == (code.REJECTED, "类目不符<br>请修改")
    pictures = [get_media(shop.token, media_id) for media_id in verdict.screenshots]
    assert [picture.kind for picture in pictures] == ["image/jpeg"] * 2
    shop.clock.now += 3 * 86_400 - 60  # the token has died meanwhile
    shop.token = open_again(shop)
    assert get_media(shop.token, verdict.screenshots[0]) == pictures[0]
    shop.clock.now += 60
    refused_with(40007, get_media, shop.token, verdict.screenshots[0])


def open_again(shop: Shop) -> str:
    """A new access token of the shop."""
    authorization = shop.wechat.authorization(shop.appid)
    assert authorization is not None
    with shop.wechat.lock:
        return shop.wechat.new_token(authorization)[0]


@pytest.mark.parametrize("name", ["screenshot", "ScreenShot"])
def test_both_spellings_of_the_screenshots_are_read(shop: Shop, name: str) -> None:
    shop.submit()
    other = {"screenshot": "ScreenShot", "ScreenShot": "screenshot"}[name]
    shop.wechat.judge(shop.appid, "reject", pictures=1)
    shop.wechat.fault("/wxa/get_latest_auditstatus", without=(other,))
    [media_id] = code.get_latest_auditstatus(shop.token).verdict.screenshots
    assert media_id in shop.wechat.media.files


@pytest.mark.parametrize("auditid", [1234567, "1234567"], ids=["number", "text"])
def test_an_auditid_may_be_a_number_or_text(shop: Shop, auditid: object) -> None:
    shop.submit()
    shop.wechat.fault("/wxa/get_latest_auditstatus", change={"auditid": auditid})
    assert code.get_latest_auditstatus(shop.token).auditid == 1234567


@pytest.mark.parametrize(
    "change",
    [{"auditid": "12a"}, {"auditid": None}, {"auditid": True}, {"status": 9}, {"status": "x"}],
    ids=str,
)
def test_an_audit_that_makes_no_sense_is_no_answer(shop: Shop, change: dict[str, object]) -> None:
    shop.submit()
    shop.wechat.fault("/wxa/get_latest_auditstatus", change=change, times=None)
    with pytest.raises(BadAnswer):
        code.get_latest_auditstatus(shop.token)


def test_an_open_audit_can_be_sped_up_and_withdrawn(shop: Shop) -> None:
    auditid = shop.submit()
    with pytest.raises(AuditOpen):
        code.submit_audit(shop.token, {})
    quota = code.query_quota(shop.token)
    assert (quota.rest, quota.limit) == (999, 1000)
    assert (quota.speedup_rest, quota.speedup_limit) == (20, 20)
    code.speed_up_audit(shop.token, auditid)
    refused_with(89404, code.speed_up_audit, shop.token, auditid)
    assert code.query_quota(shop.token).speedup_rest == 19
    code.undo_code_audit(shop.token)
    assert code.get_auditstatus(shop.token, auditid).status == code.WITHDRAWN
    refused_with(89402, code.speed_up_audit, shop.token, auditid)


def test_what_passed_is_released_and_rolled_back(shop: Shop) -> None:
    with pytest.raises(NothingToRelease):
        code.release(shop.token)
    shop.release("1.0.0")
    shop.release("2.0.0")
    _, released = code.get_version_info(shop.token)
    assert released is not None
    assert (released.user_version, released.at) == ("2.0.0", int(shop.clock.now))
    with pytest.raises(NothingToRelease):
        code.release(shop.token)
    [past] = code.get_history_version(shop.token)
    assert (past.user_version, past.user_desc) == ("1.0.0", "版本 1.0.0")
    code.revert_code_release(shop.token, past.app_version)
    _, released = code.get_version_info(shop.token)
    assert released is not None
    assert released.user_version == "1.0.0"
    refused_with(87012, code.revert_code_release, shop.token)


def test_a_release_can_go_in_steps(shop: Shop) -> None:
    assert code.get_gray_release_plan(shop.token) == code.GrayPlan(0, 0, 0, False, False)
    shop.release("1.0.0")
    shop.approve("2.0.0")
    code.gray_release(shop.token, 0, support_debuger_first=True)
    code.gray_release(shop.token, 20)
    plan = code.get_gray_release_plan(shop.token)
    assert plan is not None
    assert (plan.status, plan.percentage) == (code.GRAY_RUNNING, 20)
    assert plan.create_timestamp == int(shop.clock.now)
    refused_with(87011, code.revert_code_release, shop.token)
    code.revert_gray_release(shop.token)
    stopped = code.get_gray_release_plan(shop.token)
    assert stopped is not None
    assert stopped.status == code.GRAY_DELETED
    shop.wechat.fault("/wxa/getgrayreleaseplan", without=("gray_release_plan",))
    assert code.get_gray_release_plan(shop.token) is None


def test_service_can_be_closed_and_opened(shop: Shop) -> None:
    refused_with(85021, code.change_visit_status, shop.token, is_open=False)
    shop.release()
    assert code.is_open_to_visits(shop.token)
    code.change_visit_status(shop.token, is_open=False)
    assert not code.is_open_to_visits(shop.token)
    code.change_visit_status(shop.token, is_open=True)
    assert code.is_open_to_visits(shop.token)


def test_the_least_base_library_can_be_set(shop: Shop) -> None:
    before = code.get_support_version(shop.token)
    assert before.now == "2.20.0"
    assert ("2.30.0", 27.5) in before.usage
    code.set_support_version(shop.token, "2.30.0")
    assert code.get_support_version(shop.token).now == "2.30.0"
    refused_with(89014, code.set_support_version, shop.token, "9.9.9")


def test_each_decisive_refusal_has_its_own_name(shop: Shop) -> None:
    shop.wechat.reviews.audit_limit = 0
    shop.commit()
    with pytest.raises(QuotaMonth):
        code.submit_audit(shop.token, {})
    for errcode, kind in {
        9402202: CheckRunning,
        85052: NothingToRelease,
        87013: QuotaMonth,
    }.items():
        shop.wechat.fault("/wxa/submit_audit", errcode=errcode)
        with pytest.raises(kind):
            code.submit_audit(shop.token, {})


ONCE: dict[str, Callable[[Shop], object]] = {
    "/wxa/addtotemplate": lambda shop: code.add_to_template(shop.component_token, 1),
    "/wxa/deletetemplate": lambda shop: code.delete_template(shop.component_token, 1),
    "/wxa/commit": lambda shop: code.commit(
        shop.token, template_id=1, ext_json=EXT_JSON, user_version="1", user_desc="1"
    ),
    "/wxa/submit_audit": lambda shop: code.submit_audit(shop.token, {}),
    "/wxa/undocodeaudit": lambda shop: code.undo_code_audit(shop.token),
    "/wxa/speedupaudit": lambda shop: code.speed_up_audit(shop.token, 1),
    "/wxa/release": lambda shop: code.release(shop.token),
    "/wxa/revertcoderelease": lambda shop: code.revert_code_release(shop.token),
    "/wxa/grayrelease": lambda shop: code.gray_release(shop.token, 10),
    "/wxa/revertgrayrelease": lambda shop: code.revert_gray_release(shop.token),
    "/wxa/change_visitstatus": lambda shop: code.change_visit_status(shop.token, is_open=True),
}


@pytest.mark.parametrize("path", ONCE)
@pytest.mark.parametrize("fault", [{"drop": "after"}, {"drop": "before"}, {"errcode": -1}], ids=str)
def test_what_changes_something_is_asked_once(
    shop: Shop, path: str, fault: dict[str, object]
) -> None:
    shop.wechat.fault(path, times=None, **fault)
    with pytest.raises((Unreachable, Refused)):
        ONCE[path](shop)
    assert shop.wechat.count(path) == 1


def test_what_only_looks_is_asked_again(shop: Shop) -> None:
    shop.commit()
    looks: dict[str, Callable[[str], object]] = {
        "/wxa/get_page": code.get_page,
        "/wxa/get_qrcode": code.get_qrcode,
        "/wxa/getversioninfo": code.get_version_info,
        "/wxa/queryquota": code.query_quota,
    }
    for path, look in looks.items():
        shop.wechat.fault(path, drop="after")
        assert look(shop.token)
        assert shop.wechat.count(path) == 2


def test_without_the_permission_set_nothing_can_be_done() -> None:
    shop = open_shop([30])
    for call in (code.get_page, code.release, code.query_quota, code.get_qrcode):
        refused_with(61007, call, shop.token)
