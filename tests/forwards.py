"""Merchants' back ends that are told of messages, and users who write some."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import User
from django.db.models import F
from django.utils import timezone
from standardwebhooks import Webhook

from messaging.models import Delivery, ForwardRule, Target
from miniprograms.models import Authorizer
from platform_auth.models import Heartbeat
from sandbox.wire.pushes import Deliver
from sandbox.wire.pushes import Delivery as Delivered
from sandbox.world import WeChat
from tests import sockets
from tests.conftest import Bound
from tests.sockets import Answer, Server, ok, says

TAKES = says(ok(b"{}"))
IS_DOWN = says(b"HTTP/1.1 503 Down\r\nContent-Length: 0\r\n\r\n")


def reply(content: str) -> Answer:
    """Takes it, and has CONTENT said to the user."""
    told = {"reply": {"msgtype": "text", "text": {"content": content}}}
    return says(ok(json.dumps(told).encode()))


def after(seconds: float, then: Answer = TAKES) -> Answer:
    """Answers late."""

    def answer(connection: socket.socket, server: Server) -> None:
        time.sleep(seconds)
        then(connection, server)

    return answer


@dataclass
class Backend:
    """One target of ours, and the server behind it. `answer` may be changed at any time."""

    target: Target
    server: Server
    answer: Answer
    most_at_once: int = 0
    _at_once: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def serve(self, connection: Any, server: Server) -> None:
        with self._lock:
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            self.answer(connection, server)
        finally:
            with self._lock:
                self._at_once -= 1

    @property
    def requests(self) -> list[tuple[dict[str, str], bytes]]:
        """Headers and body of each request."""
        return [_split(request) for _port, request in list(self.server.requests)]

    @property
    def ids(self) -> list[str]:
        return [headers["webhook-id"] for headers, _body in self.requests]

    @property
    def told(self) -> list[dict[str, Any]]:
        """What it was told, each verified by the reference implementation."""
        webhook = Webhook(self.fresh.secret)
        return [webhook.verify(body, headers) for headers, body in self.requests]

    @property
    def said(self) -> list[tuple[str, str]]:
        """Who wrote what, as it was told."""
        data = [payload["data"] for payload in self.told]
        return [(one["openid"], one["message"].get("Content", "")) for one in data]

    @property
    def fresh(self) -> Target:
        return Target.objects.get(pk=self.target.pk)

    @property
    def rest(self) -> float:
        """Seconds for which it is left alone yet."""
        until = self.fresh.paused_until
        return (until - timezone.now()).total_seconds() if until else 0

    def states(self) -> list[str]:
        """Of its deliveries, in the order of their pushes."""
        rows = Delivery.objects.filter(target=self.target).order_by("push_id")
        return list(rows.values_list("state", flat=True))


def _split(request: bytes) -> tuple[dict[str, str], bytes]:
    head, body = request.split(b"\r\n\r\n", 1)
    lines = [line.split(": ", 1) for line in head.decode().split("\r\n")[1:]]
    return {name.lower(): value for name, value in lines}, body


@dataclass
class Town:
    """A mini program whose users write, and back ends that want to know."""

    wechat: WeChat
    shop: Authorizer
    staff: User
    carry: Deliver
    settings: LazySettings
    stack: ExitStack

    def backend(
        self, answer: Answer = TAKES, *, rule: dict[str, Any] | None = None, **values: Any
    ) -> Backend:
        """A target on loopback, which is listed, told of everything unless RULE says otherwise."""
        target = Target.objects.create(name=f"backend {Target.objects.count()}", **values)
        made = Backend(target, Server(0), answer)
        made.server = self.stack.enter_context(sockets.serving(made.serve))
        self.settings.FORWARD_INTERNAL_HOSTS = [
            *self.settings.FORWARD_INTERNAL_HOSTS,
            f"127.0.0.1:{made.server.port}",
        ]
        target.url = f"{made.server.url}/hook"
        target.save()
        ForwardRule.objects.create(target=target, **(rule or {}))
        return made

    def say(self, *lines: tuple[str, str], shop: Authorizer | None = None) -> list[Delivered]:
        """Users write; each of LINES is an openid and a text."""
        for openid, text in lines:
            self.wechat.say((shop or self.shop).appid, openid, text)
        return self.deliver()

    def deliver(self) -> list[Delivered]:
        """WeChat carries its pushes to our door."""
        done = self.wechat.deliver_all(self.carry)
        assert {one.status for one in done} <= {200}
        return done


def pass_time(**by: float) -> None:
    """All that is to happen happens so much sooner."""
    past = timedelta(**by)
    Delivery.objects.update(
        due_at=F("due_at") - past,
        give_up_at=F("give_up_at") - past,
        lease_until=F("lease_until") - past,
    )
    Target.objects.update(
        paused_until=F("paused_until") - past, previous_until=F("previous_until") - past
    )
    Heartbeat.objects.update(at=F("at") - past)


def log_of(delivery: Delivery) -> list[Any]:
    """HTTP status and reason of each attempt."""
    delivery.refresh_from_db()
    return [(status, why) for _at, status, _milliseconds, why in delivery.log]


@pytest.fixture
def town(
    wechat: WeChat, bound: Bound, staff: User, deliver: Deliver, settings: LazySettings
) -> Iterator[Town]:
    shop = bound()
    settings.FORWARD_INTERNAL_HOSTS = []
    with ExitStack() as stack:
        yield Town(wechat, shop, staff, deliver, settings, stack)
