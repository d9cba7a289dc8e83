"""manage.py rehearse_release and its page: WeChat's 全网发布 tester, played by ourselves."""

import io
import re
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models.functions import Now
from django.test import Client
from django.urls import reverse
from django.utils import translation
from pytest_django.live_server_helper import LiveServer
from requests import PreparedRequest, Response
from urllib3 import HTTPResponse

from messaging import tasks, tester
from messaging.models import Conversation, ReleaseTest, Reply
from messaging.services.release_test import rehearsal
from messaging.services.release_test.answers import MINI_PROGRAMS, OFFICIAL_ACCOUNTS
from miniprograms.models import Authorizer, Binding
from platform_auth.models import Component, Heartbeat, Operation, Push
from platform_auth.registration import register_component
from sandbox.wire.pushes import Deliver
from sandbox.world import WeChat
from tests import fronts, sockets
from tests.conftest import AES_KEY, APPID, PREFIX, SECRET, TOKEN, Seam
from tests.fronts import Front, Spoil, says
from tests.receiver import make_certificate
from webhooks.silence import note_silence
from wechat import http

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.any_database]

OFFICIAL, MINI = list(OFFICIAL_ACCOUNTS), list(MINI_PROGRAMS)
EVENT, TEXT, CODE = "LOCATION", "TESTCOMPONENT_MSG_TYPE_TEXT", "QUERY_AUTH_CODE"
SEND, QUERY_AUTH = "/cgi-bin/message/custom/send", "/cgi-bin/component/api_query_auth"
HTML = b"<!DOCTYPE html><title>Welcome to nginx!</title>"


@pytest.fixture
def worker() -> Iterator[None]:
    """Celery's part: what is due is done, over and over."""
    with working():
        yield


@contextmanager
def working() -> Iterator[None]:
    is_over = Event()

    def work() -> None:
        while not is_over.wait(0.05):
            tasks.answer_release_tests()
        connection.close()

    thread = Thread(target=work)
    thread.start()
    yield
    is_over.set()
    thread.join()


@pytest.fixture
def front(live_server: LiveServer, ticket: str) -> Iterator[Front]:
    with fronts.standing(live_server.url) as standing:
        yield standing


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rehearsal, "MESSAGE_TIMEOUT", 3.0)


class Told:
    """What the command printed, and how it ended."""

    def __init__(self, *words: str) -> None:
        out = io.StringIO()
        self.error = ""
        try:
            call_command("rehearse_release", *words, stdout=out)
        except CommandError as error:
            self.error = str(error)
        self.text = out.getvalue()

    def of(self, title: str, account: str = "") -> str:
        """The lines about one step: verdict, what came, hint."""
        lines = self.text.splitlines()
        [place] = [n for n, line in enumerate(lines) if title in line and account in line]
        hint = [line for line in lines[place + 1 : place + 2] if line.startswith(" " * 11)]
        return " ".join(" ".join([lines[place], *hint]).split())

    def count(self, verdict: str) -> int:
        return len(re.findall(rf"^ *(?:\d+ ms)? +{verdict} {{2,}}", self.text, re.MULTILINE))


# ── all is well ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.usefixtures("worker")
def test_a_platform_in_order_passes_every_step(front: Front, ticket: str) -> None:
    told = Told("--url", f"{front.url}/")
    assert told.error == ""
    assert told.count("passed") == 33
    assert "33 of 33 steps pass." in told.text
    assert "The set-up guide does not count it: this was not PUBLIC_URL, http" in told.text
    assert not Operation.objects.filter(action="rehearse_release").exists()
    assert front.asked == [
        ("echo", "component"),
        ("echo", OFFICIAL[0]),
        ("ticket", "component"),
        *((what, appid) for appid in OFFICIAL for what in (EVENT, TEXT)),
        *((CODE, appid) for appid in OFFICIAL + MINI),
    ]
    for secret in (SECRET, TOKEN, AES_KEY, ticket, "queryauthcode@@@"):
        assert secret not in told.text


