"""
Pushes, valid and forged, while something else floods us: each is to be answered within a second.

As in production: one service for pages and the API, one for the push doors, a worker, PostgreSQL
and Redis; WeChat is the sandbox. The floods: strangers at the login page, merchants at the bind
button, a WeChat that takes six seconds for an answer, and a hundred thousand pushes that wait to
be worked out. Ends with 1 where a push was refused, or waited too long.
"""

import secrets
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.client import HTTPConnection, HTTPException
from importlib import import_module
from itertools import count
from pathlib import Path
from urllib.parse import urlencode

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.models import User
from django.db import connection
from django.utils import timezone

from benchmarks import measuring, pushes, steady
from benchmarks.push import prepare_database, wait_for
from benchmarks.stage import Stage
from deploy.processes import command
from devtools.browser import call
from devtools.processes import Processes
from devtools.stack import free_pair
from platform_auth.models import Component, DuePush, Push
from sandbox.wire.envelope import Sealed, Webhook, xml
from tests.servers import Redis, running
from webhooks import inbox
from wechat.push import read_push

P99 = 1.0  # seconds
RATE = 30  # of each kind of push, a second
SLOW = 6.0  # seconds of WeChat
CLIENTS, CALLERS = 24, 10
BINDS_EACH = 5  # as many as one merchant may begin in ten minutes
BACKLOG, BATCH = 100_000, 2_000
THREADS = 8  # of each service, and two processes of the pages'


@dataclass
class Site:
    """The two services, and how long WeChat takes from now on."""

    web: int
    push: int
    door: Webhook
    slow_down: Callable[[float], object]


@dataclass
class Outcome:
    """What became of the pushes, and what the flood itself was answered."""

    name: str
    valid: list[steady.Answered]
    forged: list[steady.Answered]
    flood: Counter[int] = field(default_factory=Counter)
    backlog: str = ""

    @property
    def refused(self) -> int:
        """Valid pushes that were not taken, and forged ones not answered as such."""
        wrong = [one for one in self.valid if one.status != 200]
        return len(wrong + [one for one in self.forged if one.status != 403])

    @property
    def p99(self) -> float:
        return max(self.percentile(kind, 99) for kind in (self.valid, self.forged))

    def percentile(self, kind: list[steady.Answered], percent: float) -> float:
        return measuring.percentile([one.seconds for one in kind], percent)


# The floods


@contextmanager
def nothing(site: Site, answers: Counter[int]) -> Iterator[None]:
    yield


@contextmanager
def logins(site: Site, answers: Counter[int]) -> Iterator[None]:
    """Strangers who try passwords, each as soon as the one before was answered."""
    csrf = secrets.token_hex(16)
    headers = {"Cookie": f"csrftoken={csrf}", "X-CSRFToken": csrf}

    def attempt(port: int) -> int:
        body = urlencode({"username": secrets.token_hex(4), "password": secrets.token_hex(8)})
        return _post(port, "/portal/login/", body, headers)

    with _flooding(CLIENTS, partial(attempt, site.web), answers):
        yield


