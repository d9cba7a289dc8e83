"""The sandbox plays WeChat's 全网发布 tester: a platform passes that answers as it must."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import requests

from sandbox import WeChat, server
from sandbox.server.transport import SandboxAdapter
from sandbox.wire import crypto
from sandbox.world.release_test import GROUPS

COMPONENT = "wx0123456789abcdef"
TOKEN = "push-token"
KEY = "0123456789012345678901234567890123456789012"
HOST = "https://api.weixin.qq.com"


class Clock:
    """A clock that only moves when told."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


class Platform:
    """A platform that passes, unless a test makes it worse. `work` is its background worker."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.wechat = WeChat(clock=self.clock, seed=1, deliver=self.carry)
        self.wechat.register_component(appid=COMPONENT, secret="s", token=TOKEN, aes_key=KEY)
        self.session = requests.Session()
        self.session.mount(HOST, SandboxAdapter(self.wechat))
        self.pushes: list[dict[str, str]] = []
        self.due: list[dict[str, str]] = []
        self.event_answer = "{Event}from_callback"
        self.text_answer = "{Content}_callback"
        self.query_answer = b""
        self.message = "{code}_from_api"

    def carry(
        self, url: str, params: Mapping[str, str], body: bytes, headers: Mapping[str, str]
    ) -> tuple[int, bytes]:
        encrypted = re.search(rb"<Encrypt><!\[CDATA\[(.+?)\]\]>", body)
        assert encrypted
        inner = crypto.open_sealed(encrypted[1].decode(), aes_key=KEY, appid=COMPONENT).decode()
        push = {
            name: quoted or bare
            for name, quoted, bare in re.findall(
                r"<(\w+)>(?:<!\[CDATA\[(.*?)\]\]>|([^<]*))</\1>", inner
            )
        }
        self.pushes.append(push)
        self.clock.now += 0.25
        return 200, self.answer(push)

    def answer(self, push: dict[str, str]) -> bytes:
        if "Event" in push:
            return self.sealed(push, self.event_answer.format(**push))
        if push.get("Content", "").startswith("QUERY_AUTH_CODE:"):
            self.due.append(push)
            return self.query_answer
        return (
            self.sealed(push, self.text_answer.format(**push)) if "Content" in push else b"success"
        )

    def sealed(self, push: dict[str, str], text: str) -> bytes:
        inner = (
            f"<xml><ToUserName>{push['FromUserName']}</ToUserName>"
            f"<FromUserName>{push['ToUserName']}</FromUserName><CreateTime>1</CreateTime>"
            f"<MsgType>text</MsgType><Content>{text}</Content></xml>"
        )
        encrypted = crypto.seal(inner.encode(), aes_key=KEY, appid=COMPONENT, random16=b"0" * 16)
        told = crypto.signature(TOKEN, "1", "n", encrypted)
        return (
            f"<xml><Encrypt>{encrypted}</Encrypt><MsgSignature>{told}</MsgSignature>"
            "<TimeStamp>1</TimeStamp><Nonce>n</Nonce></xml>"
        ).encode()

    def work(self) -> None:
        for push in self.due:
            code = push["Content"].partition(":")[2]
            self.clock.now += 1
            self.send(self.trade(code), push["FromUserName"], self.message.format(code=code))
        self.due.clear()

    def post(self, path: str, token: str, body: dict[str, Any]) -> Any:
        url = f"{HOST}{path}?access_token={token}"
        return self.session.post(url, json.dumps(body).encode(), timeout=5).json()

    def trade(self, code: str) -> str:
        token, _ = self.wechat.new_token(self.wechat.component)
        body = {"component_appid": COMPONENT, "authorization_code": code}
        told = self.post("/cgi-bin/component/api_query_auth", token, body)
        return str(told["authorization_info"]["authorizer_access_token"])

    def send(self, token: str, openid: str, text: str) -> int:
        body = {"touser": openid, "msgtype": "text", "text": {"content": text}}
        return int(self.post("/cgi-bin/message/custom/send", token, body)["errcode"])


@pytest.fixture
def platform() -> Platform:
    return Platform()


def verdicts(test: Any) -> list[tuple[str, str]]:
    return [(step.name, step.verdict) for step in test.results]


OFFICIAL = ["authorized", "event", "text", "empty", "message"]
MINI = ["authorized", "empty", "message"]


def test_a_platform_that_answers_as_it_must_passes_with_every_group(platform: Platform) -> None:
    test = platform.wechat.start_release_test()
    assert {step.name for step in test.results if step.verdict == "waiting"} == {"message"}
    platform.work()
    assert test.is_done
    assert test.has_passed
    assert [step.name for step in test.results] == ["ticket", *(OFFICIAL + MINI) * 5]
    texts = [step for step in test.results if step.name == "text"]
    assert {step.got for step in texts} == {"TESTCOMPONENT_MSG_TYPE_TEXT_callback"}
    assert {step.seconds for step in texts} == {0.25}
    tried = {step.appid for step in test.results} - {""}
    assert tried == {appid for group in GROUPS.values() for appid, _ in group}


def test_the_accounts_authorise_by_a_page_the_platform_never_opened(platform: Platform) -> None:
    platform.wechat.start_release_test(groups=[1])
    [first, second] = [one for one in platform.pushes if one.get("InfoType") == "authorized"]
    assert first["AuthorizerAppid"] == "wx570bc396a51b8ff8"
    assert second["AuthorizerAppid"] == "wxd101a85aa106f53e"
    assert first["PreAuthCode"].startswith("preauthcode@@@")
    queried = [push["Content"].partition(":")[2] for push in platform.due]
    assert first["AuthorizationCode"] not in queried
    assert platform.trade(first["AuthorizationCode"])
    again = platform.wechat.start_release_test(groups=[1], same_code=True)
    told = platform.pushes[-1]["Content"].partition(":")[2]
    assert told in [one.get("AuthorizationCode") for one in platform.pushes]
    platform.due = platform.due[-2:]
    platform.work()
    assert again.has_passed


@pytest.mark.parametrize(
    ("what", "wrong", "step", "got"),
    [
        ("event_answer", "{Event}_callback", "event", "LOCATION_callback"),
        ("text_answer", "hello", "text", "hello"),
        ("query_answer", b"success", "empty", "success"),
        ("message", "{code}", "message", "queryauthcode@@@"),
    ],
)
def test_each_wrong_answer_fails_its_step_alone(
    platform: Platform, what: str, wrong: Any, step: str, got: str
) -> None:
    setattr(platform, what, wrong)
    test = platform.wechat.start_release_test(groups=[2])
    platform.work()
    platform.clock.now += 60
    assert not test.has_passed
    failed = [one for one in test.results if one.verdict == "failed"]
    assert {one.name for one in failed} == {step}
    assert all(one.got.startswith(got) for one in failed)


def test_a_message_that_does_not_come_in_time_fails(platform: Platform) -> None:
    test = platform.wechat.start_release_test(groups=[3], patience=10)
    platform.clock.now += 10
    failed = [step for step in test.results if step.verdict == "failed"]
    assert [(step.name, step.got) for step in failed] == [("message", "nothing")] * 2
    platform.work()
    assert not test.has_passed


def test_the_code_must_have_been_traded(platform: Platform) -> None:
    test = platform.wechat.start_release_test(groups=[4])
    for push in platform.due:
        appid = next(one for one, gh in accounts() if gh == push["ToUserName"])
        token, _ = platform.wechat.new_token(platform.wechat.component.authorizations[appid])
        text = f"{push['Content'].partition(':')[2]}_from_api"
        assert platform.send(token, push["FromUserName"], text) == 0
    failed = [step for step in test.results if step.verdict == "failed"]
    assert [step.got for step in failed] == ["the code was not traded"] * 2


def accounts() -> Iterator[tuple[str, str]]:
    for group in GROUPS.values():
        yield from group


@pytest.mark.parametrize(
    ("func_ids", "names"),
    [
        ([1], ["ticket", *OFFICIAL, "authorized"]),
        ([19], ["ticket", "authorized", *MINI]),
        ([18], ["ticket", "authorized", "authorized"]),
    ],
)
def test_what_the_platform_has_no_set_for_is_not_tried(
    platform: Platform, func_ids: list[int], names: list[str]
) -> None:
    platform.wechat.component.func_ids = func_ids
    test = platform.wechat.start_release_test(groups=[5])
    platform.work()
    assert [step.name for step in test.results] == names
    assert test.has_passed


def test_a_platform_that_refuses_everything_is_told_so(platform: Platform) -> None:
    platform.wechat.post.mute_after = None
    platform.wechat.post.deliver = lambda *_: (403, b"Forbidden")
    test = platform.wechat.start_release_test(groups=[1])
    platform.clock.now += 60
    assert {step.verdict for step in test.results} == {"failed"}
    assert {step.got for step in test.results} == {"403 Forbidden", "nothing"}


def test_a_tester_of_ones_own_borrows_a_code(platform: Platform) -> None:
    appid, _ = GROUPS[1].mini_program
    code = platform.wechat.lend_release_code(appid, "oTester")
    assert platform.pushes == []
    token = platform.trade(code)
    assert platform.send(token, "oTester", f"{code}_from_api") == 0
    assert platform.send(token, "oOther", "hello") == 40003
    platform.wechat.lend_release_code(appid)
    assert platform.send(token, "oOther", "hello") == 0
    with pytest.raises(ValueError, match="no account of the release test"):
        platform.wechat.lend_release_code("wx0")


def test_scripts_run_it(platform: Platform) -> None:
    site = server.start(platform.wechat)
    url = f"{platform.wechat.base_url}/sandbox/api"
    with requests.Session() as session:
        session.trust_env = False

        def script(path: str, data: Any = None) -> Any:
            if data is None:
                return session.get(f"{url}/{path}", timeout=5).json()
            return session.post(f"{url}/{path}", json=data, timeout=5).json()

        assert "error" in script("release_test")
        started = script("release_test", {"groups": [1]})
        assert (started["id"], started["done"]) == (1, False)
        platform.work()
        told = script("release_test?id=1")
        assert (told["done"], told["passed"]) == (True, True)
        assert told["steps"][-1]["milliseconds"] >= 1000
        assert "error" in script("release_test?id=2")
        mini, _ = GROUPS[2].mini_program
        code = script("release_code", {"appid": mini, "openid": "oTester"})["code"]
        assert platform.send(platform.trade(code), "oTester", "hello") == 0
        chat = script("transcript", {"appid": mini, "openid": "oTester"})
        assert ([line["text"] for line in chat["lines"]], chat["left"]) == (["hello"], 4)
        assert script(f"transcript?appid={mini}&openid=oNobody")["lines"] == []
        script("say", {"appid": mini, "openid": "oTester", "content": "hi", "kind": "text"})
        script("happen", {"appid": mini, "openid": "oTester", "event": "user_enter_tempsession"})
        assert [push.get("Event") for push in platform.pushes[-2:]] == [
            None,
            "user_enter_tempsession",
        ]
        assert script("settings", {"timeout": 2, "mute_after": None})["mute_after"] is None
    site.shutdown()
    site.server_close()
