"""Whoever enters something wrong is told the very rule that it breaks, and no other."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils.html import strip_tags
from django.utils.translation import override

from miniprograms.models import Authorizer
from notices.models import Channel
from platform_auth.models import Component
from platform_auth.registration import check_values
from tests.conftest import Bound
from tests.test_admin_clients import form_of
from tests.test_admin_code_acts import browser_of
from tests.test_admin_settings import fields_of
from tests.test_admin_settings import page_of as setting_page
from tests.test_api_authorizers import client_of
from tests.test_notice_pages import form as channel_form
from tests.test_portal_binding import new_browser

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("ticket")]

BEGINS, LETTERS, LONG = "An appid begins with wx", "letters and digits only", "10 to 32 characters"
APPIDS = [
    ("wx123 中文", {LETTERS, LONG}),
    ("wx0000000000 中文", {LETTERS}),
    ("wx1", {LONG}),
    ("gh_0123456789ab", {BEGINS, LETTERS}),
    ("ab0123456789abcdef", {BEGINS}),
    ("WX0123456789abcdef", {BEGINS}),
    ("wx-123456789abcdef", {LETTERS}),
]


def told(page: Any, sentences: set[str]) -> set[str]:
    text = strip_tags(page.content.decode())
    return {sentence for sentence in sentences if sentence in text}


@pytest.fixture
def boss(admin_user: User) -> Client:
    return browser_of(admin_user)


@pytest.fixture
def shop(bound: Bound) -> Authorizer:
    return bound()


@pytest.mark.parametrize(("appid", "broken"), APPIDS)
def test_an_appid_in_the_portal(merchant: User, appid: str, broken: set[str]) -> None:
    page = new_browser(merchant).post("/portal/bind/", {"biz_appid": appid})
    assert page.status_code == 400
    assert told(page, {BEGINS, LETTERS, LONG}) == broken


def test_an_appid_names_what_does_not_belong_there(merchant: User) -> None:
    page = new_browser(merchant).post("/portal/bind/", {"biz_appid": "wx123456 中文"})
    assert "here is: a space 中 文" in page.content.decode()


def test_an_appid_in_chinese(merchant: User) -> None:
    browser = Client(headers={"accept-language": "zh-hans"})
    browser.force_login(merchant)
    text = browser.post("/portal/bind/", {"biz_appid": "wx123 中文"}).content.decode()
    assert "AppID 只能包含字母和数字；这里有：空格 中 文" in text
    assert "现在是 8 个" in text
    assert "AppID 以 wx 开头" not in text


@pytest.mark.parametrize(("appid", "broken"), APPIDS)
def test_an_appid_by_rest(merchant: User, appid: str, broken: set[str]) -> None:
    fields = {"biz_appid": appid, "auth_type": 2}
    answer = client_of(merchant).post("/api/v1/bindings/", fields, content_type="application/json")
    assert answer.status_code == 400
    problems = " ".join(answer.json()["fields"]["biz_appid"])
    assert {one for one in (BEGINS, LETTERS, LONG) if one in problems} == broken


def test_the_schema_still_has_the_pattern_of_an_appid(client: Client) -> None:
    schema = client.get("/api/schema/", headers={"accept": "application/json"}).content.decode()
    assert "^wx[0-9a-zA-Z]{8,30}" in schema


SECRETS = [
    ("aes_key", "x" * 42, "has 43 characters; this has 42"),
    ("aes_key", "x" * 42 + "=", "An EncodingAESKey has letters and digits only"),
    ("message_token", "ab", "has 3 to 32 characters; this has 2"),
    ("message_token", "to-ken", "A token has letters and digits only"),
    ("app_secret", "two words", "An AppSecret has no spaces"),
    ("app_secret", "密密密", "signs of ASCII only"),
    ("app_secret", "x" * 129, "at most 128 characters; this has 129"),
]


@pytest.mark.parametrize(("field", "value", "sentence"), SECRETS)
def test_the_platforms_secrets_and_never_their_value(field: str, value: str, sentence: str) -> None:
    with override("en"), pytest.raises(ValidationError) as caught:
        check_values({field: value})
    [problem] = caught.value.message_dict[field]
    assert sentence in problem
    assert value not in problem


@pytest.mark.parametrize(("field", "value", "sentence"), SECRETS)
def test_the_platforms_secrets_in_the_admin(
    boss: Client, component: Component, field: str, value: str, sentence: str
) -> None:
    names = {"app_secret": "secret", "message_token": "token", "aes_key": "key"}
    url = f"/admin/platform_auth/component/{component.pk}/change/"
    page = boss.post(url, {"appid": component.appid, "name": "", names[field]: value})
    assert told(page, {one for _f, _v, one in SECRETS}) == {sentence}


LISTS = [
    ("appids", "wx1", LONG),
    ("appids", "tea-0123456789", BEGINS),
    ("path_prefixes", "wxa", "it begins with /"),
    ("path_prefixes", "/wxa/../cgi-bin", "none of its parts is . or .."),
    ("path_prefixes", "/wxa//x", "none of its parts is empty"),
    ("path_prefixes", "/wxa/x?a=1", "it has no query"),
    ("path_prefixes", "/wxa/%2e", "a path has letters, digits and _.- only; here is: %"),
    ("return_hosts", "https://shop.example.com", "it is written without https://"),
    ("return_hosts", "shop.example.com/a", "it is a host alone, without a path"),
    ("return_hosts", "Shop.example.com", "it is written in small letters"),
    ("return_hosts", "shop.example.com:port", "its port is a number"),
    ("redirect_hosts", "*.example.com", "only; here is: *"),
    ("addresses", "10.0.0.0/33", "it is an IP address, or a network"),
    ("addresses", "10.0.0.256", "it is an IP address, or a network"),
    ("scopes", "everything", "Select a valid choice"),
]


@pytest.mark.parametrize(("field", "text", "sentence"), LISTS)
def test_the_lists_of_an_api_client(
    boss: Client, merchant: User, field: str, text: str, sentence: str
) -> None:
    page = boss.post("/admin/platform_auth/apiclient/add/", form_of(merchant, **{field: text}))
    problems = " ".join(page.context["adminform"].form.errors[field])
    assert sentence in problems.replace("&#x27;", "'")


DOMAINS = [
    ("ftp://a.example.com", "another scheme stands before it"),
    ("https://a.example.com/path", "without a path"),
    ("localhost", "it has a dot, and nothing empty beside one"),
    ("a..example.com", "it has a dot, and nothing empty beside one"),
    ("a_b.example.com", "here is: _"),
    ("例子.example.com", "here is: 例 子"),
    ("-a.example.com", "begins or ends with a hyphen"),
    ("10.0.0.1", "its last part has two letters or more"),
    ("api.weixin.qq.com", "own domain may not be one"),
    ("a.example.com:99x", "its port is a number of up to five digits"),
]


@pytest.mark.parametrize(("text", "sentence"), DOMAINS)
def test_a_domain_on_the_page_of_settings(
    boss: Client, shop: Authorizer, text: str, sentence: str
) -> None:
    fields = {**fields_of({"requestdomain": [text]}), "apply": "yes"}
    page = boss.post(setting_page(shop), fields)
    assert told(page, {one for _text, one in DOMAINS}) == {sentence}


PATHS = [
    ("orders", "with a / in it"),
    ("pages/订单/list", "letters, digits, _ and - between its slashes"),
    ("pages//list", "No part of the path is empty"),
    ("pages/list/", "No part of the path is empty"),
    ("pages/list?a=b c", "no spaces and no Chinese"),
]


@pytest.mark.parametrize(("path", "sentence"), PATHS)
def test_the_path_of_the_page_with_orders(
    boss: Client, shop: Authorizer, path: str, sentence: str
) -> None:
    page = boss.post(setting_page(shop, "order-path"), {"path": path, "seen": 0, "save": "yes"})
    assert told(page, {one for _path, one in PATHS}) == {sentence}


@pytest.mark.parametrize(
    ("version", "sentence"),
    [("2.20", "three numbers with dots"), ("v2.20.0", "digits and dots only; here is: v")],
)
def test_the_version_of_the_base_library(
    boss: Client, shop: Authorizer, version: str, sentence: str
) -> None:
    fields = {"version": version, "seen": 0, "save": "yes"}
    assert told(boss.post(setting_page(shop, "base-library"), fields), {sentence})


URLS = [
    ("ftp://example.com/", "An address begins with https://"),
    ("example.com", "An address begins with https://"),
    ("https://user@example.com/", "There is no user name in an address"),
    ("https://example.com/a b", "There are no spaces in an address"),
    ("https://example.com/#a", "There is no #fragment"),
    ("https://例子.com/", "plain letters only: write others as %E4%BD%A0"),
    ("https://example.com:port/", "The port of an address is a number"),
    ("https://exa,mple.com/", "The host of an address has letters"),
    ("https://example.com/<a>", "has to be written as %xx"),
]


@pytest.mark.parametrize(("url", "sentence"), URLS)
def test_the_address_of_a_forward_target(boss: Client, url: str, sentence: str) -> None:
    fields = {
        "name": "shop", "url": url, "is_on": "on", "answers": "", "most_at_once": "5",
        "rules-TOTAL_FORMS": "0", "rules-INITIAL_FORMS": "0",
    }  # fmt: skip
    page = boss.post("/admin/messaging/target/add/", fields)
    assert told(page, {one for _url, one in URLS}) == {sentence}


EMAILS = [
    ("shop", "has one @"),
    ("a@b@example.com", "has one @"),
    ("a b@example.com", "has no spaces"),
    ("@example.com", "Something stands before the @"),
    ("a@localhost", "A domain stands behind the @"),
]


@pytest.mark.parametrize(("address", "sentence"), EMAILS)
def test_the_e_mail_address_of_a_notice_channel(boss: Client, address: str, sentence: str) -> None:
    page = boss.post("/admin/notices/channel/add/", channel_form("email", address))
    assert told(page, {one for _address, one in EMAILS}) == {sentence}
    assert not Channel.objects.exists()


CALLS = [
    ("path", "wxa//get", "none of its parts is empty"),
    ("path", "wxa/../token", "none of its parts is . or .."),
    ("path", "wxa/取", "a path has letters, digits and _.- only; here is: 取"),
    ("body", '{"a": 1,\n "b" 2}', "look at line 2, character 6"),
]


@pytest.mark.parametrize(("field", "text", "sentence"), CALLS)
def test_a_call_that_staff_make(
    boss: Client, shop: Authorizer, field: str, text: str, sentence: str
) -> None:
    fields = {"method": "POST", "path": "wxa/get_page", "query": "", "body": "", field: text}
    page = boss.post(f"/admin/miniprograms/authorizer/{shop.pk}/call/", fields)
    assert told(page, {one for _field, _text, one in CALLS}) == {sentence}


def test_ext_json_says_where_it_ends_to_be_json(boss: Client, shop: Authorizer) -> None:
    url = f"/admin/miniprograms/authorizer/{shop.pk}/code/ext/"
    page = boss.post(url, {"values": '{"ext": {"shop" 7}}', "seen": "0"})
    assert "look at line 1, character 17" in page.content.decode()


def test_the_command_that_registers_the_platform(settings: Any, capsys: Any) -> None:
    settings.WECHAT_COMPONENT_APPID = "gh_0123456789ab"
    settings.WECHAT_COMPONENT_SECRET = "s" * 32
    settings.WECHAT_TOKEN = "token"
    settings.WECHAT_AES_KEY = "k" * 42
    with override("en"), pytest.raises(CommandError, match="this has 42") as caught:
        call_command("register_component")
    assert "begins with wx" in str(caught.value)
    assert "k" * 42 not in str(caught.value)
