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
from django.utils.translation import pgettext_lazy

from messaging.models import ReleaseTest
from messaging.services.judging import OUTDATED, Wrong, expect, read_reply
from messaging.services.release_test import (
    MINI_PROGRAMS,
    OFFICIAL_ACCOUNTS,
    QUERY,
    TEXT,
    code_reply,
    event_reply,
    text_reply,
)
from messaging.tester import Unheard, ask
from platform_auth import heartbeats
from platform_auth.fields import Unreadable
from platform_auth.leases import release_db_connection
from platform_auth.models import REHEARSAL, TICKET_LIFE, Component
from wechat import http
from wechat.envelope import Key, sign
from wechat.errors import WeChatError
from wechat.explanations import explain
from wechat.transport import Answer

WECHAT = "https://api.weixin.qq.com"
EVENT = "LOCATION"
FOR_THE_MESSAGE = 10.0  # seconds; WeChat says "immediately"
ENOUGH = 30.0  # seconds for all that is asked: somebody waits
LOST = 2  # answers in a row that never came: nothing else will
CODE_IS_WRONG = (61009, 61010, 40029)
SWEEP = timedelta(seconds=10)  # how often the worker looks, bell or not

COMPONENT_DOOR = "/wechat/component/push/"


class Verdict(Enum):
    PASSED = "passed", pgettext_lazy("rehearsal", "passed")
    FAILED = "failed", pgettext_lazy("rehearsal", "failed")
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
    said: str = ""
    hint: str = ""
    milliseconds: int | None = None

    @property
    def name(self) -> str:
        return f"{self.title} {self.account}".strip()

    @property
    def is_in_order(self) -> bool:
        return self.verdict in (Verdict.PASSED, Verdict.UNPROVABLE)


class CannotRehearse(Exception):
    """There is nothing to rehearse with."""


@dataclass(slots=True)
class _Question:
    """A code that was sent to one account, and what is known of it."""

    appid: str
    openid: str
    code: str
    is_lent: bool
    began: float = field(default_factory=time.monotonic)
    arrived: bool = False


# The verdict, what was said, and a hint.
_Outcome = tuple[Verdict, str, str]


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
    if not _is_address(url):
        raise CannotRehearse(_("An address looks like https://platform.example.com."))
    try:
        keys = component.keys
        ticket = component.verify_ticket
    except Unreadable as problem:
        raise CannotRehearse(str(problem)) from None
    if not keys:
        raise CannotRehearse(_("The component has no message token or no EncodingAESKey."))
    return _Rehearsal(component, url.rstrip("/"), keys[0], ticket).steps()


def _is_address(url: str) -> bool:
    """Whether URL is a scheme, a host and perhaps a port, without a password in between."""
    try:
        parts = urlsplit(url)
        is_whole = bool(parts.hostname) and parts.port != 0 and "@" not in parts.netloc
    except ValueError:
        return False
    return is_whole and parts.scheme in ("http", "https") and not (parts.query or parts.fragment)


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
        release_db_connection()
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

    def _try(self, title: str, account: str, exchange: Callable[[], str]) -> Step:
        """One request and what is to be said of its answer."""
        if reason := self._why_not():
            return Step(title, account, Verdict.NOT_TRIED, reason)
        started = time.monotonic()
        try:
            outcome: _Outcome = (Verdict.PASSED, exchange(), "")
            self.lost = 0
        except (Unheard, Wrong) as problem:
            outcome = (Verdict.FAILED, str(problem), problem.hint)
            self.lost = self.lost + 1 if isinstance(problem, Unheard) else 0
        spent = _milliseconds(time.monotonic() - started)
        return Step(title, account, *outcome, milliseconds=spent)

    def _why_not(self) -> str:
        """Why no more is tried; "" if it is."""
        if self.lost >= LOST:
            return _("Nothing answers there.")
        if time.monotonic() - self.began > ENOUGH:
            return _("The steps before took too long.")
        return ""

    # The requests

    def _check_component_url(self) -> str:
        return self._check_url(COMPONENT_DOOR)

    def _check_message_url(self) -> str:
        return self._check_url(_door(next(iter(OFFICIAL_ACCOUNTS))))

    def _check_url(self, path: str) -> str:
        echo = str(secrets.randbelow(10**19))
        heard = ask("GET", self.url + path, {**self._signature(), "echostr": echo})
        expect(heard, echo.encode(), _("its echostr"))
        return _("echostr came back")

    def _push_ticket(self) -> str:
        """The ticket we hold: it is known already, so whatever it meets it changes nothing."""
        component = self.component
        created = component.ticket_created
        if not self.ticket or not created:
            raise Wrong(
                _("We hold no component_verify_ticket."),
                _(
                    "WeChat pushes one every ten minutes: give its console the address, and press "
                    "“Ask WeChat to push tickets now” on the component's page."
                ),
            )
        if created < time.time() - TICKET_LIFE.total_seconds():
            raise Wrong(
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
        expect(heard, b"success", "success")
        return "success"

    def _passive(
        self, title: str, appid: str, user_name: str, fields: dict[str, str], content: str
    ) -> Step:
        """A push that is to be answered with the text CONTENT, sealed."""

        def exchange() -> str:
            openid = _openid()
            heard, nonce = self._tell(appid, user_name, openid, fields)
            wanted = {
                "ToUserName": openid,
                "FromUserName": user_name,
                "MsgType": "text",
                "Content": content,
            }
            read_reply(heard, wanted, key=self.key, nonce=nonce, appid=self.component.appid)
            return content

        return self._try(title, appid, exchange)

    def _query(self, appid: str, user_name: str) -> Step:
        """The code, which is to be answered with an empty body."""
        openid = _openid()
        lent = self._lend_code(appid, openid) if self.is_sandbox and not self._why_not() else ""
        code = lent or f"queryauthcode@@@{secrets.token_urlsafe(48)}"
        question = _Question(appid, openid, code, bool(lent))

        def exchange() -> str:
            question.began = time.monotonic()
            heard, _nonce = self._tell(appid, user_name, openid, _text(f"{QUERY}{code}"))
            question.arrived = heard.status == 200
            expect(heard, b"", _("an empty body"))
            return _("an empty body")

        self.questions.append(question)
        return self._try(_("Authorisation code"), appid, exchange)

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
    ) -> tuple[Answer, str]:
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
    ) -> tuple[Answer, str]:
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

    # The message by the API

    def _message(self, question: _Question) -> Step:
        """What came of the code: the worker trades it and tells it back."""
        title = _("Message by the API")
        if not question.arrived:
            said = _("The code did not arrive.")
            return Step(title, question.appid, Verdict.NOT_TRIED, said)
        look = _look_at_chat if question.is_lent else _look_at_row
        while True:
            row = self._row(question)
            release_db_connection()
            spent = time.monotonic() - question.began
            outcome = look(question, row)
            if outcome is None and spent > FOR_THE_MESSAGE:
                outcome = _nothing_came(row)
            if outcome:
                return Step(title, question.appid, *outcome, milliseconds=_milliseconds(spent))
            time.sleep(0.1)

    def _row(self, question: _Question) -> ReleaseTest | None:
        rows = ReleaseTest.objects.filter(component=self.component, appid=question.appid)
        row: ReleaseTest | None = rows.filter(openid=question.openid).first()
        return row


