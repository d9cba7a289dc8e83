"""
The short way to what a rule answers: three round trips, and what the plain way does besides.
"""

import random
import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import time, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from config.postgresql.base import DatabaseWrapper
from messaging.models import Conversation, Delivery, ForwardRule, Reply, Rule, Target
from miniprograms.models import Authorizer
from platform_auth.models import Component, DuePush, Push
from sandbox.world import WeChat
from tests.chatting import keyword, rule
from tests.conftest import Bound
from tests.doors import OURS, Plain, ask, sent_in
from tests.doors import door as door
from tests.doors import plain as plain
from tests.knocking import SUCCESS, Answer, Knock, at_the_door, ticket_push
from tests.threads import together
from webhooks import fast_door, processing

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgres]

USER = "oSandboxUser0000000000000001"
THEIRS = "wxbbbbbbbbbbbbbbbb"
State = Reply.State
Way = Callable[[Knock], Answer]
Fields = dict[str, Any]


def official() -> None:
    Authorizer.objects.update(kind=Authorizer.Kind.OFFICIAL_ACCOUNT)


def says(text: str, **more: Any) -> Fields:
    return {"MsgType": "text", "Content": text, **more}


def happens(event: str, **more: Any) -> Fields:
    return {"MsgType": "event", "Event": event, **more}


def knock(wechat: WeChat, fields: Fields, **more: Any) -> Knock:
    push = wechat.push_message(OURS, fields, **more)
    wechat.outbox.clear()
    return at_the_door(push.sealed)


def opened(answer: Answer) -> str:
    """What stands in the sealed ANSWER, but for its time."""
    if answer == SUCCESS:
        return "success"
    text = answer.body.decode()
    names = {
        "encrypt": "Encrypt",
        "msg_signature": "MsgSignature",
        "timestamp": "TimeStamp",
        "nonce": "Nonce",
    }
    parts = {
        ours: re.findall(rf"<{name}>(?:<!\[CDATA\[)?([^<\]]+)", text)[0]
        for ours, name in names.items()
    }
    message = Component.objects.get().envelope.open(**parts).message.decode()
    kind = dict(answer.headers)["Content-Type"]
    return kind + re.sub(r"<CreateTime>\d+<", "<CreateTime><", message)


# How often the database is asked


@contextmanager
def traced(connections: list[Any], trace: Path) -> Iterator[None]:
    """What CONNECTIONS of psycopg send goes to the file TRACE."""
    with trace.open("w") as file:
        for pg in connections:
            pg.pgconn.trace(file.fileno())
        yield
        for pg in connections:
            pg.pgconn.untrace()


def round_trips(sent: Counter[str]) -> int:
    return sent["Sync"] + sent["Query"]


@pytest.mark.parametrize("said", ["What's the price?", "nothing that a rule knows"])
def test_a_keyword_reply_is_three_round_trips(
    wechat: WeChat, plain: Plain, door: Way, tmp_path: Path, said: str
) -> None:
    """The first to a user begins the conversation, the others go on with it."""
    official()
    keyword("price", "It costs 9.")
    expected = "It costs 9." if "price" in said else "success"
    assert expected in opened(door(knock(wechat, says(said))))
    pushes = [knock(wechat, says(said), from_user=f"o{n % 3}") for n in range(6)]
    with fast_door.one_connection() as pg:
        taken = [pg]
    with traced(taken, tmp_path / "trace"), CaptureQueriesContext(connection) as django:
        texts = [door(push) for push in pushes]
    answers = [opened(text) for text in texts]
    assert not django.captured_queries
    assert all(expected in answer for answer in answers)
    assert round_trips(sent_in(tmp_path / "trace")) == 3 * 6
    assert plain.calls == 0
    assert DuePush.objects.count() == 0
    assert Conversation.objects.count() == 4


def test_a_ticket_is_four_round_trips(wechat: WeChat, plain: Plain, tmp_path: Path) -> None:
    """
    The pool asks whether its connection lives; keys, ticket and push are a statement each, which
    every connection has planned before.
    """
    now = int(wechat.clock())
    assert ask(plain, ticket_push(wechat, create_time=now)) == SUCCESS
    assert isinstance(default := connections["default"], DatabaseWrapper)
    pool = default.pool
    taken = [pool.getconn() for _ in range(pool.get_stats()["pool_available"])]
    for pg in taken:
        pool.putconn(pg)
    for more in range(len(taken)):
        assert ask(plain, ticket_push(wechat, create_time=now + more)) == SUCCESS
    push = ticket_push(wechat, create_time=now + len(taken))
    with traced(taken, tmp_path / "trace"):
        assert ask(plain, push) == SUCCESS
    assert Component.objects.get().ticket_created == now + len(taken)
    assert round_trips(sent_in(tmp_path / "trace")) == 4


# Where it agrees with the plain way


