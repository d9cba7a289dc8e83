"""A command that takes minutes: one line says what it is at; if it fails, the end of its output."""

import os
import queue
import re
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path

from devtools.failure import Failure

TAIL_LINES = 15
WIDTH = 76
LOOK_SECONDS = 0.5
# Where nobody watches, as in a log: a line of its own so often.
REPEAT_SECONDS = 15.0

# What pip, uv and apt write where no packages' index can be reached.
NO_NETWORK = re.compile(
    r"NewConnectionError|ConnectTimeout|ReadTimeoutError|ProxyError|name resolution"
    r"|Name or service not known|Network is unreachable|Could not resolve|Could not connect"
    r"|Temporary failure resolving|failed to lookup address|dns error|error sending request"
    r"|client error \(Connect\)|Connection (?:refused|timed out)|[Oo]ffline"
)
NO_NETWORK_WORDS = (
    "The packages could not be downloaded: this machine reaches no package index. Connect it to"
    " the\nnetwork, or name a mirror that it reaches (PIP_INDEX_URL=https://…; behind a proxy,"
    " HTTPS_PROXY=…),\nand run the same command again: what was downloaded is not lost."
)


class Ended(Failure):
    """A command that failed. Its text has the end of what it wrote, or that there is no network."""


def carry_out(command: Sequence[str | Path], environment: Mapping[str, str]) -> None:
    """Run COMMAND and show what it is at. Raises Ended."""
    output: deque[str] = deque(maxlen=200)
    with subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as process:
        try:
            _watch(process, output)
        except BaseException:
            process.kill()
            raise
    if process.returncode:
        raise Ended(_explanation(command, "\n".join(output)))


def _watch(process: "subprocess.Popen[bytes]", output: deque[str]) -> None:
    lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    reader = threading.Thread(target=_pass_on, args=(process, lines), daemon=True)
    reader.start()
    show = Line()
    try:
        while (line := _next(lines)) is not None:
            if line:
                output.append(line)
            show.say(line)
    finally:
        show.clear()
    reader.join()


def _pass_on(process: "subprocess.Popen[bytes]", lines: "queue.SimpleQueue[str | None]") -> None:
    for line in process.stdout or ():
        lines.put(line.decode(errors="replace").rstrip())
    lines.put(None)


def _next(lines: "queue.SimpleQueue[str | None]") -> str | None:
    """The next line, "" while there is none, None at the end."""
    try:
        return lines.get(timeout=LOOK_SECONDS)
    except queue.Empty:
        return ""


def _explanation(command: Sequence[str | Path], output: str) -> str:
    if NO_NETWORK.search(output):
        return NO_NETWORK_WORDS
    tail = "\n".join(output.splitlines()[-TAIL_LINES:])
    return f"{tail}\n\nThis failed, see above:\n\n    {' '.join(map(str, command))}"


class Line:
    """The newest line of a command, with how long it has run: over itself on a terminal."""

    def __init__(self) -> None:
        self.is_terminal = sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
        self.started = self.shown_at = time.monotonic()
        self.text = ""

    def say(self, line: str) -> None:
        self.text = _brief(line) or self.text
        now = time.monotonic()
        if not self.is_terminal and now - self.shown_at < REPEAT_SECONDS:
            return
        self.shown_at = now
        seconds = f"{now - self.started:4.0f} s  "
        shown = seconds + self.text[: WIDTH - len(seconds)]
        if self.is_terminal:
            print(f"\r{shown:<{WIDTH}}", end="", flush=True)
        else:
            print(shown, flush=True)

    def clear(self) -> None:
        if self.is_terminal:
            print(f"\r{'':<{WIDTH}}\r", end="", flush=True)


def _brief(line: str) -> str:
    """LINE without what only a log needs; of a list of packages how many."""
    if NO_NETWORK.search(line):
        return "no answer from the package index; trying again"
    if line.startswith("Installing collected packages:"):
        return f"Installing {line.count(',') + 1} packages"
    if line.startswith("WARNING:"):  # too long for the line; where it fails they are shown
        return ""
    return re.sub(r" \(from .*|\s*\\$", "", line.strip())
