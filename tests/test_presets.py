"""Presets of the gateway: typed fields, our refusal before WeChat's, and WeChat's answer typed."""

import json
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

from api.preset_table import PRESETS, Preset
from miniprograms.models import Authorizer
from platform_auth.models import ApiClient, Operation
from platform_auth.roles import ANSWERERS
from sandbox.world import WeChat
from sandbox.world.program import Version
from tests.conftest import Bound
from tests.test_api_clients import bearer, make_key, status_and_code

pytestmark = pytest.mark.django_db

USER = "oSandboxUser0000000000000007"
PAGE = "pages/goods/detail"
JPEG = b"\xff\xd8\xff"
BY_NAME = {preset.name: preset for preset in PRESETS}
TEXT = {"content": "一杯茶", "scene": 2, "openid": USER}
MEDIA = {
    "media_url": "https://shop.example.com/a.png",
    "media_type": 2,
    "scene": 2,
    "openid": USER,
}
each_preset = pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.name)


@pytest.fixture
def account(bound: Bound, wechat: WeChat) -> Authorizer:
    """A mini program that is online, and where a user has just been."""
    account = bound()
    theirs = wechat.accounts[account.appid]
    template = wechat.component.library.keep(wechat.upload_draft().draft_id, 0, 0)
    theirs.program._put_online(Version(template, "1.0.0", "x", "{}", 0), 0)
    wechat.chats.visit(theirs, USER)
    return account


@pytest.fixture
def caller(merchant: User) -> Client:
    return bearer(make_key(merchant, "wechat:call", name="till"))


def ask(client: Client, account: Authorizer, name: str, body: Any = None, **headers: str) -> Any:
    url = f"/api/v1/authorizers/{account.appid}/presets/{name}/"
    if BY_NAME[name].method == "GET":
        return client.get(url, body or {}, headers=headers)
    return client.post(url, body, content_type="application/json", headers=headers)


def answer_of(client: Client, account: Authorizer, name: str, body: Any = None) -> Any:
    answer = ask(client, account, name, body)
    assert answer.status_code == 200, answer.content
    return answer.json()


def fields_of(answer: Any) -> set[str]:
    assert status_and_code(answer) == (400, "invalid"), answer.content
    return set(answer.json()["fields"])


# What each asks and answers


@each_preset
def test_the_examples_of_the_schema_are_what_the_preset_takes_and_answers(preset: Preset) -> None:
    asked = preset.form(data=preset.asked)
    assert asked.is_valid(), asked.errors
    if preset.answer is not None:
        answered = preset.answer(preset.answered).data
        assert preset.name == "subscribe-template-remove" or answered == preset.answered
    else:
        assert preset.answered == {}


@each_preset
def test_a_mistyped_name_is_told_and_asks_nothing(
    preset: Preset, account: Authorizer, merchant: User, wechat: WeChat
) -> None:
    client = bearer(make_key(merchant, "wechat:call"))
    if preset.scope != "wechat:call":
        assert ask(client, account, preset.name, {"x": 1}).status_code == 403
        return
    assert "wrong_name" in fields_of(ask(client, account, preset.name, {"wrong_name": "1"}))
    assert wechat.count(preset.path) == 0


def test_the_schema_has_a_typed_body_and_an_example_for_each() -> None:
    schema = Client().get("/api/schema/", headers={"accept": "application/json"}).json()
    for preset in PRESETS:
        path = f"/api/v1/authorizers/{{appid}}/presets/{preset.name}/"
        operation = schema["paths"][path][preset.method.lower()]
        assert f"`{preset.path}`" in operation["description"]
        if preset.method == "POST":
            content = operation["requestBody"]["content"]["application/json"]
            assert content["examples"]["Asked"]["value"] == preset.asked
            assert "$ref" in content["schema"]
        elif preset.asked:
            names = {parameter["name"] for parameter in operation["parameters"]}
            assert set(preset.asked) <= names
        [kind] = operation["responses"]["200"]["content"]
        assert kind == ("application/json" if preset.answer else "image/jpeg")


# Content checks


