"""Domains, testers, the account and its privacy guideline, asked and read."""

from typing import Any

import pytest

from tests.programs import Shop, open_shop, refused_with
from wechat import domains, order_path, privacy, testers
from wechat.account import get_account_basic_info

API = "https://api.example.com"


@pytest.fixture
def shop() -> Shop:
    return open_shop()


# Domains


def test_only_domains_of_the_platform_can_be_set(shop: Shop) -> None:
    wanted = domains.Domains(requestdomain=[API, "https://other.example.org"])
    refused_with(85301, domains.modify_domain, shop.token, "add", wanted)
    registered = domains.modify_platform_domain(
        shop.component_token, "add", ["api.example.com", "no domain"], published_too=True
    )
    assert (registered.published, registered.testing) == (["api.example.com"],) * 2
    assert registered.invalid == ["no domain"]
    done = domains.modify_domain(shop.token, "add", wanted)
    assert done.domains["requestdomain"] == [API]
    assert done.invalid == {"requestdomain": ["https://other.example.org"]}
    assert done.no_icp == []


def test_any_domain_can_be_set_directly_but_a_wrong_one(shop: Shop) -> None:
    wanted = domains.Domains(
        wsrequestdomain=["wss://push.example.com", "https://push.example.com"],
        downloaddomain=["https://127.0.0.1", "https://api.weixin.qq.com"],
    )
    done = domains.modify_domain_directly(shop.token, "set", wanted)
    assert done.domains["wsrequestdomain"] == ["wss://push.example.com"]
    assert done.invalid == {
        "wsrequestdomain": ["wss://https://push.example.com"],
        "downloaddomain": ["https://127.0.0.1", "https://api.weixin.qq.com"],
    }
    assert domains.modify_domain_directly(shop.token, "get").domains == done.domains
    gone = domains.modify_domain_directly(
        shop.token, "delete", {"wsrequestdomain": ["wss://push.example.com"]}
    )
    assert gone.domains["wsrequestdomain"] == []


def test_a_domain_that_nobody_has_filed_is_named_and_not_taken(shop: Shop) -> None:
    shop.program.without_icp = ["new.example.com"]
    wanted = domains.Domains(requestdomain=[API, "https://new.example.com:8443"])
    done = domains.modify_domain_directly(shop.token, "add", wanted)
    assert done.no_icp == ["https://new.example.com:8443"]
    assert done.domains["requestdomain"] == [API]


def test_the_file_is_looked_for_at_each_new_domain(shop: Shop) -> None:
    domains.get_webview_confirm_file(shop.token)
    shop.program.without_file = ["b.example.com"]
    both = ["https://a.example.com", "https://b.example.com"]
    refused_with(86103, domains.set_webview_domain_directly, shop.token, "add", both)
    assert domains.set_webview_domain_directly(shop.token, "add", both[:1]) == both[:1]


def test_the_effective_domains_are_all_together(shop: Shop) -> None:
    shop.program.domains["mp"] = {"requestdomain": ["https://mp.example.com"]}
    domains.modify_domain_directly(shop.token, "add", {"requestdomain": [API]})
    found = domains.get_effective_domain(shop.token)
    assert found.mp["requestdomain"] == ["https://mp.example.com"]
    assert found.third["requestdomain"] == []
    assert found.direct["requestdomain"] == [API]
    assert found.effective["requestdomain"] == ["https://mp.example.com", API]


def test_web_pages_must_be_below_the_platforms_domains(shop: Shop) -> None:
    refused_with(89020, domains.set_webview_domain, shop.token, "add", ["https://a.example.com"])
    jump = domains.modify_platform_jump_domain(shop.component_token, "set", ["example.com"])
    assert (jump.published, jump.testing) == ([], ["example.com"])
    refused_with(89021, domains.set_webview_domain, shop.token, "add", ["https://example.org"])
    assert domains.set_webview_domain(shop.token, "add", ["https://a.example.com"]) == [
        "https://a.example.com"
    ]
    refused_with(89019, domains.set_webview_domain, shop.token, "add", ["https://a.example.com"])
    assert domains.set_webview_domain(shop.token) == [
        *("https://a.example.com", "https://example.com"),
    ]
    assert domains.set_webview_domain(shop.token, "get") == [
        *("https://a.example.com", "https://example.com"),
    ]
    direct = ["https://direct.example.org"]
    refused_with(86103, domains.set_webview_domain_directly, shop.token, "set", direct)
    domains.get_webview_confirm_file(shop.token)
    assert domains.set_webview_domain_directly(shop.token, "set", direct) == direct
    effective = domains.get_effective_webview_domain(shop.token)
    assert effective["direct"] == direct
    assert len(effective["effective"]) == 3