@pytest.mark.usefixtures("worker")
def test_what_is_played_at_the_public_url_counts_in_the_guide(front: Front, settings: Any) -> None:
    settings.PUBLIC_URL = front.url
    told = Told("--url", f"{front.url}/")
    assert "The set-up guide" not in told.text
    [played] = Operation.objects.filter(action="rehearse_release")
    assert (played.actor_name, played.result) == ("system", "passed")


@pytest.mark.usefixtures("worker")
def test_it_leaves_nothing_behind_that_could_be_taken_for_wechat(
    front: Front, component: Component, ticket: str
) -> None:
    pushes = Push.objects.count()
    for _ in range(2):
        assert Told("--url", front.url).error == ""
    before, component.access_token = component.ticket_created, ""
    component.refresh_from_db()
    assert (component.verify_ticket, component.previous_ticket) == (ticket, "")
    assert before < component.ticket_created
    rows = list(ReleaseTest.objects.all())
    assert {row.state for row in rows} == {ReleaseTest.State.DONE}
    assert all(row.is_rehearsal for row in rows)
    assert len({row.openid for row in rows}) == len(rows) == 20
    assert Push.objects.count() == pushes + 2 * 20 + 1
    for model in (Authorizer, Binding, Conversation, Reply):
        assert not model._default_manager.exists()


@pytest.mark.usefixtures("impatient")
def test_rehearsals_are_no_sign_that_wechat_pushes_and_then_stops(front: Front) -> None:
    for _ in range(3):
        Told("--url", front.url)
    Push.objects.update(received_at=Now() - timedelta(minutes=2))
    assert Push.objects.count() > 60
    heard = Component.objects.with_clock().get()
    note_silence(heard)
    heard.refresh_from_db(fields=["silent_since"])
    assert heard.silent_since is None


@pytest.mark.usefixtures("worker")
def test_it_passes_while_the_keys_are_being_changed(front: Front, wechat: WeChat) -> None:
    other = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFG"
    register_component(appid=APPID, secret=SECRET, token="anothertokenanothertoken", aes_key=other)
    assert Told("--url", front.behind).error == ""


@pytest.mark.usefixtures("worker")
def test_of_several_components_one_is_chosen(front: Front, wechat: WeChat) -> None:
    register_component(appid="wxffffffffffffffff", secret=SECRET, token=TOKEN, aes_key=AES_KEY)
    assert Told("--url", front.url).error == (
        f"Choose one with --component: {APPID}, wxffffffffffffffff."
    )
    assert Told("--url", front.url, "--component", APPID).error == ""
    assert Told("--component", "wx0000000000000000").error == "No such component is registered."


def test_an_address_must_be_one(component: Component) -> None:
    wrong = ["platform.example.com", "ftp://a.b", "https://", "http://a:99999", "http://[a"]
    for url in [*wrong, "https://staff:password@a.b", "https://a.b/?x=1"]:
        assert "https://platform.example.com" in Told("--url", url).error


def test_what_wechat_may_not_like_about_the_address_is_said(settings: Any) -> None:
    with translation.override("en"):
        plain, odd = rehearsal.warnings_about("http://platform.example.com:8000")
    assert "https://" in plain
    assert "80 and 443" in odd
    assert rehearsal.warnings_about("https://platform.example.com") == []


# ── every step, broken ──────────────────────────────────────────────────────────────────────────

