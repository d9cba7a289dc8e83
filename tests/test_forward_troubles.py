"""Targets down, slow, redirecting or talking nonsense: nothing is lost, nobody else waits."""

import socket
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from django.utils import timezone

from messaging.models import Delivery, Target
from messaging.services.forwarding import circuit_breaker, leasing, posting
from messaging.services.forwarding.circuit_breaker import MAX_FAILURES
from messaging.services.forwarding.delivering import DELIVERIES
from messaging.services.forwarding.leasing import lease_deliveries
from messaging.services.forwarding.outcomes import MAX_LOG, give_up_overdue, record_outcome
from messaging.services.forwarding.posting import post_delivery
from messaging.services.targets import (
    give_up_deliveries,
    resend_deliveries,
    send_test,
)
from platform_auth.models import Operation
from tests import sockets
from tests.forwards import IS_DOWN, TAKES, Backend, Town, after, log_of, pass_time
from tests.forwards import town as town
from tests.processes import environment
from tests.sockets import Answer, floods, ok, resets, says, says_and_leaves, trickles
from tests.threads import in_a_thread, together

# Deliveries are carried out in threads of their own.
pytestmark = pytest.mark.django_db(transaction=True)

HEAD = b"HTTP/1.1 200 OK\r\n"
USERS = ["openid1", "openid2"]

