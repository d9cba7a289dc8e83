"""The pages on which staff set what mini programs should have at WeChat."""

from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

from miniprograms.models import Authorizer, Setting, SettingProfile, Tag
from miniprograms.services.settings.record import set_desired, setting_of
from platform_auth.models import Component, Operation
from sandbox.world import WeChat
from tests.conftest import Bound
from tests.test_admin_code_acts import browser_of, text_of
from tests.test_settings import API, DESIRED, KIND, LISTS, OTHER, at_wechat, put_at_wechat, work

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.any_database]

LIST = "/admin/miniprograms/authorizer/"
PROFILES = "/admin/miniprograms/settingprofile/"


@pytest.fixture
def shop(bound: Bound) -> Authorizer:
    return bound(nick_name="Tea & Cake")


@pytest.fixture
def browser(staff: User) -> Client:
    return browser_of(staff)


@pytest.fixture
def boss(db: None) -> Client:
    return browser_of(User.objects.create_superuser("boss"))


def page_of(shop: Authorizer, kind: str = KIND) -> str:
    return f"{LIST}{shop.pk}/settings/{kind}/"


def fields_of(value: dict[str, list[str]], seen: int = 0) -> dict[str, Any]:
    lines = {name: "\n".join(value.get(name, [])) for name in LISTS}
    return {**lines, "seen": seen}


def test_the_list_of_settings_leads_to_each_kind(browser: Client, shop: Authorizer) -> None:
    page = text_of(browser.get(f"{LIST}{shop.pk}/settings/"))
    for kind in ("server-domains", KIND, "webview-domains", "webview-domains-direct"):
        assert page_of(shop, kind) in page
        assert browser.get(page_of(shop, kind)).status_code == 200
    assert browser.get(page_of(shop, "no-such-kind")).status_code == 404
    assert f"{LIST}{shop.pk}/settings" in text_of(browser.get(f"{LIST}{shop.pk}/change/"))


def test_domains_are_looked_at_beforehand_saved_and_applied(
    browser: Client, wechat: WeChat, shop: Authorizer
) -> None:
    put_at_wechat(wechat, shop, requestdomain=[OTHER])
    page = text_of(browser.post(page_of(shop), {"act": "look"}, follow=True))
    assert "what WeChat has was fetched" in page
    assert OTHER in page
    page = text_of(browser.post(page_of(shop), {**fields_of(DESIRED), "preview": "yes"}))
    assert "What WeChat would be asked to change" in page
    assert setting_of(shop, KIND).desired is None
    answer = browser.post(page_of(shop), {**fields_of(DESIRED), "apply": "yes"}, follow=True)
    assert "WeChat has it as it should be" in text_of(answer)
    assert at_wechat(wechat, shop) == DESIRED
    row = setting_of(shop, KIND)
    assert (row.state, row.version, row.changes_in_month) == ("applied", 1, 2)


def test_what_wechat_has_may_be_taken_over_and_what_is_desired_given_up(
    browser: Client, wechat: WeChat, shop: Authorizer, staff: User
) -> None:
    set_desired(shop, KIND, DESIRED, by=staff, applies=False)
    put_at_wechat(wechat, shop, requestdomain=[OTHER])
    page = text_of(browser.post(page_of(shop), {"act": "look"}, follow=True))
    assert "WeChat has something else than it should" in page
    browser.post(page_of(shop), {"act": "adopt"})
    row = setting_of(shop, KIND)
    desired: Any = row.desired
    assert (desired["requestdomain"], row.has_drifted, row.state) == ([OTHER], False, "applied")
    browser.post(page_of(shop), {"act": "forget"})
    assert setting_of(shop, KIND).desired is None
    assert at_wechat(wechat, shop) == {"requestdomain": [OTHER]}
    assert [row.number for row in setting_of(shop, KIND).versions.order_by("number")] == [1, 2, 3]


def test_drift_is_applied_again_at_a_click(
    browser: Client, wechat: WeChat, shop: Authorizer, staff: User
) -> None:
    set_desired(shop, KIND, DESIRED, by=staff, applies=False)
    page = text_of(browser.post(page_of(shop), {"act": "apply"}, follow=True))
    assert "WeChat has it as it should be" in page
    assert at_wechat(wechat, shop) == DESIRED


