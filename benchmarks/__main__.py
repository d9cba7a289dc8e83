"""
Us and our peers side by side, in one run: python -m benchmarks [--full] [--write] [NAME …]

Every program runs in a process of its own, on a database of its own, and stops by itself.
"""

import argparse
import importlib
import subprocess
import sys

from benchmarks.report import write_report
from benchmarks.stage import Durable, Spacious, stage
from tests.servers import Postgres

PROGRAMS: dict[str, type[Postgres]] = {
    "envelope": Postgres,
    "secret": Postgres,
    "push": Durable,
    "refresh": Durable,
    "lists": Spacious,
    "memory": Durable,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(PROGRAMS))
    parser.add_argument("--full", action="store_true", help="longer, for steadier figures")
    parser.add_argument("--write", action="store_true", help="the figures into docs/performance.md")
    options = parser.parse_args()
    if unknown := set(options.names) - set(PROGRAMS):
        parser.error(f"no such program: {', '.join(sorted(unknown))}")
    names = options.names or list(PROGRAMS)
    if options.write:
        write_report({name: _output(name, full=options.full) for name in names})
    elif len(names) == 1:
        _run(names[0], full=options.full)
    else:
        for name in names:
            print(_output(name, full=options.full), end="", flush=True)


def _output(name: str, *, full: bool) -> str:
    """What the program called NAME prints, in a process of its own."""
    command = [sys.executable, "-m", "benchmarks", name, *(["--full"] if full else [])]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def _run(name: str, *, full: bool) -> None:
    with stage(PROGRAMS[name]) as here:
        # Only now: its models need Django set up, and Django a database.
        importlib.import_module(f"benchmarks.{name}").run(here, full=full)


if __name__ == "__main__":
    main()
