"""The AES key or the message token is changed, at WeChat first or at us first: no push is lost."""

from dataclasses import replace

import pytest

from platform_auth.models import Component, Push
from platform_auth.registration import register_component
from sandbox.world import WeChat
from tests.conftest import AES_KEY, APPID, SECRET, TOKEN, Bound
from tests.knocking import COMPONENT_DOOR, FORBIDDEN, SUCCESS, message_push, send, ticket_push
from wechat.envelope import sign

NEW_TOKEN = "anewmessagetoken"
NEW_AES_KEY = "B" * 42 + "A"
OURS = "wxaaaaaaaaaaaaaaaa"


@pytest.fixture
def changed(wechat: WeChat, ticket: str) -> WeChat:
    """Ours are changed, WeChat's are not yet."""
    register_component(appid=APPID, secret=SECRET, token=NEW_TOKEN, aes_key=NEW_AES_KEY)
    return wechat


def uses() -> int:
    return Component.objects.get().previous_key_uses


@pytest.mark.parametrize("aes_key", [AES_KEY, NEW_AES_KEY])
@pytest.mark.parametrize("token", [TOKEN, NEW_TOKEN])
def test_any_of_the_old_and_new_is_good(changed: WeChat, token: str, aes_key: str) -> None:
    assert uses() == 0
    push = ticket_push(changed, token=token, aes_key=aes_key)
    assert push.answer() == SUCCESS
    assert uses() == int((token, aes_key) != (NEW_TOKEN, NEW_AES_KEY))


def test_a_repeat_is_not_counted_as_another_use(changed: WeChat) -> None:
    push = ticket_push(changed)
    assert [push.answer(), push.answer()] == [SUCCESS, SUCCESS]
    assert uses() == 1


def test_what_is_refused_is_not_counted(changed: WeChat, bound: Bound) -> None:
    bound(OURS)
    bound("wxbbbbbbbbbbbbbbbb")
    before = uses()
    stray = replace(message_push(changed, OURS), path="/wechat/wxbbbbbbbbbbbbbbbb/push/")
    assert stray.answer() == FORBIDDEN
    assert uses() == before


def test_a_message_by_the_old_key_is_counted_too(wechat: WeChat, bound: Bound) -> None:
    bound(OURS)
    assert message_push(wechat, OURS).answer() == SUCCESS
    register_component(appid=APPID, secret=SECRET, token=NEW_TOKEN, aes_key=NEW_AES_KEY)
    assert message_push(wechat, OURS).answer() == SUCCESS
    assert uses() == 1
    assert Push.objects.filter(appid=OURS).count() == 2


def test_a_key_two_changes_old_is_no_longer_good(changed: WeChat) -> None:
    register_component(appid=APPID, secret=SECRET, token="thethirdtoken", aes_key="C" * 42 + "A")
    assert ticket_push(changed).answer() == FORBIDDEN
    assert ticket_push(changed, token=NEW_TOKEN, aes_key=NEW_AES_KEY).answer() == SUCCESS


def test_a_changed_app_secret_changes_nothing_at_the_doors(wechat: WeChat, ticket: str) -> None:
    register_component(appid=APPID, secret="another-secret", token=TOKEN, aes_key=AES_KEY)
    assert ticket_push(wechat).answer() == SUCCESS
    assert uses() == 0


def test_a_push_that_tells_of_a_new_key_is_not_believed(wechat: WeChat, ticket: str) -> None:
    """One library takes a key from a push. Whoever has the old one would take over."""
    before = Component.objects.values("aes_key", "message_token").get()
    push = wechat.push("change_aes_key", {"EncodingAESKey": NEW_AES_KEY, "Token": NEW_TOKEN})
    wechat.outbox.clear()
    query = "&".join(f"{name}={value}" for name, value in push.sealed.params.items())
    assert send("POST", COMPONENT_DOOR, query, push.sealed.body) == SUCCESS
    assert Component.objects.values("aes_key", "message_token").get() == before


@pytest.mark.parametrize("token", [TOKEN, NEW_TOKEN])
def test_a_trial_of_the_url_is_good_with_either_token(changed: WeChat, token: str) -> None:
    query = f"timestamp=1436881222&nonce=1&echostr=x&signature={sign(token, '1436881222', '1')}"
    assert send("GET", COMPONENT_DOOR, query, b"").body == b"x"
