"""
A message push, proven, decrypted, stored in PostgreSQL and answered: ours on granian against Flask
and wechatpy on gunicorn, one process on one core each. Ours is worked out afterwards, in batches,
which is counted apart and together.
"""

import os
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from django.db import connection

from benchmarks import load, measuring, pushes
from benchmarks.stage import Stage
from devtools.processes import Processes
from devtools.stack import is_free
from miniprograms.models import Authorizer
from platform_auth.models import Component
from webhooks.processing import process_due

BIN = Path(sys.executable).parent
START_SECONDS = 30
WARM_UP = 300


@dataclass
class Stack:
    """A server under test, and what its rounds came to."""

    name: str
    port: int
    path: str
    pid: int = 0
    rates: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)  # seconds a push
    database_cpu: list[float] = field(default_factory=list)
    latencies: list[float] = field(default_factory=list)
    later: list[tuple[float, float]] = field(default_factory=list)  # CPU of both, of working it out


def run(here: Stage, *, full: bool) -> None:
    rounds, count = (5, 10_000) if full else (3, 3000)
    door = pushes.door_of(here.environment)
    prepare_database()
    with _stacks(here) as stacks:
        for _ in range(rounds):
            for one in stacks:
                sealed = pushes.sealed_pushes(door, WARM_UP + count)
                _measure(one, [_to(one, pushes.request(push)) for push in sealed], here)
                if one is stacks[0]:
                    _work_out(one, here)
    _report(*stacks)


@contextmanager
def _stacks(here: Stage) -> Iterator[list[Stack]]:
    """Both servers, answering, on the first core; whoever asks them is on the others."""
    cores = sorted(os.sched_getaffinity(0))
    on_one_core = ("taskset", "--cpu-list", str(cores[0]))
    with Processes(here.folder / "log", here.environment) as processes:
        processes.start("ours", *on_one_core, *granian(here.port))
        processes.start("peer", *on_one_core, *gunicorn(here.port + 1))
        os.sched_setaffinity(0, cores[1:] or cores)
        os.sched_setaffinity(here.database_pid, cores[1:] or cores)
        wait_for(processes, here.port, here.port + 1)
        ours, peer = (child.process.pid for child in processes.children)
        yield [
            Stack("ours", here.port, "/wechat/", ours),
            Stack("Flask + wechatpy, storing", here.port + 1, "/wechat/", peer),
            Stack("Flask + wechatpy, storing nothing", here.port + 1, "/forget/", peer),
        ]


def granian(port: int) -> list[str]:
    """Our server's command: one process."""
    where = ["--host", "127.0.0.1", "--port", str(port)]
    size = ["--workers", "1", "--blocking-threads", "64"]
    return [str(BIN / "granian"), "--interface", "wsgi", *where, *size, "config.wsgi:application"]


def gunicorn(port: int) -> list[str]:
    """The peer's command: one process, as many threads as there are connections."""
    size = ["--workers", "1", "--worker-class", "gthread", "--threads", "16"]
    where = ["--bind", f"127.0.0.1:{port}", "--keep-alive", "60"]
    return [str(BIN / "gunicorn"), *size, *where, "--no-control-socket", "benchmarks.peer:app"]


def wait_for(processes: Processes, *ports: int) -> None:
    """Until something listens on each of PORTS."""
    deadline = time.monotonic() + START_SECONDS
    while any(map(is_free, ports)):
        processes.check()
        if time.monotonic() > deadline:
            sys.exit(f"not up within {START_SECONDS} s\n{processes.tails()}")
        time.sleep(0.1)


def prepare_database() -> None:
    """The account that the pushes are for, and a table like ours for the peer."""
    Authorizer.objects.create(
        component=Component.objects.get(),
        appid=pushes.APPID,
        user_name=pushes.USER_NAME,
        kind=Authorizer.Kind.MINI_PROGRAM,
        state=Authorizer.State.BOUND,
        refresh_token="refreshtoken@@@benchmark",  # noqa: S106 -- of nobody
    )
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE peer_push (LIKE platform_auth_push INCLUDING ALL)")
    connection.close()


def _to(one: Stack, request: bytes) -> bytes:
    return request.replace(b"/wechat/", one.path.encode(), 1)


def _measure(one: Stack, requests: list[bytes], here: Stage) -> None:
    load.send(one.port, requests[:WARM_UP], expect=b"success")
    count = len(requests) - WARM_UP
    before = measuring.cpu_seconds(one.pid), measuring.cpu_seconds(here.database_pid)
    result = load.send(one.port, requests[WARM_UP:], expect=b"success")
    one.cpu.append((measuring.cpu_seconds(one.pid) - before[0]) / count)
    one.database_cpu.append((measuring.cpu_seconds(here.database_pid) - before[1]) / count)
    one.rates.append(result.rate)
    one.latencies += result.latencies


def _work_out(one: Stack, here: Stage) -> None:
    """What a worker does with all that the round has kept."""
    before = time.process_time(), measuring.cpu_seconds(here.database_pid)
    total = 0
    while count := process_due():
        total += count
    app, database = time.process_time(), measuring.cpu_seconds(here.database_pid)
    one.later.append(((app - before[0]) / total, (database - before[1]) / total))


def _report(ours: Stack, storing: Stack, forgetting: Stack) -> None:
    print("durable push, 500 bytes, one process on one core, 16 connections")
    for one in (ours, storing, forgetting):
        costs = [statistics.median(values) * 1e6 for values in (one.cpu, one.database_cpu)]
        p50, p99 = (measuring.percentile(one.latencies, part) * 1e3 for part in (50, 99))
        measuring.figure(
            one.name,
            f"{statistics.median(one.rates):6,.0f}/s  CPU {costs[0]:4.0f} + {costs[1]:4.0f} µs"
            f"  p50 {p50:.1f}  p99 {p99:.1f} ms",
        )
    app, database = (statistics.median(costs) for costs in zip(*ours.later, strict=True))
    measuring.figure("ours, worked out", f"CPU {app * 1e6:4.0f} + {database * 1e6:4.0f} µs")
    peer = statistics.median(storing.cpu), statistics.median(storing.database_cpu)
    door = statistics.median(ours.cpu), statistics.median(ours.database_cpu)
    rate = statistics.median(ours.rates)
    measuring.at_most("app CPU at the door, against the storing peer", door[0] / peer[0], 0.40, "×")
    measuring.at_most("PostgreSQL's CPU at the door", door[1] / peer[1], 0.50, "×")
    measuring.at_most("app CPU, worked out too", (door[0] + app) / peer[0], 0.55, "×")
    measuring.at_most("PostgreSQL's CPU, worked out too", (door[1] + database) / peer[1], 0.70, "×")
    measuring.at_least("pushes/s", rate / statistics.median(storing.rates), 2.0, "×")
    against = rate / statistics.median(forgetting.rates)
    measuring.at_least("pushes/s, against the peer that stores nothing", against, 1.0, "×")
    measuring.at_most("p99", measuring.percentile(ours.latencies, 99) * 1e3, 100, "ms")