def test_a_text_is_checked_by_the_second_version(
    account: Authorizer, caller: Client, wechat: WeChat
) -> None:
    verdict = answer_of(caller, account, "check-text", TEXT)
    assert verdict["result"] == {"suggest": "pass", "label": 100}
    risky = answer_of(caller, account, "check-text", {**TEXT, "content": "来赌博"})
    assert risky["result"]["suggest"] == "risky"
    assert risky["detail"][1]["keyword"] == "赌博"
    assert answer_of(caller, account, "check-text", {**TEXT, "content": "广告"})["result"] == {
        "suggest": "review",
        "label": 10001,
    }


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"content": "x" * 2501}, "content"),
        ({"content": ""}, "content"),
        ({"scene": 5}, "scene"),
        ({"openid": ""}, "openid"),
        ({"signature": "x"}, "signature"),
    ],
)
def test_what_wechat_would_refuse_in_a_text_is_refused_here(
    account: Authorizer, caller: Client, wechat: WeChat, change: Any, field: str
) -> None:
    body = json.dumps({**TEXT, **change})
    assert fields_of(ask(caller, account, "check-text", body)) == {field}
    assert wechat.count("/wxa/msg_sec_check") == 0


def test_whoever_was_never_there_or_long_ago_is_wechats_refusal(
    account: Authorizer, caller: Client, bound: Bound, wechat: WeChat
) -> None:
    other = wechat.accounts[bound().appid]
    wechat.chats.visit(other, "o-elsewhere")
    chat = wechat.chats.find(account.appid, USER)
    assert chat is not None
    chat.seen_at -= 7201
    for openid, errcode in [("o-nobody", 40003), ("o-elsewhere", 43104), (USER, 61010)]:
        answer = ask(caller, account, "check-text", {**TEXT, "openid": openid})
        assert status_and_code(answer) == (422, "wechat_refused")
        assert answer.json()["wechat"]["errcode"] == errcode
        assert answer["X-WeChat-Errcode"] == str(errcode)
        assert len(answer["X-WeChat-Rid"]) > 20


def test_media_are_checked_by_a_push(account: Authorizer, caller: Client, wechat: WeChat) -> None:
    wechat.outbox.clear()
    answer = answer_of(caller, account, "check-media", MEDIA)
    [push] = wechat.outbox
    assert (push.kind, push.appid) == ("wxa_media_check", account.appid)
    assert answer["trace_id"] in push.inner
    for change in ({"media_type": 3}, {"media_url": "ftp://x"}, {"media_url": "a.png"}):
        assert fields_of(ask(caller, account, "check-media", {**MEDIA, **change})) == set(change)


# Codes and links


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("code-unlimited", {"scene": "id=7&t=~"}),
        ("code-unlimited", {"scene": "id=7", "page": PAGE, "width": 280, "is_hyaline": True}),
        ("code-unlimited", {"scene": "x", "page": "pages/none", "check_path": False}),
        ("code", {"path": f"{PAGE}?id=7", "line_color": {"r": 0, "g": 128, "b": 255}}),
        ("qrcode", {"path": PAGE, "width": 1280}),
    ],
)
def test_a_code_is_a_picture(account: Authorizer, caller: Client, name: str, body: Any) -> None:
    answer = ask(caller, account, name, body)
    assert answer.status_code == 200, answer.content
    assert answer.content.startswith(JPEG)
    assert answer["Content-Type"] == "image/jpeg"
    assert answer["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("name", "body", "field"),
    [
        ("code-unlimited", {"scene": "中文"}, "scene"),
        ("code-unlimited", {"scene": "x" * 33}, "scene"),
        ("code-unlimited", {}, "scene"),
        ("code-unlimited", {"scene": "x", "page": f"/{PAGE}"}, "page"),
        ("code-unlimited", {"scene": "x", "page": f"{PAGE}?id=7"}, "page"),
        ("code-unlimited", {"scene": "x", "width": 279}, "width"),
        ("code-unlimited", {"scene": "x", "env_version": "beta"}, "env_version"),
        ("code", {"path": "x" * 1025}, "path"),
        ("code", {"path": PAGE, "line_color": {"r": 0, "g": 0, "b": 256}}, "line_color"),
        ("qrcode", {"path": PAGE, "width": 1281}, "width"),
        ("scheme", {"jump_wxa": {"path": PAGE, "query": "x" * 1025}}, "jump_wxa"),
        ("scheme", {"expire_interval": 31}, "expire_interval"),
        ("scheme", {"expire_time": 1}, "expire_time"),
        ("url-link", {"expire_time": 99_999_999_999}, "expire_time"),
        ("url-link", {"query": "x" * 1025}, "query"),
        ("short-link", {"page_url": PAGE, "page_title": "x" * 21}, "page_title"),
        ("scheme-query", {"scheme": "x", "query_type": 2}, "query_type"),
    ],
)
def test_limits_of_codes_and_links_are_held_here(
    account: Authorizer, caller: Client, wechat: WeChat, name: str, body: Any, field: str
) -> None:
    assert fields_of(ask(caller, account, name, body)) == {field}
    assert wechat.count(BY_NAME[name].path) == 0


