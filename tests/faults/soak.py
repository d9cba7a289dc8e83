"""
The soak: pushes all the time, tokens that run out, a fault a minute, whichever; and every minute
how much memory, how many descriptors and connections our processes have.
"""

import argparse
import importlib
import time
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

import psycopg

from tests.faults import results
from tests.faults.rig import ROLES, Rig, rig

MINUTE = 60.0
HEAL_SECONDS = 120.0
WARM_MINUTES = 3  # from then on memory is compared


@dataclass(frozen=True)
class Sample:
    """Of all our processes together, and of PostgreSQL what we have there."""

    memory: float  # MiB, each process's own and its part of what is shared
    descriptors: int
    processes: int
    sessions: int

    def line(self) -> str:
        return (
            f"{self.memory:.0f} MiB, {self.descriptors} descriptors,"
            f" {self.processes} processes, {self.sessions} sessions"
        )


def run(options: argparse.Namespace) -> int:
    random = Random(options.seed)
    print(f"seed {options.seed}", flush=True)
    with rig() as whole:
        return _Soak(whole, random, options.rate).run(options.minutes)


class _Soak:
    def __init__(self, whole: Rig, random: Random, rate: float) -> None:
        drills = importlib.import_module("tests.faults.drills")
        self.drill = importlib.import_module("tests.faults.drill")
        self.checker = importlib.import_module("tests.faults.checker")
        self.rig, self.random = whole, random
        self.scene = drills.make_scene(whole)
        self.faults = [one for one in drills.DRILLS if one.in_soak]
        traffic = importlib.import_module("tests.faults.traffic").Traffic
        self.traffic = traffic(whole.wechat, self.scene.accounts, rate, random, numbers=count())
        self.samples: list[Sample] = []

    def run(self, minutes: float) -> int:
        ends = time.monotonic() + minutes * MINUTE
        with self.drill.time_passes(self.random), self.traffic:
            while time.monotonic() < ends:
                self._minute(time.monotonic())
        self.rig.restore()
        return self._judge(minutes)

    def _minute(self, began: float) -> None:
        """Half a minute of peace, a sample at its end, and one fault."""
        time.sleep(MINUTE / 2)
        self.samples.append(sample(self.rig))
        fault = self.random.choice(self.faults)
        act = self.drill.Act(self.rig, self.scene, self.random, self.traffic)
        word = "ok"
        try:
            fault.run(act)
        except AssertionError as error:
            word = str(error)
        self.rig.restore()
        accepted, sent = len(self.traffic.accepted), len(self.traffic.sent)
        print(
            f"{fault.row} {fault.name}: {word}; {sent} sent, {sent - accepted} refused,"
            f" {self.traffic.late} not sent; {self.samples[-1].line()}",
            flush=True,
        )
        time.sleep(max(0.0, began + MINUTE - time.monotonic()))

    def _judge(self, minutes: float) -> int:
        began = time.monotonic()
        while problems := self._problems():
            if time.monotonic() - began > HEAL_SECONDS:
                break
            time.sleep(1)
        healed = time.monotonic() - began
        problems += self.checker.Canaries(self.rig).problems()
        growth, lines = self._growth()
        problems += growth
        accepted = len(self.traffic.accepted)
        lines += [
            f"{minutes:.0f} minutes, {len(self.samples)} faults, {len(self.traffic.sent):,} pushes,"
            f" {accepted:,} accepted, {self.traffic.late:,} not sent since all senders waited for"
            f" answers; healed within {healed:.1f} s;"
            f" {len(self.rig.ended)} processes ended by themselves and were started again",
            "; ".join(problems) or "nothing lost, nothing doubled, no secret in any log",
        ]
        print("\n".join(lines), flush=True)
        results.keep_program("soak", lines, is_well=not problems)
        return int(bool(problems))

    def _problems(self) -> list[str]:
        problems: list[str] = self.checker.verdict(self.rig, self.scene, list(self.traffic.sent))
        return problems

    def _growth(self) -> tuple[list[str], list[str]]:
        """What is more at the end than after the first minutes, and in words how it went."""
        warm = self.samples[WARM_MINUTES:]
        if len(warm) < 2 * WARM_MINUTES:
            return [], ["too short to tell growth"]
        problems, lines = [], []
        for name, most in (("memory", 1.15), ("descriptors", 1.25), ("sessions", 1.5)):
            parts = warm[:WARM_MINUTES], warm[-WARM_MINUTES:]
            first, last = (_middle(part, name) for part in parts)
            lines.append(f"{name}: {first:.0f} in the first minutes, {last:.0f} in the last")
            if last > first * most:
                problems.append(f"{name} grew from {first:.0f} to {last:.0f}")
        return problems, lines


def _middle(samples: list[Sample], name: str) -> float:
    values = sorted(float(getattr(one, name)) for one in samples)
    return values[len(values) // 2]


def sample(whole: Rig) -> Sample:
    """How things are now."""
    pids = [pid for name in ROLES for pid in whole.pids(name)]
    return Sample(
        memory=sum(map(_memory, pids)),
        descriptors=sum(map(_descriptors, pids)),
        processes=len(pids),
        sessions=_sessions(whole),
    )


def _memory(pid: int) -> float:
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0.0
    shares = [line for line in rollup.splitlines() if line.startswith("Pss:")]
    return float(shares[0].split()[1]) / 1024 if shares else 0.0


def _descriptors(pid: int) -> int:
    try:
        return sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())
    except OSError:
        return 0


def _sessions(whole: Rig) -> int:
    with psycopg.connect(whole.postgres.url) as connection:
        rows: Any = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'"
        ).fetchone()
    return int(rows[0])
