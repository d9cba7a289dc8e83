"""What a process cost, and how a figure compares with its goal."""

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> float:
    """What PID, its living descendants and those they have buried have used, in all."""
    # After the name in brackets: utime, stime, and the same of children waited for.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    own = sum(map(int, fields[11:15])) / TICKS
    return own + sum(map(cpu_seconds, children(pid)))


def children(pid: int) -> list[int]:
    """The processes that any thread of PID has started and that still run."""
    found = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for path in found for child in path.read_text().split()]


def memory_mb(pid: int) -> float:
    """The resident memory of PID alone, in MB; shared pages are counted as its own."""
    line = next(
        line
        for line in Path(f"/proc/{pid}/status").read_text().splitlines()
        if line.startswith("VmRSS:")
    )
    return int(line.split()[1]) / 1024


def percentile(values: Sequence[float], percent: float) -> float:
    """The value below which PERCENT of VALUES lie."""
    return sorted(values)[min(len(values) - 1, int(len(values) * percent / 100))]


def seconds(work: Callable[[], object], *, times: int = 1) -> float:
    """How long one WORK takes, by the clock, when done so many TIMES in a row."""
    started = time.perf_counter()
    for _ in range(times):
        work()
    return (time.perf_counter() - started) / times


def quickest(work: Callable[[], object], *, rounds: int, times: int = 1) -> float:
    """The seconds of one WORK in the best of ROUNDS, since noise only ever adds."""
    return min(seconds(work, times=times) for _ in range(rounds))


def figure(what: str, value: str) -> None:
    """Print one figure that has no goal of its own."""
    print(f"  {what:<58} {value:>14}", flush=True)


def at_most(what: str, value: float, goal: float, unit: str) -> None:
    """Print VALUE, in UNIT, with the GOAL it should not exceed."""
    _compare(what, value, f"≤ {goal:g} {unit}", value <= goal, unit)


def at_least(what: str, value: float, goal: float, unit: str) -> None:
    """Print VALUE, in UNIT, with the GOAL it should reach."""
    _compare(what, value, f"≥ {goal:g} {unit}", value >= goal, unit)


def _compare(what: str, value: float, goal: str, is_met: bool, unit: str) -> None:
    text = f"{value:,.0f}" if abs(value) >= 100 else f"{value:.2f}"
    print(f"  {what:<58} {text + ' ' + unit:>14}   goal {goal:<12} {_word(is_met)}", flush=True)


def _word(is_met: bool) -> str:
    return "met" if is_met else "MISSED"
