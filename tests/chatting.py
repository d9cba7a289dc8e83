"""A user who chats with an account through our doors, and what that leaves behind."""

from dataclasses import dataclass
from typing import Any

import pytest

from messaging import tasks
from messaging.models import Conversation, Reply, Rule
from miniprograms.models import Authorizer
from platform_auth.models import Push
from sandbox.wire.pushes import Deliver, Delivery
from sandbox.world import WeChat
from sandbox.world.chats import Line
from tests.conftest import Bound

USER = "oSandboxUser0000000000000001"


@dataclass
class Chat:
    """One account, its user, and the way to our door."""

    wechat: WeChat
    account: Authorizer
    carry: Deliver
    openid: str = USER

    def say(self, text: str = "", **more: Any) -> Delivery:
        """The user writes; what the door answered."""
        self.wechat.say(self.account.appid, self.openid, text, **more)
        return self.deliver()

    def happen(self, event: str, fields: Any = None, **more: Any) -> Delivery:
        """Something happens at the account's door."""
        self.wechat.happen(self.account.appid, self.openid, event, fields, **more)
        return self.deliver()

    def deliver(self) -> Delivery:
        [delivery] = self.wechat.deliver_all(self.carry)
        return delivery

    def again(self, delivery: Delivery, *, sealed_anew: bool = False) -> Delivery:
        """WeChat did not hear the answer."""
        push = delivery.push
        if sealed_anew:
            push.sealed = push.seal()
        return self.wechat.deliver(push, self.carry)

    def lines(self, way: str = "") -> list[Line]:
        """What the user sees, in one WAY or all."""
        lines = self.wechat.transcript(self.account.appid, self.openid)
        return [line for line in lines if way in ("", line.way)]

    def replied(self) -> list[str]:
        """What was said in answers to pushes."""
        return [line.text for line in self.lines("reply")]

    def sent(self) -> list[str]:
        """What was said by customer-service messages, once the worker was at them."""
        tasks.send_replies()
        return [line.text for line in self.lines("api")]

    @property
    def conversation(self) -> Conversation:
        """As it is in the database now."""
        row: Conversation = Conversation.objects.get(authorizer=self.account, openid=self.openid)
        return row


def rule(text: str = "您好", **values: Any) -> Rule:
    """A rule that says TEXT to whatever a user writes, unless VALUES say otherwise."""
    known: dict[str, Any] = {"name": text, "trigger": Rule.Trigger.DEFAULT}
    content = {"msgtype": "text", "text": {"content": text}}
    row: Rule = Rule.objects.create(**{**known, "content": content, **values})
    return row


def keyword(pattern: str, text: str, **values: Any) -> Rule:
    """A rule that says TEXT to what holds PATTERN."""
    return rule(text, trigger=Rule.Trigger.KEYWORD, pattern=pattern, **values)


def newest() -> Push:
    """The push that came last."""
    row: Push = Push.objects.order_by("-pk")[0]
    return row


def replies() -> list[Reply]:
    return list(Reply.objects.order_by("pk"))


@pytest.fixture
def shop(wechat: WeChat, bound: Bound, deliver: Deliver) -> Chat:
    """A mini program."""
    return Chat(wechat, bound(), deliver)


@pytest.fixture
def readers(wechat: WeChat, bound: Bound, deliver: Deliver) -> Chat:
    """An official account."""
    return Chat(wechat, bound(kind="official_account"), deliver)
