"""WeChat's 全网发布 test, as it comes through our doors: ten accounts that nobody ever bound."""

import base64
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.db.models.functions import Now

from messaging import tasks
from messaging.models import Conversation, ReleaseTest, Reply
from messaging.services.release_test.answers import MINI_PROGRAMS, OFFICIAL_ACCOUNTS
from miniprograms.models import Authorizer, Binding
from miniprograms.services import binding
from miniprograms.services.reconciling import reconcile
from miniprograms.tasks import advance_binding, advance_bindings
from platform_auth.models import Component, Push
from platform_auth.registration import register_component
from sandbox.wire.pushes import Deliver, Delivery
from sandbox.world import WeChat
from sandbox.world.release_test import GROUPS, PASSED, account
from tests.chatting import rule
from tests.conftest import APPID, SECRET, Bound
from tests.processes import environment, served
from webhooks import processing

pytestmark = pytest.mark.django_db(transaction=True)

OFFICIAL, MINI = list(OFFICIAL_ACCOUNTS), list(MINI_PROGRAMS)
SEND, QUERY_AUTH = "/cgi-bin/message/custom/send", "/cgi-bin/component/api_query_auth"
TEXT = "TESTCOMPONENT_MSG_TYPE_TEXT"
USER = "oTester000000000000000000001"

State = ReleaseTest.State


@dataclass
class Examiner:
    """WeChat's tester, who asks one thing at a time."""

    wechat: WeChat
    carry: Deliver

    def say(self, appid: str, text: str) -> Delivery:
        account(self.wechat.register, appid)
        self.wechat.say(appid, USER, text, component=self.wechat.component)
        return self.deliver()

    def happen(self, appid: str, event: str) -> Delivery:
        account(self.wechat.register, appid)
        self.wechat.happen(appid, USER, event, component=self.wechat.component)
        return self.deliver()

    def ask(self, appid: str, code: str = "") -> str:
        """The message with a code, which is answered with nothing. The code."""
        account(self.wechat.register, appid)
        code = code or self.wechat.lend_code(appid)
        assert self.say(appid, f"QUERY_AUTH_CODE:{code}").answer == b""
        return code

    def deliver(self) -> Delivery:
        [delivery] = self.wechat.deliver_all(self.carry)
        assert delivery.status == 200
        return delivery

    def heard(self, appid: str, way: str = "api") -> list[str]:
        """What the account has said to the tester."""
        lines = self.wechat.transcript(appid, USER)
        return [line.text for line in lines if line.way == way]


@pytest.fixture
def tester(wechat: WeChat, ticket: str, deliver: Deliver) -> Examiner:
    return Examiner(wechat, deliver)


def later(**also: object) -> None:
    """The time of every test that waits has come; whoever held it has died."""
    waiting = ReleaseTest.objects.exclude(due_at=None)
    waiting.update(due_at=Now(), lease_until=None, **also)


def the_row() -> ReleaseTest:
    row: ReleaseTest = ReleaseTest.objects.get()
    return row


# ── the whole test ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("same_code", [False, True])
def test_all_ten_accounts_pass_though_none_was_ever_bound(
    tester: Examiner, same_code: bool, wechat: WeChat
) -> None:
    test = wechat.start_release_test(same_code=same_code)
    wechat.deliver_all(tester.carry)
    tasks.answer_release_tests()
    assert [(one.name, one.appid, one.got) for one in test.results if one.verdict != PASSED] == []
    assert test.is_done
    assert len(test.results) == 1 + 5 * 5 + 5 * 3
    assert wechat.count(QUERY_AUTH) == wechat.count(SEND) == 10
    assert set(ReleaseTest.objects.values_list("state", "token", "last_error")) == {
        (State.DONE, "", "")
    }
    assert not any(row.is_rehearsal for row in ReleaseTest.objects.all())