def test_a_code_that_wechat_refuses_is_no_picture(
    account: Authorizer, caller: Client, wechat: WeChat
) -> None:
    answer = ask(caller, account, "code-unlimited", {"scene": "x", "page": "pages/none"})
    assert (answer.status_code, answer.json()["wechat"]["errcode"]) == (422, 41030)
    wechat.most_codes = 1
    assert ask(caller, account, "code", {"path": PAGE}).status_code == 200
    answer = ask(caller, account, "qrcode", {"path": PAGE})
    assert (answer.status_code, answer.json()["wechat"]["errcode"]) == (422, 45029)
    wechat.minute_limits["/wxa/getwxacodeunlimit"] = 0
    answer = ask(caller, account, "code-unlimited", {"scene": "x"})
    assert (answer.status_code, answer.json()["wechat"]["errcode"]) == (422, 45009)
    wechat.fault("/wxa/getwxacode", body=b"<html>")
    answer = ask(caller, account, "code", {"path": PAGE})
    assert status_and_code(answer) == (502, "wechat_unreachable")


def test_links_lead_where_they_were_made_to(
    account: Authorizer, caller: Client, wechat: WeChat
) -> None:
    jump = {"path": PAGE, "query": "id=7"}
    made = answer_of(caller, account, "scheme", {"jump_wxa": jump, "expire_interval": 7})
    info = answer_of(caller, account, "scheme-query", {"scheme": made["openlink"]})["scheme_info"]
    assert {name: info[name] for name in jump} == jump
    assert info["expire_time"] - info["create_time"] == 7 * 86_400
    made = answer_of(caller, account, "url-link", jump)
    info = answer_of(caller, account, "url-link-query", made)["url_link_info"]
    assert info["expire_time"] - info["create_time"] == 30 * 86_400
    ends = info["create_time"] + 3600
    made = answer_of(caller, account, "url-link", {**jump, "expire_time": ends})
    info = answer_of(caller, account, "url-link-query", made)["url_link_info"]
    assert info["expire_time"] == ends
    assert "url_link_info" not in answer_of(
        caller, account, "url-link-query", {**made, "query_type": 1}
    )
    link = answer_of(caller, account, "short-link", {"page_url": PAGE, "page_title": "茶"})["link"]
    assert link.startswith("#小程序://")


def test_links_of_what_is_not_online_and_of_others_are_wechats_refusal(
    account: Authorizer, caller: Client, bound: Bound, wechat: WeChat
) -> None:
    other = bound()
    answer = ask(caller, other, "scheme", {"jump_wxa": {"path": PAGE}})
    assert answer.json()["wechat"]["errcode"] == 85079
    made = answer_of(caller, account, "scheme", {})
    assert ask(caller, other, "scheme-query", {"scheme": made["openlink"]}).status_code == 422
    wechat.daily_limits["schemes and URL links"] = 1
    answer = ask(caller, account, "url-link", {})
    assert answer.json()["wechat"]["errcode"] == 45009
    wechat.accounts[account.appid].principal_name = "个人"
    assert ask(caller, account, "url-link", {}).json()["wechat"]["errcode"] == 48001


# Subscribe messages


@pytest.fixture
def sender(merchant: User) -> Client:
    return bearer(make_key(merchant, "messages:send", "wechat:call", name="shop"))


@pytest.fixture
def template_id(account: Authorizer, caller: Client) -> str:
    """A template made of the library, as another back end makes it."""
    [category] = answer_of(caller, account, "subscribe-categories")["data"]
    titles = answer_of(caller, account, "subscribe-titles", {"ids": category["id"]})["data"]
    tid = titles[0]["tid"]
    keywords = answer_of(caller, account, "subscribe-keywords", {"tid": tid})["data"]
    assert [word["rule"] for word in keywords[1:3]] == ["thing", "amount"]
    asked = {"tid": tid, "kidList": [2, 3], "sceneDesc": "下单之后"}
    return str(answer_of(caller, account, "subscribe-template-add", asked)["priTmplId"])


@pytest.fixture
def message(template_id: str) -> dict[str, Any]:
    data = {"thing2": {"value": "山茶花茶"}, "amount3": {"value": "￥68.00"}}
    return {"touser": USER, "template_id": template_id, "page": PAGE, "data": data}


@pytest.fixture
def answering(merchant: User) -> None:
    """The merchant may answer users."""
    merchant.groups.add(Group.objects.get(name=ANSWERERS))


