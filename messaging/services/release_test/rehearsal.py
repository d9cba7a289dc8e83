"""
The rehearsal of WeChat's 全网发布 test: we play its tester against the running system, over HTTP
and with the real keys.

Nothing real is replaced: the ticket that is pushed is the one we hold, the codes are made up or,
where WeChat is a sandbox of ours, lent by it.
"""

import secrets
import time
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

from django.conf import settings
from django.utils.translation import gettext as _

from messaging.models import ReleaseTest
from messaging.services.release_test import answers
from messaging.services.release_test.answer_checks import (
    WrongAnswer,
    check_body,
    check_passive_reply,
)
from messaging.services.release_test.api_message import explain_timeout, read_outcome
from messaging.services.release_test.steps import SentCode, Step, StepOutcome, StepResult
from messaging.services.release_test.tester_pushes import (
    COMPONENT_PATH,
    EVENT,
    EVENT_FIELDS,
    TesterPushes,
    message_path,
    new_openid,
    text_fields,
)
from messaging.tester import NoResponse
from miniprograms.services.addresses import RELEASE_TEST_ACCOUNTS
from platform_auth.fields import Unreadable
from platform_auth.leases import release_db_connection
from platform_auth.models import TICKET_LIFE, Component
from platform_auth.operations import Actor, record_operation
from wechat import http
from wechat.errors import WeChatError

REHEARSE, PASSED = "rehearse_release", "passed"  # in the operation log
WECHAT = "https://api.weixin.qq.com"
MESSAGE_TIMEOUT = 10.0  # seconds; WeChat says "immediately"
TOTAL_TIMEOUT = 30.0  # seconds for all that is asked: somebody waits
MAX_UNANSWERED = 2  # in a row: nothing else will be answered


class CannotRehearse(Exception):
    """There is nothing to rehearse with."""


def warnings_about(url: str) -> list[str]:
    """What WeChat may not like about URL, though the rehearsal can do with it."""
    parts = urlsplit(url)
    warnings = []
    if parts.scheme != "https":
        warnings.append(
            _("The address does not begin with https://: use that before you go public.")
        )
    if parts.port not in (None, 80, 443):
        warnings.append(_("WeChat pushes to the ports 80 and 443 only."))
    return warnings


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
    tester = TesterPushes(component, url.rstrip("/"), keys[0])
    return _Rehearsal(tester, ticket).steps()


def record_rehearsal(component: Component, steps: list[Step], *, by: Actor | None) -> list[Step]:
    """Write into the operation log what the rehearsal of COMPONENT came to; the STEPS that fail."""
    failed = [step for step in steps if not step.is_in_order]
    result = ", ".join(step.name for step in failed) or PASSED
    record_operation(REHEARSE, by=by, appid=component.appid, result=result)
    return failed


def _is_address(url: str) -> bool:
    """Whether URL is a scheme, a host and perhaps a port, without a password in between."""
    try:
        parts = urlsplit(url)
        is_whole = bool(parts.hostname) and parts.port != 0 and "@" not in parts.netloc
    except ValueError:
        return False
    return is_whole and parts.scheme in ("http", "https") and not (parts.query or parts.fragment)