def test_their_authorisations_are_nobodys_to_bind(
    tester: Examiner, wechat: WeChat, component: Component
) -> None:
    wechat.start_release_test()
    wechat.deliver_all(tester.carry)
    advance_bindings()
    reconcile(component)
    assert not Binding.objects.exists()
    assert not Authorizer.objects.exists()
    assert not Conversation.objects.exists()
    assert wechat.count(QUERY_AUTH) == 0
    assert not Push.objects.filter(state=Push.State.FAILED).exists()


def test_a_rule_never_answers_the_test(tester: Examiner) -> None:
    rule("hello")
    tester.say(OFFICIAL[0], TEXT)
    assert tester.heard(OFFICIAL[0], "reply") == [f"{TEXT}_callback"]
    tester.ask(MINI[0])
    tester.say(MINI[0], "anything else")
    assert not Reply.objects.exists()


@pytest.mark.parametrize("appid", OFFICIAL)
@pytest.mark.parametrize("event", ["LOCATION", "subscribe", "CLICK", "a_new_one"])
def test_an_official_account_answers_any_event_with_its_name(
    tester: Examiner, appid: str, event: str
) -> None:
    tester.happen(appid, event)
    assert tester.heard(appid, "reply") == [f"{event}from_callback"]


@pytest.mark.parametrize("appid", MINI)
def test_a_mini_program_is_answered_alike(tester: Examiner, appid: str) -> None:
    assert tester.say(appid, TEXT).answer.startswith(b"<xml>")
    assert tester.happen(appid, "user_enter_tempsession").answer.startswith(b"<xml>")
    tester.ask(appid)
    tasks.answer_release_tests()
    code = ReleaseTest.objects.get().code
    assert f"{code}_from_api" in tester.heard(appid)


@pytest.mark.parametrize("text", ["hello", f" {TEXT}", f"{TEXT}.", TEXT.lower(), "QUERY_AUTH_CODE"])
def test_what_is_no_part_of_the_test_is_answered_success(tester: Examiner, text: str) -> None:
    assert tester.say(OFFICIAL[0], text).answer == b"success"
    assert not ReleaseTest.objects.exists()


def test_the_reply_is_sealed_with_the_key_that_wechat_still_uses(
    tester: Examiner, wechat: WeChat
) -> None:
    other = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFG"
    register_component(appid=APPID, secret=SECRET, token="anothertokenanothertoken", aes_key=other)
    tester.happen(OFFICIAL[0], "LOCATION")  # the stand-in could open no other
    assert tester.heard(OFFICIAL[0], "reply") == ["LOCATIONfrom_callback"]


# ── nobody else ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("kind", ["official_account", "mini_program"])
def test_no_other_account_is_answered_so(
    kind: str, tester: Examiner, bound: Bound, wechat: WeChat
) -> None:
    shop = bound(kind=kind)
    for text in (TEXT, "QUERY_AUTH_CODE:queryauthcode@@@abc"):
        wechat.say(shop.appid, USER, text)
        assert tester.deliver().answer == b"success"
    wechat.happen(shop.appid, USER, "LOCATION" if kind == "official_account" else "debug_demo")
    assert tester.deliver().answer == b"success"
    tasks.answer_release_tests()
    assert not ReleaseTest.objects.exists()
    assert wechat.count(SEND) == 0
    assert Conversation.objects.count() == 1


@pytest.mark.parametrize(
    ("appid", "user_name"),
    [
        (OFFICIAL[0], "gh_0123456789ab"),
        (OFFICIAL[0], OFFICIAL_ACCOUNTS[OFFICIAL[1]]),
        (OFFICIAL[0], MINI_PROGRAMS[MINI[0]]),
        ("wxfeedfacefeedface", OFFICIAL_ACCOUNTS[OFFICIAL[0]]),
    ],
)
def test_an_account_and_an_original_id_must_belong_together(
    appid: str, user_name: str, tester: Examiner, wechat: WeChat
) -> None:
    if appid in OFFICIAL:
        account(wechat.register, appid)
    else:
        wechat.create_account(appid=appid, kind="official_account")
    told = {"MsgType": "text", "Content": TEXT, "ToUserName": user_name}
    wechat.push_message(appid, told, component=wechat.component)
    [delivery] = wechat.deliver_all(tester.carry)
    assert (delivery.status, delivery.answer) == (403, b"forbidden")