@pytest.mark.usefixtures("answering")
def test_a_message_reaches_a_user_who_has_allowed_it_once(
    account: Authorizer,
    sender: Client,
    wechat: WeChat,
    message: dict[str, Any],
) -> None:
    wechat.subscriptions.answer(account.appid, USER, {message["template_id"]: "accept"})
    assert answer_of(sender, account, "subscribe-send", message)["msgid"]
    again = ask(sender, account, "subscribe-send", message)
    assert again.json()["wechat"]["errcode"] == 43101
    assert [push.kind for push in wechat.outbox][-1] == "subscribe_msg_sent_event"
    rows = Operation.objects.filter(action="call_wechat", result__contains="subscribe/send")
    assert rows.count() == 2


@pytest.mark.parametrize(
    "change",
    [
        {"data": {}},
        {"data": {"thing2": {"value": "茶" * 21}}},
        {"data": {"phrase2": {"value": "六个字的短语呀"}}},
        {"data": {"Thing 2": {"value": "茶"}}},
        {"data": {"thing2": "茶"}},
        {"lang": "de"},
        {"miniprogram_state": "beta"},
        {"touser": ""},
    ],
)
@pytest.mark.usefixtures("answering")
def test_limits_of_a_message_are_held_here(
    account: Authorizer,
    sender: Client,
    wechat: WeChat,
    message: dict[str, Any],
    change: Any,
) -> None:
    answer = ask(sender, account, "subscribe-send", {**message, **change})
    assert fields_of(answer) == set(change)
    assert wechat.count("/cgi-bin/message/subscribe/send") == 0


@pytest.mark.usefixtures("answering")
def test_what_only_wechat_knows_is_its_refusal(
    account: Authorizer,
    sender: Client,
    wechat: WeChat,
    message: dict[str, Any],
) -> None:
    wechat.subscriptions.answer(account.appid, USER, {message["template_id"]: "reject"})
    data = message["data"]
    refusals: list[tuple[dict[str, Any], int]] = [
        ({}, 43101),
        ({"template_id": "none"}, 40037),
        ({"touser": "o-nobody"}, 40003),
        ({"page": "pages/none"}, 41030),
        ({"data": {"thing2": data["thing2"]}}, 47003),
        ({"data": {**data, "amount3": {"value": "viel"}}}, 47003),
    ]
    for change, errcode in refusals:
        answer = ask(sender, account, "subscribe-send", {**message, **change})
        assert answer.json()["wechat"]["errcode"] == errcode, change
    assert "amount3" in answer.json()["wechat"]["errmsg"]


@pytest.mark.usefixtures("answering")
def test_a_message_is_sent_once_for_a_key_and_what_is_lost_is_unknown(
    account: Authorizer,
    sender: Client,
    wechat: WeChat,
    message: dict[str, Any],
) -> None:
    path = "/cgi-bin/message/subscribe/send"
    for _ in range(2):
        wechat.subscriptions.answer(account.appid, USER, {message["template_id"]: "accept"})
    wechat.fault(path, drop="after")
    for _ in range(2):
        answer = ask(sender, account, "subscribe-send", message, idempotency_key="7")
        assert (answer.status_code, answer.json()) == (202, {"state": "unknown"})
    assert wechat.count(path) == 1
    wechat.fault(path, drop="before")
    answer = ask(sender, account, "subscribe-send", message, idempotency_key="8")
    assert status_and_code(answer) == (502, "wechat_unreachable")
    answer = ask(sender, account, "subscribe-send", message, idempotency_key="8")
    assert answer.status_code == 200


def test_templates_are_listed_and_deleted(
    account: Authorizer, caller: Client, wechat: WeChat, template_id: str
) -> None:
    [row] = answer_of(caller, account, "subscribe-templates")["data"]
    assert row["priTmplId"] == template_id
    assert "{{thing2.DATA}}" in row["content"]
    gone = {"priTmplId": template_id}
    assert answer_of(caller, account, "subscribe-template-remove", gone) == {"ok": True}
    assert answer_of(caller, account, "subscribe-templates") == {"data": []}
    assert ask(caller, account, "subscribe-template-remove", gone).status_code == 422


