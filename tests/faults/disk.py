"""A file system of its own for a server's data, in memory, that can be filled."""

import errno
import os
import pwd
import subprocess
from pathlib import Path

SIZE = 1500 * 2**20
LEAST_STEP = 4096


class Disk:
    """Mounted at PATH where we may do that; else it is a folder like others and never full."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.balloon = path / "balloon"
        self.is_mounted = False

    def mount(self) -> None:
        self.path.mkdir()
        if os.geteuid():
            return
        owner = pwd.getpwnam("nobody")
        options = f"size={SIZE},mode=0700,uid={owner.pw_uid},gid={owner.pw_gid}"
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(self.path)]
        mounting = subprocess.run(command, capture_output=True, check=False)
        self.is_mounted = mounting.returncode == 0

    def unmount(self) -> None:
        if self.is_mounted:
            command = ["umount", "--lazy", str(self.path)]
            subprocess.run(command, check=True)

    def fill(self) -> None:
        """Not a byte is left."""
        assert self.is_mounted, "NOT RUN: it needs the right to mount a file system"
        step = 2**26
        with self.balloon.open("ab", buffering=0) as balloon:
            while step >= LEAST_STEP:
                try:
                    os.posix_fallocate(balloon.fileno(), balloon.seek(0, os.SEEK_END), step)
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise
                    step //= 4

    def free(self) -> None:
        self.balloon.unlink(missing_ok=True)
