"""Whatever comes back instead of an answer is one kind of error, and says nothing secret."""

import gzip
import json
from email.utils import formatdate

import pytest

from sandbox.world import WeChat
from tests.conftest import APPID
from wechat import component as wechat_component
from wechat import http
from wechat.errors import BadAnswer, Refused, Unreachable

PATH = "/cgi-bin/component/api_create_preauthcode"

GOOD = {"pre_auth_code": "preauthcode@@@good", "expires_in": 1800}
DEEP = b'{"a":' * 100_000 + b"1" + b"}" * 100_000

# Bodies that come with 200.
BODIES: dict[str, bytes] = {
    "nothing": b"",
    "spaces": b"   ",
    "HTML": b"<!DOCTYPE html><html><body>502 Bad Gateway</body></html>",
    "HTML of a login page": b'<html><meta http-equiv="refresh" content="0;url=/login"></html>',
    "plain text": b"success",
    "XML": b"<xml><errcode>0</errcode></xml>",
    "a list": b"[]",
    "a list of objects": b'[{"errcode": 0}]',
    "a string": b'"ok"',
    "a number": b"0",
    "null": b"null",
    "true": b"true",
    "cut in a name": b'{"pre_auth',
    "cut in a value": b'{"pre_auth_code": "preauthcode@@@',
    "cut before the end": b'{"pre_auth_code": "x"',
    "two objects": b'{"errcode": 0}{"errcode": 0}',
    "something after": b'{"errcode": 0}, ok',
    "a comma too many": b'{"errcode": 0,}',
    "single quotes": b"{'errcode': 0}",
    "a callback": b'callback({"errcode": 0})',
    "a comment": b'{"errcode": 0} // ok',
    "GBK": '{"pre_auth_code": "预授权码"}'.encode("gbk"),
    "UTF-16": '{"pre_auth_code": "x"}'.encode("utf-16"),
    "UTF-32": '{"pre_auth_code": "x"}'.encode("utf-32"),
    "latin-1": b'{"pre_auth_code": "\xe9"}',
    "half a character": b'{"pre_auth_code": "\xe4\xb8"}',
    "an overlong character": b'{"pre_auth_code": "\xc0\xaf"}',
    "a raw surrogate": b'{"pre_auth_code": "\xed\xa0\x80"}',
    "two marks of byte order": b"\xef\xbb\xbf\xef\xbb\xbf" + json.dumps(GOOD).encode(),
    "NaN": b'{"pre_auth_code": "x", "expires_in": NaN}',
    "NaN as errcode": b'{"errcode": NaN}',
    "Infinity": b'{"pre_auth_code": "x", "expires_in": Infinity}',
    "-Infinity": b'{"pre_auth_code": "x", "expires_in": -Infinity}',
    "a name twice": b'{"pre_auth_code": "x", "pre_auth_code": "y"}',
    "errcode twice": b'{"errcode": 0, "errcode": 40001}',
    "errcode null": b'{"errcode": null, "pre_auth_code": "x"}',
    "errcode true": b'{"errcode": true}',
    "errcode false": b'{"errcode": false, "pre_auth_code": "x"}',
    "errcode a fraction": b'{"errcode": 0.0, "pre_auth_code": "x"}',
    "errcode a list": b'{"errcode": [], "pre_auth_code": "x"}',
    "errcode an object": b'{"errcode": {}, "pre_auth_code": "x"}',
    "errcode of 5000 digits": b'{"errcode": ' + b"9" * 5000 + b"}",
    "no code": b'{"expires_in": 1800}',
    "errcode as words": b'{"errcode": "ok", "pre_auth_code": "x"}',
    "errcode an empty text": b'{"errcode": "", "pre_auth_code": "x"}',
    "an empty code": b'{"pre_auth_code": "", "expires_in": 1800}',
    "a code that is null": b'{"pre_auth_code": null, "expires_in": 1800}',
    "a code that is a number": b'{"pre_auth_code": 12345, "expires_in": 1800}',
    "a code that is true": b'{"pre_auth_code": true, "expires_in": 1800}',
    "a code that is a list": b'{"pre_auth_code": ["x"], "expires_in": 1800}',
    "a code that is an object": b'{"pre_auth_code": {"x": 1}, "expires_in": 1800}',
    "a code in other letters": b'{"PRE_AUTH_CODE": "x", "expires_in": 1800}',
    "a code below another name": b'{"data": {"pre_auth_code": "x"}}',
    "a NUL": b'{"pre_auth_code": "x\\u0000y", "expires_in": 1800}',
    "a raw NUL": b'{"pre_auth_code": "x\x00y", "expires_in": 1800}',
    "half a surrogate pair": b'{"pre_auth_code": "\\ud83d", "expires_in": 1800}',
    "the other half": b'{"pre_auth_code": "x\\uDE00", "expires_in": 1800}',
    "a wrong escape": b'{"pre_auth_code": "\\x41"}',
    "a line in a string": b'{"pre_auth_code": "x\ny"}',
    "100,000 levels": DEEP,
    "100,000 open lists": b"[" * 100_000,
    "more than 2 MiB": b'{"pre_auth_code": "' + b"x" * (2 * 1024 * 1024) + b'"}',
    "2 MiB of spaces": b" " * (2 * 1024 * 1024 + 1) + json.dumps(GOOD).encode(),
    "gzip without saying so": gzip.compress(json.dumps(GOOD).encode()),
}  # fmt: skip

