"""
The alarms of deploy/alerts.yml by a real Prometheus that watches a real platform: web, two workers,
beat, PostgreSQL, Redis, and the sandbox in WeChat's place.

    python -m tests.alarms --minutes 60     a clean time with traffic: nothing may fire
    python -m tests.alarms --faults         each fault in turn: which alarm fires, after how long

It needs `prometheus`, `redis-server` and PostgreSQL (or what requirements/dev.txt brings of them).
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import urlencode

from deploy.processes import command
from devtools import environment
from devtools.browser import call
from devtools.failure import Failure
from devtools.install import ROOT
from devtools.processes import Child, Processes
from devtools.stack import Stack, free_pair, inherited
from devtools.walk import Merchant, Sandbox, wait_until
from tests import servers

EVERY = 15  # seconds, between two looks of Prometheus
WITHIN = 120  # seconds, in which a fault is to be seen
SETTLED = 240  # seconds, in which an alarm ends after its fault has


@dataclass
class World:
    """All that runs."""

    stack: Stack
    processes: Processes
    postgres: servers.Postgres
    redis: servers.Redis
    sandbox: Sandbox
    prometheus: str

    def child(self, name: str) -> Child:
        return next(child for child in reversed(self.processes.children) if child.name == name)

    def start_worker(self, name: str) -> None:
        self.processes.start(name, *command("worker", "-n", f"{name}@%h"))

    def start_beat(self) -> None:
        self.processes.start("beat", *command("beat"))

    def ask(self, query: str) -> dict[str, float]:
        """What QUERY gives, by the name of the alarm."""
        url = f"{self.prometheus}/api/v1/query?{urlencode({'query': query})}"
        _status, answer = call("GET", url)
        return {
            sample["metric"].get("alertname", ""): float(sample["value"][1])
            for sample in answer["data"]["result"]
        }

    def firing(self) -> set[str]:
        return set(self.ask('ALERTS{alertstate="firing"}'))


@contextmanager
def world() -> Iterator[World]:
    """Everything, with three accounts bound; gone at the end."""
    var = Path(tempfile.mkdtemp(prefix="alarms-"))
    postgres, redis = servers.Postgres(_folder(var, "pg")), servers.Redis(_folder(var, "redis"))
    port = free_pair()
    settings = {
        **inherited(),
        **environment.fresh(port),
        "ENV_FILE": os.devnull,
        "VAR_DIR": str(var),
        "REFRESH_SWEEP_SECONDS": "60",
        "DATABASE_URL": postgres.url,
        "REDIS_URL": redis.url,
        "PROCESS_ROLE": "",
    }
    stack = Stack(port, settings, var, ("--seed-accounts",))
    postgres.start()
    redis.start()
    try:
        with stack.running() as processes:
            here = World(stack, processes, postgres, redis, Sandbox(stack), _prometheus(processes))
            _bind(here)
            here.start_worker("one")
            here.start_worker("two")
            here.start_beat()
            yield here
    finally:
        redis.stop()
        postgres.stop()
        shutil.rmtree(var, ignore_errors=True)


def _folder(var: Path, name: str) -> Path:
    folder = var / name
    folder.mkdir()
    if os.geteuid() == 0:  # PostgreSQL then runs as nobody
        var.chmod(0o711)
        shutil.chown(folder, "nobody")
    return folder


def _prometheus(processes: Processes) -> str:
    """Prometheus on deploy/prometheus.yml, asking this platform; its address."""
    port, var = free_pair(), Path(processes.logs.parent)
    target = processes.environment["PUBLIC_URL"].removeprefix("http://")
    config = (ROOT / "deploy/prometheus.yml").read_text()
    config = config.replace("web:8000", target).replace(
        "[alerts.yml]", f"[{ROOT}/deploy/alerts.yml]"
    )
    (var / "prometheus.yml").write_text(config)
    options = [f"--config.file={var}/prometheus.yml", f"--storage.tsdb.path={var}/measures"]
    processes.start("prometheus", "prometheus", *options, f"--web.listen-address=127.0.0.1:{port}")
    return f"http://127.0.0.1:{port}"


def _bind(here: World) -> None:
    wait_until(
        "the sandbox's first ticket", lambda: here.sandbox.has_delivered("component_verify_ticket")
    )
    merchant = Merchant(here.stack)
    merchant.log_in("merchant", here.stack.environment["DEMO_MERCHANT_PASSWORD"])
    for account in here.sandbox.accounts()[:3]:
        merchant.bind(account["appid"])


def _talk(here: World, seconds: float) -> None:
    """Users write, for so many SECONDS, a message in two."""
    appids = [account["appid"] for account in here.sandbox.accounts()[:3]]
    until, number = time.monotonic() + seconds, 0
    while time.monotonic() < until:
        number += 1
        here.sandbox.tell(
            "say", appid=appids[number % 3], openid=f"user-{number % 7}", content=f"no {number}"
        )
        time.sleep(2)


def clean(minutes: float) -> bool:
    """Whether nothing fires in so many MINUTES."""
    with world() as here:
        _talk(here, 60)  # the start counts as well, but no job has run before
        began = time.monotonic()
        _talk(here, minutes * 60)
        window = f"{round(time.monotonic() - began)}s"
        fired = here.ask(
            f'sum by (alertname) (count_over_time(ALERTS{{alertstate="firing"}}[{window}]))'
        )
        pending = here.ask(f"sum by (alertname) (count_over_time(ALERTS[{window}]))")
        print(json.dumps({"minutes": minutes, "fired": fired, "pending or fired": pending}))
        return not fired


# Faults: what is done, which alarm it is for, and what ends it.


def _freeze(pid: int) -> Callable[[], None]:
    os.kill(pid, signal.SIGSTOP)
    return lambda: os.kill(pid, signal.SIGCONT)


def _redis_frozen(here: World) -> Callable[[], object]:
    return _freeze(here.redis.pid)


def _redis_dead(here: World) -> Callable[[], object]:
    here.redis.stop(signal.SIGKILL)
    return here.redis.start


def _postgres_dead(here: World) -> Callable[[], object]:
    here.postgres.stop()
    return here.postgres.start


def _worker_killed(here: World) -> Callable[[], object]:
    _end(here, "two")
    return lambda: here.start_worker("two")


def _worker_frozen(here: World) -> Callable[[], object]:
    pid = here.child("two").process.pid
    os.killpg(pid, signal.SIGSTOP)
    return lambda: os.killpg(pid, signal.SIGCONT)


def _beat_killed(here: World) -> Callable[[], object]:
    _end(here, "beat")
    return here.start_beat


def _end(here: World, name: str) -> None:
    child = here.child(name)
    os.killpg(child.process.pid, signal.SIGKILL)
    child.process.wait()
    here.processes.children.remove(child)


def _wrong_signatures(here: World) -> Callable[[], object]:
    url = f"{here.stack.url}/wechat/component/push/?msg_signature=0&timestamp=1&nonce=2"
    for _ in range(120):
        with suppress(Failure):  # the answer is no JSON
            call("POST", url, {})
        time.sleep(0.5)
    return lambda: None


FAULTS: dict[str, tuple[str, Callable[[World], Callable[[], object]]]] = {
    "Redis is frozen": ("BrokerAway", _redis_frozen),
    "Redis is dead": ("BrokerAway", _redis_dead),
    "PostgreSQL is dead": ("NothingMeasured", _postgres_dead),
    "one worker of two is killed": ("WorkerGone", _worker_killed),
    "one worker of two is frozen": ("WorkerGone", _worker_frozen),
    "beat is killed": ("BeatGone", _beat_killed),
    "pushes are forged": ("PushesRefused", _wrong_signatures),
}


def _fires(here: World, alarm: str) -> bool:
    _talk(here, 1)  # users go on writing, or WeChat seems silent
    return alarm in here.firing()


def faults() -> bool:
    """Whether each fault is seen in time."""
    is_good = True
    with world() as here:
        _talk(here, 90)
        for name, (alarm, fault) in FAULTS.items():
            if before := here.firing():
                wait_until(f"an end of {before}", lambda: not here.firing(), SETTLED)
            began = time.monotonic()
            end = fault(here)
            try:
                wait_until(alarm, partial(_fires, here, alarm), 2 * WITHIN)
                seconds = round(time.monotonic() - began)
            except Failure:
                seconds = -1
            print(f"{name}: {alarm} after {seconds} s; firing: {sorted(here.firing())}", flush=True)
            is_good = is_good and 0 <= seconds <= WITHIN
            end()
            _talk(here, 30)
    return is_good


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.alarms", description=__doc__)
    parser.add_argument("--minutes", type=float, default=0)
    parser.add_argument("--faults", action="store_true")
    options = parser.parse_args()
    try:
        is_good = (not options.minutes or clean(options.minutes)) and (
            not options.faults or faults()
        )
    except subprocess.SubprocessError as error:
        raise SystemExit(str(error)) from None
    raise SystemExit(0 if is_good else 1)


if __name__ == "__main__":
    main()