def test_what_somebody_else_has_saved_is_not_overwritten(
    browser: Client, shop: Authorizer, staff: User
) -> None:
    set_desired(shop, KIND, DESIRED, by=staff, applies=False)
    page = text_of(browser.post(page_of(shop), {**fields_of({}), "save": "yes"}))
    assert "Somebody else has changed this" in page
    assert setting_of(shop, KIND).version == 1


def test_what_is_no_domain_is_named_on_the_page(browser: Client, shop: Authorizer) -> None:
    wrong = fields_of({"requestdomain": ["ftp://a.example.com", API]})
    page = text_of(browser.post(page_of(shop), {**wrong, "apply": "yes"}))
    assert "ftp://a.example.com is no domain for https://" in page
    assert not Setting.objects.exists()


def test_what_wechat_did_not_take_is_shown_at_each_domain(
    browser: Client, wechat: WeChat, shop: Authorizer, boss: Client, component: Component
) -> None:
    wechat.component.testing_domains["wxa_server_domain"] = ["api.example.com"]
    wechat.accounts[shop.appid].program.without_icp = ["old.example.com"]
    wechat.component.testing_domains["wxa_server_domain"].append("old.example.com")
    fields = {**fields_of({**DESIRED, "uploaddomain": [OTHER]}), "apply": "yes"}
    page = text_of(browser.post(page_of(shop, "server-domains"), fields, follow=True))
    assert "taken a part of it" in page
    assert "no ICP filing 备案" in page
    assert "or for none of the platform&#x27;s" in page
    now = text_of(browser.get(f"{page_of(shop, 'server-domains')}now/"))
    for words in ("https://api.example.com", "by a platform", "Registered for the platform"):
        assert words in now


def test_where_wechat_is_away_the_rest_of_the_page_is_there(
    browser: Client, wechat: WeChat, shop: Authorizer
) -> None:
    wechat.fault("/wxa/get_effective_domain", status=502, times=None)
    assert browser.get(page_of(shop)).status_code == 200
    assert "Not known now" in text_of(browser.get(f"{page_of(shop)}now/"))


def test_who_may_only_look_changes_nothing(shop: Authorizer) -> None:
    reader = User.objects.create_user("reader", is_staff=True)
    reader.groups.add(Group.objects.get(name="releasers"))
    browser = browser_of(reader)
    page = text_of(browser.get(page_of(shop)))
    assert "Save and apply" not in page
    assert browser.post(page_of(shop), {"act": "look"}).status_code == 403
    assert browser.post(page_of(shop), {**fields_of({}), "save": "yes"}).status_code == 403


def test_an_official_account_has_no_such_settings(browser: Client, bound: Bound) -> None:
    official = bound(kind="official_account")
    assert browser.get(f"{LIST}{official.pk}/settings/").status_code == 404
    assert "settings/" not in text_of(browser.get(f"{LIST}{official.pk}/change/"))


# Many at once


@pytest.fixture
def tea(db: None) -> Tag:
    return Tag.objects.create(name="tea")


@pytest.fixture
def profile(browser: Client, tea: Tag) -> SettingProfile:
    """Made by its pages."""
    browser.post(f"{PROFILES}add/", {"name": "tea houses", "tags": [tea.pk]})
    made = SettingProfile.objects.get()
    browser.post(f"{PROFILES}{made.pk}/values/{KIND}/", fields_of({"requestdomain": [API]}))
    made.refresh_from_db()
    return made


@pytest.fixture
def shops(bound: Bound, tea: Tag) -> list[Authorizer]:
    rows = [bound(nick_name=f"Shop {number}") for number in range(3)]
    for row in rows[:2]:
        row.tags.add(tea)
    return rows


def apply_path(profile: SettingProfile) -> str:
    return f"{PROFILES}{profile.pk}/apply/"