REDIRECT = {"Location": "http://wechat.test/elsewhere"}
GZIP = {"Content-Encoding": "gzip"}
BOMB = gzip.compress(b" " * 50_000_000, 9)

# Answers that are wrong by their head.
HEADS: dict[str, tuple[int, dict[str, str], bytes]] = {
    "gzip": (200, {"Content-Encoding": "gzip"}, gzip.compress(json.dumps(GOOD).encode())),
    "a gzip bomb": (200, GZIP, BOMB),
    "deflate": (200, {"Content-Encoding": "deflate"}, b"x"),
    "br": (200, {"Content-Encoding": "br"}, b"x"),
    "an unknown encoding": (200, {"Content-Encoding": "aes"}, b"x"),
    "201": (201, {}, json.dumps(GOOD).encode()),
    "204": (204, {}, b""),
    "206": (206, {}, json.dumps(GOOD).encode()),
    "301": (301, REDIRECT, b""),
    "302": (302, REDIRECT, json.dumps(GOOD).encode()),
    "303": (303, REDIRECT, b""),
    "307": (307, REDIRECT, b""),
    "308": (308, REDIRECT, b""),
    "a redirect to nowhere": (302, {"Location": "http://[::1"}, b""),
    "a redirect to another scheme": (302, {"Location": "ftp://wechat.test/"}, b""),
    "a redirect without an address": (302, {}, b""),
    "a redirect with a gzip bomb": (302, REDIRECT | GZIP, BOMB),
    "400": (400, {}, b"Bad Request"),
    "401": (401, {"WWW-Authenticate": 'Basic realm="x"'}, b""),
    "403": (403, {}, b"<html>forbidden</html>"),
    "404": (404, {}, json.dumps(GOOD).encode()),
    "407": (407, {"Proxy-Authenticate": "Basic"}, b""),
    "412": (412, {}, b""),
    "429": (429, {"Retry-After": "3600"}, b""),
}  # fmt: skip

quick = pytest.mark.usefixtures("no_pauses")


