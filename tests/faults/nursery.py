"""
Workers that are quickly replaced: `python -m tests.faults.nursery` has imported everything, and
with each line that it reads forks a process that refreshes tokens until it is killed.
"""

import os
import signal
import sys
import time

import django

django.setup()

from miniprograms import tasks  # noqa: E402  (after the set-up)


def main() -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the dead
    print("ready", flush=True)
    for _line in sys.stdin:
        pid = os.fork()
        if not pid:
            work()
        print(pid, flush=True)


def work() -> None:
    """What beat sends workers, over and over."""
    while True:
        tasks.refresh_tokens()
        tasks.reconcile()
        time.sleep(0.01)


if __name__ == "__main__":
    main()
