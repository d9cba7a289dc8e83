"""The client on real sockets: bounded in every direction, and it knows what may have happened."""

import datetime
import json
import socket
import ssl
import subprocess
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from threading import Thread

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests import sockets
from tests.sockets import Answer, Server, floods, ok, resets, says, says_and_leaves, trickles
from wechat import http, transport
from wechat.errors import BadAnswer, NotSent, Unreachable
from wechat.transport import Outside

TOKEN = "49_" + "s3cret" * 20
HEAD = b"HTTP/1.1 200 OK\r\n"


class Calling:
    """Calls one server, once, with a secret in the URL and one in the body."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack

    def server(self, answer: Answer, tls: ssl.SSLContext | None = None) -> Server:
        server = self._stack.enter_context(sockets.serving(answer, tls))
        self.at(f"https://localhost:{server.port}" if tls else server.url)
        return server

    def at(self, url: str) -> None:
        http.configure(api_url=url)

    def call(self) -> dict[str, object]:
        return http.call("/cgi-bin/x", {"secret": TOKEN}, access_token=TOKEN, repeat=False)

    def fails(self) -> Unreachable:
        """The error of a call; no secret is in it, nor in whatever it drags along."""
        with pytest.raises(Unreachable) as caught:
            self.call()
        told = "".join(traceback.format_exception(caught.value)) + repr(caught.value)
        assert "s3cret" not in told
        assert caught.value.path == "/cgi-bin/x"
        return caught.value


@pytest.fixture
def calling(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Iterator[Calling]:
    monkeypatch.setattr(http, "CONNECT_TIMEOUT", 0.3)
    monkeypatch.setattr(http, "READ_TIMEOUT", 0.3)
    monkeypatch.setattr(http, "DEADLINE", 0.6)
    caplog.set_level("DEBUG")
    with ExitStack() as stack:
        yield Calling(stack)
    http.configure(api_url="https://wechat.test")
    lines = [record for record in caplog.records if not record.name.startswith("urllib3")]
    assert not any("s3cret" in record.getMessage() for record in lines)


def test_a_call_is_raw_utf_8_json_with_the_token_in_the_query(calling: Calling) -> None:
    server = calling.server(says(ok()))
    assert http.call("/a", {"名": "甲"}, access_token="49_t") == {"errcode": 0}
    [(_, request)] = server.requests
    head, body = request.split(b"\r\n\r\n")
    assert head.startswith(b"POST /a?access_token=49_t HTTP/1.1\r\n")
    assert body == '{"名": "甲"}'.encode()
    assert b"\r\nContent-Type: application/json" in head
    assert b"\r\nAccept-Encoding: identity" in head


def test_a_post_without_a_body_says_so(calling: Calling) -> None:
    server = calling.server(says(ok()))
    http.call("/a")
    assert b"\r\nContent-Length: 0\r\n" in server.requests[0][1]


@pytest.mark.parametrize("path", ["/a\r\nX: y", "/a b", "/a\x00", "/甲"])
def test_what_would_not_be_one_request_is_not_sent(calling: Calling, path: str) -> None:
    server = calling.server(says(ok()))
    with pytest.raises(ValueError, match="^a line of the request's head would not be one$"):
        http.call(path, {})
    assert not server.requests


def test_a_get_has_no_body(calling: Calling) -> None:
    server = calling.server(says(ok()))
    http.call("/a", method="GET")
    assert server.requests[0][1].startswith(b"GET /a HTTP/1.1\r\n")
    assert server.requests[0][1].endswith(b"\r\n\r\n")


# Bounded


SLOW: dict[str, Answer] = {
    "a body that trickles": trickles(HEAD + b"Content-Length: 1000000\r\n\r\n"),
    "a body without an end": trickles(HEAD + b"\r\n"),
    "chunks of one byte": trickles(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
    "a chunk's length that trickles": trickles(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"0"),
    "headers that trickle": trickles(HEAD + b"X-Slow: ", b"x"),
    "a status line that trickles": trickles(b"HTTP/1.1 200 ", b"O"),
    "100 Continue for ever": trickles(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "nothing": sockets.is_silent,
    "half a body, then nothing": says(HEAD + b"Content-Length: 10\r\n\r\n{"),
    "half a header, then nothing": says(HEAD + b"Content-"),
    "a redirect whose body trickles": trickles(
        b"HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 1000000\r\n\r\n"
    ),
}


@pytest.mark.parametrize("what", SLOW)
def test_an_answer_that_does_not_end_is_given_up(calling: Calling, what: str) -> None:
    calling.server(SLOW[what])
    started = time.monotonic()
    error = calling.fails()
    assert time.monotonic() - started < 2.5
    assert not isinstance(error, NotSent)


FLOODS: dict[str, Answer] = {
    "a body": floods(HEAD + b"\r\n"),
    "a body of 1 GiB": floods(HEAD + b"Content-Length: 1073741824\r\n\r\n"),
    "an error's body": floods(b"HTTP/1.1 500 Oh\r\nContent-Length: 1073741824\r\n\r\n"),
    "a redirect's body": floods(
        b"HTTP/1.1 301 Moved\r\nLocation: /x\r\nContent-Length: 1073741824\r\n\r\n"
    ),
    "a header": floods(HEAD + b"X-Long: "),
    "headers": trickles(HEAD, b"X-Many: x\r\n" * 1000, 0),
}


@pytest.mark.parametrize("what", FLOODS)
def test_an_answer_too_large_is_not_read_to_its_end(
    calling: Calling, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "DEADLINE", 10)
    calling.server(FLOODS[what])
    started = time.monotonic()
    assert not isinstance(calling.fails(), NotSent)
    assert time.monotonic() - started < 5


BROKEN: dict[str, Answer] = {
    "cut in the body": says_and_leaves(HEAD + b'Content-Length: 99\r\n\r\n{"errcode": 0}'),
    "cut in a chunk": says_and_leaves(HEAD + b"Transfer-Encoding: chunked\r\n\r\nff\r\n{"),
    "cut before the last chunk": says_and_leaves(
        HEAD + b'Transfer-Encoding: chunked\r\n\r\ne\r\n{"errcode": 0}\r\n'
    ),
    "a chunk without a length": says_and_leaves(
        HEAD + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n{}\r\n0\r\n\r\n"
    ),
    "cut in the headers": says_and_leaves(HEAD + b"Content-Length: 1"),
    "closed without a word": says_and_leaves(b""),
    "reset": resets,
    "no HTTP": says_and_leaves(b"SSH-2.0-OpenSSH\r\n"),
    "a status that is no number": says_and_leaves(b"HTTP/1.1 OK\r\n\r\n"),
    "a redirect to half an address": says(
        b"HTTP/1.1 302 Found\r\nLocation: http://[::1\r\nContent-Length: 0\r\n\r\n"
    ),
    "a redirect in no known letters": says(
        b"HTTP/1.1 302 Found\r\nLocation: /\xff\xfe\r\nContent-Length: 0\r\n\r\n"
    ),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_answer_leaves_the_effect_unknown(calling: Calling, what: str) -> None:
    server = calling.server(BROKEN[what])
    assert not isinstance(calling.fails(), NotSent)
    assert len(server.requests) == 1


# Nothing was sent


def test_a_closed_port_means_that_nothing_was_sent(calling: Calling) -> None:
    with socket.create_server(("127.0.0.1", 0)) as door:
        port = door.getsockname()[1]
    calling.at(f"http://127.0.0.1:{port}")
    assert isinstance(calling.fails(), NotSent)


def test_no_connection_within_the_time_means_that_nothing_was_sent(calling: Calling) -> None:
    with ExitStack() as stack:
        door = stack.enter_context(socket.socket())
        door.bind(("127.0.0.1", 0))
        door.listen(0)
        for _ in range(3):  # the queue is full: later ones are left without an answer
            other = stack.enter_context(socket.socket())
            other.setblocking(False)
            other.connect_ex(door.getsockname())
        calling.at(f"http://127.0.0.1:{door.getsockname()[1]}")
        started = time.monotonic()
        assert isinstance(calling.fails(), NotSent)
        assert time.monotonic() - started < 1.5


class _SlowResolver(Outside):
    def look_up(self, host: str, port: int) -> list[str]:
        time.sleep(2)
        return ["127.0.0.1"]


def test_a_resolver_that_hangs_means_that_nothing_was_sent(
    calling: Calling, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = calling.server(says(ok()))
    monkeypatch.setattr(transport, "outside", _SlowResolver())
    calling.at(f"http://slow.example:{server.port}")
    started = time.monotonic()
    assert isinstance(calling.fails(), NotSent)
    assert time.monotonic() - started < 1.5
    assert not server.requests


@pytest.mark.parametrize(
    "url", ["http://[::1", "http://a..b", "http://:80", "ftp://wechat.test", "wechat.test"]
)
def test_what_is_no_url_means_that_nothing_was_sent(calling: Calling, url: str) -> None:
    calling.at(url)
    assert isinstance(calling.fails(), NotSent)


# TLS


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate of localhost that vouches for itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / "certificate.pem"
    secret = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM) + secret)
    return path


def tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def test_a_certificate_nobody_knows_means_that_nothing_was_sent(
    calling: Calling, certificate: Path
) -> None:
    server = calling.server(says(ok()), tls(certificate))
    assert isinstance(calling.fails(), NotSent)
    assert not server.requests


def test_a_known_certificate_is_good(
    calling: Calling, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http.session, "verify", str(certificate))
    calling.server(says(ok()), tls(certificate))
    assert calling.call() == {"errcode": 0}


@pytest.mark.parametrize("what", ["closed without a word", "reset", "cut in the body"])
def test_an_answer_cut_under_tls_leaves_the_effect_unknown(
    calling: Calling, certificate: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    monkeypatch.setattr(http.session, "verify", str(certificate))
    server = calling.server(BROKEN[what], tls(certificate))
    assert not isinstance(calling.fails(), NotSent)
    assert len(server.requests) == 1


def test_a_trickle_under_tls_is_given_up_too(
    calling: Calling, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http.session, "verify", str(certificate))
    calling.server(SLOW["a body that trickles"], tls(certificate))
    started = time.monotonic()
    calling.fails()
    assert time.monotonic() - started < 2.5


def test_an_environment_does_not_lend_its_proxy(
    calling: Calling, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "REQUESTS_CA_BUNDLE"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    calling.server(says(ok()))
    assert calling.call() == {"errcode": 0}


# Kept connections


def test_connections_are_kept(calling: Calling) -> None:
    server = calling.server(says(ok()))
    for _ in range(5):
        calling.call()
    assert len(set(server.ports)) == 1


def test_a_connection_that_was_closed_meanwhile_is_replaced(calling: Calling) -> None:
    server = calling.server(says_and_leaves(ok()))
    for _ in range(3):
        calling.call()
        time.sleep(0.05)
    assert len(set(server.ports)) == 3


def test_a_request_that_a_kept_connection_swallowed_is_not_sent_again(calling: Calling) -> None:
    """libcurl sends it once more by itself; for WeChat it would be a second submission."""

    def answer(connection: socket.socket, server: Server) -> None:
        if len(server.requests) == 1:
            connection.sendall(ok())
        else:
            connection.shutdown(socket.SHUT_RDWR)

    server = calling.server(answer)
    calling.call()
    assert not isinstance(calling.fails(), NotSent)
    assert len(server.requests) == 2
    assert len(set(server.ports)) == 1


def test_an_answer_is_never_left_over_for_the_next_call(calling: Calling) -> None:
    """A body too large, or not read at all, takes its connection with it."""
    calling.server(says(b"HTTP/1.1 500 Oh\r\nContent-Length: 30\r\n\r\n" + b"x" * 30))
    assert "HTTP 500" in str(calling.fails())
    calling.server(says(ok(b'{"a": "' + b"x" * http.MAX_ANSWER + b'"}')))
    assert isinstance(calling.fails(), BadAnswer)
    assert isinstance(calling.fails(), BadAnswer)


def test_each_thread_has_an_answer_of_its_own(calling: Calling) -> None:
    def answer(connection: socket.socket, server: Server) -> None:
        path = _last_path(connection, server)
        connection.sendall(ok(json.dumps({"path": path}).encode()))

    server = calling.server(answer)
    got: dict[int, object] = {}

    def ask(number: int) -> None:
        for _ in range(5):
            got[number] = http.call(f"/{number}", {})["path"]

    threads = [Thread(target=ask, args=(number,)) for number in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == {number: f"/{number}" for number in range(10)}
    assert len(server.requests) == 50


def _last_path(connection: socket.socket, server: Server) -> str:
    port = connection.getpeername()[1]
    return next(r.split()[1].decode() for p, r in reversed(server.requests) if p == port)


FORKING = """
import os, sys
from wechat import http
http.configure(api_url=sys.argv[1])
http.call("/parent", {})
if os.fork() == 0:
    http.call("/child", {})
    os._exit(0)
os.wait()
http.call("/parent", {})
"""


def test_a_forked_child_does_not_share_its_parents_connections(calling: Calling) -> None:
    server = calling.server(says(ok()))
    subprocess.run([sys.executable, "-c", FORKING, server.url], check=True, timeout=30)
    ports = {path: set[int]() for path in (b"/parent", b"/child")}
    for port, request in server.requests:
        ports[request.split()[1]].add(port)
    assert len(server.requests) == 3
    assert len(ports[b"/parent"]) == 1
    assert len(ports[b"/child"]) == 1
    assert not ports[b"/parent"] & ports[b"/child"]


def test_the_real_limits_are_those_that_we_promise() -> None:
    assert (http.CONNECT_TIMEOUT, http.READ_TIMEOUT, http.DEADLINE) == (3, 10, 15)
    assert (http.MAX_ANSWER, http.TRIES, http.REPEATS_WITHIN) == (2 * 1024 * 1024, 3, 15)
