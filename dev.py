#!/usr/bin/env python3
"""
The two commands a fresh clone needs. Only the standard library, so that a bare Python can run it.

python3 dev.py run                  everything on this machine, with a sandbox in WeChat's place
python3 dev.py run --host 0.0.0.0   the same, open to the machines of a network that you trust
python3 dev.py run --check          prove the main job on a throw-away database, then leave
python3 dev.py test [...]           the tests, each on SQLite or on a real PostgreSQL and Redis
"""

import argparse
import sys

# Before anything else of ours is read: the rest is written for this Python.
if sys.version_info < (3, 11):  # noqa: UP036 (an older Python is exactly what it is about)
    sys.exit("dev.py needs Python 3.11 or newer; this is %s." % sys.version.split()[0])  # noqa: UP031

from devtools import install, local, proof, testing
from devtools.failure import Failure


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(description="Run or test the platform on this machine.")
    commands = top.add_subparsers(dest="command", required=True, metavar="{run,test}")
    run = commands.add_parser("run", help="bring everything up; Ctrl-C stops it")
    run.add_argument("--port", type=int, help="of the web server; the sandbox gets the next one")
    run.add_argument("--host", help="an address of this machine, or 0.0.0.0; by default loopback")
    run.add_argument("--no-sandbox", action="store_true", help="do not stand in for WeChat")
    run.add_argument("--check", action="store_true", help="prove the main job and leave")
    commands.add_parser("test", help="run the tests; further arguments go to pytest")
    setup = commands.add_parser("install")  # for .ci/run: no help, so not listed
    setup.add_argument("--dev", action="store_true", help="with what the tests need")
    return top


def main() -> int:
    arguments, rest = parser().parse_known_args()
    if rest and arguments.command != "test":
        parser().error(f"unrecognized arguments: {' '.join(rest)}")
    try:
        if arguments.command == "test":
            return testing.run(rest)
        if arguments.command == "install":
            return install.main(dev=arguments.dev)
        if arguments.check:
            return proof.run()
        return local.run(arguments.port, arguments.host, sandbox=not arguments.no_sandbox)
    except Failure as failure:
        print(f"\n{failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped.")
        return 130


if __name__ == "__main__":
    sys.exit(main())