def test_a_person_shows_no_web_pages(shop: Shop) -> None:
    shop.account.principal_name = "个人"
    refused_with(89231, domains.set_webview_domain_directly, shop.token, "add", [API])


def test_each_has_a_file_that_proves_the_domain(shop: Shop) -> None:
    ours = domains.get_platform_confirm_file(shop.component_token)
    theirs = domains.get_webview_confirm_file(shop.token)
    assert ours.file_name.endswith(".txt")
    assert ours.file_content
    assert ours != theirs


def test_names_to_look_up_ahead(shop: Shop) -> None:
    assert domains.get_prefetch_dns_domain(shop.token) == []
    domains.set_prefetch_dns_domain(shop.token, [API])
    assert domains.get_prefetch_dns_domain(shop.token) == [API]
    refused_with(9420002, domains.set_prefetch_dns_domain, shop.token, [API] * 6)
    refused_with(9420001, domains.set_prefetch_dns_domain, shop.token, ["127.0.0.1"])


def test_a_change_of_domains_is_asked_once(shop: Shop) -> None:
    for path, change in {
        "/wxa/modify_domain": domains.modify_domain,
        "/wxa/modify_domain_directly": domains.modify_domain_directly,
    }.items():
        shop.wechat.fault(path, errcode=-1)
        refused_with(-1, change, shop.token, "add", {"requestdomain": [API]})
        assert shop.wechat.count(path) == 1


# Testers


def test_a_tester_is_bound_listed_and_unbound(shop: Shop) -> None:
    userstr = testers.bind_tester(shop.token, "li_laojie")
    assert testers.list_testers(shop.token) == [userstr]
    refused_with(85004, testers.bind_tester, shop.token, "li_laojie")
    refused_with(85001, testers.bind_tester, shop.token, "李老街")
    testers.unbind_tester(shop.token, userstr=userstr)
    assert testers.list_testers(shop.token) == []
    refused_with(-1, testers.unbind_tester, shop.token, wechatid="li_laojie")
    for number in range(30):
        testers.bind_tester(shop.token, f"tester_{number}")
    refused_with(85002, testers.bind_tester, shop.token, "tester_30")
    shop.wechat.tests_of["everywhere"] = 50
    testers.unbind_tester(shop.token, wechatid="tester_0")
    refused_with(85003, testers.bind_tester, shop.token, "everywhere")


# The account


def test_the_account_tells_what_it_is(shop: Shop) -> None:
    info = get_account_basic_info(shop.token)
    assert (info.appid, info.principal_name) == (shop.appid, "示例科技有限公司")
    assert (info.account_type, info.principal_type, info.realname_status) == (3, 1, 1)
    assert info.is_verified
    assert info.is_name_verified
    assert (info.nickname.value, info.nickname.used, info.nickname.quota) == ("山茶书店", 0, 2)


# Privacy

USES: list[privacy.PrivacyUse] = [{"privacy_key": "Location", "privacy_text": "配送书籍"}]
OWNER = privacy.OwnerSetting(contact_email="hi@example.com", notice_method="弹窗")


def test_the_privacy_guideline_goes_online_with_a_release(shop: Shop) -> None:
    assert not privacy.get_privacy_setting(shop.token).has_code
    shop.commit()
    shop.program.found_privacy.append("Location")
    privacy.set_privacy_setting(shop.token, owner_setting=OWNER, uses=USES)
    kept = privacy.get_privacy_setting(shop.token)
    assert (kept.has_code, kept.uses, kept.owner_setting) == (True, USES, OWNER)
    assert "Location" in kept.found_keys
    assert kept.update_time == int(shop.clock.now)
    assert privacy.get_privacy_setting(shop.token, privacy.ONLINE).uses == []
    shop.release()
    assert privacy.get_privacy_setting(shop.token, privacy.ONLINE).uses == USES
    other = privacy.OwnerSetting(contact_phone="10000", notice_method="弹窗")
    privacy.set_privacy_setting(shop.token, owner_setting=other, privacy_ver=privacy.ONLINE)
    online = privacy.get_privacy_setting(shop.token, privacy.ONLINE)
    assert (online.owner_setting, online.uses) == (other, USES)