class _Rehearsal:
    """One run."""

    def __init__(self, tester: TesterPushes, ticket: str) -> None:
        self.tester = tester
        self.component = tester.component
        self.ticket = ticket
        self.started = time.monotonic()
        self.unanswered = 0
        self.is_sandbox = settings.WECHAT_API_URL != WECHAT
        self.codes: list[SentCode] = []

    def steps(self) -> Iterator[Step]:
        release_db_connection()
        first = next(iter(answers.OFFICIAL_ACCOUNTS))
        yield self._check_url(_("URL check: authorisation events"), COMPONENT_PATH)
        yield self._check_url(_("URL check: messages and events"), message_path(first))
        yield self._try(_("Ticket"), "", self._push_ticket)
        for appid in answers.OFFICIAL_ACCOUNTS:
            yield self._passive(_("Event"), appid, EVENT_FIELDS, answers.event_reply(EVENT))
            yield self._passive(_("Text"), appid, text_fields(answers.TEXT), answers.TEXT_REPLY)
        for appid in (*answers.OFFICIAL_ACCOUNTS, *answers.MINI_PROGRAMS):
            yield self._send_code(appid)
        for sent in self.codes:
            yield self._wait_for_message(sent)

    def _try(self, title: str, account: str, exchange: Callable[[], str]) -> Step:
        """One request, and whether WeChat's tester would take its answer."""
        if reason := self._reason_to_stop():
            return Step(title, account, StepResult.NOT_TRIED, reason)
        started = time.monotonic()
        try:
            outcome: StepOutcome = (StepResult.PASSED, exchange(), "")
            self.unanswered = 0
        except (NoResponse, WrongAnswer) as problem:
            outcome = (StepResult.FAILED, str(problem), problem.hint)
            self.unanswered = self.unanswered + 1 if isinstance(problem, NoResponse) else 0
        return Step(title, account, *outcome, milliseconds=_milliseconds_since(started))

    def _reason_to_stop(self) -> str:
        """Why nothing else is tried; "" if it is."""
        if self.unanswered >= MAX_UNANSWERED:
            return _("Nothing answers there.")
        if time.monotonic() - self.started > TOTAL_TIMEOUT:
            return _("The steps before took too long.")
        return ""

    def _check_url(self, title: str, path: str) -> Step:
        def exchange() -> str:
            echostr = str(secrets.randbelow(10**19))
            answer = self.tester.check_url(path, echostr)
            check_body(answer, echostr.encode(), _("its echostr"))
            return _("echostr came back")

        return self._try(title, "", exchange)

    def _push_ticket(self) -> str:
        """The ticket we hold: it is known already, so whatever it meets it changes nothing."""
        created = self.component.ticket_created
        if not self.ticket or not created:
            raise WrongAnswer(
                _("We hold no component_verify_ticket."),
                _(
                    "WeChat pushes one every ten minutes: give its console the address, and press "
                    "“Ask WeChat to push tickets now” on the component's page."
                ),
            )
        if created < time.time() - TICKET_LIFE.total_seconds():
            raise WrongAnswer(
                _("The ticket we hold is older than 12 hours, when tickets run out."),
                _("WeChat's pushes do not arrive: compare the addresses in its console."),
            )
        check_body(self.tester.push_ticket(self.ticket, created), b"success", "success")
        return "success"

    def _passive(self, title: str, appid: str, fields: dict[str, str], content: str) -> Step:
        """A push that is to be answered with the text CONTENT, sealed."""

        def exchange() -> str:
            openid, user_name = new_openid(), RELEASE_TEST_ACCOUNTS[appid]
            answer, nonce = self.tester.push_message(appid, user_name, openid, fields)
            head = {"ToUserName": openid, "FromUserName": user_name}
            expected = {**head, "MsgType": "text", "Content": content}
            key, component = self.tester.key, self.component.appid
            check_passive_reply(answer, expected, key=key, nonce=nonce, appid=component)
            return content

        return self._try(title, appid, exchange)

    def _send_code(self, appid: str) -> Step:
        """The code, which is to be answered with an empty body."""
        openid, user_name = new_openid(), RELEASE_TEST_ACCOUNTS[appid]
        is_lending = self.is_sandbox and not self._reason_to_stop()
        lent = self._lend_code(appid, openid) if is_lending else ""
        code = lent or f"queryauthcode@@@{secrets.token_urlsafe(48)}"
        sent = SentCode(appid, openid, code, bool(lent))

        def exchange() -> str:
            sent.sent_at = time.monotonic()
            fields = text_fields(f"{answers.QUERY}{code}")
            answer, _nonce = self.tester.push_message(appid, user_name, openid, fields)
            sent.has_arrived = answer.status == 200
            check_body(answer, b"", _("an empty body"))
            return _("an empty body")

        self.codes.append(sent)
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

    def _wait_for_message(self, sent: SentCode) -> Step:
        """What came of the code: the worker trades it and tells it back."""
        title = _("Message by the API")
        if not sent.has_arrived:
            detail = _("The code did not arrive.")
            return Step(title, sent.appid, StepResult.NOT_TRIED, detail)
        rows = ReleaseTest.objects.filter(component=self.component, appid=sent.appid)
        while True:
            row: ReleaseTest | None = rows.filter(openid=sent.openid).first()
            release_db_connection()
            is_over = time.monotonic() - sent.sent_at > MESSAGE_TIMEOUT
            outcome = read_outcome(sent, row)
            if outcome is None and is_over:
                outcome = explain_timeout(row)
            if outcome:
                milliseconds = _milliseconds_since(sent.sent_at)
                return Step(title, sent.appid, *outcome, milliseconds=milliseconds)
            time.sleep(0.1)


def _milliseconds_since(started: float) -> int:
    return round((time.monotonic() - started) * 1000)
