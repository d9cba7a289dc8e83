"""
Four processes of 25 threads ask at once for the tokens of a hundred authorizers, or for the ticket
of one, on PostgreSQL and through sockets: WeChat is asked once for each, and nobody holds a
connection while they wait.
"""

import http.client
import json
import random
import subprocess
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection

from miniprograms.models import Authorizer, SigningTicket
from platform_auth.client_models import MAX_RATE, ApiClient
from platform_auth.models import Component
from platform_auth.tokens import component_token
from sandbox.world import WeChat
from tests.accounts import make_due_accounts
from tests.conftest import Bound
from tests.processes import environment, served, web
from tests.test_api_clients import make_key
from tests.threads import together

PROCESSES, THREADS = 4, 25
ACCOUNTS = PROCESSES * THREADS
TURN = 20  # accounts that one thread asks for in turn
COMPONENT_TOKEN = "/cgi-bin/component/api_component_token"
REFRESH = "/cgi-bin/component/api_authorizer_token"
TICKET = "/cgi-bin/ticket/getticket"

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]


class Platform:
    """The four processes."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.processes = [
            subprocess.Popen(
                [sys.executable, "-m", "tests.flights"],
                cwd=settings.ROOT,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for _ in range(PROCESSES)
        ]

    def take(self, turns: list[list[str]]) -> None:
        """One list of appids for each of all the threads, and the start."""
        for number, process in enumerate(self.processes):
            mine = turns[number * THREADS : (number + 1) * THREADS]
            self.send(process, json.dumps(mine))
        for process in self.processes:
            assert self.read(process) == "ready"
        self.tell("go")

    def tell(self, word: str) -> list[Any]:
        for process in self.processes:
            self.send(process, word)
        return [self.read(process) for process in self.processes]

    def end(self) -> list[list[str]]:
        """What each thread found, in the order it asked."""
        return [found for threads in self.tell("end") for found in threads]

    def send(self, process: "subprocess.Popen[str]", line: str) -> None:
        assert process.stdin
        process.stdin.write(line + "\n")
        process.stdin.flush()

    def read(self, process: "subprocess.Popen[str]") -> Any:
        assert process.stdout
        return json.loads(process.stdout.readline())

    def close(self) -> None:
        for process in self.processes:
            process.kill()
            process.communicate()


@pytest.fixture
def platform(ticket: str, wechat: WeChat, tmp_path: Path) -> Iterator[Platform]:
    """Four processes of ours on this test's database, and WeChat behind a socket."""
    with served(wechat), closing(Platform(environment(wechat, tmp_path))) as platform:
        yield platform


@pytest.fixture
def appids(wechat: WeChat, component: Component) -> list[str]:
    """A hundred accounts that are due, their tokens expired; the component's token is fresh."""
    component_token(component)
    return [account.appid for account in make_due_accounts(wechat, component, ACCOUNTS)]


