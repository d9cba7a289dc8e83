"""
The rehearsal of WeChat's 全网发布 test: we play its tester against the running system, over HTTP
and with the real keys.

Nothing real is replaced: the ticket that is pushed is the one we hold, the codes are made up or,
where WeChat is a sandbox of ours, lent by it. Only a sandbox shows what its users were told, so the
last step, the message by the API, can be proven there alone.
"""

import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from messaging.models import REHEARSAL, ReleaseTest
from messaging.services.release_test import (
    MINI_PROGRAMS,
    OFFICIAL_ACCOUNTS,
    QUERY,
    TEXT,
    code_reply,
    event_reply,
    text_reply,
)
from messaging.tester import Heard, Unheard, ask
from platform_auth import heartbeats
from platform_auth.fields import Unreadable
from platform_auth.leases import let_go
from platform_auth.models import Component
from platform_auth.wechat import http
from platform_auth.wechat import push as wire
from platform_auth.wechat.envelope import Key, sign, split_reply
from platform_auth.wechat.errors import Untrusted, WeChatError, clean
from platform_auth.wechat.explanations import explain

WECHAT = "https://api.weixin.qq.com"
EVENT = "LOCATION"
FOR_THE_MESSAGE = 10.0  # seconds; WeChat says "immediately"
ENOUGH = 45.0  # seconds for all that is asked: somebody waits
LOST = 2  # answers in a row that never came: nothing else will
CLOCKS_APART = 600
TICKET_LIFE = timedelta(hours=12)
CODE_IS_WRONG = (61009, 61010, 40029)
WORKER_LATE = timedelta(seconds=60)

COMPONENT_DOOR = "/wechat/component/push/"


class Verdict(Enum):
    PASSED = "passed", lazy("passed")
    FAILED = "failed", lazy("failed")
    UNPROVABLE = "unprovable", lazy("not provable here")
    NOT_TRIED = "not tried", lazy("not tried")

    def __init__(self, word: str, label: Promise) -> None:
        self.word = word
        self.label = label


@dataclass(frozen=True, slots=True)
class Step:
    """One thing tried: of which ACCOUNT, what was SAID to us or proven, and a HINT what to mend."""

    title: str
    account: str
    verdict: Verdict
    milliseconds: int | None = None
    said: str = ""
    hint: str = ""

    @property
    def name(self) -> str:
        return f"{self.title} {self.account}".strip()

    @property
    def is_in_order(self) -> bool:
        return self.verdict in (Verdict.PASSED, Verdict.UNPROVABLE)


class CannotRehearse(Exception):
    """There is nothing to rehearse with."""


class _Wrong(Exception):
    """An answer that WeChat's tester would not take: what it says, and a hint."""

    def __init__(self, said: str, hint: object) -> None:
        super().__init__(said)
        self.hint = str(hint)


@dataclass(slots=True)
class _Question:
    """A code that was sent to one account, and what is known of it."""

    appid: str
    openid: str
    code: str
    is_lent: bool
    began: float = field(default_factory=time.monotonic)
    arrived: bool = False


def warnings_about(url: str) -> list[str]:
    """What WeChat may not like about URL, though the rehearsal can do with it."""
    parts = urlsplit(url)
    found = []
    if parts.scheme != "https":
        found.append(_("The address does not begin with https://: use that before you go public."))
    if parts.port not in (None, 80, 443):
        found.append(_("WeChat pushes to the ports 80 and 443 only."))
    return found


def rehearse(component: Component, url: str) -> Iterator[Step]:
    """
    The steps of the test of COMPONENT at URL, scheme and host, each as soon as it is over.

    Raises CannotRehearse.
    """
    try:
        parts = urlsplit(url)
        is_address = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        is_address = False
    if not is_address:
        raise CannotRehearse(_("An address looks like https://platform.example.com."))
    try:
        keys = component.keys
        ticket = component.verify_ticket
    except Unreadable as problem:
        raise CannotRehearse(str(problem)) from None
    if not keys:
        raise CannotRehearse(_("The component has no message token or no EncodingAESKey."))
    return _Rehearsal(component, url.rstrip("/"), keys[0], ticket).steps()


