"""What came of every drill, test and program, kept from run to run, and docs/faults.md from it."""

import fcntl
import json
import os
import platform
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from devtools.install import ROOT
from tests.faults.rows import TESTS, node_of

KEPT = ROOT / "var" / "faults.json"
DOCUMENT = ROOT / "docs" / "faults.md"
FAILURES = ROOT / "docs" / "failures.md"
NOT_RUN = "not run"

HEAD = """\
# Faults

What the [fault drill](../tests/faults/__main__.py) found. It is written by
`python -m tests.faults --write`, which takes about an hour, never by hand; the rows are those of
[failures.md](failures.md).

A **drill** is run against real processes on loopback, started as in production: granian, two
Celery workers, beat, PostgreSQL and Redis behind proxies, and WeChat's stand-in. While {rate}
messages a second arrive and tokens run out, the fault is injected and lifted. Then the judge
compares what the stand-in knows with the database: every accepted push is there once, worked out
once and has one effect; every reply, upload, submission and release that WeChat did has one row,
and one in the operation log; all tokens are WeChat's newest; no secret is in any log, in the broker
or in the metrics. Crash points are made from outside, by the stand-in holding its answer back and
the proxy before the database; nothing in the product knows of them. A **test** is one of the test
suite, repeated.

"""


@dataclass
class Results:
    """By name: drills, tests, and the programs `kills` and `soak`."""

    drills: dict[str, dict[str, Any]] = field(default_factory=dict)
    tests: dict[str, dict[str, int]] = field(default_factory=dict)
    programs: dict[str, dict[str, Any]] = field(default_factory=dict)


@contextmanager
def kept() -> Iterator[Results]:
    """Those of earlier runs, to be changed by one process at a time."""
    KEPT.parent.mkdir(exist_ok=True)
    with KEPT.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        results = load()
        yield results
        KEPT.write_text(json.dumps(asdict(results), indent=1, ensure_ascii=False))


def load() -> Results:
    """Those of earlier runs."""
    return Results(**json.loads(KEPT.read_text())) if KEPT.exists() else Results()


def keep_drill(name: str, outcome: dict[str, Any], *, add: bool) -> None:
    """What came of a drill, in the place of what was kept of it, or to be ADDed to that."""
    with kept() as results:
        earlier = results.drills.get(name) if add else None
        if earlier:
            for count in ("runs", "passed", "accepted", "refused", "ended", "problems", "seeds"):
                outcome[count] = earlier.get(count, 0) + outcome[count]
            for most in ("slowest", "healed"):
                outcome[most] = max(earlier[most], outcome[most])
        results.drills[name] = {**outcome, **made()}


def keep_tests(counts: dict[str, dict[str, int]]) -> None:
    """What came of the tests, by node, in the place of what was kept of them."""
    with kept() as results:
        results.tests |= counts


def keep_program(name: str, lines: list[str], *, is_well: bool) -> None:
    """What a program printed at its end."""
    with kept() as results:
        results.programs[name] = {"lines": lines, "is_well": is_well, **made()}


def made() -> dict[str, str]:
    """When, and of which commit."""
    git = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"],  # noqa: S607 -- whichever git there is
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return {"on": f"{datetime.now(UTC):%Y-%m-%d}", "commit": git.stdout.strip()}


# The document


def write(results: Results, drills: list[dict[str, Any]], rate: float) -> None:
    """docs/faults.md, of RESULTS and the table of DRILLS: row, name, what, how."""
    rows = _rows(results, drills)
    parts = [
        HEAD.format(rate=f"{rate:.0f}"),
        _summary(results, rows),
        *_programs(results),
        _row_table(rows),
        _drill_table(results, drills),
        _test_table(results),
    ]
    DOCUMENT.write_text("\n".join(part.rstrip("\n") + "\n" for part in parts))


def titles() -> dict[str, str]:
    """What each row of docs/failures.md is about."""
    cells = [line.split(" | ") for line in FAILURES.read_text().splitlines()]
    return {line[0].removeprefix("| "): line[1] for line in cells if line[0].startswith("| F")}


@dataclass
class _Row:
    number: str
    title: str
    shown_by: str
    runs: int
    passed: int
    is_whole: bool  # all that shows it was run

    @property
    def result(self) -> str:
        if not self.runs:
            return NOT_RUN
        if self.passed < self.runs:
            return f"**{self.runs - self.passed} failed**"
        return "passed" if self.is_whole else "passed, in part not run"


