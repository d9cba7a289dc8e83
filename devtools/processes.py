"""Child processes that end with us: started, watched, stopped by their own ids."""

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
        logs.mkdir(parents=True, exist_ok=True)

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
            )
        self.children.append(Child(name, log, process))

    def check(self) -> None:
        """Raise when one of them is gone."""
        for child in self.children:
            if child.process.poll() is not None:
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
        for child in self.children:
            if child.process.poll() is None:
                child.process.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        for child in self.children:
            try:
                child.process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                # Not waited for yet, so its id is still its own; its group is it and its children.
                os.killpg(child.process.pid, signal.SIGKILL)
                child.process.wait()
        self.children = []
