"""
How each process of the platform is started: the one table, which compose, the units, the image,
dev.py, the tests and the README go by. Only the standard library.

    python -m deploy.processes web              start it, watch it, end it when it does not work
    python -m deploy.processes web --print      the command behind it
    python -m deploy.processes web --is-alive   whether it works, for a health check
    python -m deploy.processes migrate          before the others, once a release

A process that runs may still do nothing: a worker that hears its broker no more, a server all of
whose threads wait. So it is asked for a sign of life every few seconds. Without one for too long
it is ended, and what started us (docker, systemd) starts it again.
"""

import argparse
import os
import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from deploy.migration import migrate
from deploy.supervision import Supervised, answers, has_been_touched

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent

# Two of everything on one host, while a release goes live: deploy/rolling.py.
SLOTS = ("blue", "green")
NEXT_SLOT = 10  # between their ports


@dataclass(frozen=True)
class Process:
    """
    WORDS are its command, but for how many programs it runs: SIZE, or what the environment says by
    the name of SIZED_BY, goes to the option SIZE_OPTION. Each program takes up to CONNECTIONS at
    the database. GRACE is how many seconds it may take to end. Without a sign of life for SILENCE
    seconds it is ended.
    """

    role: str
    words: tuple[str, ...]
    connections: int
    grace: int
    silence: int
    application: str = ""  # a module of config
    port: int = 0  # of its first slot, counted from FIRST_PORT; none if it serves nobody
    size: int = 1
    sized_by: str = ""
    size_option: str = ""
    overseers: int = 0  # programs besides, which see to the others

    @property
    def pool_size(self) -> int:
        """Of Django's connections in one program. The short way of pushes has as many again."""
        return self.connections // 2 if self.port else self.connections

    def programs(self) -> int:
        return int(os.environ.get(self.sized_by) or self.size)

    def most_connections(self) -> int:
        return (self.programs() + self.overseers) * self.connections


SERVED = (
    "granian",
    *("--interface", "wsgi", "--no-ws", "--blocking-threads", "64"),
    # Without it the death of one program ends the others.
    *("--respawn-failed-workers", "--respawn-interval", "0.5"),
    # Of what is under way at the end: a person may wait 15 s for WeChat. Then it is cut off.
    *("--workers-kill-timeout", "20"),
    *("--log-config", str(ROOT / "deploy" / "granian-logs.json")),
)
CELERY = ("celery", "-A", "config")

PROCESSES = {
    process.role: process
    for process in (
        # Everything but what comes from WeChat; that too, where push does not answer.
        Process(
            "web",
            SERVED,
            application="wsgi",
            connections=32,
            grace=30,
            silence=120,
            port=8000,
            size=2,
            sized_by="WEB_WORKERS",
            size_option="--workers",
        ),
        Process(
            "push",
            SERVED,
            application="push_wsgi",
            connections=32,
            grace=30,
            silence=120,
            port=8001,
            size=2,
            sized_by="PUSH_WORKERS",
            size_option="--workers",
        ),
        # A task that is under way ends, or is put back after 15 s.
        Process(
            "worker",
            (
                *(*CELERY, "worker", "--loglevel", "INFO"),
                *("--pool", "prefork", "--without-gossip", "--without-mingle"),
            ),
            connections=8,
            grace=60,
            silence=300,
            size=4,
            sized_by="WORKER_CONCURRENCY",
            size_option="--concurrency",
            overseers=1,
        ),
        # One is enough: while there is none, workers send what is overdue.
        Process(
            "beat",
            (*CELERY, "beat", "--loglevel", "INFO", "--pidfile="),
            connections=2,
            grace=15,
            silence=120,
        ),
    )
}


def port_of(role: str, slot: str = SLOTS[0]) -> int:
    """Where ROLE answers on this host, or 0."""
    port = PROCESSES[role].port
    moved = int(os.environ.get("FIRST_PORT") or 8000) - 8000
    return port + moved + NEXT_SLOT * SLOTS.index(slot) if port else 0


def command(role: str, *more: str, slot: str = SLOTS[0], host: str = "127.0.0.1") -> list[str]:
    """What starts ROLE; an option of MORE counts in place of the same one in the table."""
    process = PROCESSES[role]
    size = [process.size_option, str(process.programs())] if process.size_option else []
    place = ["--host", host, "--port", str(port_of(role, slot))] if process.port else []
    application = [f"config.{process.application}:application"] if process.application else []
    program, *words = process.words
    return [str(BIN / program), *words, *size, *place, *more, *application]


def environment(role: str, slot: str) -> dict[str, str]:
    """What it is told besides the settings, which may say otherwise."""
    return {
        "PROCESS_ROLE": role,
        "DATABASE_POOL_SIZE": str(PROCESSES[role].pool_size),
        "ALIVE_FILE": str(alive_file(role, slot)),
        **os.environ,
    }


def alive_file(role: str, slot: str) -> Path:
    """What a worker touches with each task, and beat with each look at its schedule."""
    return var() / "alive" / f"{role}-{slot}"


def var() -> Path:
    return Path(os.environ.get("VAR_DIR") or ROOT / "var")


def is_alive(role: str, slot: str, *, port: int = 0, silence: float = 0) -> bool:
    """Whether ROLE works."""
    if place := port or port_of(role, slot):
        return answers(place)
    return has_been_touched(alive_file(role, slot), (silence or PROCESSES[role].silence) / 2)


def connections(counts: Mapping[str, int]) -> int:
    """How many connections so many of each role may take at the database, by COUNTS of roles."""
    return sum(PROCESSES[role].most_connections() * count for role, count in counts.items())


def main() -> int:
    options = _options()
    if options.role == "migrate":
        return migrate()
    process, port = PROCESSES[options.role], options.port
    silence = options.silence or process.silence
    more = ["--port", str(port)] if port else []
    words = command(options.role, *more, slot=options.slot, host=options.host)
    ask = partial(is_alive, options.role, options.slot, port=port, silence=silence)
    if options.print:
        print(shlex.join([Path(words[0]).name, *words[1:]]))
        return 0
    if options.is_alive:
        return 0 if ask() else 1
    file = alive_file(options.role, options.slot)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.unlink(missing_ok=True)
    return Supervised(
        name=options.role,
        command=words,
        environment=environment(options.role, options.slot),
        folder=ROOT,
        grace=process.grace,
        silence=silence,
        is_alive=ask,
    ).run()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m deploy.processes")
    parser.add_argument("role", choices=(*PROCESSES, "migrate"))
    parser.add_argument("--host", default="127.0.0.1", help="of web and push")
    parser.add_argument("--slot", choices=SLOTS, default=SLOTS[0], help="of two on one host")
    parser.add_argument("--port", type=int, default=0, help="another than the slot's")
    parser.add_argument("--silence", type=int, metavar="SECONDS", help="without a sign of life")
    parser.add_argument("--print", action="store_true", help="the command, and leave")
    parser.add_argument("--is-alive", action="store_true", help="fail unless it works, and leave")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