XML = b"<xml><Content>hello</Content></xml>"
BROKEN: list[tuple[str, tuple[str, str], Spoil, str]] = [
    ("authorisation events", ("echo", "component"), says(HTML), "an HTML page, where its echostr"),
    ("messages and events", ("echo", OFFICIAL[0]), says(b"forbidden", 403), "keys there are not"),
    ("Ticket", ("ticket", "component"), says(b"success\n"), "where success is due"),
    ("Event", (EVENT, OFFICIAL[0]), fronts.resealed(aes_key="x" * 43), "cannot be decrypted"),
    ("Event", (EVENT, OFFICIAL[1]), fronts.resealed(token="another"), "another token"),
    ("Event", (EVENT, OFFICIAL[2]), fronts.resealed(appid=OFFICIAL[2]), "not the account's"),
    ("Event", (EVENT, OFFICIAL[3]), fronts.resealed(nonce="12345"), "Nonce is not the one"),
    ("Event", (EVENT, OFFICIAL[4]), fronts.resealed(timestamp="1411525903"), "clock is wrong"),
    ("Text", (TEXT, OFFICIAL[0]), fronts.unsealed, "has no Encrypt: it is not sealed"),
    ("Text", (TEXT, OFFICIAL[1]), says(b"success"), "where a sealed reply is due. The web server"),
    ("Text", (TEXT, OFFICIAL[2]), says(HTML), "Another program, or a login page"),
    (
        "Text",
        (TEXT, OFFICIAL[3]),
        fronts.resealed(change=lambda inner: inner.replace("_callback", "_call")),
        "Content is “TESTCOMPONENT_MSG_TYPE_TEXT_call”",
    ),
    (
        "Text",
        (TEXT, OFFICIAL[4]),
        fronts.resealed(change=lambda inner: inner.replace("From", "f").replace("To", "From")),
        "ToUserName is “”",
    ),
    (
        "Authorisation code",
        (CODE, OFFICIAL[0]),
        says(b"success"),
        "“success”, where an empty body is due",
    ),
    (
        "Authorisation code",
        (CODE, OFFICIAL[1]),
        says(XML),
        "“<xml><Content>hello</Content></xml>”, where an",
    ),
    (
        "Authorisation code",
        (CODE, OFFICIAL[2]),
        says(b"unavailable", 503),
        "cannot reach its database",
    ),
    (
        "Authorisation code",
        (CODE, OFFICIAL[3]),
        says(HTML, 502),
        "HTTP 502: an HTML page The proxy does not",
    ),
    (
        "Authorisation code",
        (CODE, OFFICIAL[4]),
        says(HTML, 500),
        "Look at the logs of the web server",
    ),
    (
        "Authorisation code",
        (CODE, MINI[0]),
        says(b"", 301, Location="https://platform.example.com/wechat/?signature=abc"),
        "A redirect to https://platform.example.com/wechat/: WeChat does not follow it",
    ),
    (
        "Authorisation code",
        (CODE, MINI[1]),
        says(HTML, 403),
        "A firewall or a login stands in front",
    ),
    ("Authorisation code", (CODE, MINI[2]), says(HTML, 404), "This address is not ours"),
    ("Authorisation code", (CODE, MINI[3]), says(HTML, 400), "ALLOWED_HOSTS"),
    ("Authorisation code", (CODE, MINI[4]), fronts.hangs_up, "The connection broke off"),
]


@pytest.mark.usefixtures("worker")
def test_each_step_that_is_broken_is_reported_as_that_step(front: Front) -> None:
    front.spoilt = {asked: spoil for _title, asked, spoil, _said in BROKEN}
    told = Told("--url", front.url)
    for title, (_what, appid), _spoil, said in BROKEN:
        line = told.of(title, "" if title in ("Ticket",) or "events" in title else appid)
        assert " failed " in line, line
        assert said in line, line
    # Where the answer was 200, the code had arrived, whatever was answered: it was told back.
    assert (told.count("failed"), told.count("passed"), told.count("not tried")) == (23, 2, 8)
    assert told.error.startswith("23 of 33 steps fail: URL check: authorisation events, URL ch")
    assert f", Event {OFFICIAL[0]}, " in told.error
    assert told.error.endswith(" 8 were not tried.")


@pytest.mark.usefixtures("worker")
@pytest.mark.parametrize(
    ("asked", "spoil", "title", "said"),
    [
        *(
            (asked, spoil, title, said)
            for title, asked, spoil, said in (BROKEN[0], BROKEN[2], BROKEN[4], BROKEN[11])
        ),
        ((EVENT, OFFICIAL[1]), says(b""), "Event", "an empty body, where a sealed reply is due"),
        ((EVENT, OFFICIAL[1]), fronts.resealed(without="Nonce"), "Event", "has no Nonce"),
        ((TEXT, OFFICIAL[1]), fronts.resealed(change=lambda _: "hello"), "Text", "is not XML"),
        (
            (TEXT, OFFICIAL[1]),
            fronts.resealed(change=lambda inner: inner.replace("[text]", "[image]")),
            "Text",
            "MsgType is “image”",
        ),
    ],
)
def test_one_step_that_is_broken_alone_is_the_only_one_named(
    asked: tuple[str, str], spoil: Spoil, title: str, said: str, front: Front
) -> None:
    front.spoilt = {asked: spoil}
    told = Told("--url", front.url)
    account = asked[1] if title in ("Event", "Text") else ""
    assert said in told.of(title, account)
    assert told.count("passed") == 32
    assert told.error.startswith("1 of 33 steps fail: ")
    assert told.error.endswith(f"{title} {account}".strip() + ".")


