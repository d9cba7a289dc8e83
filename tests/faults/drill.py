"""What a drill is, and how each is run: the fault under traffic, then quiet, then the judge."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from random import Random

from django.db import DatabaseError, InterfaceError, connection
from django.db.models.functions import Now

from miniprograms.models import Authorizer
from tests.faults import checker
from tests.faults.rig import Rig
from tests.faults.scene import Scene
from tests.faults.traffic import Traffic

RATE = 20.0  # pushes a second
HEAL_SECONDS = 90.0  # longer than two leases
DUE_EVERY = 0.5


@dataclass
class Act:
    """What one drill has to work with."""

    rig: Rig
    scene: Scene
    random: Random
    traffic: Traffic

    def wait(self, least: float, most: float) -> None:
        """Some time between LEAST and MOST seconds."""
        time.sleep(self.random.uniform(least, most))


@dataclass(frozen=True)
class Drill:
    """One fault: which row of docs/failures.md it is, what is done, and how often in a full run."""

    row: str
    what: str
    how: str
    run: Callable[[Act], None]
    repeats: int = 20
    in_short: bool = False
    in_soak: bool = True
    hurry: Callable[[], object] | None = None  # lets time pass while all heals
    refuses: bool = False  # whether pushes may be refused meanwhile, so that WeChat sends again

    @property
    def name(self) -> str:
        return self.run.__name__


DRILLS: list[Drill] = []


def drill(
    row: str, what: str, how: str, **more: object
) -> Callable[[Callable[[Act], None]], Callable[[Act], None]]:
    """Enters a function in the table of drills."""

    def enter(run: Callable[[Act], None]) -> Callable[[Act], None]:
        DRILLS.append(Drill(row, what, how, run, **more))  # type: ignore[arg-type]
        return run

    return enter


@dataclass
class Outcome:
    """What came of the repetitions of one drill."""

    runs: int = 0
    passed: int = 0
    accepted: int = 0
    refused: int = 0  # not accepted at any of WeChat's attempts
    ended: int = 0  # processes that ended by themselves, and were started again
    slowest: float = 0.0  # answer to an accepted push, in seconds
    healed: float = 0.0  # the longest time until all was as it must be
    problems: list[str] = field(default_factory=list)
    seeds: list[int] = field(default_factory=list)  # of the failed


class Stage:
    """Runs drills one after the other on one rig."""

    def __init__(self, rig: Rig, scene: Scene) -> None:
        self.rig = rig
        self.scene = scene
        self.canaries = checker.Canaries(rig)
        self.numbers = count()

    def run(self, drill: Drill, seed: int, outcome: Outcome) -> None:
        """DRILL once, by SEED; its result is added to OUTCOME."""
        outcome.runs += 1
        random = Random(seed)
        traffic = Traffic(self.rig.wechat, self.scene.accounts, RATE, random, numbers=self.numbers)
        try:
            with time_passes(random), traffic:
                time.sleep(0.2)
                drill.run(Act(self.rig, self.scene, random, traffic))
                time.sleep(0.2)
            problems = self.heal(traffic, drill.hurry)
            refused = len(traffic.sent) - len(traffic.accepted)
            if refused and not drill.refuses:
                problems.append(f"{refused} pushes were not accepted at any of three attempts")
        except Exception as error:  # whatever it is, the drill has failed
            problems = [f"{type(error).__name__}: {error}"]
            self.heal(traffic)
        outcome.ended += len(self.rig.ended)
        self.rig.ended.clear()
        outcome.accepted += len(traffic.accepted)
        outcome.refused += len(traffic.sent) - len(traffic.accepted)
        outcome.slowest = max(outcome.slowest, traffic.slowest)
        outcome.healed = max(outcome.healed, self.healed_in)
        if problems:
            outcome.problems += problems
            outcome.seeds.append(seed)
        else:
            outcome.passed += 1

    healed_in = 0.0

    def heal(self, traffic: Traffic, hurry: Callable[[], object] | None = None) -> list[str]:
        """No more faults. What is still wrong after the longest time that healing may take."""
        self.rig.restore()
        began = time.monotonic()
        while problems := checker.verdict(self.rig, self.scene, list(traffic.sent)):
            if time.monotonic() - began > HEAL_SECONDS:
                break
            if hurry:
                hurry()
            time.sleep(0.2)
        self.healed_in = time.monotonic() - began
        return problems + self.canaries.problems()


@contextmanager
def time_passes(random: Random) -> Iterator[None]:
    """Twice a second the token of one account, whichever, is to be refreshed."""
    stop = threading.Event()

    def work() -> None:
        while not stop.wait(DUE_EVERY):
            with suppress(DatabaseError, InterfaceError):
                pks = list(Authorizer.objects.exclude(due_at=None).values_list("pk", flat=True))
                Authorizer.objects.filter(pk=random.choice(pks), due_at__gt=Now()).update(
                    due_at=Now()
                )
            connection.close()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
