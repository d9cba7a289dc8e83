"""Files on their way to WeChat and from it keep every bound a plain call keeps."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from sandbox.wire.jpeg import mosaic
from tests.programs import Shop, open_shop, refused_with
from tests.sockets import Answer, Server, is_silent, ok, says, says_and_leaves, serving, trickles
from wechat import code, code_review, http
from wechat.errors import BadAnswer, Busy, Refused, Unreachable
from wechat.http import File
from wechat.media import get_media, get_voice

TOKEN = "49_" + "s" * 60
GET_MEDIA = "/cgi-bin/media/get"
PNG = b"\x89PNG\r\n\x1a\n" + b"p" * 100
JPEG = b"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n"


@pytest.fixture
def shop() -> Shop:
    return open_shop()


@contextmanager
def pointed_at(answer: Answer) -> Iterator[Server]:
    """Our client asks a server on loopback that does as ANSWER says."""
    with serving(answer) as server:
        http.configure(api_url=server.url)
        try:
            yield server
        finally:
            http.configure(api_url="https://wechat.test")


def nothing_secret(error: Unreachable) -> bool:
    hidden = error.__suppress_context__ or error.__context__ is None
    return TOKEN not in repr(error) and error.__cause__ is None and hidden


# Sending


def test_a_file_is_sent_as_a_form() -> None:
    with pointed_at(says(ok(b'{"errcode": 0, "type": "image", "mediaid": "m1"}'))) as server:
        assert code_review.upload_media(TOKEN, File("image/png", PNG)) == "m1"
    [(_, request)] = server.requests
    head, _, body = request.partition(b"\r\n\r\n")
    assert head.startswith(f"POST /wxa/uploadmedia?access_token={TOKEN} HTTP/1.1".encode())
    assert b"Content-Type: multipart/form-data; boundary=" in head
    assert b"Transfer-Encoding" not in head
    assert b'Content-Disposition: form-data; name="media"; filename="file.png"' in body
    assert b"Content-Type: image/png\r\n\r\n" + PNG in body


def test_an_upload_is_sent_anew_and_whole_when_wechat_is_busy(shop: Shop) -> None:
    shop.wechat.fault("/wxa/uploadmedia", errcode=-1)
    media_id = code_review.upload_media(shop.token, File("image/png", PNG))
    assert shop.wechat.media.files[media_id].content == PNG
    assert shop.wechat.count("/wxa/uploadmedia") == 2


def test_a_file_that_is_not_taken_in_time_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "SENDING_DEADLINE", 0.2)
    monkeypatch.setattr(http, "TRIES", 1)
    ended = threading.Event()

    def sips(connection: socket.socket) -> None:
        while not ended.wait(0.02) and connection.recv(4096):
            pass

    with socket.create_server(("127.0.0.1", 0)) as door:
        door.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        http.configure(api_url=f"http://127.0.0.1:{door.getsockname()[1]}")

        def work() -> None:
            connection, _ = door.accept()
            with connection:
                sips(connection)

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        with pytest.raises(Unreachable) as caught:
            code_review.upload_media(TOKEN, File("video/mp4", b"f" * 20_000_000))
        ended.set()
        thread.join(5)
        http.configure(api_url="https://wechat.test")
    assert nothing_secret(caught.value)


@pytest.mark.parametrize(
    ("file", "errcode"),
    [
        (File("text/plain", b"words"), 40005),
        (File("image/gif", b"g" * (2 * 1024 * 1024 + 1)), 40006),
        (File("video/mp4", b"f" * (10 * 1024 * 1024 + 1)), 40006),
    ],
    ids=["a text", "a large picture", "a large film"],
)
def test_a_file_wechat_does_not_take_is_refused(shop: Shop, file: File, errcode: int) -> None:
    refused_with(errcode, code_review.upload_media, shop.token, file)


def test_a_film_of_ten_megabytes_is_taken(shop: Shop) -> None:
    assert code_review.upload_media(shop.token, File("video/mp4", b"f" * 10 * 1024 * 1024))


def test_neither_a_file_nor_a_call_shows_its_bytes() -> None:
    assert "ppp" not in repr(File("image/png", PNG))
    assert TOKEN not in repr(http._Call("GET", "/x", {"access_token": TOKEN}))


# Receiving


def test_a_picture_comes_as_its_bytes() -> None:
    picture = mosaic([[0, 255], [255, 0]])
    with pointed_at(says(JPEG % len(picture) + picture)) as server:
        assert code.get_qrcode(TOKEN, "pages/a?b=1&c=甲") == File("image/jpeg", picture)
    [(_, request)] = server.requests
    assert b"&path=pages%2Fa%3Fb%3D1%26c%3D%E7%94%B2 HTTP/1.1" in request


CONTENTS = {
    "image/jpeg": mosaic([[0, 255], [255, 0]]),
    "image/png": PNG,
    "image/gif": b"GIF87a" + b"g" * 50,
    "image/webp": b"RIFF\x32\0\0\0WEBPVP8L" + b"w" * 50,
}
VOICES = {
    "audio/amr": b"#!AMR\n" + b"a" * 50,
    "audio/mpeg": b"ID3\x03" + b"m" * 50,
}


@pytest.mark.parametrize("media_type", ["image/jpg", "text/plain; charset=utf-8", ""])
@pytest.mark.parametrize("kind", [*CONTENTS, *VOICES])
def test_a_file_is_what_its_first_bytes_say(shop: Shop, kind: str, media_type: str) -> None:
    content = (CONTENTS | VOICES)[kind]
    shop.wechat.fault(GET_MEDIA, times=None, body=content, headers={"Content-Type": media_type})
    fetch, other = (get_media, get_voice) if kind in CONTENTS else (get_voice, get_media)
    assert fetch(shop.token, "m1") == File(kind, content)
    with pytest.raises(BadAnswer, match="not such a file"):
        other(shop.token, "m1")


def test_an_mp3_without_a_tag_is_known_as_well(shop: Shop) -> None:
    content = b"\xff\xfb\x90\x64" + b"m" * 50
    shop.wechat.fault(GET_MEDIA, body=content, headers={"Content-Type": "audio/mp3"})
    assert get_voice(shop.token, "m1") == File("audio/mpeg", content)


@pytest.mark.parametrize(
    "kind", ["application/json", "text/plain", "text/html", "image/jpeg", "image/png", ""]
)
def test_a_refusal_in_the_place_of_a_picture_is_a_refusal(kind: str) -> None:
    body = b'{"errcode": 86001, "errmsg": "component experience version not exists"}'
    head = b"HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n"
    with pointed_at(says(head % (kind.encode(), len(body)) + body)), pytest.raises(Refused) as told:
        code.get_qrcode(TOKEN)
    assert told.value.errcode == 86001


@pytest.mark.parametrize(
    ("kind", "body", "why"),
    [
        ("application/json", b'{"errcode": 0}', "not such a file"),
        ("image/svg+xml", b"<svg/>", "not JSON"),
        ("text/html", b"<html>", "not JSON"),
        ("image/jpeg", b"", "an empty file"),
    ],
)
def test_what_is_neither_is_no_answer(shop: Shop, kind: str, body: bytes, why: str) -> None:
    fault = {"body": body, "headers": {"Content-Type": kind}}
    shop.wechat.fault("/wxa/get_qrcode", times=None, **fault)
    shop.commit()
    with pytest.raises(BadAnswer) as caught:
        code.get_qrcode(shop.token)
    assert caught.value.reason == why


def test_a_picture_that_is_busy_is_asked_for_again(shop: Shop) -> None:
    shop.commit()
    shop.wechat.fault("/wxa/get_qrcode", errcode=-1, times=3)
    with pytest.raises(Busy):
        code.get_qrcode(shop.token)
    assert shop.wechat.count("/wxa/get_qrcode") == 3


@pytest.mark.parametrize("answer", ["silent", "trickling", "endless", "cut"])
def test_a_picture_that_does_not_end_is_given_up(
    monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    monkeypatch.setattr(http, "TRIES", 1)
    monkeypatch.setattr(http, "READ_TIMEOUT", 0.3)
    monkeypatch.setattr(http, "DEADLINE", 0.5)
    monkeypatch.setattr(http, "MAX_FILE", 100_000)
    answers: dict[str, Answer] = {
        "silent": is_silent,
        "trickling": trickles(JPEG % 1000),
        "endless": trickles(JPEG % 10_000_000, b"j" * 65_536, 0.001),
        "cut": says_and_leaves(JPEG % 1000 + b"j"),
    }
    with pointed_at(answers[answer]), pytest.raises(Unreachable) as caught:
        code.get_qrcode(TOKEN)
    assert nothing_secret(caught.value)
