"""A relayed call on real sockets: long answers in pieces, bounded, over kept connections."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.sockets import Answer, Server, ok, says, says_and_leaves, serving, trickles
from wechat import http, relay
from wechat.errors import BadAnswer, NotSent, Unreachable, WeChatError
from wechat.relay import MAX_DOWNLOAD, Download, Relay
from wechat.spool import Spool

TOKEN = "49_" + "s3cret" * 20
LONG = bytes(range(256)) * 12 * 1024  # 3 MiB
HEAD = b"HTTP/1.1 200 OK\r\n"


@pytest.fixture
def api() -> Iterator[None]:
    """Whoever is called is put back."""
    yield
    http.configure(api_url="https://wechat.test")


def call(answer: Answer, body: bytes | Spool = b"") -> tuple[Relay, Server]:
    """One relayed call of a server that answers so. Raises what the call raises."""
    with serving(answer) as server:
        http.configure(api_url=server.url)
        relayed = Relay("POST" if body else "GET", "/cgi-bin/media/get", (), body)
        relayed.send(TOKEN)
        return relayed, server


def chunked(*pieces: bytes, is_whole: bool = True) -> bytes:
    coded = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
    return HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + coded + b"0\r\n\r\n" * is_whole


def rest_of(relayed: Relay) -> Download:
    assert relayed.answer
    assert relayed.answer.rest
    return relayed.answer.rest


@pytest.mark.usefixtures("api")
@pytest.mark.parametrize(
    "answer",
    [
        says(ok(LONG)),
        says(chunked(*(LONG[at : at + 300_000] for at in range(0, len(LONG), 300_000)))),
        says_and_leaves(HEAD + b"\r\n" + LONG),
    ],
    ids=["length", "chunks", "to the end"],
)
def test_a_long_answer_is_whole_however_it_comes(answer: Answer) -> None:
    relayed, _server = call(answer)
    with closing(rest_of(relayed)) as rest:
        assert rest.length == len(LONG)
        assert b"".join(rest) == LONG


@pytest.mark.usefixtures("api")
def test_a_connection_is_used_again_once_its_answer_is_read() -> None:
    with serving(says(ok(LONG))) as server:
        http.configure(api_url=server.url)
        for _ in range(3):
            relayed = Relay("GET", "/cgi-bin/media/get")
            relayed.send(TOKEN)
            with closing(rest_of(relayed)) as rest:
                assert b"".join(rest) == LONG
        for _ in range(2):  # what is left of the first answer is nobody's
            relayed = Relay("GET", "/cgi-bin/media/get")
            relayed.send(TOKEN)
            rest_of(relayed).close()
    assert len(set(server.ports[:4])) == 1
    assert server.ports[4] != server.ports[0]


@pytest.mark.usefixtures("api")
@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (says_and_leaves(chunked(LONG, is_whole=False)), Unreachable),
        (says(ok(b"x" * 9)[:-3]), Unreachable),
        (says(HEAD + b"Content-Length: %d\r\n\r\n" % (MAX_DOWNLOAD + 1)), BadAnswer),
        (says(chunked(bytes(MAX_DOWNLOAD), b"x")), BadAnswer),
        (says(ok(b"{}").replace(b"200 OK", b"502 Bad")), Unreachable),
        (says(HEAD + b"Content-Encoding: gzip\r\nContent-Length: 0\r\n\r\n"), BadAnswer),
        (trickles(HEAD, ok(b"x" * 9), 0.05), Unreachable),
    ],
    ids=["torn chunks", "torn", "too long", "too many chunks", "502", "gzip", "slow"],
)
def test_what_is_no_whole_answer_is_none(
    answer: Answer, error: type[WeChatError], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "DEADLINE", 1)
    monkeypatch.setattr(http, "READ_TIMEOUT", 0.5)
    with pytest.raises(error):
        call(answer)


@pytest.mark.usefixtures("api")
def test_one_that_takes_too_long_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay, "DOWNLOAD_SECONDS", 0.0)
    relayed, _server = call(says(ok(LONG * 4)))
    with closing(rest_of(relayed)) as rest, pytest.raises(Unreachable):
        b"".join(rest)


@pytest.mark.usefixtures("api")
def test_a_form_goes_up_in_pieces() -> None:
    with closing(Spool()) as spool:
        for at in range(0, len(LONG), 100_000):
            spool.write(LONG[at : at + 100_000])
        _relayed, server = call(says(ok()), spool)
    [(_port, request)] = server.requests
    assert request.split(b"\r\n\r\n", 1)[1] == LONG


@pytest.mark.usefixtures("api")
def test_nobody_there_is_not_sent() -> None:
    http.configure(api_url="http://127.0.0.1:9")
    with pytest.raises(NotSent) as caught:
        Relay("GET", "/x").send(TOKEN)
    assert "s3cret" not in str(caught.value)
