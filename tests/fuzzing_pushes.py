"""
Pushes without end, honest and spoilt, each with what must become of it by the way it was made.

Whoever spoils one has seen all that WeChat sends, and has none of our keys.
"""

import gzip
import json
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import quote, urlencode

from sandbox.wire import crypto
from tests.conftest import AES_KEY, APPID, TOKEN
from tests.knocking import COMPONENT_DOOR
from webhooks.routing import COMPONENT_PUSHES, MESSAGE_PUSHES
from wechat.messages import EVENTS, MESSAGES

# Two accounts that are ours, one that is nobody's, and a component that is not ours.
ACCOUNTS = {"wxaaaaaaaaaaaaaaaa": "gh_aaaaaaaaaaaa", "wxbbbbbbbbbbbbbbbb": "gh_bbbbbbbbbbbb"}
STRANGER, FOREIGN, FOREIGN_KEY = "wxcccccccccccccccc", "wxffffffffffffffff", "B" * 42 + "A"
_CAPTURES = json.loads((Path(__file__).parent / "captures" / "crypto-vectors.json").read_text())
CAPTURES = [capture for capture in _CAPTURES if "msg_signature" in capture]
KEPT, AGAIN, REFUSED = "kept", "again", "refused"
HARMLESS = "again or refused"
DAY = 86_400

TEXTS = (
    *("", " ", "hello", "你好", "😀" * 9, "a]]>b", "]]>", "<![CDATA[", "<b>&amp;</b>", "&#0;"),
    *("\x00", "\x02\x1b", "\ufffe", "\u202e", "%00", "../..", "' OR 1=1 --", "{{7*7}}", "x" * 3000),
    *("-1", "0", "9" * 30, "1e400", "NaN", "true", "null", "2147483648", str(2**63), "٣"),
)
JUNK = (b"", b"\x00", b"\xff\xfe", b"<", b"<xml", b"</xml>", b"{", b"[]", b"\xef\xbb\xbf")
DOCUMENTS = (
    b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><xml><Encrypt>&b;</Encrypt></xml>',
    b'<!DOCTYPE x SYSTEM "file://localhost/etc/passwd"><xml><Encrypt>x</Encrypt></xml>',
    b"<xml>" + b"<a>" * 20_000 + b"</xml>",
    b"<xml><Encrypt>" + b"A" * 250_000 + b"</Encrypt></xml>",
    b"<xml " + b" ".join(b'a%d="x"' % number for number in range(2_000)) + b"/>",
    b'{"Encrypt": ' + b"[" * 20_000,
    b'{"Encrypt": {"a": 1}}',
    b'<?xml version="1.0" encoding="utf-7"?><xml><Encrypt>x</Encrypt></xml>',
    gzip.compress(b"<xml><Encrypt>x</Encrypt></xml>" * 99),
    "<xml><Encrypt>é</Encrypt></xml>".encode("utf-16"),
)


@dataclass(frozen=True)
class Case:
    """A request of a FAMILY; MUST is what must become of it."""

    family: str
    path: str
    query: str
    body: bytes
    must: str
    method: str = "POST"
    environ: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Honest:
    """A push as WeChat would send it."""

    path: str
    timestamp: str
    nonce: str
    encrypt: str
    appid: str = APPID
    token: str = TOKEN

    @property
    def parts(self) -> dict[str, str]:
        signature = crypto.signature(self.token, self.timestamp, self.nonce, self.encrypt)
        fields = {"timestamp": self.timestamp, "nonce": self.nonce, "encrypt_type": "aes"}
        return {**fields, "msg_signature": signature}

    @property
    def body(self) -> bytes:
        return enveloped(self.encrypt, self.appid)

    def case(self, family: str, must: str, **parts: str) -> Case:
        """It, with other PARTS of its query."""
        return Case(family, self.path, urlencode({**self.parts, **parts}), self.body, must)


def enveloped(encrypt: str, appid: str = APPID) -> bytes:
    return f"<xml><AppId>{appid}</AppId><Encrypt><![CDATA[{encrypt}]]></Encrypt></xml>".encode()