# ── repeats ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("sealed_anew", [False, True])
@pytest.mark.parametrize("what", ["event", "text", "code"])
def test_a_push_that_comes_again_is_answered_alike_and_told_once(
    what: str, sealed_anew: bool, tester: Examiner, wechat: WeChat
) -> None:
    appid = OFFICIAL[2]
    account(wechat.register, appid)
    code = wechat.lend_code(appid)
    first = {
        "event": lambda: tester.happen(appid, "LOCATION"),
        "text": lambda: tester.say(appid, TEXT),
        "code": lambda: tester.say(appid, f"QUERY_AUTH_CODE:{code}"),
    }[what]()
    said = [_inside(first, wechat)]
    for moment in ("before", "after"):
        if sealed_anew:
            first.push.sealed = first.push.seal()
        again = wechat.deliver(first.push, tester.carry)
        assert again.status == 200, moment
        said.append(_inside(again, wechat))
        tasks.answer_release_tests()
    assert said == [said[0]] * 3
    assert said[0] == ("" if what == "code" else said[0])
    assert wechat.count(SEND) == (1 if what == "code" else 0)
    assert ReleaseTest.objects.count() == (1 if what == "code" else 0)


def _inside(delivery: Delivery, wechat: WeChat) -> object:
    """What an answer says, however it was sealed; "" for an empty body."""
    if not delivery.answer:
        return ""
    appid = delivery.push.appid
    reply = wechat.chats.read_reply(wechat.component, wechat.accounts[appid], USER, delivery.answer)
    assert reply
    return reply


def test_what_staff_replay_is_not_told_again(tester: Examiner, wechat: WeChat) -> None:
    tester.ask(MINI[1])
    tasks.answer_release_tests()
    processing.replay(Push.objects.order_by("-pk")[0])
    later()
    tasks.answer_release_tests()
    assert wechat.count(SEND) == 1


# ── the same code by two ways ───────────────────────────────────────────────────────────────────


def test_an_account_bound_by_the_same_code_answers_with_its_own_token(
    tester: Examiner, wechat: WeChat, merchant: User
) -> None:
    """Its `authorized` push came first, and its binding has traded the code."""
    appid = OFFICIAL[3]
    account(wechat.register, appid)
    opened = binding.start_binding(user=merchant, session="session")
    code = wechat.authorize(opened.pre_auth_code, appid)
    wechat.deliver_all(tester.carry)
    advance_binding(opened.pk)
    assert Authorizer.objects.get().appid == appid
    tester.ask(appid, code)
    tasks.answer_release_tests()
    assert tester.heard(appid) == [f"{code}_from_api"]
    assert wechat.count(QUERY_AUTH, effect=True) == 1
    assert the_row().state == State.DONE


def test_a_bound_test_account_keeps_its_binding_through_the_test(
    tester: Examiner, wechat: WeChat, bound: Bound
) -> None:
    appid = OFFICIAL[0]
    bound(appid, kind="official_account", user_name=OFFICIAL_ACCOUNTS[appid])
    test = wechat.start_release_test(groups=[1])
    wechat.deliver_all(tester.carry)
    advance_bindings()
    tasks.answer_release_tests()
    assert {one.verdict for one in test.results} == {PASSED}
    assert Binding.objects.count() == Authorizer.objects.count() == 1