@pytest.mark.usefixtures("worker")
def test_an_answer_that_is_late_is_a_lost_one(
    front: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tester, "WECHAT_TIMEOUT", 2.0)
    front.spoilt = {
        (TEXT, OFFICIAL[1]): fronts.comes(after=2.2),
        (TEXT, OFFICIAL[2]): fronts.trickles(0.005),
        (CODE, MINI[1]): fronts.comes(after=2.2),
    }
    told = Told("--url", front.url)
    for title, account in (
        ("Text", OFFICIAL[1]),
        ("Text", OFFICIAL[2]),
        ("Authorisation code", MINI[1]),
    ):
        line = told.of(title, account)
        assert re.search(r"The answer took \d\.\d seconds; WeChat hangs up after 5", line), line
    assert told.count("passed") == 30


# ── nobody there ────────────────────────────────────────────────────────────────────────────────


def test_where_nobody_answers_the_rest_is_not_tried(ticket: str) -> None:
    told = Told("--url", "http://127.0.0.1:1")
    assert "Nothing takes connections there." in told.of("authorisation events")
    assert "Start the web server" in told.of("messages and events")
    assert (told.count("failed"), told.count("not tried")) == (2, 31)
    assert "Nothing answers there." in told.of("Ticket")


def test_a_host_that_is_not_known(ticket: str) -> None:
    told = Told("--url", "https://platform.invalid")
    assert "The name of the host is not known." in told.of("authorisation events")


def test_a_certificate_that_wechat_would_not_trust(ticket: str, tmp_path: Path) -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(make_certificate(tmp_path / "certificate.pem", "localhost"))
    with sockets.serving(sockets.says(sockets.ok(b"success")), tls) as server:
        told = Told("--url", f"https://localhost:{server.port}")
    assert "The certificate is not one that WeChat would trust." in told.of("authorisation events")


def test_a_port_that_speaks_no_http(ticket: str) -> None:
    with sockets.serving(sockets.says_and_leaves(b"220 smtp ready\r\n")) as server:
        told = Told("--url", server.url)
    assert "The connection broke off." in told.of("authorisation events")


def test_a_server_that_says_nothing(ticket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tester, "READ_TIMEOUT", 0.3)
    with sockets.serving(sockets.is_silent) as server:
        told = Told("--url", server.url)
    assert "No answer within 10 seconds" in told.of("authorisation events")


# ── ours to mend ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.usefixtures("impatient", "wechat")
def test_no_ticket_is_a_failed_step_and_none_is_made_up(
    live_server: LiveServer, component: Component
) -> None:
    with working():
        told = Told("--url", live_server.url)
    assert "failed Ticket We hold no component_verify_ticket." in told.of("Ticket")
    line = told.of("Message by the API", MINI[0])
    assert "component_verify_ticket" in line  # the worker's words, in the default language
    assert "The worker tries again" in line
    component.refresh_from_db()
    assert (component.verify_ticket, component.ticket_created) == ("", 0)


@pytest.mark.usefixtures("worker")
def test_a_ticket_that_has_run_out_is_a_failed_step(front: Front, component: Component) -> None:
    Component.objects.update(ticket_created=1_600_000_000)
    told = Told("--url", front.url)
    assert "older than 12 hours" in told.of("Ticket")
    assert told.count("failed") == 1


@pytest.mark.usefixtures("impatient")
def test_a_worker_that_does_not_run_is_a_failed_step(front: Front) -> None:
    told = Told("--url", front.url)
    line = told.of("Message by the API", OFFICIAL[0])
    assert "Nobody has taken the code up within 10 seconds. No worker is running" in line
    assert (told.count("failed"), told.count("passed")) == (10, 23)
    Heartbeat.objects.create(name="answer_release_tests")
    line = Told("--url", front.url).of("Message by the API", OFFICIAL[0])
    assert "The worker has more to do than it can" in line