def _greeting_in_quiet_hours() -> None:
    now = timezone.localtime()
    around = ((now + timedelta(hours=hours)).time() for hours in (-1, 1))
    rule("Good night", **dict(zip(("quiet_from", "quiet_until"), around, strict=True)))


def _answers_for_two_accounts() -> None:
    ours, theirs = (Authorizer.objects.get(appid=appid) for appid in (OURS, THEIRS))
    keyword("price", "Ours.", authorizer=ours, position=9)
    keyword("price", "Theirs.", authorizer=theirs, position=1)
    keyword("hours", "For all.", position=1)
    keyword("price", "Off.", position=0, is_on=False)


def _target(**values: Any) -> None:
    target = Target.objects.create(name="bot", url="https://bot.example/hook", **values)
    ForwardRule.objects.create(target=target, kind="text")


def _unsayable() -> None:
    Rule.objects.create(name="odd", trigger="default", position=1, content={"msgtype": "hologram"})
    rule("Sayable.", position=2)


def _news() -> None:
    articles = [{"title": "t", "description": "d", "picurl": "", "url": "https://x.example/"}]
    content = {"msgtype": "news", "news": {"articles": articles}}
    Rule.objects.create(name="news", trigger="default", content=content)


Scenario = tuple[list[Callable[[], object]], list[Fields]]
SCENARIOS: dict[str, Scenario] = {
    "exactly": (
        [official, lambda: keyword("Hours", "9 to 5", match="exact")],
        [says(" HOURS"), says("our hours"), says("hours")],
    ),
    "a part": ([official, lambda: keyword("price", "9")], [says("prices?"), says("no")]),
    "an expression": (
        [official, lambda: keyword("^[0-9]+$", "number", match="regex")],
        [says("12"), says("12a")],
    ),
    "an expression that is none": (
        [official, lambda: keyword("(", "?", match="regex"), lambda: rule("else")],
        [says("(")],
    ),
    "by default": ([official, rule], [says("a"), says("b"), {"MsgType": "image", "MediaId": "m"}]),
    "an event": (
        [official, lambda: rule("Welcome.", trigger="event", event="subscribe")],
        [
            happens("subscribe", EventKey="qrscene_1"),
            happens("unsubscribe"),
            says("still here"),
            happens("subscribe", EventKey=""),
        ],
    ),
    "a menu": (
        [official, lambda: rule("Hours.", trigger="event", event="CLICK", event_key="HOURS")],
        [happens("CLICK", EventKey="HOURS"), happens("CLICK", EventKey="OTHER")],
    ),
    "quiet hours": ([official, _greeting_in_quiet_hours], [says("a"), says("b")]),
    "never quiet": (
        [official, lambda: rule("Hi", quiet_from=time(3), quiet_until=time(3))],
        [says("a")],
    ),
    "two accounts": ([official, _answers_for_two_accounts], [says("price"), says("hours")]),
    "an unsayable one": ([official, _unsayable], [says("a")]),
    "news": ([official, _news], [says("a")]),
    "a mini program": ([rule], [says("a"), happens("user_enter_tempsession"), says("b")]),
    "a kind without an answer": (
        [official, rule],
        [happens("weapp_audit_success"), {"MsgType": "hologram"}, happens("wxa_punish_event")],
    ),
    "odd characters": (
        [official, lambda: rule("]]> & <b>\u4f60\U0001f600")],
        [says("\u4f60\U0001f600 ]]&gt; \t"), says(""), says("x" * 2000)],
    ),
    "a target that listens": ([official, rule, _target], [says("a"), happens("CLICK")]),
    "a target that answers": ([official, rule, lambda: _target(answers=True)], [says("a")]),
    "out of order": (
        [official, rule],
        [
            says("new", CreateTime=1_900_000_000),
            says("old"),
            says("newer", CreateTime=1_900_000_001),
        ],
    ),
}


def left_behind() -> list[Any]:
    """The rows that pushes leave, but for what tells one time from another."""
    pushes = {row.pk: row for row in Push.objects.order_by("pk")}
    times = {row.received_at for row in pushes.values()}
    numbers = {pk: number for number, pk in enumerate(pushes)}
    kept = [
        (row.kind, row.state, row.error, row.attempts, row.openid, row.message)
        for row in pushes.values()
    ]
    conversations = [
        (
            row.authorizer_id,
            row.openid,
            row.heard,
            row.written,
            row.preview,
            row.unread,
            row.window_until,
            row.left,
            row.touched_at in times,
        )
        for row in Conversation.objects.order_by("openid")
    ]
    replies = [
        (
            numbers[row.reply_to_id],
            row.conversation.openid,
            row.state,
            row.content,
            row.rule_id,
            row.by_id,
            row.errcode,
            row.epoch,
            row.failures,
            row.last_error,
            row.lease_until,
            row.due_at is None,
            timezone.now() - row.at < timedelta(minutes=1),
        )
        for row in Reply.objects.select_related("conversation").order_by("reply_to")
    ]
    deliveries = Delivery.objects.order_by("push", "target")
    told = [(numbers[row.push_id], row.target_id, row.user, row.state) for row in deliveries]
    return [kept, conversations, replies, told, DuePush.objects.count()]


