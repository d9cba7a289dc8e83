"""
Most messages are kept in one statement, by what the process remembers of our components. What it
remembers may save work; it never decides anything.
"""

from collections.abc import Callable
from typing import Any

import pytest

from miniprograms.models import Authorizer, Binding
from platform_auth.models import Component, Push
from platform_auth.registration import register_component
from sandbox.world import WeChat
from tests.conftest import AES_KEY, APPID, SECRET, TOKEN, Bound
from tests.knocking import FORBIDDEN, SUCCESS, message_push
from webhooks import inbox

pytestmark = pytest.mark.both_databases("the inbox is written by an INSERT of our own")

OURS = "wxaaaaaaaaaaaaaaaa"
OTHER_AES_KEY = "B" * 42 + "A"

Knocking = Callable[..., Any]


@pytest.fixture
def message(wechat: WeChat, bound: Bound) -> Knocking:
    """Makes a message to an account whose messages this process has taken before."""
    bound(OURS, user_name="gh_ours")
    assert message_push(wechat, OURS).answer() == SUCCESS
    assert inbox.remembered_components()
    Push.objects.all().delete()
    return lambda **more: message_push(wechat, OURS, **more)


def test_a_message_said_again_is_kept_once(message: Knocking) -> None:
    push = message()
    assert push.answer() == SUCCESS
    assert push.answer() == SUCCESS
    assert Push.objects.count() == 1


def test_a_key_that_another_process_has_taken_away_proves_nothing(message: Knocking) -> None:
    for aes_key in (OTHER_AES_KEY, "C" * 42 + "A"):
        register_component(appid=APPID, secret=SECRET, token=TOKEN, aes_key=aes_key)
    assert message().answer() == FORBIDDEN
    assert not Push.objects.exists()


def test_a_key_that_another_process_has_set_is_known_at_once(message: Knocking) -> None:
    register_component(appid=APPID, secret=SECRET, token=TOKEN, aes_key=OTHER_AES_KEY)
    assert message(aes_key=OTHER_AES_KEY).answer() == SUCCESS
    assert message(aes_key=AES_KEY).answer() == SUCCESS, "the previous key"
    assert Component.objects.get().previous_key_uses == 1


def test_a_component_that_is_gone_proves_nothing(message: Knocking) -> None:
    push = message()
    for model in (Binding, Authorizer, Component):
        model._default_manager.all().delete()
    assert push.answer() == FORBIDDEN


def test_an_account_that_is_known_by_another_name_now_is_not_ours(message: Knocking) -> None:
    push = message()
    Authorizer.objects.filter(appid=OURS).update(user_name="gh_another")
    assert push.answer() == FORBIDDEN
    assert not Push.objects.exists()


def test_a_name_that_belongs_to_another_account_too_is_refused(
    message: Knocking, bound: Bound
) -> None:
    push = message()
    bound("wxbbbbbbbbbbbbbbbb", user_name="gh_theirs")
    Authorizer.objects.filter(appid="wxbbbbbbbbbbbbbbbb").update(user_name="gh_ours")
    assert push.answer() == FORBIDDEN
