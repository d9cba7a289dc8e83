"""A target that answers: what it says in time is the passive reply, later a message of its own."""

import json
import time
from functools import partial
from typing import Any

import pytest

from deploy.processes import PROCESSES
from messaging.models import Delivery, Reply, Rule
from messaging.services.forwarding import answering
from messaging.services.forwarding.answering import answer_within
from messaging.services.forwarding.delivering import DELIVERIES
from miniprograms.models import Authorizer
from sandbox.wire.pushes import Delivery as Delivered
from sandbox.wire.pushes import Push
from sandbox.world.chats import Line
from tests import sockets
from tests.conftest import Bound
from tests.forwards import IS_DOWN, TAKES, Backend, Town, after, log_of, pass_time, reply
from tests.forwards import town as town
from tests.sockets import Answer, floods, ok, says
from tests.threads import together
from webhooks import views
from wechat.reply_windows import OFFICIAL_ACCOUNT

# Deliveries are carried out in threads of their own.
pytestmark = pytest.mark.django_db(transaction=True)

HELLO = reply("您好")


@pytest.fixture
def paper(town: Town, bound: Bound) -> Authorizer:
    """An official account: mini programs give no passive replies."""
    return bound(kind=OFFICIAL_ACCOUNT)


def ask(town: Town, shop: Authorizer, text: str = "a") -> Delivered:
    [said] = town.say(("openid1", text), shop=shop)
    return said


def heard(town: Town, shop: Authorizer) -> list[tuple[str, str]]:
    """What the user sees of the account, and how it came."""
    lines: list[Line] = town.wechat.transcript(shop.appid, "openid1")
    return [(line.way, line.text) for line in lines if line.sender == "account"]


def settled(backend: Backend, *states: str) -> bool:
    """Whether its deliveries come to be so, now that their threads may still be at work."""
    until = time.monotonic() + 10
    while backend.states() != list(states) and time.monotonic() < until:
        time.sleep(0.02)
    return backend.states() == list(states)


def test_what_a_target_answers_in_time_is_the_passive_reply(town: Town, paper: Authorizer) -> None:
    backend = town.backend(HELLO, answers=True)
    assert ask(town, paper).answer.startswith(b"<xml>")
    assert heard(town, paper) == [("reply", "您好")]
    assert settled(backend, "done")
    assert backend.said == [("openid1", "a")]
    assert Reply.objects.get().state == Reply.State.PASSIVE
    assert DELIVERIES.run().items == 0


def test_a_mini_programs_user_gets_it_as_a_message(town: Town) -> None:
    backend = town.backend(HELLO, answers=True)
    assert ask(town, town.shop).answer == b"success"
    assert not backend.said  # WeChat is not kept waiting for what it would not take
    assert DELIVERIES.run().items == 1
    assert settled(backend, "done")
    assert Reply.objects.get().state == Reply.State.DUE


@pytest.mark.parametrize("told", [b"", b"  ", b"{}", b'{"reply": null}', b'{"ok": true}'])
def test_a_target_may_have_nothing_to_say(town: Town, paper: Authorizer, told: bytes) -> None:
    backend = town.backend(says(ok(told)), answers=True)
    started = time.monotonic()
    assert ask(town, paper).answer == b"success"
    assert time.monotonic() - started < views.ANSWER_WITHIN
    assert settled(backend, "done")
    assert log_of(Delivery.objects.get()) == [(200, "")]
    assert Reply.objects.count() == 0


