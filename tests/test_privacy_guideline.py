"""The privacy guideline as settings: by form, for many by a profile, by REST; and its file."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from audits.services.committing import commit_template
from miniprograms.models import Authorizer, Setting, SettingProfile, Tag
from miniprograms.services.settings.kinds import BadSetting
from miniprograms.services.settings.record import set_desired, setting_of
from miniprograms.services.tagging import set_tags
from platform_auth.models import Component
from sandbox.world import WeChat
from sandbox.world.program import Program
from tests.conftest import Bound
from tests.rollouts import make_template
from tests.test_admin_code_acts import browser_of, text_of
from tests.test_api_authorizers import client_of
from tests.test_settings import work

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.any_database]

APPID = "wx00000000000000a1"
GUIDELINE, ONLINE = "privacy-guideline", "privacy-owner-online"
OWNER = {"contact_email": "hi@example.com", "notice_method": "弹窗"}
USES = {"Location": "显示附近的门店", "PhoneNumber": "联系收货人", "UserInfo": "显示昵称"}
SET, UPLOAD = "/cgi-bin/component/setprivacysetting", "/cgi-bin/component/uploadprivacyextfile"
FILE_REST = f"/api/v1/authorizers/{APPID}/settings/privacy-guideline/file/"
State = Setting.State


def guideline(uses: dict[str, str] = USES, **owner: str) -> dict[str, Any]:
    rows = [{"privacy_key": key, "privacy_text": text} for key, text in sorted(uses.items())]
    return {"owner_setting": {**OWNER, **owner}, "setting_list": rows}


@pytest.fixture
def shop(bound: Bound, wechat: WeChat, component: Component, staff: User) -> Authorizer:
    """A mini program with code, in which WeChat has found three kinds of data."""
    row = bound(APPID, nick_name="Tea & Cake")
    wechat.accounts[APPID].program.found_privacy = ["UserInfo", "Location", "PhoneNumber"]
    template = make_template(wechat, component)
    commit_template(row, template, user_version="1.0.0", user_desc="x", by=staff)
    return row


@pytest.fixture
def program(wechat: WeChat, shop: Authorizer) -> Program:
    return wechat.accounts[APPID].program


@pytest.fixture
def browser(staff: User) -> Client:
    return browser_of(staff)


def page_of(row: Authorizer, kind: str = GUIDELINE) -> str:
    return f"/admin/miniprograms/authorizer/{row.pk}/settings/{kind}/"


def post_form(browser: Client, page: str, uses: dict[str, str], **fields: str) -> Any:
    """What the form shows, with USES by their keys and FIELDS filled in."""
    form = browser.get(page).context["form"]
    names = {key: name for name, key in getattr(form, "keys", {}).items()}
    values = {field.html_name: field.value() for field in form}
    shown = {name: "" if value is None else value for name, value in values.items()}
    filled = {names[key]: text for key, text in uses.items() if key in names}
    others = [f"{key} = {text}" for key, text in uses.items() if key not in names]
    fields = {"others": "\n".join(others), **fields}
    return browser.post(page, {**shown, **filled, **fields}, follow=True)


def at_wechat(program: Program, privacy_ver: int = 2) -> Any:
    setting = program.privacy.get(privacy_ver)
    return setting and {name: setting[name] for name in ("owner_setting", "setting_list")}


# By form


def test_what_the_scan_found_is_explained_in_the_form_and_applied(
    browser: Client, shop: Authorizer, program: Program
) -> None:
    page = page_of(shop)
    told = text_of(browser.post(page, {"act": "look"}, follow=True))
    assert told.count("found in the code, and not explained") == 3
    assert "WeChat has found it in the code (Location)." in told
    told = text_of(post_form(browser, page, USES, **OWNER, apply="yes"))
    assert "WeChat has it as it should be." in told
    assert "not explained" not in told
    assert at_wechat(program) == guideline()
    row = setting_of(shop, GUIDELINE)
    assert (row.state, row.has_drifted, row.desired) == (State.APPLIED, False, guideline())


def test_kinds_of_data_that_nobody_has_found_are_entered_by_line(
    browser: Client, shop: Authorizer, program: Program
) -> None:
    page = page_of(shop)
    browser.post(page, {"act": "look"})
    uses = {**USES, "Address": "配送", "会员生日": "生日礼"}
    assert "Address" not in browser.get(page).context["form"].keys.values()
    post_form(browser, page, uses, **OWNER, apply="yes")
    assert at_wechat(program) == guideline(uses)
    told = text_of(post_form(browser, page, {}, others="no equals sign"))
    assert "There is no = in this line" in told


@pytest.mark.parametrize(
    ("owner", "words"),
    [
        ({"notice_method": "弹窗"}, "at least one way to reach the owner"),
        ({"contact_qq": "10000"}, "how users are told of changes"),
    ],
)
def test_what_wechat_would_refuse_is_told_at_the_form(
    browser: Client, wechat: WeChat, shop: Authorizer, owner: dict[str, str], words: str
) -> None:
    told = text_of(post_form(browser, page_of(shop), {}, **owner, apply="yes"))
    assert words in told
    assert setting_of(shop, GUIDELINE).desired is None
    assert wechat.count(SET) == 0


def test_another_hand_in_wechats_console_is_seen_as_drift(
    browser: Client, shop: Authorizer, program: Program
) -> None:
    page = page_of(shop)
    post_form(browser, page, USES, **OWNER, apply="yes")
    changed = guideline({**USES, "Location": "广告"}, contact_email="other@example.com")
    program.privacy[2] |= changed
    told = text_of(browser.post(page, {"act": "look"}, follow=True))
    assert "other@example.com" in told
    assert "广告" in told
    row = setting_of(shop, GUIDELINE)
    assert row.has_drifted
    browser.post(page, {"act": "apply"})
    assert at_wechat(program) == guideline()


def test_what_wechat_says_of_others_code_is_sent_back(
    browser: Client, shop: Authorizer, wechat: WeChat, program: Program
) -> None:
    sdks = [{"sdk_name": "地图", "sdk_biz_name": "甲公司", "sdk_list": []}]
    program.privacy[2] = {"sdk_privacy_info_list": sdks}
    post_form(browser, page_of(shop), USES, **OWNER, apply="yes")
    assert program.privacy[2]["sdk_privacy_info_list"] == sdks
    assert at_wechat(program) == guideline()


def test_contacts_that_are_online_are_changed_at_once(
    browser: Client, shop: Authorizer, wechat: WeChat, program: Program
) -> None:
    page = page_of(shop, ONLINE)
    told = text_of(post_form(browser, page, {}, **OWNER, apply="yes"))
    assert "Nothing is online" in told  # 86074
    assert setting_of(shop, ONLINE).state == State.REFUSED
    post_form(browser, page_of(shop), USES, **OWNER, apply="yes")
    wechat.reviews.submit(wechat.component, wechat.accounts[APPID], program.need_trial(), {})
    wechat.judge(APPID, "pass")
    program.release(0)
    told = text_of(post_form(browser, page, {}, contact_phone="10000", apply="yes"))
    assert "WeChat has it as it should be." in told
    online = at_wechat(program, 1)
    assert online["owner_setting"] == {**OWNER, "contact_phone": "10000"}
    assert online["setting_list"] == guideline()["setting_list"]


# The file


def test_a_file_is_uploaded_and_becomes_a_part(
    browser: Client, shop: Authorizer, wechat: WeChat, program: Program
) -> None:
    page = page_of(shop)
    text = SimpleUploadedFile("guide.txt", "我们尊重您的隐私".encode(), "text/plain")
    told = text_of(browser.post(page, {"act": "attach", "text": text}, follow=True))
    assert "at least one way to reach the owner" in told
    assert wechat.count(UPLOAD) == 0
    post_form(browser, page, USES, **OWNER, apply="yes")
    text.seek(0)
    told = text_of(browser.post(page, {"act": "attach", "text": text}, follow=True))
    assert "the file is uploaded" in told
    desired: Any = setting_of(shop, GUIDELINE).desired
    media_id = desired["owner_setting"]["ext_file_media_id"]
    assert wechat.media.files[media_id].content.decode() == "我们尊重您的隐私"
    post_form(browser, page, {}, contact_qq="10000", apply="yes")  # the form keeps it
    kept = at_wechat(program)["owner_setting"]
    assert (kept["ext_file_media_id"], kept["contact_qq"]) == (media_id, "10000")
    browser.post(page, {"act": "detach"})
    browser.post(page, {"act": "apply"})
    assert "ext_file_media_id" not in at_wechat(program)["owner_setting"]


def test_a_file_that_is_too_large_or_empty_is_not_sent(
    browser: Client, shop: Authorizer, wechat: WeChat
) -> None:
    post_form(browser, page_of(shop), USES, **OWNER)
    for content in (b" ", b"x" * (100 * 1024 + 1)):
        file = SimpleUploadedFile("guide.txt", content, "text/plain")
        told = text_of(browser.post(page_of(shop), {"act": "attach", "text": file}, follow=True))
        assert "up to 100 kB" in told
    assert wechat.count(UPLOAD) == 0


def test_a_file_is_uploaded_by_rest(
    staff: User, merchant: User, other_merchant: User, shop: Authorizer, wechat: WeChat
) -> None:
    def post(user: User, content: str) -> Any:
        body = {"content": content}
        return client_of(user).post(FILE_REST, body, content_type="application/json")

    made = post(staff, "我们尊重您的隐私")
    assert made.status_code == 201
    assert made.json()["ext_file_media_id"] in wechat.media.files
    assert post(staff, "").status_code == 400
    assert post(staff, "隐" * 40_000).json()["fields"] == {
        "content": ["The file is a text of up to 100 kB."]
    }
    assert (post(merchant, "x").status_code, post(other_merchant, "x").status_code) == (403, 403)
    assert wechat.count(UPLOAD) == 1


# For many


def profile_for(*rows: Authorizer, staff: User, kind: str = GUIDELINE, value: Any) -> str:
    """The page on which a profile with VALUE is applied to ROWS."""
    tag = Tag.objects.create(name="tea")
    set_tags(rows, add=[tag], by=staff)
    profile = SettingProfile.objects.create(name="house", values={kind: value})
    profile.tags.set([tag])
    return f"/admin/miniprograms/settingprofile/{profile.pk}/apply/"


def test_a_profile_leaves_each_its_own_contact(
    browser: Client, shop: Authorizer, bound: Bound, staff: User, wechat: WeChat
) -> None:
    other = bound("wx00000000000000a2", nick_name="Coffee")
    for row, mail in ((shop, "tea@example.com"), (other, "coffee@example.com")):
        set_desired(row, GUIDELINE, guideline({}, contact_email=mail), by=staff, applies=False)
    value = {**guideline(), "owner_setting": {"store_expire_timestamp": "30天"}}
    page = profile_for(shop, other, staff=staff, value=value)
    value["owner_setting"]["notice_method"] = "公告"
    SettingProfile.objects.update(values={GUIDELINE: value})
    assert "显示附近的门店" in text_of(browser.get(page))
    browser.post(page, {"all": "yes"})
    work()
    for row, mail in ((shop, "tea@example.com"), (other, "coffee@example.com")):
        owner = {"contact_email": mail, "notice_method": "公告", "store_expire_timestamp": "30天"}
        expected = {"owner_setting": owner, "setting_list": guideline()["setting_list"]}
        assert at_wechat(wechat.accounts[row.appid].program) == expected


def test_a_profile_needs_a_contact_from_somewhere(
    browser: Client, shop: Authorizer, staff: User, wechat: WeChat, program: Program
) -> None:
    value = {**guideline(), "owner_setting": {"notice_method": "公告"}}
    page = profile_for(shop, staff=staff, value=value)
    assert "not known yet" in text_of(browser.get(page))
    browser.post(page_of(shop), {"act": "look"})
    assert "at least one way to reach the owner" in text_of(browser.get(page))
    browser.post(page, {"all": "yes"})
    work()
    assert wechat.count(SET) == 0


def test_a_profiles_form_may_leave_the_contact_open(browser: Client, shop: Authorizer) -> None:
    boss = browser_of(User.objects.create_superuser("boss"))
    profile = SettingProfile.objects.create(name="house")
    page = f"/admin/miniprograms/settingprofile/{profile.pk}/values/{GUIDELINE}/"
    answer = post_form(boss, page, {"Location": "显示附近的门店"}, notice_method="公告")
    assert "It is saved; nothing was sent." in text_of(answer)
    profile.refresh_from_db()
    assert profile.values[GUIDELINE] == {
        "owner_setting": {"notice_method": "公告"},
        "setting_list": [{"privacy_key": "Location", "privacy_text": "显示附近的门店"}],
    }


@pytest.mark.parametrize(
    "value",
    [
        [],
        {"owner": {}},
        {"owner_setting": []},
        {"owner_setting": {**OWNER, "fax": "1"}},
        {"owner_setting": {**OWNER, "contact_qq": 10000}},
        {"owner_setting": {**OWNER, "contact_qq": "1\0"}},
        {"owner_setting": OWNER, "setting_list": {}},
        {"owner_setting": OWNER, "setting_list": [{"privacy_key": "x", "privacy_text": "\0"}]},
        {"owner_setting": OWNER, "setting_list": [{"privacy_key": "Location"}]},
        {"owner_setting": OWNER, "setting_list": [{"privacy_key": "x" * 65, "privacy_text": "x"}]},
    ],
)
def test_what_is_no_guideline_is_refused(shop: Authorizer, staff: User, value: Any) -> None:
    with pytest.raises(BadSetting):
        set_desired(shop, GUIDELINE, value, by=staff, applies=False)


# REST


def test_a_guideline_is_read_desired_and_applied_by_rest(
    staff: User, merchant: User, shop: Authorizer, wechat: WeChat, program: Program
) -> None:
    address = f"/api/v1/authorizers/{APPID}/settings/{GUIDELINE}/"
    key, json = client_of(staff), "application/json"
    assert key.post(f"{address}check/").status_code == 200
    read = key.get(address).json()
    assert read["at_wechat"]["privacy_list"] == ["UserInfo", "Location", "PhoneNumber"]
    wrong: Any = {"desired": {"owner_setting": {}, "setting_list": []}}
    answer = key.put(address, wrong, content_type=json)
    assert answer.status_code == 400
    assert "at least one way to reach the owner" in answer.content.decode()
    answer = key.put(address, {"desired": guideline()}, content_type=json)
    assert (answer.status_code, answer.json()["state"]) == (200, "applied")
    assert at_wechat(program) == guideline()
    back = key.get(address).json()["at_wechat"]  # what was read can be desired
    answer = key.put(address, {"desired": back, "apply": False}, content_type=json)
    assert (answer.status_code, answer.json()["drift"]) == (200, False)
    assert client_of(merchant).put(address, {"desired": None}, content_type=json).status_code == 403