# What came of a code. None: nothing yet.


def _look_at_chat(question: _Question, row: ReleaseTest | None) -> _Outcome | None:
    """The sandbox shows the chat: was its user told?"""
    body = {"appid": question.appid, "openid": question.openid}
    try:
        said = _by_api(http.call("/sandbox/api/transcript", body, repeat=False))
    except WeChatError as problem:
        return Verdict.FAILED, str(problem), _("The sandbox has stopped answering.")
    if code_reply(question.code) in said:
        return Verdict.PASSED, _("…_from_api has come"), ""
    if said:
        return Verdict.FAILED, _("The user was told something else."), str(OUTDATED)
    return _refused(row) if row and row.state == ReleaseTest.State.FAILED else None


def _by_api(chat: dict[str, Any]) -> list[str]:
    """What the account has said in CHAT by the API."""
    lines = chat.get("lines")
    told = [line for line in lines if isinstance(line, dict)] if isinstance(lines, list) else []
    return [http.read_text(line.get("text")) for line in told if line.get("way") == "api"]


def _look_at_row(question: _Question, row: ReleaseTest | None) -> _Outcome | None:
    """The code was made up, so WeChat must refuse it; but the worker must have asked."""
    if row is None or row.state == ReleaseTest.State.DUE:
        return None
    if row.state == ReleaseTest.State.DONE:
        said = _("The worker traded the code, and WeChat took the message.")
    elif row.errcode in CODE_IS_WRONG:
        said = _("The worker took the code up, and WeChat refused it: it was made up.")
    else:
        return _refused(row)
    hint = _("What a user is told shows in WeChat's own test, or with the sandbox.")
    return Verdict.UNPROVABLE, said, hint


def _refused(row: ReleaseTest) -> _Outcome:
    """The worker has given up: why."""
    if row.errcode is None:
        return Verdict.FAILED, row.last_error, _("Look at the worker's log.")
    known = explain(row.errcode)
    return Verdict.FAILED, row.last_error, f"{_(known.cause)} {_(known.remedy)}"


def _nothing_came(row: ReleaseTest | None) -> _Outcome:
    """Our patience is over: how far has it got?"""
    if row is None:
        said = _("The code is not in this database.")
        hint = _("Another installation with the same keys answers there: correct PUBLIC_URL.")
    elif row.last_error:
        said, hint = row.last_error, _("The worker tries again; mend what it says.")
    else:
        said = _("Nobody has taken the code up within 10 seconds.")
        is_alive = heartbeats.is_alive("answer_release_tests", SWEEP)
        hint = (
            _("The worker has more to do than it can: give it more threads.")
            if is_alive
            else _("No worker is running: start the Celery worker and beat.")
        )
    return Verdict.FAILED, said, hint


# What WeChat sends


_EVENT = {
    "MsgType": "event",
    "Event": EVENT,
    "Latitude": "23.137466",
    "Longitude": "113.352425",
    "Precision": "119.385040",
}


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
