"""Automatic replies through the door: what the user sees, once, whatever WeChat repeats."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from threading import Event
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models.functions import Now
from django.utils import timezone

from messaging import tasks
from messaging.models import Conversation, Reply, Rule
from messaging.services.customer_service import REPLIES
from messaging.services.patterns import TOTAL_REGEX_TIMEOUT
from miniprograms.services.addresses import RELEASE_TEST_ACCOUNTS
from platform_auth.models import DuePush, Heartbeat, Push
from platform_auth.registration import register_component
from sandbox.wire.pushes import Deliver
from sandbox.world import WeChat
from tests.chatting import USER, Chat, keyword, newest, replies, rule
from tests.chatting import readers as readers
from tests.chatting import shop as shop
from tests.conftest import APPID, SECRET, Bound
from tests.threads import in_a_thread, together
from webhooks import processing
from webhooks.views import ANSWER_WITHIN

pytestmark = pytest.mark.django_db(transaction=True)

State = Reply.State
SEND = "/cgi-bin/message/custom/send"
OURS_NEW, AES_NEW = "anewmessagetoken", "B" * 42 + "A"


def state() -> str:
    [reply] = replies()
    return reply.state


# What fits


def test_an_official_account_answers_a_word_at_once(readers: Chat) -> None:
    keyword("price", "It costs 9.")
    delivery = readers.say("What's the PRICE, please?")
    assert delivery.answer.startswith(b"<xml>")
    assert (readers.replied(), state()) == (["It costs 9."], State.PASSIVE)
    assert readers.sent() == []


def test_a_mini_program_answers_by_message(shop: Chat) -> None:
    keyword("price", "It costs 9.")
    assert shop.say("price").answer == b"success"
    assert (shop.replied(), shop.sent(), state()) == ([], ["It costs 9."], State.SENT)
    assert shop.conversation.left == 4
    assert shop.sent() == ["It costs 9."], "once"


@pytest.mark.parametrize(
    ("match", "pattern", "fitting", "others"),
    [
        ("exact", "Hours", ["hours", " HOURS\n"], ["our hours", "hour"]),
        ("contains", "Hours", ["our hours?"], ["hour", "…"]),
        ("regex", r"^\d{4}$", ["2026"], ["20266", "x2026"]),
        ("regex", "价格|多少钱", ["这个多少钱", "价格"], ["钱"]),
        ("regex", "(?i)hours", ["HOURS"], ["hour"]),
    ],
)
def test_words_fit_as_the_rule_says(
    readers: Chat, match: str, pattern: str, fitting: list[str], others: list[str]
) -> None:
    keyword(pattern, "yes", match=match)
    for text in [*fitting, *others]:
        readers.say(text)
    assert readers.replied() == ["yes"] * len(fitting)


def test_what_wechat_heard_in_a_voice_message_fits_too(readers: Chat) -> None:
    keyword("多少钱", "9")
    readers.say(kind="voice", fields={"Recognition": "这个多少钱。"})
    assert readers.replied() == ["9"]


def test_events_fit_with_or_without_their_key(readers: Chat) -> None:
    rule("Welcome.", trigger="event", event="subscribe", position=2)
    rule("From the poster.", trigger="event", event="subscribe", event_key="poster", position=1)
    rule("Our hours.", trigger="event", event="CLICK", event_key="HOURS")
    readers.happen("subscribe", {"EventKey": ""}, create_time=1 + int(time.time()))
    readers.happen("subscribe", {"EventKey": "qrscene_poster"}, create_time=2 + int(time.time()))
    readers.happen("CLICK", {"EventKey": "HOURS"})
    readers.happen("CLICK", {"EventKey": "OTHER"})
    readers.happen("SCAN", {"EventKey": "poster"})
    assert readers.replied() == ["Welcome.", "From the poster.", "Our hours."]


def test_who_enters_a_mini_program_is_greeted(shop: Chat) -> None:
    rule("Hello!", trigger="event", event="user_enter_tempsession")
    shop.happen("user_enter_tempsession")
    assert shop.sent() == ["Hello!"]
    assert shop.conversation.left == 1


def test_what_fits_nothing_gets_the_default_but_events_do_not(readers: Chat) -> None:
    rule("Someone will answer.", position=1)
    keyword("price", "9", position=2)
    readers.say("price")
    readers.say("hello")
    readers.say(kind="image")
    readers.happen("CLICK")
    assert readers.replied() == ["9", "Someone will answer.", "Someone will answer."]


def test_the_first_by_position_speaks_an_accounts_own_before_all(readers: Chat, shop: Chat) -> None:
    keyword("a", "for all", position=5)
    keyword("a", "own", position=5, authorizer=readers.account)
    keyword("a", "another's", position=1, authorizer=shop.account)
    keyword("a", "off", position=1, is_on=False)
    readers.say("a")
    Rule.objects.filter(name="own").update(position=6)
    readers.say("a")
    assert readers.replied() == ["own", "for all"]


def test_no_rule_no_reply(readers: Chat) -> None:
    assert readers.say("hello").answer == b"success"
    keyword("price", "9")
    assert readers.say("hello").answer == b"success"
    assert not Reply.objects.exists()


def hours(start: int, end: int) -> dict[str, Any]:
    """Quiet from so many hours after now until so many, by the platform's clock."""
    now = timezone.localtime()
    return {
        name: (now + timedelta(hours=hour)).time().replace(microsecond=0)
        for name, hour in {"quiet_from": start, "quiet_until": end}.items()
    }