# ── what goes wrong on the way ──────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("path", "fault", "trades"),
    [
        (QUERY_AUTH, {"drop": "before"}, 2),
        (QUERY_AUTH, {"errcode": -1}, 2),
        # Spent, but we know not for what: WeChat's list knows the account's refresh token.
        (QUERY_AUTH, {"drop": "after", "effect": True}, 2),
        (QUERY_AUTH, {"status": 502, "effect": True}, 2),
        (SEND, {"drop": "before"}, 1),
        (SEND, {"errcode": -1}, 1),
        (SEND, {"errcode": 45011}, 1),
    ],
)
def test_a_call_that_fails_once_is_made_good(
    path: str, fault: dict[str, Any], trades: int, tester: Examiner, wechat: WeChat
) -> None:
    code = tester.ask(MINI[2])
    wechat.fault(path, **fault)
    tasks.answer_release_tests()
    assert the_row().state == State.DUE
    assert the_row().failures == 1
    later()
    tasks.answer_release_tests()
    assert (the_row().state, the_row().last_error) == (State.DONE, "")
    assert tester.heard(MINI[2]) == [f"{code}_from_api"]
    assert wechat.count(QUERY_AUTH) == trades


def test_a_message_whose_answer_was_lost_is_sent_again(tester: Examiner, wechat: WeChat) -> None:
    """Twice told does no harm here; not told would fail the test."""
    code = tester.ask(OFFICIAL[0])
    wechat.fault(SEND, drop="after", effect=True)
    for _ in range(2):
        tasks.answer_release_tests()
        later()
    assert tester.heard(OFFICIAL[0]) == [f"{code}_from_api"] * 2
    assert wechat.count(QUERY_AUTH) == 1


def test_after_five_tries_it_ends(tester: Examiner, wechat: WeChat) -> None:
    tester.ask(OFFICIAL[0])
    wechat.fault(SEND, times=None, errcode=-1)
    for _ in range(8):
        tasks.answer_release_tests()
        later()
    assert wechat.count(SEND) == 5
    assert (the_row().state, the_row().errcode, the_row().token) == (State.FAILED, -1, "")


def test_without_a_ticket_it_waits_but_not_for_ever(
    wechat: WeChat, component: Component, deliver: Deliver
) -> None:
    tester = Examiner(wechat, deliver)
    code = tester.ask(OFFICIAL[0])
    for _ in range(7):
        tasks.answer_release_tests()
        assert the_row().state == State.DUE
        later()
    wechat.push_ticket()
    tester.deliver()
    Component.objects.update(due_at=Now())
    tasks.answer_release_tests()
    assert tester.heard(OFFICIAL[0]) == [f"{code}_from_api"]


def test_a_test_that_nobody_waits_for_any_more_ends(
    wechat: WeChat, component: Component, deliver: Deliver
) -> None:
    Examiner(wechat, deliver).ask(OFFICIAL[0])
    later(at=Now() - timedelta(minutes=11))
    tasks.answer_release_tests()
    assert (the_row().state, the_row().due_at) == (State.FAILED, None)


@pytest.mark.parametrize(
    ("path", "fault", "errcode"),
    [
        (SEND, {"errcode": 48001}, 48001),
        (QUERY_AUTH, {"errcode": 61010}, 61010),
        (QUERY_AUTH, {"errcode": 61004}, 61004),
        (QUERY_AUTH, {"without": ("authorizer_access_token",)}, None),
    ],
)
def test_a_refusal_is_final_and_kept(
    path: str, fault: dict[str, Any], errcode: int | None, tester: Examiner, wechat: WeChat
) -> None:
    tester.ask(MINI[0])
    wechat.fault(path, **fault)
    for _ in range(2):
        tasks.answer_release_tests()
        later()
    row = the_row()
    assert (row.state, row.errcode, row.due_at) == (State.FAILED, errcode, None)
    assert row.last_error
    assert wechat.count(path) == 1


def test_a_made_up_code_does_not_make_us_read_the_list(tester: Examiner, wechat: WeChat) -> None:
    tester.ask(MINI[0], "queryauthcode@@@made-up")
    tasks.answer_release_tests()
    assert (the_row().state, the_row().errcode) == (State.FAILED, 61009)
    assert wechat.count("/cgi-bin/component/api_get_authorizer_list") == 0


