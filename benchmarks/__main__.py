"""
Us and our peers side by side, in one run: python -m benchmarks [--full] [NAME …]

Every program runs in a process of its own, on a database of its own, and stops by itself.
"""

import argparse
import importlib
import subprocess
import sys

from benchmarks.stage import Durable, Spacious, stage
from tests.servers import Postgres

PROGRAMS: dict[str, type[Postgres]] = {
    "envelope": Postgres,
    "secret": Postgres,
    "push": Durable,
    "refresh": Durable,
    "lists": Spacious,
    "memory": Durable,
    "floods": Durable,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(PROGRAMS))
    parser.add_argument("--full", action="store_true", help="longer, for steadier figures")
    options = parser.parse_args()
    if unknown := set(options.names) - set(PROGRAMS):
        parser.error(f"no such program: {', '.join(sorted(unknown))}")
    names = options.names or list(PROGRAMS)
    if len(names) == 1:
        _run(names[0], full=options.full)
        return
    again = ["--full"] if options.full else []
    for name in names:
        subprocess.run([sys.executable, "-m", "benchmarks", *again, name], check=True)


def _run(name: str, *, full: bool) -> None:
    with stage(PROGRAMS[name]) as here:
        # Only now: its models need Django set up, and Django a database.
        importlib.import_module(f"benchmarks.{name}").run(here, full=full)


if __name__ == "__main__":
    main()
