"""
The fault drill, by real processes on loopback. It stops by itself.

python -m tests.faults                      every drill and every test of the table, with their
                                            repetitions; --write puts the results in docs/faults.md
python -m tests.faults --short              a few drills, once each: under a minute
python -m tests.faults --only F41 redis     what begins with one of the words: a row or a name
python -m tests.faults kills                kill -9 of workers that refresh tokens, 1,000 times
python -m tests.faults soak --minutes 30    pushes all the time, a fault a minute
"""

import argparse
import importlib
import sys

PROGRAMS = ("table", "kills", "soak")


def main() -> int:
    options = _options()
    # Only now: most of it needs Django set up, which the rig does, with its own settings.
    program = importlib.import_module(f"tests.faults.{options.program}")
    return int(program.run(options))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.faults",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("program", nargs="?", choices=PROGRAMS, default="table")
    parser.add_argument("--short", action="store_true", help="a few drills, once each")
    parser.add_argument("--only", nargs="+", default=[], metavar="WORD")
    parser.add_argument("--repeats", type=int, help="of each, instead of the table's")
    parser.add_argument("--seed", type=int, default=1, help="of the first repetition")
    parser.add_argument("--write", action="store_true", help="the results into docs/faults.md")
    parser.add_argument("--add", action="store_true", help="to the results of earlier runs")
    parser.add_argument("--skip-tests", action="store_true", help="drills alone")
    parser.add_argument("--skip-drills", action="store_true", help="tests alone")
    parser.add_argument("--minutes", type=float, default=30, help="of the soak")
    parser.add_argument("--rate", type=float, default=50, help="of the soak, pushes a second")
    parser.add_argument("--kills", type=int, default=1000)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
