"""
A release goes live without a request refused: start the new, wait until it is ready, switch, drain
the old. Also the first start.

    python -m deploy.rolling                by systemd's units in deploy/systemd, as root
    python -m deploy.rolling --by hand      ordinary processes, in the folder VAR_DIR
    python -m deploy.rolling --stop         all of it, of either way

On this host everything has two slots, blue and green, with ports of their own. nginx serves one of
them: which, is in upstreams.conf, which this writes. If the new does not get ready, or nginx does
not take the file, the new is stopped again and the old has served all the time.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from deploy.front_door import Nginx
from deploy.processes import PROCESSES, ROOT, SLOTS, is_alive
from deploy.runners import Hand, Runner, Systemd

READY_SECONDS = 120
# Each program of a server answers some of them.
ANSWERS_IN_A_ROW = 10


class NotLive(Exception):
    """The release did not go live; the one before serves on."""


def main() -> int:
    options = _options()
    runner: Runner = Hand() if options.by == "hand" else Systemd()
    nginx = Nginx(Path(options.nginx_folder), options.nginx.split(), options.inside)
    live = nginx.live_slot()
    if options.stop:
        _stop(runner, live)
        return 0
    new = SLOTS[1] if live == SLOTS[0] else SLOTS[0]
    try:
        go_live(runner, nginx, new, live)
    except (NotLive, subprocess.CalledProcessError) as error:
        print(f"{error}\n{live or 'Nothing'} serves on.", file=sys.stderr)
        return 1
    return 0


def go_live(runner: Runner, nginx: Nginx, new: str, live: str | None) -> None:
    began = time.monotonic()

    def done(what: str) -> None:
        print(f"{time.monotonic() - began:5.1f} s  {what}", flush=True)

    runner.migrate()
    done("migrated")
    try:
        for role in PROCESSES:
            runner.start(role, new)
        for role in PROCESSES:
            _wait(f"{role} of {new}", partial(_is_ready, role, new))
        done(f"{new} is ready")
        nginx.serve(new)
        if nginx.runs():
            _wait(f"nginx to serve {new}", lambda: nginx.serves(new))
            done(f"nginx serves {new}")
        else:
            done(f"nginx is to be started, and will serve {new}")
    except BaseException:
        if live:
            nginx.serve(live)
        _stop(runner, new)
        raise
    if live:
        nginx.wait_for_the_old()
        done(f"{live} has nothing left to answer")
        _stop(runner, live)
        done(f"{live} has ended")


def _stop(runner: Runner, slot: str | None) -> None:
    for role in PROCESSES if slot else ():
        runner.stop(role, str(slot))


def _is_ready(role: str, slot: str) -> bool:
    times = ANSWERS_IN_A_ROW if PROCESSES[role].port else 1
    return all(is_alive(role, slot) for _ in range(times))


def _wait(what: str, is_so: Callable[[], bool]) -> None:
    give_up = time.monotonic() + READY_SECONDS
    while not is_so():
        if time.monotonic() > give_up:
            raise NotLive(f"Waited {READY_SECONDS} s in vain for {what}.")
        time.sleep(0.2)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m deploy.rolling")
    parser.add_argument("--by", choices=("systemd", "hand"), default="systemd")
    parser.add_argument("--nginx-folder", default="/etc/nginx", help="of nginx.conf")
    parser.add_argument("--nginx", default="nginx", help="the program, with its options")
    parser.add_argument("--inside", default="127.0.0.1:8090", help="nginx's door for this host")
    parser.add_argument("--stop", action="store_true", help="end what is live")
    return parser.parse_args()


if __name__ == "__main__":
    os.chdir(ROOT)
    sys.exit(main())
