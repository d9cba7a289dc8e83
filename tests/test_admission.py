"""A web process always has threads that do not wait: they tell health, and turn away."""

import threading
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import pytest
from django.core.handlers.wsgi import WSGIHandler

from config.admission import admission, threads_of
from tests.doors import ask
from tests.knocking import Knock

THREADS = 16
PUSHES, PAGES = 10, 4
PUSH, PAGE, HEALTH = Knock("/wechat/component/push/"), Knock("/portal/"), Knock("/healthz")
FILE = Knock("/static/portal.css", method="GET")


@pytest.mark.parametrize(
    ("command", "threads"),
    [
        ("granian --blocking-threads 64 config.wsgi:application", 64),
        ("granian config.wsgi:application --blocking-threads=8", 8),
        ("granian config.wsgi:application", 0),
    ],
)
def test_the_command_line_says_how_many_threads_there_are(command: str, threads: int) -> None:
    assert threads_of(command.split()) == threads


class Slow:
    """An application whose answers wait until they may go, except of health."""

    def __init__(self, *, streams: bool = False) -> None:
        self.may_answer = threading.Event()
        self.working = threading.Semaphore(0)
        self.streams = streams

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [])
        if environ["PATH_INFO"] == HEALTH.path:
            return [b"ok"]
        return self._stream() if self.streams else list(self._stream())

    def _stream(self) -> Iterable[bytes]:
        self.working.release()
        assert self.may_answer.wait(10)
        yield b"done"


@pytest.mark.parametrize("streams", [False, True])
def test_what_waits_has_places_and_the_rest_is_turned_away(streams: bool) -> None:
    slow = Slow(streams=streams)
    door = admission(slow, THREADS, print)
    with ExitStack() as stack:
        pool = stack.enter_context(ThreadPoolExecutor(THREADS))
        stack.callback(slow.may_answer.set)
        waiting: list[Future[Any]] = []
        for knock, places in ((PUSH, PUSHES), (PAGE, PAGES)):
            waiting += [pool.submit(ask, door, knock) for _ in range(places)]
            for _ in range(places):
                assert slow.working.acquire(timeout=10)
            assert ask(door, knock).status == 503
        assert ask(door, HEALTH).body == b"ok"
    assert [each.result().status for each in waiting] == [200] * (PUSHES + PAGES)
    for knock in (PUSH, PAGE):
        assert ask(door, knock).status == 200


def test_a_file_is_sent_while_all_pages_wait() -> None:
    slow, django = Slow(), WSGIHandler()

    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Django, with pages that wait; its files are the real ones."""
        is_file = environ["PATH_INFO"].startswith("/static/")
        return (django if is_file else slow)(environ, start_response)

    door = admission(application, THREADS, print)
    with ExitStack() as stack:
        pool = stack.enter_context(ThreadPoolExecutor(THREADS))
        stack.callback(slow.may_answer.set)
        waiting = [pool.submit(ask, door, PAGE) for _ in range(PAGES)]
        for _ in range(PAGES):
            assert slow.working.acquire(timeout=10)
        assert ask(door, PAGE).status == 503
        for _ in range(3 * PAGES):
            assert ask(door, FILE).status == 200
        assert b"The merchants' pages" in ask(door, FILE).body
    assert [each.result().status for each in waiting] == [200] * PAGES


def test_what_is_no_file_is_refused_without_asking_the_database() -> None:
    """There is none here: what has no place may wait for nothing."""
    answer = ask(admission(WSGIHandler(), THREADS, print), Knock("/static/none.css"))
    assert (answer.status, answer.body) == (404, b"not found")


def test_a_request_that_fails_gives_its_place_back() -> None:
    def failing(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        raise LookupError("broken")

    door = admission(failing, THREADS, print)
    for _ in range(2 * PUSHES):
        with pytest.raises(LookupError, match="broken"):
            ask(door, PUSH)


def test_a_server_that_does_not_say_how_many_threads_it_has_is_not_limited() -> None:
    slow = Slow()
    assert admission(slow, 0, print) is slow