@contextmanager
def binds(site: Site, answers: Counter[int], clients: int = CLIENTS) -> Iterator[None]:
    """Merchants at the bind button, of whom WeChat is asked for a code each time."""
    cookies = _merchants(clients * 6)
    turns = count()

    def click(port: int) -> int:
        cookie = cookies[next(turns) // BINDS_EACH % len(cookies)]
        return _post(port, "/portal/bind/", "auth_type=3", cookie)

    with _flooding(clients, partial(click, site.web), answers):
        yield


@contextmanager
def slow_wechat(site: Site, answers: Counter[int]) -> Iterator[None]:
    """Callers who wait for a WeChat that takes six seconds for everything."""
    site.slow_down(SLOW)
    try:
        with binds(site, answers, CALLERS):
            yield
    finally:
        site.slow_down(0)


@contextmanager
def backlog(site: Site, answers: Counter[int], size: int = BACKLOG) -> Iterator[None]:
    """Pushes that are kept and wait; the worker is at them meanwhile."""
    _make_due(size)
    yield


FLOODS = {
    "nothing else": nothing,
    "logins": logins,
    "binds": binds,
    "slow WeChat": slow_wechat,
    "backlog": backlog,
}


def measure(site: Site, name: str, *, seconds: float, size: int = BACKLOG) -> Outcome:
    """Pushes of both kinds for so many SECONDS, in the flood NAME."""
    flood = partial(backlog, size=size) if name == "backlog" else FLOODS[name]
    number = int(RATE * seconds)
    sealed = pushes.sealed_pushes(site.door, 2 * number)
    in_turn = [_forged(push) if place % 2 else push for place, push in enumerate(sealed)]
    requests = [pushes.request(push) for push in in_turn]
    answers: Counter[int] = Counter()
    with flood(site, answers):
        results = steady.send(site.push, requests, rate=2 * RATE)
        waiting = DuePush.objects.count()
    connection.close()
    return Outcome(name, results[::2], results[1::2], answers, f"{waiting:,} wait")


def _forged(push: Sealed) -> Sealed:
    signature = secrets.token_hex(20)
    return Sealed(push.url, {**push.params, "msg_signature": signature}, push.body)


@contextmanager
def _flooding(clients: int, ask: Callable[[], int], answers: Counter[int]) -> Iterator[None]:
    """So many CLIENTS who ASK again and again until it is over; ANSWERS counts what they get."""
    is_over = threading.Event()

    def go_on() -> None:
        while not is_over.is_set():
            answers[ask()] += 1

    threads = [threading.Thread(target=go_on, daemon=True) for _ in range(clients)]
    for thread in threads:
        thread.start()
    time.sleep(1)  # until it is one
    try:
        yield
    finally:
        is_over.set()
        for thread in threads:
            thread.join(2 * SLOW)


def _post(port: int, path: str, body: str, headers: dict[str, str]) -> int:
    asked = HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        asked.request("POST", path, body, {**form, **headers})
        answer = asked.getresponse()
        answer.read()
    except (OSError, HTTPException):
        return 0
    finally:
        asked.close()
    return answer.status


def _merchants(number: int) -> list[dict[str, str]]:
    """So many who are logged in: the headers that say so."""
    names = [f"m-{secrets.token_hex(6)}" for _ in range(number)]
    users = User.objects.bulk_create(
        User(username=name, last_login=timezone.now()) for name in names
    )
    store = import_module(settings.SESSION_ENGINE).SessionStore
    made = []
    for user in users:
        session = store()
        session[SESSION_KEY] = str(user.pk)
        session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
        session[HASH_SESSION_KEY] = user.get_session_auth_hash()
        session.save()
        csrf = secrets.token_hex(16)
        cookie = f"{settings.SESSION_COOKIE_NAME}={session.session_key}; csrftoken={csrf}"
        made.append({"Cookie": cookie, "X-CSRFToken": csrf})
    return made


def _make_due(size: int) -> None:
    """SIZE pushes of many users, kept a moment ago."""
    component = Component.objects.get()
    for start in range(0, size, BATCH):
        kept = Push.objects.bulk_create(
            Push(**_row(component)) for _ in range(min(BATCH, size - start))
        )
        now = kept[0].received_at
        DuePush.objects.bulk_create(DuePush(push=push, due_at=now) for push in kept)


def _row(component: Component) -> dict[str, object]:
    message = xml(pushes.message_fields(pushes.USER_NAME)).encode()
    push = read_push(message)
    digest = secrets.token_hex(32)
    key = component.envelope.keys[0]
    proven = inbox.Proven(component, message, push, True, digest, key, by_previous_key=False)
    return inbox.row_of(proven, is_known=True, appid=pushes.APPID, request_id="")


# The stack


@contextmanager
def standing(environment: dict[str, str], folder: Path, web: int) -> Iterator[int]:
    """Pages and API on the port WEB, and a worker; the port of the push doors."""
    push = free_pair()
    with Processes(folder / "log", environment) as processes:
        processes.start("web", *_server("web", web, 2))
        processes.start("push", *_server("push", push, 1))
        processes.start("worker", *command("worker", "--loglevel", "WARNING"))
        wait_for(processes, web, push)
        yield push
        processes.check()


def _server(role: str, port: int, programs: int) -> list[str]:
    size = ("--workers", str(programs), "--blocking-threads", str(THREADS))
    return command(role, "--port", str(port), *size)


def run(here: Stage, *, full: bool) -> None:
    seconds = 30 if full else 10
    prepare_database()
    with running(Redis) as redis, _sandbox(here):
        environment = {**here.environment, "REDIS_URL": redis.url, "LOG_LEVEL": "WARNING"}
        with standing(environment, here.folder, here.port) as push:
            site = Site(here.port, push, pushes.door_of(here.environment), partial(_slow, here))
            call("POST", f"http://127.0.0.1:{here.port + 1}/sandbox/api/ticket", {})
            outcomes = [measure(site, name, seconds=seconds) for name in FLOODS]
    report(outcomes)
    if any(is_bad(outcome) for outcome in outcomes):
        sys.exit(1)


@contextmanager
def _sandbox(here: Stage) -> Iterator[None]:
    where = ["--port", str(here.port + 1), "--platform", f"http://127.0.0.1:{here.port}"]
    with Processes(here.folder / "sandbox", here.environment) as processes:
        processes.start("sandbox", sys.executable, "-m", "sandbox", *where)
        wait_for(processes, here.port + 1)
        yield


def _slow(here: Stage, seconds: float) -> None:
    url = f"http://127.0.0.1:{here.port + 1}/sandbox/api/faults"
    call("POST", f"{url}/clear", {})
    if seconds:
        call("POST", url, {"path": "*", "times": None, "delay": seconds})


def is_bad(outcome: Outcome) -> bool:
    return outcome.refused > 0 or outcome.p99 >= P99


def report(outcomes: list[Outcome]) -> None:
    """A line each: percentiles in milliseconds, valid and forged."""
    print(f"{2 * RATE} pushes a second, half of them forged, milliseconds from when each was due")
    print("  flood          valid p50   p99  forged p50   p99  refused   the flood was answered")
    for one in outcomes:
        times = [
            one.percentile(kind, part) * 1e3
            for kind in (one.valid, one.forged)
            for part in (50, 99)
        ]
        flood = ", ".join(f"{number} × {status}" for status, number in sorted(one.flood.items()))
        verdict = "MISSED" if is_bad(one) else "met"
        print(
            f"  {one.name:<14} {times[0]:9.0f} {times[1]:5.0f} {times[2]:11.0f} {times[3]:5.0f}"
            f" {one.refused:8}   {flood or one.backlog} {verdict}",
            flush=True,
        )