class _Rehearsal:
    """One run. Its users have openids of their own, so that nothing of it looks like WeChat's."""

    def __init__(self, component: Component, url: str, key: Key, ticket: str) -> None:
        self.component = component
        self.url = url
        self.key = key
        self.ticket = ticket
        self.began = time.monotonic()
        self.lost = 0
        self.is_sandbox = settings.WECHAT_API_URL != WECHAT
        self.questions: list[_Question] = []

    def steps(self) -> Iterator[Step]:
        let_go()
        yield self._try(_("URL check: authorisation events"), "", self._check_component_url)
        yield self._try(_("URL check: messages and events"), "", self._check_message_url)
        yield self._try(_("Ticket"), "", self._push_ticket)
        for appid, user_name in OFFICIAL_ACCOUNTS.items():
            yield self._passive(_("Event"), appid, user_name, _EVENT, event_reply(EVENT))
            yield self._passive(_("Text"), appid, user_name, _text(TEXT), text_reply())
        for appid, user_name in (OFFICIAL_ACCOUNTS | MINI_PROGRAMS).items():
            yield self._query(appid, user_name)
        for question in self.questions:
            yield self._message(question)

    def _try(self, title: str, account: str, exchange: Callable[[], tuple[Heard, str]]) -> Step:
        """One request and what is to be said of its answer."""
        if reason := self._why_not():
            return Step(title, account, Verdict.NOT_TRIED, said=reason)
        started = time.monotonic()
        try:
            heard, said = exchange()
            self.lost = 0
            return Step(title, account, Verdict.PASSED, _milliseconds(heard.seconds), said)
        except (Unheard, _Wrong) as problem:
            self.lost = self.lost + 1 if isinstance(problem, Unheard) else 0
            spent = _milliseconds(time.monotonic() - started)
            return Step(title, account, Verdict.FAILED, spent, str(problem), problem.hint)

    def _why_not(self) -> str:
        """Why no more is tried; "" if it is."""
        if self.lost >= LOST:
            return _("Nothing answers there.")
        if time.monotonic() - self.began > ENOUGH:
            return _("The steps before took too long.")
        return ""

    # The requests

    def _check_component_url(self) -> tuple[Heard, str]:
        return self._check_url(COMPONENT_DOOR)

    def _check_message_url(self) -> tuple[Heard, str]:
        return self._check_url(_door(next(iter(OFFICIAL_ACCOUNTS))))

    def _check_url(self, path: str) -> tuple[Heard, str]:
        echo = str(secrets.randbelow(10**19))
        heard = ask("GET", self.url + path, {**self._signature(), "echostr": echo})
        _expect(heard, echo.encode(), _("its echostr"))
        return heard, _("echostr came back")

    def _push_ticket(self) -> tuple[Heard, str]:
        """The ticket we hold: it is known already, so whatever it meets it changes nothing."""
        component = self.component
        created = component.ticket_created
        if not self.ticket or not created:
            raise _Wrong(
                _("We hold no component_verify_ticket."),
                _(
                    "WeChat pushes one every ten minutes: give its console the address, and press "
                    "“ask WeChat to push tickets now” on the component's page."
                ),
            )
        if created < time.time() - TICKET_LIFE.total_seconds():
            raise _Wrong(
                _("The ticket we hold is older than 12 hours, when tickets run out."),
                _("WeChat's pushes do not arrive: compare the addresses in its console."),
            )
        heard = self._push(
            COMPONENT_DOOR,
            ("AppId", component.appid),
            {
                "AppId": component.appid,
                "CreateTime": str(created),
                "InfoType": "component_verify_ticket",
                "ComponentVerifyTicket": self.ticket,
            },
        )[0]
        _expect(heard, b"success", "success")
        return heard, "success"

    def _passive(
        self, title: str, appid: str, user_name: str, fields: dict[str, str], content: str
    ) -> Step:
        """A push that is to be answered with the text CONTENT, sealed."""

        def exchange() -> tuple[Heard, str]:
            openid = _openid()
            heard, nonce = self._tell(appid, user_name, openid, fields)
            self._read_reply(heard, nonce, openid, user_name, content)
            return heard, content

        return self._try(title, appid, exchange)

    def _query(self, appid: str, user_name: str) -> Step:
        """The code, which is to be answered with an empty body."""
        openid = _openid()
        lent = self._lend_code(appid, openid) if self.is_sandbox and not self._why_not() else ""
        code = lent or f"queryauthcode@@@{secrets.token_urlsafe(48)}"
        question = _Question(appid, openid, code, bool(lent))

        def exchange() -> tuple[Heard, str]:
            question.began = time.monotonic()
            heard, _nonce = self._tell(appid, user_name, openid, _text(f"{QUERY}{code}"))
            question.arrived = heard.status == 200
            _expect(heard, b"", _("an empty body"))
            return heard, _("an empty body")

        self.questions.append(question)
        return self._try(_("Code"), appid, exchange)

    def _lend_code(self, appid: str, openid: str) -> str:
        """A real code of the sandbox's; "" where WeChat is something else."""
        body = {"appid": appid, "openid": openid}
        try:
            answer = http.call("/sandbox/api/release_code", body, repeat=False)
        except WeChatError:
            self.is_sandbox = False
            return ""
        return http.read_text(answer.get("code"))

    def _tell(
        self, appid: str, user_name: str, openid: str, fields: dict[str, str]
    ) -> tuple[Heard, str]:
        """Push what a user does; the answer, and the nonce that it was asked with."""
        told = {
            "ToUserName": user_name,
            "FromUserName": openid,
            "CreateTime": str(int(time.time())),
            **fields,
        }
        return self._push(_door(appid), ("ToUserName", user_name), told, openid=openid)

    def _push(
        self, path: str, head: tuple[str, str], fields: dict[str, str], **more: str
    ) -> tuple[Heard, str]:
        message = _xml(fields)
        encrypt = self.component.envelope.encrypt(message, key=self.key)
        query = self._signature()
        signed = sign(self.key.token, query["timestamp"], query["nonce"], encrypt)
        query |= {"encrypt_type": "aes", "msg_signature": signed, **more}
        body = _xml({head[0]: head[1], "Encrypt": encrypt})
        return ask("POST", self.url + path, query, body.encode()), query["nonce"]

    def _signature(self) -> dict[str, str]:
        timestamp, nonce = str(int(time.time())), str(secrets.randbelow(10**9))
        signature = sign(self.key.token, timestamp, nonce)
        return {"signature": signature, "timestamp": timestamp, "nonce": nonce}

    # The sealed reply

    def _read_reply(
        self, heard: Heard, nonce: str, openid: str, user_name: str, content: str
    ) -> None:
        """Everything that WeChat looks at in a passive reply. Raises _Wrong."""
        _must_be_in_time_and_ok(heard)
        outer = _envelope(heard)
        encrypt, timestamp = outer.get("Encrypt"), outer.get("TimeStamp")
        signed = sign(self.key.token, timestamp, outer.get("Nonce"), encrypt)
        if outer.get("MsgSignature") != signed:
            raise _Wrong(
                _("MsgSignature does not fit the reply."),
                _("It is signed with another token: compare WeChat's console with the component."),
            )
        if not _is_now(timestamp):
            raise _Wrong(
                _("TimeStamp is %(time)s.") % {"time": clean(timestamp)},
                _("The web server's clock is wrong."),
            )
        if outer.get("Nonce") != nonce:
            raise _Wrong(_("Nonce is not the one of the push."), _OUTDATED)
        self._read_message(encrypt, {
            "ToUserName": openid,
            "FromUserName": user_name,
            "MsgType": "text",
            "Content": content,
        })  # fmt: skip

    def _read_message(self, encrypt: str, wanted: dict[str, str]) -> None:
        try:
            message, appid = split_reply(encrypt, key=self.key)
        except Untrusted:
            raise _Wrong(
                _("The reply cannot be decrypted."),
                _(
                    "It is sealed with another EncodingAESKey: compare WeChat's console with the "
                    "component."
                ),
            ) from None
        if appid != self.component.appid:
            raise _Wrong(
                _("The appid at the reply's end is %(appid)s.") % {"appid": clean(appid)[:40]},
                _("It must be the component's, not the account's."),
            )
        try:
            inner = wire.read(message)
        except Untrusted:
            raise _Wrong(_("What is sealed in the reply is not XML."), _OUTDATED) from None
        for name, value in wanted.items():
            if inner.get(name) != value:
                told = {"name": name, "value": clean(inner.get(name))[:80]}
                raise _Wrong(_("%(name)s is “%(value)s”.") % told, _OUTDATED)

    # The message by the API

    def _message(self, question: _Question) -> Step:
        """What came of the code: the worker trades it and tells it back."""
        title = _("Message by the API")
        if not question.arrived:
            said = _("The code did not arrive.")
            return Step(title, question.appid, Verdict.NOT_TRIED, said=said)
        look = self._look_at_chat if question.is_lent else self._look_at_row
        while True:
            row = self._row(question)
            spent = time.monotonic() - question.began
            if step := look(question, row, title, _milliseconds(spent)):
                return step
            if spent > FOR_THE_MESSAGE:
                return self._too_late(question, row, title, _milliseconds(spent))
            let_go()
            time.sleep(0.1)

    def _row(self, question: _Question) -> ReleaseTest | None:
        rows = ReleaseTest.objects.filter(component=self.component, appid=question.appid)
        row: ReleaseTest | None = rows.filter(openid=question.openid).first()
        return row

    def _look_at_chat(
        self, question: _Question, row: ReleaseTest | None, title: str, spent: int
    ) -> Step | None:
        """The sandbox shows the chat: was its user told?"""
        let_go()
        body = {"appid": question.appid, "openid": question.openid}
        try:
            chat = http.call("/sandbox/api/transcript", body, repeat=False)
        except WeChatError as problem:
            return Step(
                title, question.appid, Verdict.FAILED, spent, str(problem), str(_NO_SANDBOX)
            )
        said = _by_api(chat)
        if code_reply(question.code) in said:
            return Step(title, question.appid, Verdict.PASSED, spent, _("…_from_api has come"))
        if said:
            told = _("The user was told something else.")
            return Step(title, question.appid, Verdict.FAILED, spent, told, str(_OUTDATED))
        if row and row.state == ReleaseTest.State.FAILED:
            return _refused(title, row, spent)
        return None

    def _look_at_row(
        self, question: _Question, row: ReleaseTest | None, title: str, spent: int
    ) -> Step | None:
        """The code was made up, so WeChat must refuse it; but the worker must have asked."""
        if row is None or row.state != ReleaseTest.State.FAILED:
            return None
        if row.errcode not in CODE_IS_WRONG:
            return _refused(title, row, spent)
        said = _("The worker took the code up, and WeChat refused it: it was made up.")
        hint = _("That a real code is told back shows in WeChat's own test, or with the sandbox.")
        return Step(title, question.appid, Verdict.UNPROVABLE, spent, said, hint)

    def _too_late(
        self, question: _Question, row: ReleaseTest | None, title: str, spent: int
    ) -> Step:
        """Nothing came of it within our patience: how far has it got?"""
        if row is None:
            said = _("The code is not in this database.")
            hint = _("Another installation with the same keys answers there: correct PUBLIC_URL.")
        elif row.last_error:
            said, hint = row.last_error, _("The worker tries again; mend what it says.")
        else:
            said = _("Nobody has taken the code up within 10 seconds.")
            hint = _worker_hint()
        return Step(title, question.appid, Verdict.FAILED, spent, said, hint)


