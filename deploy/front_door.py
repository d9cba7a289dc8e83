"""nginx on this host: which slot it serves, and how it is told to serve the other."""

import contextlib
import os
import subprocess
import time
import urllib.request
from pathlib import Path

from deploy.processes import port_of

# Longer than worker_shutdown_timeout in nginx.conf.
OLD_SECONDS = 40
ENDING = b"nginx: worker process is shutting down"
TIMES_IN_A_ROW = 10

UPSTREAMS = """\
# Written by deploy.rolling.
upstream web_{slot} {{
    server 127.0.0.1:{web};
}}
upstream push_{slot} {{
    server 127.0.0.1:{push} fail_timeout=2s;
    server 127.0.0.1:{web} backup;  # which serves pushes too
}}
map "" $web {{
    default web_{slot};
}}
map "" $push {{
    default push_{slot};
}}
"""


class Nginx:
    def __init__(self, folder: Path, command: list[str], inside: str) -> None:
        self.file = folder / "upstreams.conf"
        self.command = command
        self.inside = inside

    def live_slot(self) -> str | None:
        """What it was told last; None before the first start."""
        with contextlib.suppress(FileNotFoundError):
            for line in self.file.read_text().splitlines():
                if line.startswith("upstream web_"):
                    return line.removeprefix("upstream web_").split()[0]
        return None

    def serve(self, slot: str) -> None:
        """From its next look on. A file that it does not take is put back."""
        before = self.file.read_text() if self.file.exists() else None
        self._write(
            UPSTREAMS.format(slot=slot, web=port_of("web", slot), push=port_of("push", slot))
        )
        try:
            subprocess.run([*self.command, "-t", "-q"], check=True)
        except subprocess.CalledProcessError:
            if before is not None:
                self._write(before)
            raise
        if self.runs():
            subprocess.run([*self.command, "-s", "reload"], check=True)

    def runs(self) -> bool:
        return bool(self._served())

    def _write(self, text: str) -> None:
        new = self.file.with_suffix(".new")
        new.write_text(text)
        os.replace(new, self.file)

    def serves(self, slot: str) -> bool:
        """Whether SLOT is all it serves: while it changes over, both may answer."""
        return all(self._served() == f"web_{slot} push_{slot}" for _ in range(TIMES_IN_A_ROW))

    def _served(self) -> str:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with (
            contextlib.suppress(OSError),
            opener.open(f"http://{self.inside}/served", timeout=2) as answer,
        ):
            return str(answer.read().decode().strip())
        return ""

    def wait_for_the_old(self) -> None:
        """Until its workers from before have answered everything that was under way."""
        give_up = time.monotonic() + OLD_SECONDS
        while _some_are_ending() and time.monotonic() < give_up:
            time.sleep(0.2)


def _some_are_ending() -> bool:
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if file.read_bytes().startswith(ENDING):
                return True
    return False