def _rows(results: Results, drills: list[dict[str, Any]]) -> list[_Row]:
    rows = []
    for number, title in titles().items():
        mine = [drill for drill in drills if drill["row"] == number]
        tests = TESTS.get(number, ())
        if not mine and not tests:
            continue
        drilled = [results.drills.get(drill["name"], {}) for drill in mine]
        tested = [results.tests.get(node_of(test), {}) for test in tests]
        runs = sum(one.get("runs", 0) for one in drilled) + sum(map(_ran, tested))
        passed = sum(one.get("passed", 0) for one in drilled)
        passed += sum(one.get("passed", 0) for one in tested)
        is_whole = all(one.get("runs") for one in drilled) and all(map(_ran, tested))
        shown_by = " and ".join(
            words
            for words in (
                f"{len(mine)} drill{'s' * (len(mine) > 1)}" if mine else "",
                ", ".join(dict.fromkeys(f"`test_{test.split('::')[0]}`" for test in tests)),
            )
            if words
        )
        rows.append(_Row(number, title, shown_by, runs, passed, is_whole))
    return sorted(rows, key=lambda row: int(row.number[1:]))


def _ran(count: dict[str, int]) -> int:
    return count.get("passed", 0) + count.get("failed", 0)


def _summary(results: Results, rows: list[_Row]) -> str:
    drilled = list(results.drills.values())
    problems = [problem for one in drilled for problem in one["problems"]]
    lost = sum(problem.startswith("LOST") for problem in problems)
    doubled = sum(problem.startswith("DOUBLED") for problem in problems)
    secrets = sum(problem.startswith("SECRET") for problem in problems)
    whole = sum(row.result == "passed" for row in rows)
    return (
        f"**{len(rows)} rows, {whole} passed whole.** {sum(one['runs'] for one in drilled)} drills"
        f" with {sum(one['accepted'] for one in drilled):,} accepted pushes, and"
        f" {sum(map(_ran, results.tests.values())):,} tests: {lost} findings of something lost,"
        f" {doubled} of something done twice, {secrets} of a secret.\n\n"
        f"{platform.machine()}, {os.cpu_count()} processors, Python {platform.python_version()};"
        " commits"
        f" {', '.join(sorted({one['commit'] for one in drilled if one.get('commit')}))}.\n"
    )


def _programs(results: Results) -> list[str]:
    parts = []
    for name, title in (("kills", "Refresh tokens under kill -9"), ("soak", "Soak")):
        program = results.programs.get(name)
        command = f"`python -m tests.faults {name}`"
        if program is None:
            parts.append(f"## {title}\n\n{command}: {NOT_RUN}.\n")
            continue
        lines = "\n".join(f"* {line}" for line in program["lines"])
        word = "" if program["is_well"] else " **It failed.**"
        parts.append(
            f"## {title}\n\n{command}, {program['on']}, {program['commit']}.{word}\n\n{lines}\n"
        )
    return parts


def _row_table(rows: list[_Row]) -> str:
    lines = [
        f"| {row.number} | {row.title} | {row.shown_by} | {row.passed} of {row.runs} |"
        f" {row.result} |"
        for row in rows
    ]
    head = ["## Rows", "", "| # | what happens | shown by | passed | |", "|---|---|---|---|---|"]
    return "\n".join([*head, *lines, ""])


def _drill_table(results: Results, drills: list[dict[str, Any]]) -> str:
    head = [
        "## Drills",
        "",
        "*Refused* pushes were accepted at none of WeChat's three attempts, which the stand-in"
        " makes at once; the slowest answer is of one that was accepted. *Healed* is the time after"
        " the fault until all was as it must be; leases last 25 s. *Ended* are processes that ended"
        " by themselves, and were started again a second later, as `restart: always` does.",
        "",
        "| # | fault | injected | passed | pushes | refused | slowest | healed | ended |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    lines = []
    for drill in drills:
        words = f"| {drill['row']} | {drill['what']} | {drill['how']} |"
        one = results.drills.get(drill["name"])
        if one is None:
            lines.append(f"{words} {NOT_RUN} | | | | | |")
            continue
        lines.append(
            f"{words} {one['passed']} of {one['runs']} | {one['accepted']:,} | {one['refused']}"
            f" | {one['slowest']:.1f} s | {one['healed']:.0f} s | {one.get('ended', 0)} |"
        )
    failed = [
        f"* `{drill['name']}`, seeds {results.drills[drill['name']]['seeds']}: {problem}"
        for drill in drills
        for problem in dict.fromkeys(results.drills.get(drill["name"], {}).get("problems", []))
    ]
    if failed:
        failed = ["", "What failed, with its seeds:", "", *failed]
    return "\n".join([*head, *lines, *failed, ""])


def _test_table(results: Results) -> str:
    head = ["## Tests", "", "| # | test | passed |", "|---|---|---|"]
    lines = []
    for row, tests in TESTS.items():
        for test in tests:
            count = results.tests.get(node_of(test), {})
            ran = _ran(count)
            module, name = test.split("::")
            words = f"{count.get('passed', 0)} of {ran}" if ran else NOT_RUN
            lines.append(f"| {row} | `test_{module}`: {name.replace('_', ' ')} | {words} |")
    return "\n".join([*head, *lines, ""])