@pytest.mark.parametrize(("start", "end"), [(-1, 1), (-2, 12), (-13, 1)])
def test_it_is_quiet_in_its_hours_beyond_midnight_too(readers: Chat, start: int, end: int) -> None:
    quiet = hours(start, end)
    rule("asleep", **quiet)
    readers.say("hello")
    rule("awake", quiet_from=quiet["quiet_until"], quiet_until=quiet["quiet_from"])
    readers.say("hello")
    assert readers.replied() == ["awake"]


# What is said

PASSIVE: dict[str, dict[str, Any]] = {
    "image": {"media_id": "image"},
    "voice": {"media_id": "voice"},
    "video": {"media_id": "video", "thumb_media_id": "thumb", "title": "T", "description": "D"},
    "music": {
        "title": "T",
        "musicurl": "https://a.example/1",
        "hqmusicurl": "https://a.example/2",
        "thumb_media_id": "thumb",
    },
    "news": {
        "articles": [
            {
                "title": "T",
                "description": "D",
                "url": "https://a.example",
                "picurl": "https://a.example/p",
            }
        ]
    },
    "transfer_customer_service": {"kf_account": "agent@shop"},
}
KINDS = {"image": "image/png", "voice": "audio/amr", "video": "video/mp4", "thumb": "image/jpeg"}


@pytest.mark.parametrize("kind", PASSIVE)
def test_each_kind_of_passive_reply_is_opened_by_wechat(readers: Chat, kind: str) -> None:
    keep, appid = readers.wechat.media.keep, readers.account.appid
    files = {name: keep(appid, of_kind, b"x") for name, of_kind in KINDS.items()}
    members = {
        name: files.get(value, value) if isinstance(value, str) else value
        for name, value in PASSIVE[kind].items()
    }
    rule(content={"msgtype": kind, kind: members})
    readers.say("hello")
    [line] = readers.lines("reply")
    # A passive film has no thumbnail.
    wanted = {name: value for name, value in members.items()
              if not (kind == "video" and name == "thumb_media_id")}  # fmt: skip
    assert (line.kind, line.content, line.problem) == (kind, wanted, "")


def test_what_cannot_be_passive_is_sent(readers: Chat) -> None:
    menu = {"head_content": "?", "list": [{"id": "1", "content": "yes"}]}
    rule(content={"msgtype": "msgmenu", "msgmenu": menu})
    assert readers.say("hello").answer == b"success"
    tasks.send_replies()
    [line] = readers.lines("api")
    assert (line.kind, line.content) == ("msgmenu", menu)


def test_what_an_account_cannot_say_the_next_rule_says(shop: Chat) -> None:
    rule("menu", content={"msgtype": "msgmenu", "msgmenu": {"list": [{"id": "1", "content": "x"}]}},
         position=1)  # fmt: skip
    rule("broken", content={"msgtype": "text"}, position=2)
    rule("words", position=3)
    shop.say("hello")
    assert shop.sent() == ["words"]


def test_markup_and_the_end_of_a_section_arrive_as_they_are(readers: Chat) -> None:
    text = 'a & b <a href="https://a.example">c</a> ]]> d\nü 你好 🙂'
    rule(text)
    readers.say("hello")
    assert readers.replied() == [text]


def test_a_handed_over_user_of_a_mini_program_is_handed_over(shop: Chat) -> None:
    rule(content={"msgtype": "transfer_customer_service", "transfer_customer_service": {}})
    shop.say("hello")
    assert [line.kind for line in shop.lines("reply")] == ["transfer_customer_service"]