@pytest.fixture
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls that may be repeated are not: what comes back is the same each time."""
    monkeypatch.setattr(http, "TRIES", 1)


def ask() -> wechat_component.PreAuthCode:
    return wechat_component.create_pre_auth_code("49_" + "t" * 100, APPID)


@quick
@pytest.mark.parametrize("what", BODIES)
def test_what_is_no_answer_is_a_bad_answer(wechat: WeChat, what: str) -> None:
    wechat.fault(PATH, body=BODIES[what])
    with pytest.raises(BadAnswer) as caught:
        ask()
    assert str(caught.value).startswith(f"{PATH}: ")
    assert len(str(caught.value)) < 200
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None or caught.value.__suppress_context__


@quick
@pytest.mark.parametrize("what", HEADS)
def test_what_has_a_wrong_head_is_a_bad_answer(wechat: WeChat, what: str) -> None:
    status, headers, body = HEADS[what]
    wechat.fault(PATH, status=status, headers=headers, body=body)
    with pytest.raises(BadAnswer):
        ask()
    assert wechat.count() == 1, "nothing is followed"


@quick
@pytest.mark.parametrize("status", [500, 501, 502, 503, 504, 599])
def test_an_error_of_the_server_leaves_the_effect_unknown(wechat: WeChat, status: int) -> None:
    wechat.fault(PATH, status=status, body=b"<html>Bad Gateway</html>")
    with pytest.raises(Unreachable) as caught:
        ask()
    assert type(caught.value) is Unreachable
    assert str(caught.value) == f"{PATH}: HTTP {status}"


@quick
@pytest.mark.parametrize("charset", ["gbk", "iso-8859-1", "nonsense", ""])
def test_an_answer_is_utf_8_whatever_its_head_says(wechat: WeChat, charset: str) -> None:
    headers = {"Content-Type": f"text/html; charset={charset}"}
    wechat.fault(PATH, headers=headers, body='{"pre_auth_code": "码"}'.encode())
    assert ask().value == "码"


@quick
@pytest.mark.parametrize(
    "body",
    [
        json.dumps(GOOD).encode(),
        b"\xef\xbb\xbf" + json.dumps(GOOD).encode(),
        b"\r\n " + json.dumps(GOOD).encode() + b"\r\n",
        json.dumps(GOOD | {"errcode": 0, "errmsg": "ok"}).encode(),
        json.dumps(GOOD | {"new": {"a": [1, None, 1.5, "\U0001f600"]}}).encode(),
        json.dumps(GOOD | {"pad": "x" * 1_900_000}).encode(),
        json.dumps(GOOD | {"errcode": "0", "expires_in": "1800"}).encode(),
        b'{"a": {"b": 1, "b": 2}, ' + json.dumps(GOOD).encode()[1:],
        b'{"\\ud83d": 1, ' + json.dumps(GOOD).encode()[1:],
        b'{"errmsg": "\x01\t\n\xe4\xb8", ' + json.dumps(GOOD).encode()[1:],
        b'{"errmsg": "\\ud83d \\x41 \\u12", ' + json.dumps(GOOD).encode()[1:],
    ],
    ids=[
        *("plain", "with a mark of byte order", "in lines", "with errcode 0", "with more", "long"),
        *("numbers as text", "a name twice below", "half a pair as a name"),
        *("control characters in prose", "wrong escapes in prose"),
    ],
)
def test_what_wechat_may_say_is_read(wechat: WeChat, body: bytes) -> None:
    wechat.fault(PATH, body=body)
    assert ask() == wechat_component.PreAuthCode("preauthcode@@@good", 1800)


LIVES: dict[str, tuple[str, int]] = {
    "1": ("1", 1),
    "600": ("600", 600),
    "7200": ("7200", 7200),
    "7201": ("7201", 60),
    "0": ("0", 60),
    "negative": ("-1", 60),
    "a billion": ("1000000000", 60),
    "as text": ('"7200"', 7200),
    "as other text": ('"two hours"', 60),
    "as a text too long": ('"7201"', 60),
    "a fraction": ("7200.0", 60),
    "true": ("true", 60),
    "null": ("null", 60),
    "a list": ("[]", 60),
}


@quick
@pytest.mark.parametrize("life", LIVES)
def test_a_life_is_taken_as_given_if_it_is_sensible(
    wechat: WeChat, life: str, caplog: pytest.LogCaptureFixture
) -> None:
    given, taken = LIVES[life]
    wechat.fault(PATH, body=f'{{"pre_auth_code": "x", "expires_in": {given}}}'.encode())
    assert ask().life == taken
    assert ("odd expires_in" in caplog.text) == (str(taken) != given.strip('"'))


@quick
def test_a_missing_life_is_a_careful_one(wechat: WeChat) -> None:
    wechat.fault(PATH, body=b'{"pre_auth_code": "x"}')
    assert ask().life == 60


@quick
@pytest.mark.parametrize(
    "errmsg",
    [
        "invalid credential, access_token is invalid or not latest rid: 5f8d-1a2b-3c4d",
        "a\r\nb\x1b[31m\x00",
        "x" * 5000,
        "access_token=49_" + "t" * 100,
        "ticket@@@" + "t" * 86,
        "",
    ],
)
def test_what_wechat_says_is_kept_clean(wechat: WeChat, errmsg: str) -> None:
    answer = {"errcode": 40013, "errmsg": errmsg}
    body = json.dumps(answer).replace("\\u0000", "").encode()
    wechat.fault(PATH, body=body)
    with pytest.raises(Refused) as caught:
        ask()
    text = str(caught.value) + repr(caught.value)
    assert caught.value.errcode == 40013
    assert "t" * 86 not in text
    assert not any(ord(character) < 32 for character in text)
    assert len(caught.value.errmsg) <= 300
    assert caught.value.rid == ("5f8d-1a2b-3c4d" if "rid" in errmsg else "")


@quick
@pytest.mark.parametrize("errcode", [b'"40001"', b'"61005"', b'"-1"'])
def test_an_errcode_may_be_text(wechat: WeChat, errcode: bytes) -> None:
    wechat.fault(PATH, body=b'{"pre_auth_code": "x", "errcode": ' + errcode + b"}")
    with pytest.raises(Refused) as caught:
        ask()
    assert caught.value.errcode == int(errcode.strip(b'"'))


@quick
@pytest.mark.parametrize("errmsg", [b"null", b"1", b"[]", b"{}"])
def test_an_errmsg_that_is_no_text_is_left_out(wechat: WeChat, errmsg: bytes) -> None:
    wechat.fault(PATH, body=b'{"errcode": 40013, "errmsg": ' + errmsg + b"}")
    with pytest.raises(Refused) as caught:
        ask()
    assert str(caught.value) == f"{PATH}: 40013 "


def test_the_corpus_is_large_enough() -> None:
    assert len(BODIES) + len(HEADS) >= 60


@pytest.mark.parametrize(
    ("date", "is_told"),
    [
        ("Fri, 20 Nov 2015 12:00:00 GMT", True),
        ("now", False),
        ("yesterday", False),
        ("", False),
        ("Fri, 31 Feb 2015 25:61:61 GMT", False),
        ("1 Jan 999999999 00:00:00 GMT", False),
    ],
)
def test_a_clock_that_is_wrong_is_told(
    wechat: WeChat,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    date: str,
    is_told: bool,
) -> None:
    monkeypatch.setattr(http, "CLOCK_WARNING_EVERY", 0)
    date = formatdate(usegmt=True) if date == "now" else date
    wechat.fault(PATH, body=json.dumps(GOOD).encode(), headers={"Date": date})
    ask()
    assert ("s from WeChat's" in caplog.text) == is_told
