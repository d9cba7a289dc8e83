"""Drills of our own processes: killed, stopped, started twice, with wrong clocks."""

import os
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

from tests.faults.drill import Act, drill
from tests.faults.rig import WORKERS

FAKETIME = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1")
GRACE = 60  # seconds, as docker-compose.yml has it
RESPAWN = 6  # seconds; granian ends where one process dies twice within 5.5, to be started anew
SKEW = 50  # seconds; with more than a minute a process does not start


@drill("F54", "a worker is killed", "kill -9 of one of two, back after 0.5 s", in_short=True)
def worker_is_killed(act: Act) -> None:
    name = act.random.choice(WORKERS)
    act.wait(0, 1)
    act.rig.kill(name)
    time.sleep(0.5)
    act.rig.revive(name)


@drill("F54", "all workers and beat are killed", "kill -9, back after 0.5 s")
def all_workers_are_killed(act: Act) -> None:
    act.wait(0, 1)
    act.rig.kill(*WORKERS, "beat")
    time.sleep(0.5)
    act.rig.revive()


@drill("F55", "children of workers are killed", "kill -9 of six, one after another", in_short=True)
def children_are_killed(act: Act) -> None:
    for _ in range(6):
        act.rig.kill_child(act.random.choice(WORKERS), act.random)
        act.wait(0.05, 0.4)


@drill("F55", "a process of the web server is killed", "kill -9 of one of granian's two")
def web_process_is_killed(act: Act) -> None:
    act.rig.wait_until_children_serve("web")  # else none might be left for the moment
    act.wait(0, 0.5)
    act.rig.kill_child("web", act.random)
    time.sleep(RESPAWN)


@drill(
    "F55",
    "all processes of the web server are killed",
    "kill -9 of granian's two",
    repeats=10,
    refuses=True,
)
def web_processes_are_killed(act: Act) -> None:
    act.wait(0, 0.5)
    act.rig.kill_children("web")
    time.sleep(RESPAWN)


@drill(
    "F55", "the whole web server is killed", "kill -9, back after 0.5 s", repeats=10, refuses=True
)
def web_is_killed(act: Act) -> None:
    act.wait(0, 0.5)
    act.rig.kill("web")
    time.sleep(0.5)
    act.rig.revive("web")


@drill("F58", "beat stands still", "SIGSTOP for 5 to 10 s", repeats=10)
def beat_stands_still(act: Act) -> None:
    act.rig.signal(signal.SIGSTOP, "beat")
    act.wait(5, 10)
    act.rig.signal(signal.SIGCONT, "beat")


@drill("F89", "beat is dead", "kill -9, and nobody starts it for 15 s", repeats=5)
def beat_is_dead(act: Act) -> None:
    act.rig.kill("beat")
    time.sleep(15)


@drill("F59", "two beats", "another one runs for 8 s", repeats=10)
def two_beats(act: Act) -> None:
    act.rig.start("beat")
    time.sleep(8)
    act.rig.kill("beat")


@drill("F60", "workers are replaced under load", "SIGTERM, one after the other", repeats=10)
def workers_are_replaced(act: Act) -> None:
    for name in WORKERS:
        old = act.rig.child(name)
        act.rig.start(name)
        os.kill(old.process.pid, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            old.process.wait(GRACE)
        assert old.process.poll() is not None, f"{name} runs on {GRACE} s after SIGTERM"


@drill("F88", "a worker's clock is wrong", f"libfaketime, {SKEW} s ahead or behind", repeats=6)
def worker_clock_is_wrong(act: Act) -> None:
    _with_clock(act, *WORKERS)


@drill(
    "F22",
    "the web server's clock is wrong",
    f"libfaketime, {SKEW} s ahead or behind",
    repeats=6,
    refuses=True,
)
def web_clock_is_wrong(act: Act) -> None:
    _with_clock(act, "web")


def _with_clock(act: Act, *names: str) -> None:
    """The processes NAMES run with a wrong clock for a while, and are then replaced."""
    assert FAKETIME.exists(), "NOT RUN: it needs Debian's libfaketime"
    offset = act.random.choice(("+", "-")) + str(SKEW)
    for name in names:
        act.rig.extra[name] = {
            "LD_PRELOAD": str(FAKETIME),
            "FAKETIME": f"{offset}s",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }
    try:
        act.rig.kill(*names)
        act.rig.revive(*names)
        time.sleep(8)
    finally:
        act.rig.extra.clear()
        act.rig.kill(*names)
        act.rig.revive(*names)