_EVENT = {
    "MsgType": "event",
    "Event": EVENT,
    "Latitude": "23.137466",
    "Longitude": "113.352425",
    "Precision": "119.385040",
}
_OUTDATED = lazy("An older version of this program runs there, or something in between changes it.")
_NO_SANDBOX = lazy("The sandbox has stopped answering.")


def _text(content: str) -> dict[str, str]:
    # 64 bits, like WeChat's own.
    return {"MsgType": "text", "Content": content, "MsgId": str(secrets.randbits(62))}


def _openid() -> str:
    return f"{REHEARSAL}{secrets.token_hex(8)}"


def _door(appid: str) -> str:
    return f"/wechat/{appid}/push/"


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)


def _xml(fields: dict[str, str]) -> str:
    inside = "".join(f"<{name}><![CDATA[{text}]]></{name}>" for name, text in fields.items())
    return f"<xml>{inside}</xml>"


def _is_now(timestamp: str) -> bool:
    is_number = timestamp.isascii() and timestamp.isdigit() and len(timestamp) == 10
    return is_number and abs(int(timestamp) - time.time()) < CLOCKS_APART


def _by_api(chat: dict[str, Any]) -> list[str]:
    """What the account has said in CHAT by the API."""
    lines = chat.get("lines")
    told = [line for line in lines if isinstance(line, dict)] if isinstance(lines, list) else []
    return [http.read_text(line.get("text")) for line in told if line.get("way") == "api"]