def sessions() -> Counter[str]:
    """What PostgreSQL's other sessions on our database are doing just now."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT state, count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND pid <> pg_backend_pid() AND backend_type = 'client backend' GROUP BY state"
        )
        return Counter(dict(cursor.fetchall()))


def tokens_in_rows() -> dict[str, str]:
    return {row.appid: row.access_token for row in Authorizer.objects.all()}


def wait_for_calls(wechat: WeChat, path: str, number: int) -> None:
    ended = threading.Event()
    for _ in range(600):
        if wechat.count(path) >= number:
            return
        ended.wait(0.05)
    raise AssertionError(f"{wechat.count(path)} of {number} calls of {path} came")


def test_a_slice_each_is_one_call_each_and_no_connection_is_held(
    platform: Platform, wechat: WeChat, appids: list[str]
) -> None:
    answer = threading.Event()
    wechat.fault(REFRESH, times=None, until=answer, delay=1)
    platform.take([[appid] for appid in appids])
    wait_for_calls(wechat, REFRESH, ACCOUNTS)
    # All hundred threads wait for WeChat now. A session of a pool is idle whether a thread holds
    # it or not, so each process is asked what its pool has given out as well.
    held, seen = platform.tell("pool"), sessions()
    answer.set()
    found = platform.end()
    assert [max(samples) for samples in held] == [0] * PROCESSES
    assert set(seen) <= {"idle"}
    assert dict(zip(appids, [tokens[0] for tokens in found], strict=True)) == tokens_in_rows()
    assert wechat.count(REFRESH) == ACCOUNTS


def test_all_in_turn_is_one_call_each(
    platform: Platform, wechat: WeChat, appids: list[str]
) -> None:
    """
    Four threads begin at the same account: one of them asks, three wait. Each goes on until it has
    met those who began elsewhere.
    """
    wechat.fault(REFRESH, times=None, delay=1)
    starts = [number * 4 % ACCOUNTS for number in range(ACCOUNTS)]
    turns = [[*appids, *appids][start : start + TURN] for start in starts]
    platform.take(turns)
    seen: Counter[str] = Counter()
    while wechat.count(REFRESH) < ACCOUNTS:
        seen += sessions()
        time.sleep(0.02)
    found = platform.end()
    assert seen["idle in transaction"] == 0
    rows = tokens_in_rows()
    for turn, tokens in zip(turns, found, strict=True):
        assert dict(zip(turn, tokens, strict=True)) == {appid: rows[appid] for appid in turn}
    assert wechat.count(REFRESH) == ACCOUNTS


def test_the_component_token_is_one_call(
    platform: Platform, wechat: WeChat, component: Component
) -> None:
    answer = threading.Event()
    wechat.fault(COMPONENT_TOKEN, times=None, until=answer, delay=1)
    platform.take([[""]] * ACCOUNTS)
    wait_for_calls(wechat, COMPONENT_TOKEN, 1)
    held = platform.tell("pool")
    answer.set()
    found = platform.end()
    component.refresh_from_db()
    assert found == [[component.access_token]] * ACCOUNTS
    assert wechat.count(COMPONENT_TOKEN) == 1
    # The 99 who wait look at the row four to twenty times a second and let it go at once.
    looks = [held_now for samples in held for held_now in samples]
    assert sum(looks) / len(looks) < THREADS / 4


def test_the_ticket_of_an_account_is_one_call(
    platform: Platform, wechat: WeChat, component: Component, bound: Bound
) -> None:
    account = bound(kind="official_account")
    answer = threading.Event()
    wechat.fault(TICKET, times=None, until=answer, delay=1)
    platform.take([[f"jsapi {account.appid}"]] * ACCOUNTS)
    wait_for_calls(wechat, TICKET, 1)
    answer.set()
    found = platform.end()
    row = SigningTicket.objects.get()
    assert row.name == f"{account.appid} jsapi"
    assert found == [[row.value]] * ACCOUNTS
    assert wechat.count(TICKET) == 1


def ask_patiently(port: int, appid: str, key: str) -> str:
    """The token that the server at PORT gives; again in a moment where too many wait for WeChat."""
    give_up = time.monotonic() + 60
    while time.monotonic() < give_up:
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as line:
            address = f"/api/v1/authorizers/{appid}/access-token/"
            line.request("GET", address, headers={"Authorization": f"Bearer {key}"})
            answer = line.getresponse()
            body = answer.read()
        if answer.status == HTTPStatus.OK:
            return str(json.loads(body)["access_token"])
        assert answer.status == HTTPStatus.SERVICE_UNAVAILABLE, body
        time.sleep(random.uniform(0.05, 0.2))
    raise AssertionError(f"no token of {appid}")


@pytest.mark.redis
def test_by_rest_it_is_one_call_each_too(
    wechat: WeChat, ticket: str, merchant: User, appids: list[str], tmp_path: Path
) -> None:
    """The 25 clients of each server ask for all accounts, four each, and all servers' together."""
    Authorizer.objects.update(owner=merchant)
    key = make_key(merchant, "tokens:read", name="till")
    ApiClient.objects.update(rate=MAX_RATE)
    with ExitStack() as stack:
        stack.enter_context(served(wechat))
        pool = stack.enter_context(ThreadPoolExecutor(PROCESSES))
        servers = [web(wechat, tmp_path, REDIS_URL=settings.REDIS_URL) for _ in range(PROCESSES)]
        ports = list(pool.map(stack.enter_context, servers))
        each = ACCOUNTS // THREADS
        jobs = [
            partial(take_turn, port, appids[first : first + each], key)
            for first in range(0, ACCOUNTS, each)
            for port in ports
        ]
        turns = together(jobs)
    found: dict[str, set[str]] = defaultdict(set)
    for turn in turns:
        assert isinstance(turn, dict), turn
        for appid, token in turn.items():
            found[appid].add(token)
    assert {appid: {token} for appid, token in tokens_in_rows().items()} == found
    assert wechat.count(REFRESH) == ACCOUNTS


def take_turn(port: int, appids: list[str], key: str) -> dict[str, str]:
    return {appid: ask_patiently(port, appid, key) for appid in appids}
