"""A child that is watched: ended when it gives no sign of life, and we with it."""

import contextlib
import ctypes
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

ASK_SECONDS = 5.0
ANSWER_SECONDS = 4.0
START_SECONDS = 120.0  # for the first sign of life
PR_SET_PDEATHSIG = 1
DEAF = 70  # our exit code when it gave no sign of life


def answers(port: int) -> bool:
    """Whether the server on PORT of this machine says that it is alive."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"http://127.0.0.1:{port}/healthz", timeout=ANSWER_SECONDS) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def has_been_touched(file: Path, seconds: float) -> bool:
    """Whether FILE was written within so many seconds."""
    try:
        return time.time() - file.stat().st_mtime < seconds
    except FileNotFoundError:
        return False


@dataclass
class Supervised:
    """
    COMMAND runs until it ends, is asked to end (SIGTERM or SIGINT to us), or does not work for
    SILENCE seconds: then at least half of the asks in that time were in vain. Half, since one of a
    server's two programs may answer while the other does not. It has START_SECONDS before that.
    """

    name: str
    command: list[str]
    environment: dict[str, str]
    folder: Path
    grace: float
    silence: float
    is_alive: Callable[[], bool]
    asks: deque[bool] = field(default_factory=deque)
    started: float = field(default_factory=time.monotonic)
    has_worked: bool = False
    is_asked_to_end: bool = False

    def run(self) -> int:
        """Its exit code; 128 and more for a signal."""
        for ending in (signal.SIGTERM, signal.SIGINT):
            signal.signal(ending, self._ask_to_end)
        child = subprocess.Popen(
            self.command,
            cwd=self.folder,
            env=self.environment,
            # Its own group, so that a terminal's Ctrl-C reaches it through us, once.
            start_new_session=True,
            preexec_fn=_end_with_parent,  # there are no threads here
        )
        try:
            code = self._watch(child)
        finally:
            _kill_group(child)
        return code if code >= 0 else 128 - code

    def _ask_to_end(self, _signal: int, _frame: FrameType | None) -> None:
        self.is_asked_to_end = True

    def _watch(self, child: "subprocess.Popen[bytes]") -> int:
        asked = time.monotonic()
        while (code := child.poll()) is None:
            if self.is_asked_to_end:
                return self._end(child)
            if time.monotonic() - asked >= self._pause():
                asked = time.monotonic()
                if self._is_deaf():
                    self._say(f"no sign of life for {self.silence:.0f} s: it is ended")
                    self._end(child)
                    return DEAF
            time.sleep(0.1)
        return code

    def _pause(self) -> float:
        return min(ASK_SECONDS, self.silence / 4)

    def _is_deaf(self) -> bool:
        """Whether half of what was asked over the whole of SILENCE was in vain."""
        number = round(self.silence / self._pause())
        is_alive = self.is_alive()
        self.has_worked |= is_alive
        if not self.has_worked and time.monotonic() - self.started < START_SECONDS:
            return False
        self.asks.append(is_alive)
        while len(self.asks) > number:
            self.asks.popleft()
        return len(self.asks) == number and self.asks.count(False) * 2 >= number

    def _end(self, child: "subprocess.Popen[bytes]") -> int:
        child.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            return child.wait(self.grace)
        self._say(f"it did not end within {self.grace:.0f} s: it is killed")
        _kill_group(child)
        return child.wait()

    def _say(self, what: str) -> None:
        """As all our logs are: a line of JSON."""
        now = datetime.now(UTC).isoformat()
        line = {"event": f"{self.name}: {what}", "level": "critical", "timestamp": now}
        sys.stderr.write(json.dumps(line) + "\n")


def _kill_group(child: "subprocess.Popen[bytes]") -> None:
    """It, and what it started and left behind."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)


def _end_with_parent() -> None:
    """Killed as we may be, we leave nobody behind. Where there is no such call (macOS), we may."""
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
