"""
The short way in front of Django: it keeps what the plain way keeps, or leaves it to that. Most
messages cost one statement.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from django.db import connection

from messaging.models import Conversation, Rule, Target
from miniprograms.models import Authorizer
from platform_auth.models import DuePush, Push
from platform_auth.registration import register_component
from sandbox.world import WeChat
from tests.conftest import AES_KEY, APPID, SECRET, TOKEN
from tests.doors import OURS, Plain, ask, sent_in
from tests.doors import door as door
from tests.doors import plain as plain
from tests.knocking import SUCCESS, Answer, Knock, at_the_door, message_push
from webhooks import fast_door, inbox, processing

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgres]

OTHER_KEY = "B" * 42 + "A"


# What it keeps


def test_a_message_is_kept_without_django(
    wechat: WeChat, plain: Plain, door: Callable[[Knock], Answer]
) -> None:
    assert door(message_push(wechat, OURS)) == SUCCESS
    assert plain.calls == 0
    assert DuePush.objects.count() == 1
    assert processing.process_due() == 1
    assert Conversation.objects.get().unread == 1


def test_it_is_one_round_trip(
    wechat: WeChat, plain: Plain, door: Callable[[Knock], Answer], tmp_path: Path
) -> None:
    """As libpq writes down what goes over the wire: five statements, planned before."""
    assert door(message_push(wechat, OURS)) == SUCCESS
    pushes, trace = [message_push(wechat, OURS) for _ in range(5)], tmp_path / "trace"
    with trace.open("w") as file:
        with fast_door.one_connection() as pg:
            pg.pgconn.trace(file.fileno())
        for push in pushes:
            assert door(push) == SUCCESS
        with fast_door.one_connection() as pg:
            pg.pgconn.untrace()
    sent = sent_in(trace)
    assert (sent["Sync"], sent["Execute"], sent["Parse"], sent["Query"]) == (5, 5, 0, 0), sent


# Where it agrees with the plain way

Scenario = Callable[[WeChat, Knock], Knock]


def _with(change: Callable[[], object]) -> Scenario:
    def scenario(wechat: WeChat, push: Knock) -> Knock:
        change()
        return push

    return scenario


def _rule() -> None:
    content = {"msgtype": "text", "text": {"content": "hi"}}
    Rule.objects.create(name="greeting", trigger="default", content=content)


def _official_with_target() -> None:
    Authorizer.objects.update(kind=Authorizer.Kind.OFFICIAL_ACCOUNT)
    Target.objects.create(name="bot", url="https://bot.example/hook", answers=True)


SCENARIOS: dict[str, Scenario] = {
    "nothing special": lambda wechat, push: push,
    "an unknown kind": lambda wechat, push: at_the_door(
        wechat.push_message(OURS, {"MsgType": "hologram"}).sealed
    ),
    "a verdict": lambda wechat, push: at_the_door(
        wechat.push_message(OURS, {"MsgType": "event", "Event": "weapp_audit_success"}).sealed
    ),
    "another name": _with(lambda: Authorizer.objects.update(user_name="gh_another")),
    "no name yet": _with(lambda: Authorizer.objects.update(user_name="")),
    "no account": _with(lambda: Authorizer.objects.update(appid="wxbbbbbbbbbbbbbbbb")),
    "another key": _with(
        lambda: register_component(appid=APPID, secret=SECRET, token=TOKEN, aes_key=OTHER_KEY)
    ),
    "another token": _with(
        lambda: register_component(appid=APPID, secret=SECRET, token="another", aes_key=AES_KEY)
    ),
    "a rule": _with(_rule),
    "an answering target": _with(_official_with_target),
    "another's URL": lambda wechat, push: replace(push, path="/wechat/wxcccccccccccccccc/push/"),
    "no last slash": lambda wechat, push: replace(push, path=push.path.rstrip("/")),
    "a wrong signature": lambda wechat, push: replace(
        push, query=push.query | {"msg_signature": "0" * 40}
    ),
    "an old one": lambda wechat, push: message_push(
        wechat, OURS, create_time=int(wechat.clock()) - 40 * 86_400
    ),
}
COMPARED = ("appid", "kind", "openid", "state", "attempts", "error", "is_undated")


@pytest.mark.parametrize("name", SCENARIOS)
def test_it_agrees_with_the_plain_way(
    wechat: WeChat, plain: Plain, door: Callable[[Knock], Answer], name: str
) -> None:
    """The change comes from another process, after this one has read the components."""
    inbox.read_components()
    push = SCENARIOS[name](wechat, message_push(wechat, OURS))
    outcomes = []
    for way in (door, lambda knock: ask(plain, knock)):
        answers = [way(push).status for _ in range(2)]  # the second is a repeat of WeChat's
        rows = list(Push.objects.values(*COMPARED))
        due = DuePush.objects.count() + Push.objects.filter(duepush=None).count()
        outcomes.append((answers, rows, due))
        Push.objects.all().delete()
        Conversation.objects.all().delete()
    assert outcomes[0] == outcomes[1]


# Together


def test_many_at_once_are_each_kept_once(
    wechat: WeChat, plain: Plain, door: Callable[[Knock], Answer]
) -> None:
    pushes = [message_push(wechat, OURS) for _ in range(60)]
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(door, [*pushes, *pushes[:20]]))
    assert set(answers) == {SUCCESS}
    assert Push.objects.count() == 60
    assert processing.process_due() == 60


def test_a_dead_connection_is_replaced(
    wechat: WeChat, plain: Plain, door: Callable[[Knock], Answer]
) -> None:
    assert door(message_push(wechat, OURS)) == SUCCESS
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    assert door(message_push(wechat, OURS)) == SUCCESS
    assert plain.calls == 0
    assert Push.objects.count() == 2


def test_one_bad_row_fails_alone(
    wechat: WeChat, plain: Plain, door: Callable[[Knock], Answer]
) -> None:
    """A NUL in an openid, say: what the statement would not take is left to the plain way."""
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE FUNCTION refuse() RETURNS trigger AS $$ BEGIN IF NEW.kind = 'image' THEN"
            " RAISE EXCEPTION 'no pictures'; END IF; RETURN NEW; END $$ LANGUAGE plpgsql"
        )
        cursor.execute(
            "CREATE TRIGGER refuse BEFORE INSERT ON platform_auth_push"
            " FOR EACH ROW EXECUTE FUNCTION refuse()"
        )
    try:
        good = [message_push(wechat, OURS) for _ in range(20)]
        bad = at_the_door(wechat.push_message(OURS, {"MsgType": "image", "MediaId": "m"}).sealed)
        with ThreadPoolExecutor(12) as pool:
            answers = list(pool.map(door, [*good[:10], bad, *good[10:]]))
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP FUNCTION refuse CASCADE")
    assert [answer.status for answer in answers].count(200) == 20
    assert answers[10].status == 503
    assert Push.objects.count() == 20
