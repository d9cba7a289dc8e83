"""Child processes that end with us: started, watched, stopped by their own ids."""

import contextlib
import os
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from devtools.failure import Failure
from devtools.install import ROOT

STOP_SECONDS = 10
ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
TAIL_LINES = 25


@dataclass
class Child:
    name: str
    log: Path
    process: "subprocess.Popen[bytes]"
    ended: bool = False

    def has_ended(self) -> bool:
        if not self.ended and self.process.poll() is not None:
            self._end_group()
        return self.ended

    def wait(self, seconds: float) -> None:
        """Until it ends, which is no longer than SECONDS away."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(seconds)
        self._end_group()
        self.process.wait()

    def _end_group(self) -> None:
        """It and what it started in its turn: a web server that is killed leaves its workers."""
        # Once, and at once: as long as the group has members its number is nobody else's.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.ended = True

    def tail(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines()[-TAIL_LINES:]
        return f"── the end of {self.log.name} ──\n" + "\n".join(lines)


class Processes:
    """A context: whatever way it is left, nothing it started runs on."""

    def __init__(self, logs: Path, environment: dict[str, str]) -> None:
        self.logs = logs
        self.environment = environment
        self.children: list[Child] = []
        self.handlers = {ending: signal.getsignal(ending) for ending in ENDINGS}
        logs.mkdir(mode=0o700, parents=True, exist_ok=True)

    def __enter__(self) -> "Processes":
        # A closed terminal or a `kill` ends us like Ctrl-C does: through __exit__. What is ignored
        # stays so: that is how nohup asks to be left alone.
        for ending, handler in self.handlers.items():
            if handler is not signal.SIG_IGN:
                signal.signal(ending, signal.default_int_handler)
        return self

    def __exit__(self, *_: object) -> None:
        for ending in ENDINGS:
            signal.signal(ending, signal.SIG_IGN)
        self.stop()
        for ending, handler in self.handlers.items():
            signal.signal(ending, handler)

    def start(self, name: str, *command: str | Path) -> None:
        log = self.logs / f"{name}.log"
        log.touch(mode=0o600)
        with log.open("wb") as output:
            process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                # Its own group: Ctrl-C reaches only us, and we end it with whatever it started.
                start_new_session=True,
                umask=0o077,  # what they write is for its owner alone
            )
        self.children.append(Child(name, log, process))

    def check(self) -> None:
        """Raise when one of them is gone."""
        for child in self.children:
            if child.has_ended():
                raise Failure(
                    f"{child.name} ended by itself (exit code {child.process.returncode}).\n"
                    f"{child.tail()}"
                )

    def watch(self) -> None:
        while True:
            self.check()
            time.sleep(0.5)

    def tails(self) -> str:
        return "\n\n".join(child.tail() for child in self.children)

    def stop(self) -> None:
        running = [child for child in self.children if not child.has_ended()]
        for child in running:
            child.process.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        for child in running:
            child.wait(max(0.0, deadline - time.monotonic()))
        self.children = []
