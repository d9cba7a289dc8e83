"""
The filesystem for a broker, where there is no Redis: kombu's, made safe for several processes; and
Django's file cache for the markers of what waits there.

kombu opens a message's file under its final name and writes it after that; a worker that looks in
between reads nothing, calls it an unrecoverable error and ends.
"""

import os
import uuid
from pathlib import Path
from time import monotonic_ns
from typing import Any

from django.core.cache.backends.filebased import FileBasedCache
from django.core.files import locks
from kombu.exceptions import ChannelError
from kombu.transport import filesystem
from kombu.utils.json import dumps


class Channel(filesystem.Channel):
    """Puts a message in its place when it is whole."""

    def _put(self, queue: str, payload: Any, **kwargs: Any) -> None:  # type: ignore[override]
        # The names sort by time, and only what ends in the queue's name and .msg is read.
        name = f"{monotonic_ns() // 1_000_000}_{uuid.uuid4()}"
        folder = Path(self.data_folder_out)
        unfinished = folder / f"{name}.part"
        try:
            unfinished.write_text(dumps(payload))
            os.replace(unfinished, folder / f"{name}.{queue}.msg")
        except OSError as error:
            raise ChannelError(f"cannot add a message to {folder}") from error


class Transport(filesystem.Transport):
    """`filesystem://`"""

    Channel = Channel


class Markers(FileBasedCache):
    """A file cache of whose `add` of one key only one process has the benefit."""

    def __init__(self, folder: str, params: dict[str, Any]) -> None:
        super().__init__(folder, params)
        self.guard = Path(folder) / "lock"

    def add(self, *args: Any, **kwargs: Any) -> bool:
        with self.guard.open("a") as held:
            locks.lock(held, locks.LOCK_EX)  # until the file is closed
            return bool(super().add(*args, **kwargs))