def test_a_privacy_guideline_must_be_whole(shop: Shop) -> None:
    ask = privacy.set_privacy_setting
    refused_with(86070, ask, shop.token, owner_setting={"contact_phone": "1"}, uses=USES)
    refused_with(86069, ask, shop.token, owner_setting={"notice_method": "弹窗"}, uses=USES)
    refused_with(86071, ask, shop.token, owner_setting=OWNER, uses=USES, privacy_ver=3)
    refused_with(86074, ask, shop.token, owner_setting=OWNER, privacy_ver=privacy.ONLINE)
    refused_with(47001, ask, shop.token, owner_setting=OWNER)
    with_file = privacy.OwnerSetting(**OWNER, ext_file_media_id="nothing")
    refused_with(86073, ask, shop.token, owner_setting=with_file, uses=USES)


def test_a_privacy_guideline_says_what_each_kind_of_data_is_called(shop: Shop) -> None:
    setting = privacy.get_privacy_setting(shop.token)
    assert setting.descriptions["PhoneNumber"] == "手机号"
    assert setting.sdks == []


def test_a_privacy_file_is_uploaded(shop: Shop) -> None:
    media_id = privacy.upload_privacy_file(shop.token, "我们尊重您的隐私")
    assert shop.wechat.media.files[media_id].content == "我们尊重您的隐私".encode()


LOCATION = "wx.getLocation"
SHOT = ["https://pictures.example.com/map.png"]


def interface(shop: Shop, name: str = LOCATION) -> privacy.PrivateInterface:
    rows = privacy.list_privacy_interfaces(shop.token)
    return next(row for row in rows if row["api_name"] == name)


def apply_for(shop: Shop, **values: Any) -> int:
    material = {"api_name": LOCATION, "content": "显示附近的书店", "url_list": [], "pic_list": SHOT}
    return privacy.apply_privacy_interface(shop.token, **{**material, **values})


def test_a_private_interface_is_applied_for_refused_and_granted(shop: Shop) -> None:
    assert interface(shop)["status"] == privacy.TO_APPLY
    first = apply_for(shop)
    assert (interface(shop)["status"], interface(shop)["audit_id"]) == (privacy.IN_REVIEW, first)
    refused_with(61031, apply_for, shop)
    shop.wechat.applications.judge_interface(shop.account, LOCATION, "reject", "看不出用途")
    assert interface(shop)["status"] == privacy.REFUSED
    assert interface(shop)["fail_reason"] == "看不出用途"
    assert apply_for(shop) != first
    shop.wechat.applications.judge_interface(shop.account, LOCATION, "pass")
    assert interface(shop)["status"] == privacy.GRANTED
    refused_with(61035, apply_for, shop)


@pytest.mark.parametrize(
    ("errcode", "values"),
    [
        (61034, {"content": ""}),
        (61034, {"content": "x" * 301}),
        (61034, {"pic_list": []}),
        (61034, {"pic_list": SHOT * 11}),
        (61034, {"pic_list": ["a-media-id"]}),
        (61034, {"video_list": ["https://example.com/a.mp4"] * 2}),
        (61032, {"video_list": ["https://example.com/a.mov"]}),
        (61035, {"api_name": "wx.login"}),
        (61035, {"api_name": "wx.getlocation"}),
    ],
)
def test_an_application_must_be_whole(shop: Shop, errcode: int, values: dict[str, Any]) -> None:
    refused_with(errcode, apply_for, shop, **values)


def test_without_a_category_there_is_no_right_to_an_interface(shop: Shop) -> None:
    shop.account.categories = []
    assert interface(shop)["status"] == privacy.NO_RIGHT
    assert "类目" in interface(shop)["fail_reason"]
    refused_with(61036, apply_for, shop)


# The page with orders


def test_a_page_with_orders_is_used_once_it_is_approved(shop: Shop) -> None:
    path, ask = "pages/order/list", order_path.get_order_path
    assert ask(shop.token) is None
    order_path.apply_order_path(shop.component_token, [shop.appid], path, remark="订单")
    assert ask(shop.token) is None
    waiting = ask(shop.token, order_path.UNDER_REVIEW)
    assert waiting is not None
    assert (waiting.path, waiting.status) == (path, order_path.IN_REVIEW)
    shop.wechat.applications.judge_path(shop.account, "pass")
    used = ask(shop.token)
    assert used is not None
    assert (used.path, used.status) == (path, order_path.APPROVED)
    told = [push.kind for push in shop.wechat.outbox]
    assert told == ["order_path_apply_result_notify", "order_path_audit_result_notify"]


def test_a_page_with_orders_is_refused(shop: Shop) -> None:
    ask = order_path.apply_order_path
    refused_with(61042, ask, shop.component_token, [shop.appid] * 101, "pages/a/b")
    refused_with(61043, ask, shop.component_token, [], "pages/a/b")
    refused_with(61044, ask, shop.component_token, [shop.appid], "https://example.com")
    refused_with(61014, ask, shop.token, [shop.appid], "pages/a/b")