@pytest.mark.parametrize("is_previous", [False, True])
def test_it_is_sealed_with_the_key_that_opened_the_push(readers: Chat, is_previous: bool) -> None:
    """The stand-in opens answers with its own key alone: ours may have changed before WeChat's."""
    rule("the same key")
    if is_previous:
        register_component(appid=APPID, secret=SECRET, token=OURS_NEW, aes_key=AES_NEW)
    readers.say("hello")
    assert readers.replied() == ["the same key"]


# Once


@pytest.mark.parametrize("sealed_anew", [False, True])
def test_wechats_repeat_gets_the_same_reply_again(readers: Chat, sealed_anew: bool) -> None:
    rule("once")
    answers: list[Any] = []
    readers.wechat.say(readers.account.appid, USER, "hello",
                       on_reply=lambda delivery, reply, problem: answers.append(reply))  # fmt: skip
    first = readers.deliver()
    Rule.objects.update(content={"msgtype": "text", "text": {"content": "changed since"}})
    for _ in range(2):
        readers.again(first, sealed_anew=sealed_anew)
    assert answers == [("text", {"content": "once"})] * 3
    assert (readers.replied(), state(), readers.sent()) == (["once"], State.PASSIVE, [])
    assert Push.objects.filter(kind="text").count() == 1


def test_wechats_repeat_of_what_is_sent_by_message_is_answered_success(shop: Chat) -> None:
    rule("once")
    first = shop.say("hello")
    assert shop.again(first, sealed_anew=True).answer == b"success"
    assert shop.sent() == ["once"]
    assert shop.again(first).answer == b"success"
    assert shop.sent() == ["once"]


@contextmanager
def locked(seconds: float) -> Iterator[None]:
    """The table of conversations is another's for so long."""
    is_held = Event()

    def hold() -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            if connection.vendor == "postgresql":
                cursor.execute("LOCK TABLE messaging_conversation IN EXCLUSIVE MODE")
            is_held.set()  # SQLite's is held from the transaction's first word
            time.sleep(seconds)

    other = in_a_thread(hold)
    assert is_held.wait(10)
    yield
    other.result()


def work_out_later() -> None:
    """As a worker does once those at the door have had their time."""
    DuePush.objects.update(due_at=Now())
    processing.process_due()


def test_a_late_answer_goes_out_as_a_message(readers: Chat) -> None:
    rule("better late")
    readers.say("hello")
    Reply.objects.all().delete()
    began = time.monotonic()
    with locked(ANSWER_WITHIN + 0.5):
        delivery = readers.say("hello again")
    assert 5 > time.monotonic() - began > ANSWER_WITHIN
    assert delivery.answer == b"success"
    work_out_later()
    assert state() == State.DUE
    assert readers.again(delivery).answer == b"success"
    assert (readers.replied(), readers.sent()) == (["better late"], ["better late"])
    assert (state(), Reply.objects.count()) == (State.SENT, 1)


def test_a_late_answer_and_wechats_repeat_say_it_once(readers: Chat) -> None:
    """Both wait for the same database; whichever comes first, the user hears one answer."""
    rule("once")
    push = readers.wechat.say(readers.account.appid, USER, "hello")
    readers.wechat.outbox.clear()
    sealed = push.sealed

    def knock() -> bytes:
        return readers.carry(sealed.url, sealed.params, sealed.body, {})[1]

    with locked(ANSWER_WITHIN + 0.5):
        answers = together([knock] * 4)
    work_out_later()
    assert not [one for one in answers if not isinstance(one, bytes)]
    spoken = [one for one in answers if isinstance(one, bytes) and one.startswith(b"<xml>")]
    # WeChat shows one of several answers to the same push.
    assert bool(spoken) + len(readers.sent()) == 1, answers
    assert Reply.objects.count() == 1


def test_a_busy_database_within_the_budget_is_no_reason_to_be_silent(readers: Chat) -> None:
    rule("in time")
    with locked(ANSWER_WITHIN / 2):
        readers.say("hello")
    assert (readers.replied(), state()) == (["in time"], State.PASSIVE)


def test_staff_who_replay_answer_nobody_twice(shop: Chat, readers: Chat) -> None:
    rule("once")
    for chat in (shop, readers):
        chat.say("hello")
        for _ in range(2):
            processing.replay(newest())
    assert (shop.replied(), shop.sent()) == ([], ["once"])
    assert (readers.replied(), readers.sent()) == (["once"], [])
    assert Reply.objects.count() == 2