@pytest.mark.usefixtures("worker", "impatient")
def test_what_wechat_refuses_is_told_in_plain_words(front: Front, wechat: WeChat) -> None:
    wechat.fault(SEND, appid=OFFICIAL[1], errcode=48001, errmsg="api unauthorized")
    wechat.fault(SEND, appid=MINI[1], times=None, errcode=-1)
    told = Told("--url", front.url)
    line = told.of("Message by the API", OFFICIAL[1])
    assert "failed Message by the API" in line
    assert "/cgi-bin/message/custom/send: 48001 api unauthorized" in line
    assert "The worker tries again" in told.of("Message by the API", MINI[1])
    assert told.count("passed") == 31


@pytest.mark.usefixtures("worker")
def test_a_code_that_wechat_refuses_is_a_failed_step(front: Front, wechat: WeChat) -> None:
    wechat.fault(QUERY_AUTH, errcode=61010, errmsg="code is expired")
    told = Told("--url", front.url)
    assert told.count("failed") == 1
    assert "61010 code is expired" in told.of("Message by the API", OFFICIAL[0])


@pytest.mark.usefixtures("worker", "impatient")
def test_a_message_that_says_something_else_is_a_failed_step(front: Front, wechat: WeChat) -> None:
    """Somebody else answers the same accounts: an old worker, another installation."""
    is_over = Event()

    def speak() -> None:
        while not is_over.wait(0.01):
            for test in list(ReleaseTest.objects.filter(appid=MINI[2])):
                account = wechat.accounts[test.appid]
                with wechat.lock:
                    chat = wechat.chats.open(account, test.openid)
                    if not chat.lines:
                        wechat.chats.write(chat, "account", "api", "text", {"content": "hi"})
        connection.close()

    thread = Thread(target=speak)
    wechat.fault(SEND, appid=MINI[2], times=None, errcode=48001)
    thread.start()
    told = Told("--url", front.url)
    is_over.set()
    thread.join()
    assert "The user was told something else." in told.of("Message by the API", MINI[2])


@pytest.mark.usefixtures("worker", "impatient")
def test_another_installation_with_the_same_keys_is_told_apart(front: Front) -> None:
    """It answers as it must, but what it was asked is not in our database."""
    front.spoilt = {(CODE, MINI[0]): says(b"")}
    front.swallowed = {(CODE, MINI[0])}
    told = Told("--url", front.url)
    line = told.of("Message by the API", MINI[0])
    assert "failed Message by the API" in line
    assert "The code is not in this database. Another installation with the same keys" in line
    assert told.count("passed") == 32


# ── where WeChat is not our sandbox ─────────────────────────────────────────────────────────────


class WithoutControl(Seam):
    """A WeChat that has no door for scripts."""

    def send(self, request: PreparedRequest, *args: Any, **kwargs: Any) -> Response:
        if request.path_url.startswith("/sandbox/"):
            raw = HTTPResponse(io.BytesIO(b"not found"), status=404, preload_content=False)
            return self.build_response(request, raw)
        return super().send(request, *args, **kwargs)


Elsewhere = Callable[[], None]


@pytest.fixture(params=["WeChat itself", "another stand-in"])
def elsewhere(request: Any, wechat: WeChat, settings: Any) -> None:
    if request.param == "WeChat itself":
        settings.WECHAT_API_URL = rehearsal.WECHAT
    else:
        http.session.mount(PREFIX, WithoutControl(wechat))


@pytest.mark.usefixtures("elsewhere", "worker")
def test_elsewhere_the_last_step_is_not_provable_and_said_so(front: Front, wechat: WeChat) -> None:
    told = Told("--url", front.url)
    assert told.error == ""
    assert "23 of 33 steps pass. 10 are not provable here." in told.text
    line = told.of("Message by the API", MINI[0])
    assert " not provable here Message by the API" in line
    assert "The worker took the code up, and WeChat refused it: it was made up." in line
    assert wechat.count(QUERY_AUTH) == 10
    assert wechat.count(SEND) == 0


