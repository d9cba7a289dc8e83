"""Who starts and stops the processes of a slot: systemd, or nobody but ourselves."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Protocol

from deploy.migration import migrate
from deploy.processes import PROCESSES, ROOT, alive_file, var

SPARE_SECONDS = 10  # beyond a process's own grace


class Runner(Protocol):
    def migrate(self) -> None: ...

    def start(self, role: str, slot: str) -> None: ...

    def stop(self, role: str, slot: str) -> None: ...


class Systemd:
    """The units of deploy/systemd, which start again what ends, and after a boot."""

    def migrate(self) -> None:
        _systemctl("start", "platform-migrate.service")

    def start(self, role: str, slot: str) -> None:
        alive_file(role, slot).unlink(missing_ok=True)
        _systemctl("enable", "--now", f"platform-{role}@{slot}.service")

    def stop(self, role: str, slot: str) -> None:
        _systemctl("disable", "--now", f"platform-{role}@{slot}.service")


def _systemctl(*words: str) -> None:
    subprocess.run(["/usr/bin/systemctl", *words], check=True)


class Hand:
    """Ordinary processes, which outlive this one; their numbers and logs are under VAR_DIR."""

    def migrate(self) -> None:
        if code := migrate():
            raise subprocess.CalledProcessError(code, "migrate")

    def start(self, role: str, slot: str) -> None:
        alive_file(role, slot).unlink(missing_ok=True)
        log = var() / "log" / f"{role}-{slot}.log"
        for file in (log, self._pid_file(role, slot)):
            file.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "deploy.processes", role, "--slot", slot],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self._pid_file(role, slot).write_text(str(process.pid))

    def stop(self, role: str, slot: str) -> None:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            pid = int(self._pid_file(role, slot).read_text())
            give_up = time.monotonic() + PROCESSES[role].grace + SPARE_SECONDS
            os.kill(pid, signal.SIGTERM)
            while _runs(pid) and time.monotonic() < give_up:
                time.sleep(0.1)
            os.kill(pid, signal.SIGKILL)
        self._pid_file(role, slot).unlink(missing_ok=True)

    def _pid_file(self, role: str, slot: str) -> Path:
        return var() / "run" / f"{role}-{slot}.pid"


def _runs(pid: int) -> bool:
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)  # ours, if this very program started it
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