def test_what_it_answers_too_late_becomes_a_message(
    town: Town, paper: Authorizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(views, "ANSWER_WITHIN", 0.3)
    backend = town.backend(after(1.0, HELLO), answers=True)
    started = time.monotonic()
    assert ask(town, paper).answer == b"success"
    assert time.monotonic() - started < 1.0
    assert settled(backend, "done")
    assert len(backend.said) == 1
    [row] = Reply.objects.all()
    assert row.state == Reply.State.DUE
    assert "您好" in row.content


def test_what_a_worker_hears_becomes_a_message(town: Town, paper: Authorizer) -> None:
    backend = town.backend(IS_DOWN, answers=True)
    assert ask(town, paper).answer == b"success"
    backend.answer = HELLO
    pass_time(minutes=1)
    assert DELIVERIES.run().successes == 1
    assert backend.states() == ["done"]
    assert Reply.objects.get().state == Reply.State.DUE


def test_a_rule_that_speaks_comes_first(town: Town, paper: Authorizer) -> None:
    content = {"msgtype": "text", "text": {"content": "a rule's"}}
    Rule.objects.create(name="all", trigger=Rule.Trigger.DEFAULT, content=content)
    backend = town.backend(HELLO, answers=True)
    ask(town, paper)
    assert heard(town, paper) == [("reply", "a rule's")]
    assert backend.requests == []
    pass_time(minutes=1)
    assert DELIVERIES.run().successes == 0
    assert backend.states() == ["done"]
    assert Reply.objects.count() == 1


def test_a_push_that_comes_again_hears_the_same(town: Town, paper: Authorizer) -> None:
    backend = town.backend(HELLO, answers=True)
    said = ask(town, paper)
    again = town.wechat.deliver(said.push, town.carry)
    assert again.answer.startswith(b"<xml>")
    assert settled(backend, "done")
    assert len(backend.said) == 1


NONSENSE: dict[str, Answer] = {
    "HTML": says(ok(b"<html>OK</html>")),
    "half of JSON": says(ok(b'{"reply": ')),
    "a list": says(ok(b"[1]")),
    "a text": says(ok(b'"ok"')),
    "a text for a reply": says(ok(b'{"reply": "hello"}')),
    "an unknown kind": says(ok(b'{"reply": {"msgtype": "hologram", "hologram": {}}}')),
    "no content": says(ok(b'{"reply": {"msgtype": "text", "text": {}}}')),
    "a number": says(ok(b'{"reply": {"msgtype": "text", "text": {"content": 1}}}')),
    "a NUL": says(ok(b'{"reply": {"msgtype": "text", "text": {"content": "a\\u0000"}}}')),
    "half a pair": says(ok(b'{"reply": {"msgtype": "text", "text": {"content": "\\ud800"}}}')),
    "too long": reply("x" * 5000),
    "a megabyte": reply("x" * 1_000_000),
    "without an end": floods(b"HTTP/1.1 200 OK\r\n\r\n"),
    "bytes": says(ok(bytes(range(256)))),
    "deep": says(ok(b"[" * 60_000)),
}


@pytest.mark.parametrize("what", NONSENSE)
def test_nonsense_is_noted_and_no_more(town: Town, paper: Authorizer, what: str) -> None:
    backend = town.backend(NONSENSE[what], answers=True)
    assert ask(town, paper).answer == b"success"
    assert settled(backend, "done")
    [(status, why)] = log_of(Delivery.objects.get())
    assert status == 200
    assert why
    assert Reply.objects.count() == 0


@pytest.mark.parametrize("trouble", [IS_DOWN, sockets.resets], ids=["error", "reset"])
def test_trouble_is_answered_success_at_once(
    town: Town, paper: Authorizer, trouble: Answer
) -> None:
    backend = town.backend(trouble, answers=True)
    started = time.monotonic()
    assert ask(town, paper).answer == b"success"
    assert time.monotonic() - started < views.ANSWER_WITHIN
    assert settled(backend, "due")
    assert Delivery.objects.get().failures == 1


def test_a_target_that_is_left_alone_is_not_waited_for(town: Town, paper: Authorizer) -> None:
    backend = town.backend(IS_DOWN, answers=True)
    for number in range(8):
        ask(town, paper, str(number))
        pass_time(seconds=3)
    assert len(backend.requests) <= 8
    backend.answer = after(5, HELLO)
    started = time.monotonic()
    assert ask(town, paper).answer == b"success"
    assert time.monotonic() - started < views.ANSWER_WITHIN


def test_order_is_kept_though_somebody_waits(town: Town, paper: Authorizer) -> None:
    """What cannot be told before something older is not asked about; it is told afterwards."""
    backend = town.backend(IS_DOWN, answers=True)
    ask(town, paper, "first")
    backend.answer = HELLO
    assert ask(town, paper, "second").answer == b"success"
    assert len(backend.requests) == 1
    pass_time(minutes=1)
    assert DELIVERIES.run().successes == 2
    assert [text for _openid, text in backend.said] == ["first", "first", "second"]


def test_only_so_many_wait_at_once(town: Town, paper: Authorizer) -> None:
    backend = town.backend(HELLO, answers=True)
    ask(town, paper)
    places, taken = answering._places, 0
    try:
        while places.acquire(timeout=1):  # the thread that asked first may be at its end
            taken += 1
        assert taken == answering.MAX_WAITING
        assert ask(town, paper, "b").answer == b"success"
    finally:
        for _ in range(taken):
            places.release()
    pass_time(minutes=1)
    assert DELIVERIES.run().items == 1
    assert settled(backend, "done", "done")


def test_slow_targets_leave_half_of_the_web_threads_to_others(
    town: Town, paper: Authorizer
) -> None:
    words = PROCESSES["web"].words
    threads = int(words[words.index("--blocking-threads") + 1])
    backend = town.backend(after(3), answers=True, concurrency=64)
    for number in range(threads):
        town.wechat.say(paper.appid, f"openid{number}", "a")

    def push(one: Push) -> float:
        started = time.monotonic()
        assert town.wechat.deliver(one, town.carry).answer == b"success"
        return time.monotonic() - started

    spent = together([partial(push, one) for one in list(town.wechat.outbox)])
    at_once = [one for one in spent if isinstance(one, float) and one < views.ANSWER_WITHIN]
    assert len(at_once) >= threads / 2, spent
    until = time.monotonic() + 10
    while backend.states().count("done") < answering.MAX_WAITING and time.monotonic() < until:
        time.sleep(0.02)


def test_no_time_left_means_not_to_ask(town: Town, paper: Authorizer) -> None:
    backend = town.backend(HELLO, answers=True, rule={"kind": "image"})
    ask(town, paper)
    delivery = Delivery(target=backend.target)
    assert answer_within(delivery, time.monotonic() - 1) is None


def test_others_are_told_besides(town: Town, paper: Authorizer) -> None:
    other = town.backend()
    backend = town.backend(HELLO, answers=True)
    ask(town, paper)
    assert heard(town, paper) == [("reply", "您好")]
    DELIVERIES.run()
    assert other.said == [("openid1", "a")]
    assert settled(backend, "done")
    assert TAKES is not HELLO
    told: list[Any] = [json.loads(body) for _headers, body in backend.requests]
    assert told == other.told