class Fuzz:
    """Cases by the thousand, the same for the same SEED. NOW is the time of the pushes."""

    def __init__(self, seed: int, now: int) -> None:
        self.random = Random(seed)
        self.now = now
        self.number = 0
        self.sent: list[Honest] = []  # which the door has kept

    def cases(self, count: int) -> Iterator[Case]:
        families = [name for name in dir(self) if name.startswith("make_")]
        makers: list[Callable[[], Case]] = [getattr(self, name) for name in families]
        for _ in range(count):
            yield self.random.choice(makers)()

    # Honest ones

    def seal(self, inner: bytes, path: str, **other: Any) -> Honest:
        key = other.get("aes_key", AES_KEY)
        tail = other.get("tail", APPID)
        salt = self.random.randbytes(8).hex().encode()
        encrypt = crypto.seal(inner, aes_key=key, appid=tail, random16=salt)
        nonce = str(self.random.randrange(10**9, 10**10))
        return Honest(path, str(self.now), nonce, encrypt, token=other.get("token", TOKEN))

    def message(self, appid: str, **fixed: Any) -> bytes:
        """A message to APPID, as XML or JSON, of known kinds and others, with odd values."""
        self.number += 1
        pick, text = self.random.choice, self.text
        fields = {
            "ToUserName": ACCOUNTS.get(appid, "gh_nobody"),
            "FromUserName": pick([f"o{self.number:027}", text()]),
            "CreateTime": pick([str(self.now), "", "abc", "9" * 11, "0", str(self.now + 9 * DAY)]),
            "MsgType": pick([*MESSAGES, "event", "event", text()]),
            "Event": pick([*EVENTS, *MESSAGE_PUSHES, text()]),
            "Unique": str(self.number),
            **{name: text() for name in self.random.sample(NAMES, self.random.randrange(6))},
            **fixed,
        }
        return self.encode(fields)

    def notice(self, **fixed: Any) -> bytes:
        """A push to the component."""
        self.number += 1
        fields = {
            "AppId": APPID,
            "InfoType": self.random.choice([*COMPONENT_PUSHES, self.text() or "x"]),
            "CreateTime": self.random.choice([str(self.now), "", "9" * 11]),
            "AuthorizerAppid": self.random.choice([*ACCOUNTS, STRANGER, self.text()]),
            "Unique": str(self.number),
            **{name: self.text() for name in self.random.sample(NAMES, self.random.randrange(6))},
            **fixed,
        }
        return self.encode(fields)

    def encode(self, fields: dict[str, str]) -> bytes:
        if self.random.random() < 0.1:
            return json.dumps(fields).encode()
        elements = [f"<{name}>{self.content(text, name)}</{name}>" for name, text in fields.items()]
        return f"<xml>{''.join(elements)}</xml>".encode(errors="surrogatepass")

    def content(self, text: str, name: str = "item") -> str:
        """As WeChat writes a value; now and then nested, but for the names that decide."""
        whole = f"<![CDATA[{text.replace(']]>', ']]]]><![CDATA[>')}]]>"
        deep = self.random.choice([0] * 60 + [1, 3, 70]) if name in NAMES else 0
        return "<item>" * deep + whole + "</item>" * deep

    def text(self) -> str:
        if self.random.random() < 0.7:
            return self.random.choice(TEXTS)
        codes = self.random.choices(range(1, 0xD7FF), k=self.random.randrange(12))
        return "".join(map(chr, codes))

    def honest(self) -> Honest:
        """A message of ours that the door has kept, or will not have seen before."""
        if self.sent and self.random.random() < 0.5:
            return self.random.choice(self.sent[-200:])
        appid = self.random.choice(list(ACCOUNTS))
        return self.seal(self.message(appid), door_of(appid))

    def keep(self, push: Honest, family: str) -> Case:
        self.sent.append(push)
        return push.case(family, KEPT)

    def make_message(self) -> Case:
        appid = self.random.choice(list(ACCOUNTS))
        return self.keep(self.seal(self.message(appid), door_of(appid)), "message")

    def make_notice(self) -> Case:
        return self.keep(self.seal(self.notice(), COMPONENT_DOOR), "notice")

    def make_proven_junk(self) -> Case:
        """Sealed with our keys, and no message at all: kept all the same."""
        self.number += 1
        junk = self.random.choice(JUNK) + b"!%d" % self.number
        junk += self.random.randbytes(self.random.randrange(200))
        path = door_of(self.random.choice(list(ACCOUNTS)))
        return self.keep(self.seal(junk, path), "proven junk")

    def make_repeat(self) -> Case:
        push = self.honest()
        return push.case("repeat", AGAIN if push in self.sent else self._keep(push))

    def _keep(self, push: Honest) -> str:
        self.sent.append(push)
        return KEPT

    def make_other_query(self) -> Case:
        """What a proxy may do to a query: another order, more fields, other spellings."""
        push = self.seal(self.message(appid := self.random.choice(list(ACCOUNTS))), door_of(appid))
        pairs = [*push.parts.items(), ("openid", "o1"), ("x", self.random.choice(["", "a b", "é"]))]
        self.random.shuffle(pairs)
        query = "&".join(f"{name}={quote(value)}" for name, value in pairs)
        if self.random.random() < 0.5:
            query = "&".join(f"{name}={_percent(value)}" for name, value in pairs)
        return replace(self.keep(push, "another query"), query=query)

    # Spoilt ones

    def make_flipped(self) -> Case:
        push = self.honest()
        sealed = bytearray(b64decode(push.encrypt))
        sealed[self.random.randrange(len(sealed))] ^= 1 << self.random.randrange(8)
        body = enveloped(b64encode(sealed).decode())
        return replace(push.case("flipped bit", REFUSED), body=body)

    def make_spelt(self) -> Case:
        """The same bytes in other letters: base64 that nobody would write."""
        push = self.honest()
        text, at = push.encrypt, self.random.randrange(len(push.encrypt))
        other = self.random.choice(
            [text + "=", text[:at] + "\n" + text[at:], text + "\n", " " + text, text[:-1],
             text[:at] + "%" + text[at:], text[:at] + "=" + text[at:], text + "A" * 4]
        )  # fmt: skip
        return replace(push.case("spelt otherwise", REFUSED), body=enveloped(other))

    def make_cut(self) -> Case:
        push = self.honest()
        cut = self.random.randrange(len(push.encrypt))
        return replace(push.case("cut", REFUSED), body=enveloped(push.encrypt[:cut]))

    def make_wandering(self) -> Case:
        """Characters wander from one signed part into the next, under the same signature."""
        push = self.honest()
        parts = {"timestamp": push.timestamp, "nonce": push.nonce, "encrypt": push.encrypt}
        first, second = self.random.sample(sorted(parts), 2)
        place = self.random.randrange(1, len(parts[first]) + 1)
        moved = dict(parts)
        moved[first], moved[second] = parts[first][:-place], parts[first][-place:] + parts[second]
        if self.random.random() < 0.3:
            moved = dict(zip(parts, self.random.sample(sorted(parts.values()), 3), strict=True))
        # To exchange timestamp and nonce is the same push: WeChat signs them without their names.
        is_same = moved["encrypt"] == push.encrypt and push in self.sent
        query = {**push.parts, "timestamp": moved["timestamp"], "nonce": moved["nonce"]}
        body = enveloped(moved["encrypt"])
        if moved["encrypt"] == push.encrypt and not is_same:
            return self.make_wandering()
        must = HARMLESS if is_same else REFUSED
        return Case("wandering", push.path, urlencode(query), body, must)

    def make_other_part(self) -> Case:
        push = self.honest()
        name = self.random.choice(["timestamp", "nonce", "msg_signature"])
        right = push.parts[name]
        other = self.random.choice(
            ["", right[:-1], right + "0", right.upper(), " " + right, right + "\n", self.text(),
             right.replace("1", "１"), f"{self.random.randrange(10**10):010}", "0" * len(right)]
        )  # fmt: skip
        if other == right:
            return self.make_other_part()
        if self.random.random() < 0.3:  # the last of two is taken
            query = f"{urlencode(push.parts)}&{urlencode({name: other})}"
            return replace(push.case("a part twice", REFUSED), query=query)
        if self.random.random() < 0.2:
            rest = {key: value for key, value in push.parts.items() if key != name}
            return replace(push.case("a part less", REFUSED), query=urlencode(rest))
        return push.case("another part", REFUSED, **{name: other})

    def make_wrong_keys(self) -> Case:
        appid = self.random.choice(list(ACCOUNTS))
        wrong = self.random.choice(
            [{"token": "x" * 32}, {"token": ""}, {"aes_key": FOREIGN_KEY}, {"tail": FOREIGN},
             {"tail": ""}, {"tail": APPID + "x"}, {"tail": APPID.upper()},
             {"token": "x" * 32, "aes_key": FOREIGN_KEY, "tail": FOREIGN}]
        )  # fmt: skip
        return self.seal(self.message(appid), door_of(appid), **wrong).case("wrong keys", REFUSED)

    def make_capture(self) -> Case:
        """What WeChat has sealed for other platforms, at ours."""
        name = self.random.choice(list(ACCOUNTS))
        path = self.random.choice([COMPONENT_DOOR, door_of(name)])
        capture = self.random.choice(CAPTURES)
        signed = ("msg_signature", "timestamp", "nonce")
        query = urlencode({part: capture[part] for part in signed})
        body = enveloped(capture["encrypt"], self.random.choice([capture["appid"], APPID]))
        return Case("a capture", path, query, body, REFUSED)

    def make_elsewhere(self) -> Case:
        """An honest push of one account at another's door, a stranger's, or the component's."""
        ours, other = self.random.sample(list(ACCOUNTS), 2)
        pushes = [
            replace(self.seal(self.message(ours), door_of(other))),
            self.seal(self.message(ours), door_of(STRANGER)),
            self.seal(self.message(ours), COMPONENT_DOOR),
            self.seal(self.notice(), door_of(ours)),
            self.seal(self.message(STRANGER), door_of(ours)),
            self.seal(self.notice(AppId=FOREIGN), COMPONENT_DOOR),
        ]
        return self.random.choice(pushes).case("elsewhere", REFUSED)

    def make_old(self) -> Case:
        """One whose row may be forgotten already: a replay."""
        appid = self.random.choice(list(ACCOUNTS))
        age = self.random.randrange(31, 3000) * DAY
        message = self.message(appid, CreateTime=str(self.now - age))
        return self.seal(message, door_of(appid)).case("old", REFUSED)

    def make_document(self) -> Case:
        push = self.honest()
        body = self.random.choice(DOCUMENTS)
        if self.random.random() < 0.5:
            inner = "".join(self.content(self.text()) for _ in range(5))
            body = f"<xml>{inner}</xml>".encode(errors="surrogatepass")
        return replace(push.case("another document", REFUSED), body=body)

    def make_twins(self) -> Case:
        """Two Encrypts, of which either may be the signed one."""
        push = self.honest()
        other = f"<Encrypt>{self.random.choice([push.encrypt, 'AAAA', ''])}</Encrypt>"
        right = f"<Encrypt>{push.encrypt}</Encrypt>"
        both = self.random.choice([right + other, other + right])
        return replace(push.case("twins", REFUSED), body=f"<xml>{both}</xml>".encode())

    def make_bytes(self) -> Case:
        """Bytes put in, taken out and changed within the signed text."""
        push = self.honest()
        body = bytearray(push.body)
        start, end = body.index(push.encrypt.encode()), body.index(b"]]></Encrypt>")
        for _ in range(self.random.randrange(1, 5)):
            at = self.random.randrange(start, end)
            body[at : at + self.random.randrange(3)] = self.random.randbytes(
                self.random.randrange(4)
            )
            end = max(start + 1, min(end, len(body) - 1))
        if push.encrypt.encode() in body:
            return self.make_bytes()
        return replace(push.case("other bytes", REFUSED), body=bytes(body))

    def make_method(self) -> Case:
        push = self.honest()
        method = self.random.choice(["GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
        return replace(push.case("another method", REFUSED), method=method)

    def make_length(self) -> Case:
        push = self.honest()
        length = self.random.choice(["", "-1", "x", "9999999", "1e3", "٣", "0", "00000012", "1"])
        return replace(push.case("another length", REFUSED), environ={"CONTENT_LENGTH": length})

    def make_path(self) -> Case:
        push = self.seal(self.message(next(iter(ACCOUNTS))), COMPONENT_DOOR)
        end = self.random.choice(
            ["", "//", "/x", "/../push/", "/push/push/", "/push/%00", "/push/\n"]
        )
        name = self.random.choice(
            ["wxaaaaaaaaaaaaaaaa", "WXAAAAAAAAAAAAAAAA", "wx", "wx１", "component", ""]
        )
        path = f"/wechat/{name}{end}".encode().decode("latin-1")
        return replace(push.case("another path", REFUSED), path=path)

    def make_nonsense(self) -> Case:
        query = self.random.randbytes(self.random.randrange(200)).decode("latin-1")
        body = self.random.randbytes(self.random.randrange(600))
        return Case("nonsense", self.honest().path, query, body, REFUSED)

    def make_fields(self) -> Case:
        """Queries of more fields than anybody needs."""
        push = self.honest()
        query = urlencode(push.parts) + "&a=1" * self.random.choice([17, 100, 5000])
        return replace(push.case("many fields", REFUSED), query=query)


NAMES = (
    *("Content", "MsgId", "PicUrl", "MediaId", "Format", "ThumbMediaId", "Location_X", "Scale"),
    *(
        "EventKey",
        "Ticket",
        "Reason",
        "FailReason",
        "FailTime",
        "DelayTime",
        "SuccTime",
        "ScreenShot",
    ),
    *("AuthorizationCode", "AuthorizationCodeExpiredTime", "PreAuthCode", "ComponentVerifyTicket"),
    *("List", "item", "Title", "Url", "Status", "ret", "errcode", "nickname", "reason", "Query"),
)


def door_of(appid: str) -> str:
    return f"/wechat/{appid}/push/"


def _percent(text: str) -> str:
    """TEXT with every byte written as a number."""
    return "".join(f"%{byte:02x}" for byte in text.encode())