def wipe() -> None:
    Conversation.objects.all().delete()
    Push.objects.all().delete()


def both_ways(door: Way, plain: Plain, pushes: list[Knock]) -> list[Any]:
    """What PUSHES are answered, each with a repeat of WeChat's, and what they leave, each way."""
    outcomes = []
    for way in (door, lambda knock: ask(plain, knock)):
        answers = [[opened(way(push)) for _ in range(2)] for push in pushes]
        processing.process_due()
        outcomes.append((answers, left_behind()))
        wipe()
    return outcomes


@pytest.mark.parametrize("name", SCENARIOS)
def test_it_agrees_with_the_plain_way(
    wechat: WeChat, bound: Bound, plain: Plain, door: Way, name: str
) -> None:
    bound(THEIRS, user_name="gh_theirs")
    wipe()
    setups, messages = SCENARIOS[name]
    for set_up in setups:
        set_up()
    short, usual = both_ways(door, plain, [knock(wechat, fields) for fields in messages])
    assert short == usual
    assert len(short[1][0]) == len(messages)


@pytest.mark.parametrize("seed", range(4))
def test_it_agrees_over_random_histories(
    wechat: WeChat, plain: Plain, door: Way, seed: int
) -> None:
    chance = random.Random(seed)
    official()
    keyword("a", "An a.", position=1)
    keyword("^b", "b first", match="regex", position=2)
    rule("Welcome.", trigger="event", event="subscribe")
    if seed % 2:
        rule("Anything.")
    now = int(wechat.clock())
    pushes = []
    for number in range(25):
        fields = chance.choice(
            [
                says("".join(chance.choices("abc ", k=3))),
                happens("subscribe", EventKey=""),
                happens("unsubscribe"),
                happens("CLICK", EventKey=f"key {number}"),
                {"MsgType": "image", "MediaId": "m", "PicUrl": "https://x.example/"},
            ]
        )
        user, at = f"o{chance.randrange(3)}", now - chance.randrange(1, 9)
        pushes.append(knock(wechat, fields, from_user=user, create_time=at))
    short, usual = both_ways(door, plain, pushes)
    assert short == usual


# What is not usual


def test_what_came_before_is_heard_first(wechat: WeChat, plain: Plain, door: Way) -> None:
    """Messages that were kept while the account had no rule, and that no worker has seen yet."""
    official()
    now = int(wechat.clock())
    for text in ("first", "second"):
        assert door(knock(wechat, says(text), create_time=now)) == SUCCESS
    assert DuePush.objects.count() == 2
    rule("Hi")
    assert "Hi" in opened(door(knock(wechat, says("third"), create_time=now)))
    assert DuePush.objects.count() == 0
    row = Conversation.objects.get()
    assert (row.preview, row.unread) == ("third", 3)
    assert plain.calls == 0


def test_many_first_words_of_one_user_begin_one_conversation(
    wechat: WeChat, plain: Plain, door: Way
) -> None:
    official()
    rule("Hi")
    pushes = [knock(wechat, says(f"{number}")) for number in range(12)]
    answers = together([partial(door, push) for push in pushes])
    texts = [opened(answer) for answer in answers if isinstance(answer, Answer)]
    processing.process_due()
    assert Conversation.objects.get().unread == 12
    assert Reply.objects.count() == 12
    passive = Reply.objects.filter(state=State.PASSIVE).count()
    assert sum("Hi" in text for text in texts) == passive > 0


def test_where_the_connection_dies_the_plain_way_answers(
    wechat: WeChat, plain: Plain, door: Way
) -> None:
    official()
    rule("Hi")
    assert "Hi" in opened(door(knock(wechat, says("first"))))
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE FUNCTION die() RETURNS trigger AS $$ BEGIN IF current_setting("
            "'statement_timeout') <> '0' THEN PERFORM pg_terminate_backend(pg_backend_pid());"
            " END IF; RETURN NEW; END $$ LANGUAGE plpgsql"
        )
        cursor.execute(
            "CREATE TRIGGER die BEFORE INSERT ON messaging_reply"
            " FOR EACH ROW EXECUTE FUNCTION die()"
        )
    try:
        assert "Hi" in opened(door(knock(wechat, says("second"))))
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP FUNCTION die CASCADE")
    assert Conversation.objects.get().unread == 2
    assert Reply.objects.filter(state=State.PASSIVE).count() == 2
    assert DuePush.objects.count() == 0