def test_a_tid_belongs_to_a_category_and_templates_are_few(
    account: Authorizer, caller: Client, wechat: WeChat
) -> None:
    asked = {"tid": "1", "kidList": [1, 2], "sceneDesc": "x"}
    answer = ask(caller, account, "subscribe-template-add", asked)
    assert answer.json()["wechat"]["errcode"] == 200014
    theirs = wechat.accounts[account.appid]
    tid = wechat.subscriptions.titles(theirs)[0].tid
    for _ in range(25):
        wechat.subscriptions.add(theirs, tid, [1, 2], "x")
    answer = ask(caller, account, "subscribe-template-add", {**asked, "tid": tid})
    assert answer.json()["wechat"]["errcode"] == 200012
    for kids in ([1], [1, 2, 3, 4, 5, 6], [1, 1]):
        changed = {**asked, "kidList": kids}
        assert fields_of(ask(caller, account, "subscribe-template-add", changed)) == {"kidList"}


@pytest.mark.parametrize(
    "change", [{"ids": "a"}, {"ids": ""}, {"start": -1}, {"limit": 31}, {"limit": 0}]
)
def test_limits_of_the_library_are_held_here(
    account: Authorizer, caller: Client, change: dict[str, Any]
) -> None:
    answer = ask(caller, account, "subscribe-titles", {"ids": "1", **change})
    assert fields_of(answer) == set(change)


# Who may


@each_preset
@pytest.mark.usefixtures("answering")
def test_a_client_that_is_held_to_paths_must_be_allowed_that_of_the_preset(
    preset: Preset, account: Authorizer, sender: Client, wechat: WeChat
) -> None:
    for prefixes, is_allowed in [
        (["/elsewhere/"], False),
        ([preset.path + "x"], False),
        ([preset.path], True),
        ([preset.path.rpartition("/")[0] + "/"], True),
    ]:
        ApiClient.objects.update(path_prefixes=prefixes)
        code = status_and_code(ask(sender, account, preset.name, {"wrong_name": "1"}))
        assert code == ((400, "invalid") if is_allowed else (403, "path_not_allowed"))


@pytest.mark.usefixtures("answering")
def test_the_scope_of_sending_opens_sending_alone(
    account: Authorizer, merchant: User, wechat: WeChat
) -> None:
    client = bearer(make_key(merchant, "messages:send"))
    for preset in PRESETS:
        status = ask(client, account, preset.name, {"wrong_name": "1"}).status_code
        assert status == (400 if preset.name == "subscribe-send" else 403)


def test_another_merchants_account_is_not_found(
    bound: Bound, caller: Client, other_merchant: User
) -> None:
    assert ask(caller, bound(owner=other_merchant), "check-text", TEXT).status_code == 404


# What WeChat answers otherwise


def test_a_dead_token_is_replaced(account: Authorizer, caller: Client, wechat: WeChat) -> None:
    wechat.fault("/wxa/msg_sec_check", errcode=40001)
    assert answer_of(caller, account, "check-text", TEXT)["trace_id"]


@pytest.mark.parametrize(
    "body", [b"{}", b"[]", b'{"errcode":0,"result":7}', b"<html>", b'{"result":{"suggest":"x"}}']
)
def test_an_answer_of_another_shape_is_none(
    account: Authorizer, caller: Client, wechat: WeChat, body: bytes
) -> None:
    wechat.fault("/wxa/msg_sec_check", body=body)
    answer = ask(caller, account, "check-text", TEXT)
    assert status_and_code(answer) == (502, "wechat_unreachable")


def test_a_template_whose_id_is_lost_may_have_been_made(
    account: Authorizer, caller: Client, wechat: WeChat
) -> None:
    tid = wechat.subscriptions.titles(wechat.accounts[account.appid])[0].tid
    asked = {"tid": tid, "kidList": [1, 2], "sceneDesc": "x"}
    wechat.fault(BY_NAME["subscribe-template-add"].path, without=("priTmplId",))
    answer = ask(caller, account, "subscribe-template-add", asked)
    assert (answer.status_code, answer.json()) == (202, {"state": "unknown"})


@pytest.mark.parametrize("change", [{"without": ("data",)}, {"change": {"data": None}}])
def test_an_empty_list_may_be_none_or_left_out(
    account: Authorizer, caller: Client, wechat: WeChat, change: Any
) -> None:
    wechat.fault("/wxaapi/newtmpl/gettemplate", **change)
    assert answer_of(caller, account, "subscribe-templates") == {"data": []}


def test_a_set_that_was_not_granted_is_explained(
    bound: Bound, caller: Client, wechat: WeChat
) -> None:
    account = bound()
    authorization = wechat.authorization(account.appid)
    assert authorization is not None
    authorization.func_ids.remove(88)
    answer = ask(caller, account, "scheme", {})
    assert answer.json()["wechat"]["errcode"] == 61007
    assert answer.json()["wechat"]["explanation"]