def _refused(title: str, row: ReleaseTest, spent: int) -> Step:
    """The worker has given up: why."""
    hint = _("Look at the worker's log.")
    if row.errcode is not None:
        known = explain(row.errcode)
        hint = f"{_(known.cause)} {_(known.remedy)}"
    return Step(title, row.appid, Verdict.FAILED, spent, row.last_error, hint)


def _worker_hint() -> str:
    if heartbeats.is_alive("answer_release_tests", WORKER_LATE):
        return _("The worker has more to do than it can: give it more threads.")
    return _("No worker is running, or it reads another queue: start the Celery worker and beat.")


# What is wrong with an answer


def _expect(heard: Heard, body: bytes, name: str) -> None:
    """Raises _Wrong unless HEARD is BODY, which people call NAME."""
    _must_be_in_time_and_ok(heard)
    if heard.body != body:
        told = {"wanted": name, "got": _describe(heard.body)}
        raise _Wrong(_("%(got)s, where %(wanted)s is due.") % told, _hint_for_body(heard.body))


def _envelope(heard: Heard) -> wire.Push:
    """The four parts of a passive reply. Raises _Wrong."""
    try:
        outer = wire.read(heard.body)
    except Untrusted:
        told = {"wanted": _("a sealed reply"), "got": _describe(heard.body)}
        said = _("%(got)s, where %(wanted)s is due.") % told
        raise _Wrong(said, _hint_for_body(heard.body)) from None
    for name in ("Encrypt", "MsgSignature", "TimeStamp", "Nonce"):
        if not outer.get(name):
            raise _Wrong(
                _("The reply has no %(name)s: it is not sealed.") % {"name": name}, _OUTDATED
            )
    return outer