def test_a_profile_is_compared_and_applied_to_one_or_to_all(
    browser: Client, wechat: WeChat, profile: SettingProfile, shops: list[Authorizer]
) -> None:
    put_at_wechat(wechat, shops[0], requestdomain=[OTHER])
    page = text_of(browser.get(apply_path(profile)))
    assert "Shop 0" in page
    assert "Shop 2" not in page
    assert "2 not looked at yet" in page
    browser.post(apply_path(profile), {"look": "1", "all": "1"})
    work()
    page = text_of(browser.get(apply_path(profile)))
    assert OTHER in page
    assert "2 otherwise" in page
    browser.post(apply_path(profile), {"apply": "1", "program": [shops[1].pk]})
    work()
    assert [bool(at_wechat(wechat, row)) for row in shops] == [True, True, False]
    assert at_wechat(wechat, shops[0]) == {"requestdomain": [OTHER]}
    browser.post(apply_path(profile), {"apply": "1", "all": "1"})
    work()
    assert at_wechat(wechat, shops[0]) == {"requestdomain": [API]}
    page = text_of(browser.get(apply_path(profile)))
    assert "2 as in the profile" in page
    [version] = setting_of(shops[0], KIND).versions.all()
    assert version.profile == profile
    log = Operation.objects.filter(action="apply_profile").order_by("pk")
    assert [row.result for row in log] == ["tea houses: 1", "tea houses: 1"]


def test_a_profile_is_added_to_what_each_has(
    browser: Client, wechat: WeChat, profile: SettingProfile, shops: list[Authorizer]
) -> None:
    put_at_wechat(wechat, shops[0], requestdomain=[OTHER])
    path = apply_path(profile)
    page = text_of(browser.get(f"{path}?adds=1"))
    assert "What it has now is not known yet" in page
    browser.post(path, {"apply": "1", "all": "1", "adds": "1"})
    assert not Setting.objects.filter(version__gt=0).exists()
    browser.post(path, {"look": "1", "all": "1"})
    work()
    browser.post(path, {"apply": "1", "all": "1", "adds": "1"})
    work()
    assert at_wechat(wechat, shops[0]) == {"requestdomain": [OTHER, API]}
    assert at_wechat(wechat, shops[1]) == {"requestdomain": [API]}


def test_a_profile_is_applied_to_chosen_mini_programs(
    browser: Client, wechat: WeChat, profile: SettingProfile, shops: list[Authorizer]
) -> None:
    chosen = {"action": "apply_profile", "_selected_action": [shops[2].pk]}
    answers = {**chosen, "confirmed": "yes", "profile": profile.pk}
    page = text_of(browser.post(LIST, {**answers, "preview": "yes"}))
    assert API in page
    assert not Setting.objects.exists()
    page = text_of(browser.post(LIST, answers, follow=True))
    assert "1 mini programs: it is being applied" in page
    work()
    assert at_wechat(wechat, shops[2]) == {"requestdomain": [API]}


def test_each_result_is_kept(
    browser: Client, wechat: WeChat, profile: SettingProfile, shops: list[Authorizer]
) -> None:
    wechat.fault("/wxa/modify_domain_directly", errcode=85016, appid=shops[0].appid, times=None)
    browser.post(apply_path(profile), {"apply": "1", "all": "1"})
    work()
    page = text_of(browser.get(apply_path(profile)))
    assert "1 as in the profile" in page
    assert "1 refused" in page
    assert "There are too many domains" in page


def test_a_value_is_taken_out_of_a_profile(browser: Client, profile: SettingProfile) -> None:
    browser.post(f"{PROFILES}{profile.pk}/values/{KIND}/", {"forget": "yes"})
    profile.refresh_from_db()
    assert profile.values == {}
    assert Operation.objects.filter(action="change_settingprofile").count() == 2


# The platform's own


def test_the_platforms_domains_are_changed_and_shown(
    boss: Client, wechat: WeChat, component: Component, ticket: str
) -> None:
    path = f"/admin/platform_auth/component/{component.pk}/domains/"
    assert boss.get(path).status_code == 200
    fields = {
        "which": "server",
        "server-action": "add",
        "server-names": "api.example.com\nhttps://b.example.com",
        "server-published_too": "on",
    }
    assert "the list is changed" in text_of(boss.post(path, fields, follow=True))
    assert wechat.component.published_domains["wxa_server_domain"] == [
        *("api.example.com", "b.example.com"),
    ]
    now = text_of(boss.get(f"{path}server/"))
    assert "api.example.com" in now
    page = text_of(boss.post(path, {**fields, "server-names": "no domain"}))
    assert "is no domain" in page
    log = Operation.objects.get(action="change_platform_domains")
    assert log.result == "server add api.example.com b.example.com"


def test_operators_do_not_change_the_platforms_domains(
    browser: Client, component: Component, ticket: str
) -> None:
    path = f"/admin/platform_auth/component/{component.pk}/domains/"
    assert browser.get(path).status_code == 403
    assert browser.get(f"{path}server/").status_code == 403