DOWN: dict[str, Answer] = {
    "an error": IS_DOWN,
    "a refusal": says(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"),
    "a redirect": says(
        b"HTTP/1.1 302 Found\r\nLocation: https://example.com/\r\nContent-Length: 0\r\n\r\n"
    ),
    "a cut": says_and_leaves(HEAD + b"Content-Length: 99\r\n\r\n{}"),
    "a reset": resets,
    "no HTTP": says_and_leaves(b"SSH-2.0-OpenSSH\r\n"),
    "silence": sockets.is_silent,
    "a trickle": trickles(HEAD + b"Content-Length: 100000\r\n\r\n"),
}


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A post has much less time than in production."""
    monkeypatch.setattr(posting, "POST_TIMEOUT", 1.0)


def by_user(backend: Backend) -> dict[str, list[str]]:
    """What it took of each user, in the order it did, each message once."""
    said: dict[str, list[str]] = {}
    for openid, text in backend.said:
        texts = said.setdefault(openid, [])
        if text not in texts:
            texts.append(text)
    return said


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("trouble", DOWN)
def test_an_hour_of_trouble_loses_nothing_and_hurts_nobody(town: Town, trouble: str) -> None:
    """Users go on writing meanwhile; afterwards the target has everything, in each one's order."""
    ill, well = town.backend(DOWN[trouble]), town.backend()
    for round_ in range(3):
        town.say(*((user, f"{round_}{letter}") for letter in "ab" for user in USERS))
        DELIVERIES.run()
        assert len(well.said) == 4 * (round_ + 1)
        pass_time(minutes=20)
    posts = len(ill.server.requests)
    assert posts < 20
    assert set(ill.states()) == {"due"}
    ill.answer = TAKES
    DELIVERIES.run()
    assert set(ill.states()) == {"done"}
    expected = {user: [f"{n}{letter}" for n in range(3) for letter in "ab"] for user in USERS}
    taken = ill.said[posts:]
    assert {user: [text for who, text in taken if who == user] for user in USERS} == expected
    assert by_user(well) == expected
    assert Counter(well.said) == Counter(taken)
    assert ill.fresh.failures == 0
    assert ill.fresh.last_error == ""


def test_a_target_that_is_gone_altogether_is_the_same(town: Town) -> None:
    ill, well = town.backend(), town.backend()
    with socket.create_server(("127.0.0.1", 0)) as door:
        port = door.getsockname()[1]
    town.settings.FORWARD_INTERNAL_HOSTS = ["127.0.0.1"]
    Target.objects.filter(pk=ill.target.pk).update(url=f"http://127.0.0.1:{port}/")
    town.say(("openid1", "a"), ("openid1", "b"))
    DELIVERIES.run()
    assert ill.states() == ["due", "due"]
    assert well.states() == ["done", "done"]
    Target.objects.filter(pk=ill.target.pk).update(url=ill.target.url)
    pass_time(minutes=1)
    DELIVERIES.run()
    assert ill.said == [("openid1", "a"), ("openid1", "b")]


@pytest.mark.usefixtures("impatient")
def test_the_log_says_what_happened(town: Town) -> None:
    backend = town.backend(IS_DOWN)
    town.say(("openid1", "a"))
    [row] = Delivery.objects.all()
    for answer in (DOWN["a redirect"], sockets.is_silent, resets, TAKES):
        DELIVERIES.run()
        backend.answer = answer
        pass_time(hours=1)
    DELIVERIES.run()
    log = log_of(row)
    assert [status for status, _why in log] == [503, 302, 0, 0, 200]
    assert "503" in log[0][1]
    assert "302" in log[1][1]
    assert all(why for _status, why in log[:-1])
    assert log[-1][1] == ""
    at, _status, milliseconds, _why = row.log[2]
    assert abs(at - time.time()) < 60
    assert 900 < milliseconds < 5000
    assert row.done_at


def test_the_log_is_bounded(town: Town) -> None:
    town.backend(IS_DOWN)
    town.say(("openid1", "a"))
    row = Delivery.objects.get()
    old = [[1, 500, 1, "old"]] * (MAX_LOG - 1)
    Delivery.objects.update(log=[[1, 500, 1, "oldest"], *old])
    DELIVERIES.run()
    log = log_of(row)
    assert len(log) == MAX_LOG
    assert (500, "oldest") not in log
    assert log[-1][0] == 503


# Slow


def test_a_slow_target_holds_up_nobody(town: Town) -> None:
    slow, quick = town.backend(after(1.5), concurrency=2), town.backend()
    town.say(*((f"openid{number}", "a") for number in range(8)))
    running = in_a_thread(DELIVERIES.run)
    until = time.monotonic() + 1.2
    while len(quick.server.requests) < 8 and time.monotonic() < until:
        time.sleep(0.02)
    assert len(quick.server.requests) == 8
    town.say(("openid9", "b"))  # while the run waits for the slow one
    while len(quick.server.requests) < 9 and time.monotonic() < until + 1:
        time.sleep(0.02)
    assert len(quick.server.requests) == 9
    running.result()
    assert set(slow.states()) == {"done"}
    assert slow.most_at_once == 2


def test_no_more_at_once_than_a_target_allows_over_all_runs(town: Town) -> None:
    backends = [town.backend(after(0.05), concurrency=number) for number in (1, 3)]
    town.say(*((f"openid{number}", "a") for number in range(12)))
    together([DELIVERIES.run] * 4)
    DELIVERIES.run()
    assert [backend.most_at_once for backend in backends] == [1, 3]
    for backend in backends:
        assert set(backend.states()) == {"done"}
        assert Counter(backend.ids) == Counter(set(backend.ids))


def test_leases_at_once_never_overlap(town: Town) -> None:
    backend = town.backend(concurrency=5)
    town.say(*((f"openid{number}", text) for number in range(8) for text in "ab"))
    taken = together([lambda: lease_deliveries(backend.target.pk, 4)] * 6)
    rows = [row for one in taken if isinstance(one, list) for row in one]
    assert len(rows) == len({row.pk for row in rows}) == len({row.user for row in rows}) == 5


def test_one_users_messages_go_one_after_the_other(town: Town) -> None:
    backend = town.backend(after(0.02), concurrency=8)
    town.say(*((user, str(number)) for number in range(8) for user in USERS))
    together([DELIVERIES.run] * 3)
    DELIVERIES.run()
    numbers = [str(number) for number in range(8)]
    for user in USERS:
        assert [text for who, text in backend.said if who == user] == numbers
    assert 1 < backend.most_at_once <= len(USERS)


def test_one_user_who_writes_a_lot_does_not_hide_the_others(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leasing, "MAX_CANDIDATES", 3)
    backend = town.backend(concurrency=2)
    many = [("openid1", str(number)) for number in range(10)]
    town.say(*many, ("openid2", "a"), ("openid3", "b"))
    rows = lease_deliveries(backend.target.pk, 2)
    assert [row.user.split()[1] for row in rows] == ["openid1", "openid2"]
    assert Delivery.objects.filter(due_at=None).count() == 9
    pass_time(minutes=1)
    DELIVERIES.run()
    assert [one for one in backend.said if one[0] == "openid1"] == many
    assert set(backend.states()) == {"done"}


def test_what_waits_for_a_message_that_is_deleted_comes_next(town: Town) -> None:
    backend = town.backend(IS_DOWN)
    town.say(("openid1", "a"), ("openid1", "b"))
    DELIVERIES.run()
    first, second = Delivery.objects.order_by("pk")
    assert second.due_at is None
    first.push.delete()
    backend.answer = TAKES
    give_up_overdue()
    DELIVERIES.run()
    assert backend.said == [("openid1", "a"), ("openid1", "b")]
    assert backend.states() == ["done"]


def test_the_same_user_of_another_account_is_another_user(town: Town, bound: Any) -> None:
    backend = town.backend(IS_DOWN)
    town.say(("openid1", "a"))
    town.say(("openid1", "b"), shop=bound())
    DELIVERIES.run()
    assert sorted(backend.said) == [("openid1", "a"), ("openid1", "b")]


def test_a_second_run_leaves_it_to_the_first(town: Town) -> None:
    """One that only waits for slow answers shall not keep all workers busy."""
    slow = town.backend(after(0.8), concurrency=1)
    town.say(("openid1", "a"), ("openid2", "a"))
    first = in_a_thread(DELIVERIES.run)
    while not slow.server.requests:
        time.sleep(0.02)
    started = time.monotonic()
    assert DELIVERIES.run().items == 0
    assert time.monotonic() - started < 0.5
    assert first.result().items == 2


# Left alone


def test_a_target_that_fails_in_a_row_is_only_probed(town: Town) -> None:
    backend = town.backend(IS_DOWN, concurrency=1)
    town.say(*((f"openid{number}", "a") for number in range(20)))
    DELIVERIES.run()
    assert len(backend.requests) == MAX_FAILURES
    assert backend.rest > 0
    assert "503" in backend.fresh.last_error
    for probes in range(1, 4):
        DELIVERIES.run()
        pass_time(minutes=6)
        assert DELIVERIES.run().items == 1
        assert len(backend.requests) == MAX_FAILURES + probes
    backend.answer = TAKES
    pass_time(minutes=6)
    DELIVERIES.run()
    assert set(backend.states()) == {"done"}
    assert len(backend.requests) == MAX_FAILURES + 3 + 20


def test_what_fails_together_opens_the_circuit_once(town: Town) -> None:
    backend = town.backend(after(0.1, IS_DOWN), concurrency=16)
    town.say(*((f"openid{number}", "a") for number in range(16)))
    DELIVERIES.run()
    assert backend.fresh.failures == MAX_FAILURES
    assert 0 < backend.rest <= circuit_breaker.MIN_PAUSE


def test_rests_grow_to_some_minutes(town: Town) -> None:
    backend = town.backend(IS_DOWN)
    town.say(("openid1", "a"))
    rests = []
    for failures in range(MAX_FAILURES - 1, MAX_FAILURES + 12):
        Target.objects.update(failures=failures, paused_until=None)
        Delivery.objects.update(due_at=timezone.now())
        DELIVERIES.run()
        rests.append(backend.rest)
    assert 6 < rests[0] <= 10
    assert all(200 < rest <= 300 for rest in rests[6:])


def test_success_makes_everything_due_at_once(town: Town) -> None:
    """Not only the target's rest is over; what had failed needs to wait no longer either."""
    backend = town.backend(IS_DOWN)
    town.say(*((f"openid{number}", "a") for number in range(6)))
    DELIVERIES.run()
    Delivery.objects.update(due_at=timezone.now() + circuit_breaker.jittered(3600), failures=9)
    Target.objects.update(paused_until=timezone.now())
    backend.answer = TAKES
    DELIVERIES.run()
    assert set(backend.states()) == {"done"}


def test_a_test_that_succeeds_ends_the_rest(town: Town) -> None:
    backend = town.backend(IS_DOWN)
    town.say(*((f"openid{number}", "a") for number in range(6)))
    DELIVERIES.run()
    backend.answer = TAKES
    assert DELIVERIES.run().items == 0
    send_test(backend.fresh, by=town.staff)
    DELIVERIES.run()
    assert set(backend.states()) == {"done"}


def test_a_message_that_is_never_taken_holds_up_its_user_alone(town: Town) -> None:
    def picky(connection: socket.socket, server: sockets.Server) -> None:
        body = server.requests[-1][1]
        (IS_DOWN if b"poison" in body else TAKES)(connection, server)

    backend = town.backend(picky, concurrency=1)
    town.say(("openid1", "poison"), ("openid1", "next"))
    for _ in range(MAX_FAILURES + 1):
        DELIVERIES.run()
        pass_time(hours=1)
    assert backend.fresh.failures > MAX_FAILURES
    town.say(("openid2", "a"), ("openid2", "b"))
    DELIVERIES.run()
    pass_time(minutes=6)
    DELIVERIES.run()
    assert backend.states() == ["due", "due", "done", "done"]
    poison = Delivery.objects.filter(user__endswith="openid1").order_by("pk")[:1]
    assert give_up_deliveries(Delivery.objects.filter(pk=poison.get().pk), by=town.staff) == 1
    pass_time(minutes=6)
    DELIVERIES.run()
    assert backend.states() == ["dead", "done", "done", "done"]


# Given up, and sent again


def test_after_a_day_it_is_given_up(town: Town) -> None:
    backend = town.backend(IS_DOWN)
    town.say(("openid1", "a"), ("openid2", "b"))
    tries = 0
    for _hour in range(23):
        DELIVERIES.run()
        pass_time(hours=1)
        assert set(backend.states()) == {"due"}
    tries = len(backend.requests)
    pass_time(hours=1.1)
    give_up_overdue()
    assert set(backend.states()) == {"dead"}
    DELIVERIES.run()
    assert len(backend.requests) == tries
    assert 10 < tries < 60
    for row in Delivery.objects.all():
        assert row.last_error
        assert row.due_at is None


def test_the_last_try_gives_up_as_well(town: Town) -> None:
    backend = town.backend(IS_DOWN)
    town.say(("openid1", "a"))
    pass_time(hours=25)
    DELIVERIES.run()
    assert len(backend.requests) == 1
    assert backend.states() == ["dead"]


def test_what_was_never_tried_says_why_too(town: Town) -> None:
    backend = town.backend()
    town.say(("openid1", "a"))
    Target.objects.update(is_on=False)
    pass_time(hours=25)
    assert give_up_overdue() == 1
    assert Delivery.objects.get().last_error
    assert backend.states() == ["dead"]


def test_the_pauses_of_a_delivery_grow_to_hours(town: Town, monkeypatch: Any) -> None:
    monkeypatch.setattr(circuit_breaker, "MAX_FAILURES", 10_000)
    town.backend(IS_DOWN)
    town.say(("openid1", "a"))
    pauses: list[float] = []
    while (row := Delivery.objects.get()).state == "due":
        DELIVERIES.run()
        row.refresh_from_db()
        if row.due_at:
            pause = row.due_at - timezone.now()
            pauses.append(pause.total_seconds())
            pass_time(seconds=pause.total_seconds() + 1)
    assert 3 < pauses[0] <= 5
    assert 2.5 * 3600 < max(pauses) <= 4 * 3600
    assert 22 * 3600 < sum(pauses) < 29 * 3600
    assert 12 <= len(pauses) <= 22


def test_one_that_was_given_up_is_sent_again(town: Town) -> None:
    backend = town.backend(IS_DOWN)
    town.say(("openid1", "a"), ("openid2", "b"), ("openid3", "c"))
    pass_time(hours=25)
    give_up_overdue()
    backend.answer = TAKES
    rows = Delivery.objects.order_by("pk")
    assert resend_deliveries(Delivery.objects.filter(pk=rows[1].pk), by=town.staff) == 1
    DELIVERIES.run()
    assert backend.states() == ["dead", "done", "dead"]
    assert backend.said == [("openid2", "b")]
    assert resend_deliveries(backend.target.deliveries.all(), by=town.staff) == 2
    assert resend_deliveries(backend.target.deliveries.all(), by=town.staff) == 0
    DELIVERIES.run()
    assert backend.states() == ["done", "done", "done"]
    log = Operation.objects.filter(action="resend_deliveries").order_by("pk")
    assert list(log.values_list("result", flat=True)) == ["1", "2"]


def test_what_is_sent_again_has_another_day_and_its_place_in_the_order(town: Town) -> None:
    backend = town.backend(IS_DOWN)
    town.say(("openid1", "a"))
    pass_time(hours=25)
    give_up_overdue()
    town.say(("openid1", "b"))
    resend_deliveries(backend.target.deliveries.all(), by=town.staff)
    pass_time(hours=23)
    give_up_overdue()
    assert backend.states() == ["due", "due"]
    backend.answer = TAKES
    DELIVERIES.run()
    assert backend.said == [("openid1", "a"), ("openid1", "b")]


# Killed


WORKER = """
import django
django.setup()
from messaging.services.forwarding.delivering import DELIVERIES
print("ready", flush=True)
DELIVERIES.run()
"""


def test_a_worker_killed_before_it_writes_repeats_with_the_same_id(
    town: Town, tmp_path: Path
) -> None:
    received, killed = Event(), Event()

    def slowly(connection: socket.socket, server: sockets.Server) -> None:
        received.set()
        killed.wait(30)

    backend = town.backend(slowly)
    town.say(("openid1", "a"), ("openid1", "b"))
    hosts = ",".join(town.settings.FORWARD_INTERNAL_HOSTS)
    with subprocess.Popen(
        [sys.executable, "-c", WORKER],
        env=environment(town.wechat, tmp_path, FORWARD_INTERNAL_HOSTS=hosts),
    ) as worker:
        try:
            assert received.wait(60)
        finally:
            worker.kill()
    killed.set()
    backend.answer = TAKES
    pass_time(seconds=3)
    assert DELIVERIES.run().items == 0  # it is leased to the dead
    pass_time(minutes=1)
    DELIVERIES.run()
    assert backend.said == [("openid1", "a"), ("openid1", "a"), ("openid1", "b")]
    assert backend.ids[0] == backend.ids[1] != backend.ids[2]
    assert backend.states() == ["done", "done"]


def test_whoever_lost_the_lease_writes_nothing(town: Town) -> None:
    backend = town.backend()
    town.say(("openid1", "a"))
    [first] = lease_deliveries(backend.target.pk, 1)
    outcome = post_delivery(first)
    pass_time(minutes=1)
    backend.answer = IS_DOWN
    [second] = lease_deliveries(backend.target.pk, 1)
    record_outcome(second, post_delivery(second))
    record_outcome(first, outcome)
    assert backend.states() == ["due"]
    assert [status for status, _why in log_of(second)] == [503]


def test_an_error_of_ours_is_tried_again(town: Town) -> None:
    """What nobody has thought of, such as a row that is no more what it was."""
    backend = town.backend()
    town.say(("openid1", "a"), ("openid2", "b"))
    Delivery.objects.filter(user__endswith="openid1").update(log={"no": "list"})
    DELIVERIES.run()
    assert backend.states() == ["due", "done"]
    Delivery.objects.update(log=[])
    pass_time(minutes=1)
    DELIVERIES.run()
    assert backend.states() == ["done", "done"]


# Answers to a target that does not answer


NONSENSE: dict[str, Answer] = {
    "HTML": says(ok(b"<html>OK</html>")),
    "half of JSON": says(ok(b'{"reply": ')),
    "a megabyte": says(ok(b"x" * 1_000_000)),
    "without an end": floods(HEAD + b"\r\n"),
    "bytes": says(ok(bytes(range(256)))),
    "deep": says(ok(b"[" * 60_000)),
    "nothing": says(b"HTTP/1.1 204 No Content\r\n\r\n"),
}


@pytest.mark.parametrize("what", NONSENSE)
def test_what_it_says_does_not_matter(town: Town, what: str) -> None:
    backend = town.backend(NONSENSE[what])
    town.say(("openid1", "a"), ("openid1", "b"))
    DELIVERIES.run()
    assert backend.states() == ["done", "done"]
    assert len(backend.server.requests) == 2