def _must_be_in_time_and_ok(heard: Heard) -> None:
    if heard.is_late:
        raise _Wrong(
            _("The answer took %(seconds).1f seconds; WeChat hangs up after 5.")
            % {"seconds": heard.seconds},
            _("Look at the load, and at the logs of the web server and the database."),
        )
    if 300 <= heard.status < 400:
        raise _Wrong(
            _("A redirect to %(place)s: WeChat does not follow it, the push is lost.")
            % {"place": clean(heard.location)[:200] or "?"},
            _(
                "Give WeChat's console, and PUBLIC_URL, the address where the way ends; or let the "
                "proxy pass /wechat/ on without a redirect."
            ),
        )
    if heard.status != 200:
        raise _Wrong(f"HTTP {heard.status}: {_describe(heard.body)}", _hint_for_status(heard))


def _hint_for_status(heard: Heard) -> str:
    match heard.status:
        case 403 if heard.body == b"forbidden":
            return _(
                "The keys there are not this component's: another installation, or another "
                "database, answers at this address."
            )
        case 401 | 403 | 429:
            return _("A firewall or a login stands in front: let WeChat through to /wechat/.")
        case 400:
            return _("ALLOWED_HOSTS may lack the host of this address.")
        case 404 | 405:
            return _("This address is not ours, or a proxy does not pass /wechat/ on.")
        case 503 if heard.body == b"unavailable":
            return _("The web server there cannot reach its database, or cannot read its secrets.")
        case 502 | 503 | 504:
            return _("The proxy does not reach the web server: is it running?")
        case _:
            return _("Look at the logs of the web server.")


def _describe(body: bytes) -> str:
    """What BODY is, in a few words."""
    if not body:
        return _("an empty body")
    if _is_html(body):
        return _("an HTML page")
    text = clean(body[:200].decode(errors="replace"))
    return f"“{text[:80]}”"


def _hint_for_body(body: bytes) -> str:
    if _is_html(body):
        return _("Another program, or a login page, answers at this address.")
    if body == b"success":
        return _(
            "The web server there does not know the test: restart it, if it was updated; or its "
            "answer took longer than 2 seconds."
        )
    return str(_OUTDATED)


def _is_html(body: bytes) -> bool:
    start = body[:1000].lstrip().lower()
    return start.startswith(b"<!doctype") or b"<html" in start
