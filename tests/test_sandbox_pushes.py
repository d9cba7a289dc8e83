"""The sandbox seals and delivers pushes as WeChat does."""

import re
from collections.abc import Mapping
from typing import Any

import pytest

from sandbox import WeChat
from sandbox.wire import crypto
from sandbox.wire.envelope import Sealed
from sandbox.wire.pushes import Push

KEY = "0123456789012345678901234567890123456789012"
NOW = 1_800_000_000


def make(**more: Any) -> WeChat:
    wechat = WeChat(clock=lambda: NOW, deliver=None, **more)
    wechat.register_component(appid="wx0123456789abcdef", secret="s", token="tok", aes_key=KEY)
    return wechat


def opened(sealed: Sealed, key: str = KEY) -> str:
    found = re.search(rb"<Encrypt><!\[CDATA\[(.+?)\]\]></Encrypt>", sealed.body)
    assert found
    encrypted = found[1].decode()
    parts = ("tok", sealed.params["timestamp"], sealed.params["nonce"], encrypted)
    assert sealed.params["msg_signature"] == crypto.signature(*parts)
    assert sealed.params["signature"] == crypto.signature(*parts[:3])
    return crypto.open_sealed(encrypted, aes_key=key, appid="wx0123456789abcdef").decode()


def test_a_ticket_looks_like_a_live_capture() -> None:
    wechat = make()
    ticket = wechat.push_ticket()
    assert re.fullmatch(r"ticket@@@[A-Za-z0-9_-]{86}", ticket)
    sealed = wechat.outbox[0].sealed
    assert sealed.url == "http://testserver/wechat/component/push/"
    assert list(sealed.params) == [
        *("signature", "timestamp", "nonce", "encrypt_type", "msg_signature")
    ]
    assert sealed.body.startswith(b"<xml>\n    <AppId><![CDATA[wx0123456789abcdef]]></AppId>\n")
    assert opened(sealed) == (
        "<xml><AppId><![CDATA[wx0123456789abcdef]]></AppId>\n"
        f"<CreateTime>{NOW}</CreateTime>\n"
        "<InfoType><![CDATA[component_verify_ticket]]></InfoType>\n"
        f"<ComponentVerifyTicket><![CDATA[{ticket}]]></ComponentVerifyTicket>\n</xml>"
    )


def test_a_message_goes_to_the_authorizers_own_url() -> None:
    wechat = make()
    account = wechat.create_account(user_name="gh_1")
    sealed = wechat.push_message(account.appid, {"MsgType": "text", "Content": "a]]>b"}).sealed
    assert sealed.url == f"http://testserver/wechat/{account.appid}/push/"
    assert sealed.params["openid"].startswith("o")
    assert b"<ToUserName><![CDATA[gh_1]]></ToUserName>" in sealed.body
    inner = opened(sealed)
    assert "<Content><![CDATA[a]]]]><![CDATA[>b]]></Content>" in inner
    assert re.search(r"<MsgId>\d+</MsgId>", inner)


def test_fields_nest_and_repeat() -> None:
    wechat = make()
    push = wechat.push(
        "notify_third_fasteregister", {"status": 0, "info": {"name": "甲"}, "list": ["a", "b"]}
    )
    assert "<info><name><![CDATA[甲]]></name></info>" in push.inner
    assert push.inner.count("<list>") == 2


def test_pushes_can_be_tampered_with() -> None:
    wechat = make()
    other = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
    assert "x" in opened(wechat.seal("<xml>x</xml>", aes_key=other), other)
    forged = wechat.seal("<xml/>", msg_signature="0" * 40, nonce="n", timestamp="1")
    assert (forged.params["msg_signature"], forged.params["nonce"]) == ("0" * 40, "n")
    with pytest.raises(crypto.CannotOpen):
        opened(wechat.seal("<xml/>", tail="wx0"))


def test_the_seed_repeats_a_run() -> None:
    runs = [make(seed=7), make(seed=7)]
    assert runs[0].push_ticket() == runs[1].push_ticket()
    assert runs[0].outbox[0].sealed == runs[1].outbox[0].sealed


class Door:
    """A platform that gives the answers it was told to give."""

    def __init__(self, *answers: tuple[int, bytes]) -> None:
        self.answers = list(answers)
        self.bodies: list[bytes] = []

    def __call__(
        self, url: str, params: Mapping[str, str], body: bytes, headers: Mapping[str, str]
    ) -> tuple[int, bytes]:
        self.bodies.append(body)
        return self.answers.pop(0) if self.answers else (200, b"success")


def test_messages_are_tried_three_times_and_tickets_once() -> None:
    wechat = make()
    account = wechat.create_account()
    wechat.push_message(account.appid, {"Content": "hello"})
    door = Door((500, b""), (200, b'{"errcode": 0}'))
    assert [one.accepted for one in wechat.deliver_all(door)] == [True]
    assert [one.status for one in wechat.deliveries] == [500, 200, 200]
    assert len(set(door.bodies)) == 1
    wechat.push_ticket()
    door = Door((503, b""))
    assert [one.accepted for one in wechat.deliver_all(door)] == [False]
    assert len(door.bodies) == 1


def test_a_retry_may_be_sealed_anew() -> None:
    wechat = make()
    wechat.post.reseal_retries = True
    wechat.push_message(wechat.create_account().appid, {"Content": "hello"})
    door = Door((500, b""))
    wechat.deliver_all(door)
    assert len(set(door.bodies)) == 2


def test_pushes_wait_in_the_outbox_to_be_sent_in_any_order() -> None:
    wechat = make()
    first, second = wechat.push_ticket(), wechat.push_ticket()
    pushes: list[Push] = list(wechat.outbox)
    door = Door()
    for push in (pushes[1], pushes[0], pushes[1]):
        assert wechat.deliver(push, door).accepted
    assert wechat.outbox == []
    assert [delivery.push for delivery in wechat.deliveries] == [pushes[1], pushes[0], pushes[1]]
    assert first != second


def test_a_given_callable_is_used_at_once() -> None:
    door = Door()
    wechat = make()
    wechat.post.deliver = door
    wechat.push_ticket()
    assert len(door.bodies) == 1
    assert wechat.outbox == []