# Regular expressions that take for ever


def test_a_slow_expression_is_bounded_and_passed_over(readers: Chat) -> None:
    for place in range(20):
        keyword(r"(a+)+$", f"never {place}", match="regex", position=place)
    rule("in time")
    readers.say("warm")
    began = time.monotonic()
    readers.say("a" * 2000 + "!")
    assert time.monotonic() - began < TOTAL_REGEX_TIMEOUT + 1
    assert readers.replied() == ["in time", "in time"]


def test_an_expression_that_is_none_is_passed_over(readers: Chat) -> None:
    keyword("(", "never", match="regex")
    rule("in time")
    readers.say("(")
    assert readers.replied() == ["in time"]


# 全网发布


def test_wechats_test_accounts_are_never_answered_by_rules(
    wechat: WeChat, bound: Bound, deliver: Deliver
) -> None:
    appid, user_name = "wx570bc396a51b8ff8", RELEASE_TEST_ACCOUNTS["wx570bc396a51b8ff8"]
    account = bound(appid, kind="official_account", user_name=user_name)
    chat = Chat(wechat, account, deliver)
    rule("from a rule")
    keyword("TESTCOMPONENT", "from a rule", position=1)
    rule("from a rule", trigger="event", event="CLICK")
    rule("from a rule", trigger="event", event="subscribe")
    chat.say("TESTCOMPONENT_MSG_TYPE_TEXT")
    chat.say("hello")
    chat.happen("CLICK")
    chat.happen("subscribe")
    assert chat.replied() == [
        "TESTCOMPONENT_MSG_TYPE_TEXT_callback",
        "CLICKfrom_callback",
        "subscribefrom_callback",
    ]
    assert chat.sent() == []
    assert not Reply.objects.exists()
    assert not Conversation.objects.exists()


# When WeChat does not take it


def test_what_wechat_refuses_is_kept_and_closes_the_window(shop: Chat) -> None:
    rule("too late")
    shop.say("hello")
    shop.wechat.chats.open(shop.wechat.accounts[shop.account.appid], USER).windows.clear()
    tasks.send_replies()
    [reply] = replies()
    assert (reply.state, reply.errcode) == (State.FAILED, 45015)
    assert not shop.conversation.is_open


def test_a_reply_outlives_its_rule(readers: Chat) -> None:
    made = rule("gone")
    readers.say("hello")
    made.delete()
    [reply] = replies()
    assert (reply.rule, reply.state) == (None, State.PASSIVE)


# When WeChat is slow


def test_a_slow_wechat_takes_one_worker_and_holds_up_no_other_user(shop: Chat) -> None:
    """Many runs are rung for: those that find one at it leave; it sends what comes meanwhile."""
    rule("您好")
    other = replace(shop, openid="o-other")
    go_on = Event()
    fault = shop.wechat.fault(SEND, until=go_on)
    shop.say("hello")
    first = in_a_thread(tasks.send_replies)
    try:
        assert fault.arrived.wait(10)
        other.say("hello")
        started = time.monotonic()
        tasks.send_replies()
        assert time.monotonic() - started < 1
        until = time.monotonic() + 5
        while not other.lines("api") and time.monotonic() < until:
            time.sleep(0.02)
        assert [line.text for line in other.lines("api")] == ["您好"]
    finally:
        go_on.set()
    first.result()
    assert [reply.state for reply in replies()] == [State.SENT, State.SENT]


def test_one_users_messages_go_out_in_one_run(shop: Chat) -> None:
    rule("您好")
    for text in ("a", "b", "c"):
        shop.say(text)
    assert shop.sent() == ["您好"] * 3
    assert not Heartbeat.objects.filter(pk=REPLIES.name).exists()


def test_no_second_run_takes_the_place_of_one_that_waits(
    shop: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "REPLIES", replace(REPLIES, threads=2))
    rule("您好")
    other = replace(shop, openid="o-other")
    go_on = Event()
    fault = shop.wechat.fault(SEND, times=None, until=go_on)
    shop.say("hello")
    other.say("hello")
    first = in_a_thread(tasks.send_replies)
    try:
        assert fault.arrived.wait(10)
        second = in_a_thread(tasks.send_replies)
        time.sleep(1)
        assert second._future.done()
    finally:
        go_on.set()
    first.result()
    second.result()
    assert [reply.state for reply in replies()] == [State.SENT, State.SENT]
