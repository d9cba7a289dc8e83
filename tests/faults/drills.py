"""All drills, in the order of docs/failures.md; imported once Django is set up."""

from collections.abc import Iterator

from tests.faults import crash_drills, door_drills, process_drills, servers_drills, wechat_drills
from tests.faults.drill import DRILLS, RATE, Drill, Outcome, Stage
from tests.faults.rig import Rig
from tests.faults.scene import make_scene

__all__ = [
    "RATE",
    "crash_drills",
    "door_drills",
    "process_drills",
    "servers_drills",
    "wechat_drills",
]


def chosen(words: list[str], *, short: bool) -> list[Drill]:
    """The drills whose row is, or whose name begins with, one of WORDS; all without any."""
    return [
        drill
        for drill in sorted(DRILLS, key=lambda drill: int(drill.row[1:]))
        if (drill.in_short or not short)
        and (not words or drill.row in words or drill.name.startswith(tuple(words)))
    ]


def run_drills(
    rig: Rig, drills: list[Drill], repeats: int | None, seed: int
) -> Iterator[tuple[str, Outcome]]:
    """What came of each of DRILLS, by name; it is printed as it comes."""
    stage = Stage(rig, make_scene(rig))
    for drill in drills:
        outcome = Outcome()
        for number in range(repeats or drill.repeats):
            stage.run(drill, seed + number, outcome)
            if outcome.problems and len(outcome.seeds) >= 3:
                break  # it fails; more of the same would only take time
        print(line(drill, outcome), flush=True)
        yield drill.name, outcome


def line(drill: Drill, outcome: Outcome) -> str:
    words = [
        f"{drill.row} {drill.name}: {outcome.passed} of {outcome.runs}",
        f"{outcome.accepted} pushes, slowest {outcome.slowest:.1f} s",
        f"healed within {outcome.healed:.1f} s",
    ]
    if outcome.ended:
        words.append(f"{outcome.ended} processes ended by themselves")
    if outcome.problems:
        words.append(f"SEEDS {outcome.seeds}: {'; '.join(dict.fromkeys(outcome.problems))}")
    return ", ".join(words)
