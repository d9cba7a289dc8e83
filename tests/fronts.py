"""
What may stand between WeChat and our doors: an HTTP server that passes requests on to us, and the
answers back, unless a test spoils the answer to one of them.
"""

import http.client
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

from sandbox.wire import crypto
from tests.conftest import AES_KEY, APPID, TOKEN


@dataclass(frozen=True)
class Answer:
    """What goes back."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    after: float = 0  # seconds
    pause: float = 0  # between its bytes


Spoil = Callable[[Answer], Answer]
# Which request: a Content without its code, an Event, "ticket" or "echo"; and the path's appid.
Asked = tuple[str, str]


@dataclass
class Front:
    """Where it listens, what it spoils and what it was asked."""

    port: int
    behind: str
    spoilt: dict[Asked, Spoil] = field(default_factory=dict)
    swallowed: set[Asked] = field(default_factory=set)  # never passed on
    asked: list[Asked] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def answer(self, method: str, path: str, body: bytes) -> Answer:
        asked = _read(path, body)
        self.asked.append(asked)
        is_swallowed = asked in self.swallowed
        honest = Answer(200, b"") if is_swallowed else self._pass_on(method, path, body)
        spoil = self.spoilt.get(asked)
        return spoil(honest) if spoil else honest

    def _pass_on(self, method: str, path: str, body: bytes) -> Answer:
        place = urlsplit(self.behind)
        connection = http.client.HTTPConnection(place.hostname or "", place.port)
        connection.request(method, path, body, {"Content-Type": "text/xml"})
        response = connection.getresponse()
        answer = Answer(response.status, response.read())
        connection.close()
        return answer


def _read(path: str, body: bytes) -> Asked:
    appid = path.split("/")[2]
    if not body:
        return "echo", appid
    inner = opened(body)
    for name in ("Event", "Content"):
        if found := re.search(rf"<{name}><!\[CDATA\[(.*?)\]\]>", inner):
            return found[1].split(":")[0], appid
    return "ticket", appid


@contextmanager
def standing(behind: str) -> Iterator[Front]:
    """A front before BEHIND."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer()

        do_POST = do_GET

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            answer = front.answer(self.command, self.path, body)
            time.sleep(answer.after)
            if answer.status == 0:
                return  # hangs up
            self.send_response(answer.status)
            for name, value in {"Content-Length": str(len(answer.body)), **answer.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            for place in range(len(answer.body)):
                self.wfile.write(answer.body[place : place + 1])
                time.sleep(answer.pause)

        def log_message(self, *words: Any) -> None:
            """Quietly."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    front = Front(server.server_port, behind)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield front
    finally:
        server.shutdown()
        server.server_close()


def says(body: bytes, status: int = 200, **headers: str) -> Spoil:
    """Something else instead."""
    return lambda answer: Answer(status, body, headers)


def hangs_up(answer: Answer) -> Answer:
    return Answer(0, b"")


def comes(after: float) -> Spoil:
    """The right answer, but late."""
    return lambda answer: Answer(answer.status, answer.body, after=after)


def trickles(pause: float) -> Spoil:
    """The right answer, byte by byte."""
    return lambda answer: Answer(answer.status, answer.body, pause=pause)


# A reply that is sealed otherwise


def opened(body: bytes, *, aes_key: str = AES_KEY) -> str:
    """What is inside a sealed push, or a sealed reply."""
    found = re.search(rb"<Encrypt><!\[CDATA\[(.+?)\]\]>", body)
    assert found, body
    return crypto.open_sealed(found[1].decode(), aes_key=aes_key, appid=APPID).decode()


def resealed(
    *,
    change: Callable[[str], str] = lambda inner: inner,
    token: str = TOKEN,
    aes_key: str = AES_KEY,
    appid: str = APPID,
    nonce: str = "",
    timestamp: str = "",
    without: str = "",
) -> Spoil:
    """The reply opened, CHANGEd, and sealed again with other things than it was."""

    def spoil(answer: Answer) -> Answer:
        inner = change(opened(answer.body)).encode()
        encrypt = crypto.seal(inner, aes_key=aes_key, appid=appid, random16=b"0123456789abcdef")
        at = timestamp or _part("TimeStamp", answer.body)
        number = nonce or _part("Nonce", answer.body)
        parts = {
            "Encrypt": encrypt,
            "MsgSignature": crypto.signature(token, at, number, encrypt),
            "TimeStamp": at,
            "Nonce": number,
        }
        parts.pop(without, None)
        text = "".join(f"<{name}>{value}</{name}>" for name, value in parts.items())
        return Answer(200, f"<xml>{text}</xml>".encode())

    return spoil


def unsealed(answer: Answer) -> Answer:
    """The reply as a platform without encryption would give it."""
    return Answer(200, opened(answer.body).encode())


def _part(name: str, body: bytes) -> str:
    found = re.search(rf"<{name}>(?:<!\[CDATA\[)?(\w+)", body.decode())
    assert found
    return found[1]