def test_a_lost_key_fails_the_test_and_not_the_worker(
    tester: Examiner, settings: Any, wechat: WeChat
) -> None:
    tester.ask(MINI[0])
    settings.FIELD_ENCRYPTION_KEYS = [base64.urlsafe_b64encode(os.urandom(32)).decode()]
    tasks.answer_release_tests()
    assert the_row().state == State.FAILED


# ── what dies on the way ────────────────────────────────────────────────────────────────────────

WORK = """
import django
django.setup()
from messaging import tasks
tasks.answer_release_tests()
"""


@pytest.mark.parametrize(("path", "trades"), [(QUERY_AUTH, 2), (SEND, 1)])
def test_a_worker_killed_on_the_way_is_made_good_by_another(
    path: str, trades: int, tester: Examiner, wechat: WeChat, tmp_path: Path
) -> None:
    """Killed while it trades, the code is spent already; or between the trade and the message."""
    code = tester.ask(OFFICIAL[4])
    hanging = wechat.fault(path, delay=60, effect=path == QUERY_AUTH)
    with served(wechat):
        command = [sys.executable, "-c", WORK]
        known = environment(wechat, tmp_path)
        process = subprocess.Popen(command, cwd=settings.ROOT, env=known)
        assert _comes(hanging.arrived.is_set)
        process.send_signal(signal.SIGKILL)
        process.wait()
    tasks.answer_release_tests()
    assert tester.heard(OFFICIAL[4]) == []  # its lease has not run out
    later()
    tasks.answer_release_tests()
    assert tester.heard(OFFICIAL[4]) == [f"{code}_from_api"]
    assert wechat.count(QUERY_AUTH) == trades


def _comes(what: Callable[[], bool], seconds: float = 30) -> bool:
    end = time.monotonic() + seconds
    while not what() and time.monotonic() < end:
        time.sleep(0.05)
    return what()


KNOCK = """
import json, sys, time
import django
django.setup()
from base64 import b64decode
from django.test import Client

asked = json.load(sys.stdin)
client = Client(SERVER_NAME="testserver")
client.get("/healthz")  # the first request imports the rest
started = time.perf_counter()
answer = client.post(asked["path"], b64decode(asked["body"]), content_type="text/xml")
spent = time.perf_counter() - started
print(json.dumps([answer.status_code, answer.content.decode(), spent]))
"""


def test_without_redis_the_answer_is_as_quick_and_the_sweep_tells_the_code(
    tester: Examiner, wechat: WeChat, tmp_path: Path
) -> None:
    account(wechat.register, MINI[3])
    code = wechat.lend_code(MINI[3])
    said = f"QUERY_AUTH_CODE:{code}"
    sealed = wechat.say(MINI[3], USER, said, component=wechat.component).sealed
    wechat.outbox.clear()
    path = f"{sealed.url.removeprefix('http://testserver')}?" + "&".join(
        f"{name}={value}" for name, value in sealed.params.items()
    )
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and nobody listens
        port = taken.getsockname()[1]
        done = subprocess.run(
            [sys.executable, "-c", KNOCK],
            input=json.dumps({"path": path, "body": base64.b64encode(sealed.body).decode()}),
            cwd=settings.ROOT,
            env=environment(wechat, tmp_path, REDIS_URL=f"redis://127.0.0.1:{port}/0"),
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
    status, answer, spent = json.loads(done.stdout.splitlines()[-1])
    assert (status, answer) == (200, "")
    assert spent < 2
    tasks.answer_release_tests()
    assert tester.heard(MINI[3]) == [f"{code}_from_api"]


def test_the_accounts_are_those_that_wechat_has_published() -> None:
    published = {group.official_account for group in GROUPS.values()}
    assert set(OFFICIAL_ACCOUNTS.items()) == published
    assert set(MINI_PROGRAMS.items()) == {group.mini_program for group in GROUPS.values()}
