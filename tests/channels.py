"""Stand-ins for those who are sent notices: the bots of three groups, a program, a mail server."""

import email
import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from email.message import Message as Mail
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import transaction
from django.db.models import F

from notices.models import Addressing, Channel, Message, NoticeRule
from notices.tasks import send_notices
from platform_auth import domain_events
from platform_auth.domain_events import DomainEvent
from platform_auth.models import Heartbeat
from tests import sockets
from tests.sockets import Answer, Server, ok, says

TAKES = says(ok(b'{"errcode": 0, "errmsg": "ok", "code": 0}'))
PATHS = {
    "wecom": "/cgi-bin/webhook/send?key=wecom-key-0123456789",
    "dingtalk": "/robot/send?access_token=dingtalk-token-0123456789",
    "feishu": "/open-apis/bot/v2/hook/feishu-token-0123456789",
    "webhook": "/hooks/webhook-path-0123456789",
}


class Receiver:
    """A channel of ours and the server behind it. `answer` may be changed at any time."""

    def __init__(self, channel: Channel, answer: Answer) -> None:
        self.channel = channel
        self.answer = answer
        self.server = Server(0)

    def serve(self, connection: Any, server: Server) -> None:
        self.answer(connection, server)

    @property
    def requests(self) -> list[tuple[str, dict[str, str], bytes]]:
        """Path, headers and body of each request."""
        return [_split(request) for _port, request in list(self.server.requests)]

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _path, _headers, body in self.requests]

    @property
    def texts(self) -> list[str]:
        """What people read."""
        return [_text_of(body) for body in self.bodies]


def _split(request: bytes) -> tuple[str, dict[str, str], bytes]:
    head, body = request.split(b"\r\n\r\n", 1)
    first, *rest = head.decode().split("\r\n")
    lines = [line.split(": ", 1) for line in rest]
    return first.split()[1], {name.lower(): value for name, value in lines}, body


def _text_of(body: dict[str, Any]) -> str:
    if "text" in body:
        return str(body["text"]["content"])
    post = body["content"]["post"]["zh_cn"]
    return "\n".join([post["title"], *(part["text"] for [part] in post["content"])])


class Street:
    """Where channels are made, each with a receiver on loopback, which is listed."""

    def __init__(self, settings: LazySettings, stack: ExitStack) -> None:
        self.settings, self.stack = settings, stack

    def receiver(
        self,
        type_: str = "wecom",
        answer: Answer = TAKES,
        *,
        kinds: tuple[str, ...] = ("",),
        rule: dict[str, Any] | None = None,
        **values: Any,
    ) -> Receiver:
        """A channel that is told of KINDS, all by default."""
        values = {"name": type_, "language": "en", **values}
        channel = Channel(type=type_, **values)
        receiver = Receiver(channel, answer)
        receiver.server = self.stack.enter_context(sockets.serving(receiver.serve))
        hosts = [*self.settings.FORWARD_INTERNAL_HOSTS, f"127.0.0.1:{receiver.server.port}"]
        self.settings.FORWARD_INTERNAL_HOSTS = hosts
        channel.address = receiver.server.url + PATHS[type_]
        if type_ == "webhook":
            channel.sign_with_new_secret()
        channel.save()
        tell_of(channel, *kinds, **(rule or {}))
        return receiver


def tell_of(channel: Channel, *kinds: str, **rule: Any) -> None:
    for kind in kinds or ("",):
        NoticeRule.objects.create(channel=channel, kind=kind, **rule)


def email_channel(address: str = "staff@example.com", *kinds: str, **values: Any) -> Channel:
    values = {"name": "mail", "language": "en", "address": address, **values}
    channel: Channel = Channel.objects.create(type=Channel.Type.EMAIL, **values)
    tell_of(channel, *kinds)
    return channel


def publish(kind: str, *, appid: str = "", once: str = "", **facts: Any) -> None:
    """What a service does where it happens."""
    with transaction.atomic():
        domain_events.publish(DomainEvent(kind, appid, once, facts))


def pass_time(**by: float) -> None:
    """All that is to happen happens so much sooner, and all that happened did."""
    past = timedelta(**by)
    Message.objects.update(
        due_at=F("due_at") - past,
        give_up_at=F("give_up_at") - past,
        lease_until=F("lease_until") - past,
        created_at=F("created_at") - past,
    )
    Addressing.objects.update(due_at=F("due_at") - past)
    Channel.objects.update(paused_until=F("paused_until") - past, tested_at=F("tested_at") - past)
    Heartbeat.objects.update(at=F("at") - past)


def later(**by: float) -> None:
    """Time passes, and the sweep comes round."""
    pass_time(**by)
    send_notices()


@pytest.fixture
def street(settings: LazySettings) -> Iterator[Street]:
    settings.FORWARD_INTERNAL_HOSTS = []
    with ExitStack() as stack:
        yield Street(settings, stack)


class MailServer(socketserver.ThreadingTCPServer):
    """As much of SMTP as it takes to be handed a mail. `mails` are those that were taken."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Talk)
        self.mails: list[Mail] = []

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.server_address[1]}"


class _Talk(socketserver.StreamRequestHandler):
    server: MailServer

    def handle(self) -> None:
        self._say("220 ready")
        while line := self.rfile.readline():
            word = line.split(b" ")[0].strip().upper()
            if word == b"DATA":
                self._say("354 go on")
                self.server.mails.append(email.message_from_bytes(self._read_mail()))
            self._say("221 bye" if word == b"QUIT" else "250 ok")

    def _read_mail(self) -> bytes:
        lines = []
        while (line := self.rfile.readline()) not in (b".\r\n", b""):
            lines.append(line)
        return b"".join(lines)

    def _say(self, text: str) -> None:
        self.wfile.write(text.encode() + b"\r\n")


@contextmanager
def mail_server() -> Iterator[MailServer]:
    with MailServer() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()