@pytest.mark.usefixtures("elsewhere", "impatient")
def test_elsewhere_a_worker_that_does_not_run_is_found_out_as_well(front: Front) -> None:
    told = Told("--url", front.url)
    assert (told.count("failed"), told.count("not provable here")) == (10, 0)
    assert "No worker is running" in told.of("Message by the API", MINI[0])


@pytest.mark.usefixtures("elsewhere", "worker")
def test_elsewhere_another_refusal_is_a_failed_step(front: Front, wechat: WeChat) -> None:
    wechat.fault(QUERY_AUTH, errcode=61004, errmsg="access clientip is not registered")
    told = Told("--url", front.url)
    line = told.of("Message by the API", OFFICIAL[0])
    assert "failed Message by the API" in line
    assert "61004 access clientip is not registered" in line
    assert (told.count("failed"), told.count("not provable here")) == (1, 9)


# ── the page ────────────────────────────────────────────────────────────────────────────────────

PAGE = "admin:messaging_releasetest_rehearse"


def page(staff: User, settings: Any, url: str, language: str = "en") -> tuple[Client, str]:
    settings.PUBLIC_URL = url
    client = Client(headers={"accept-language": language})
    client.force_login(staff)
    return client, client.get(reverse(PAGE)).content.decode()


@pytest.fixture
def boss(db: None) -> User:
    return User.objects.create_superuser("boss")


@pytest.mark.usefixtures("worker")
def test_the_page_shows_each_step(front: Front, boss: User, settings: Any) -> None:
    front.spoilt = {(TEXT, OFFICIAL[2]): says(HTML)}
    client, shown = page(boss, settings, front.url)
    assert "does not begin with https://" in shown
    assert reverse("admin:platform_auth_component_change", args=[Component.objects.get().pk]) in (
        shown
    )
    answer = client.post(reverse(PAGE), {"component": APPID}).content.decode()
    assert "Steps that do not pass: 1." in answer
    assert "Steps that pass: 32." in answer
    assert "Another program, or a login page" in answer
    assert answer.count("(official account)") == 20
    assert answer.count("(mini program)") == 10
    [done] = Operation.objects.filter(action="rehearse_release")
    assert (done.actor_name, done.appid, done.result) == ("boss", APPID, f"Text {OFFICIAL[2]}")
    for secret in (SECRET, TOKEN, AES_KEY, "queryauthcode@@@"):
        assert secret not in answer


@pytest.mark.usefixtures("impatient")
def test_the_list_tells_rehearsals_from_tests_of_wechats(
    front: Front, boss: User, settings: Any, wechat: WeChat, deliver: Deliver
) -> None:
    wechat.start_release_test(groups=[1])
    wechat.deliver_all(deliver)
    tasks.answer_release_tests()
    client, _shown = page(boss, settings, front.url)
    client.post(reverse(PAGE), {"component": APPID})
    address = reverse("admin:messaging_releasetest_changelist")

    def rows(query: str) -> int:
        return client.get(address + query).content.decode().count("field-account")

    assert (rows(""), rows("?by=wechat"), rows("?by=us")) == (12, 2, 10)
    row = ReleaseTest.objects.exclude(openid__startswith="o-rehearsal").first()
    assert row is not None
    one = client.get(reverse("admin:messaging_releasetest_change", args=[row.pk]))
    assert "queryauthcode@@@" not in one.content.decode()


def test_only_those_who_may_rehearse(
    staff: User, component: Component, settings: Any, merchant: User
) -> None:
    client, shown = page(staff, settings, "http://127.0.0.1:1")
    assert "Rehearse now" in shown
    assert client.post(reverse(PAGE), {"component": "wxunknown"}).status_code == 404
    staff.groups.clear()
    assert client.post(reverse(PAGE), {"component": APPID}).status_code == 403


def test_the_page_without_a_component_says_so(boss: User, settings: Any) -> None:
    _client, shown = page(boss, settings, "https://platform.example.com")
    assert "No component is registered." in shown
    assert "Rehearse now" not in shown
