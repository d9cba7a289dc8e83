"""A body that is too long for memory: its end lies in a temporary file, which goes with it."""

from collections.abc import Callable, Iterator
from tempfile import SpooledTemporaryFile

PIECE = 64 * 1024
IN_MEMORY = 1024 * 1024


class Overlong(Exception):
    """There was more than may be kept."""


class Spool:
    """Bytes that are written once and read as often as needed, from the beginning each time."""

    def __init__(self) -> None:
        self._file = SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115 -- `close` is ours
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def take(self, read: Callable[[int], bytes], most: int) -> None:
        """Write what READ gives, in pieces, until it gives nothing. Raises Overlong."""
        while piece := read(PIECE):
            self.write(piece)
            if self._length > most:
                raise Overlong

    def write(self, piece: bytes) -> None:
        self._file.write(piece)
        self._length += len(piece)

    def rewind(self) -> None:
        self._file.seek(0)

    def read(self, most: int = -1) -> bytes:
        return self._file.read(most)

    def pieces(self) -> Iterator[bytes]:
        self.rewind()
        while piece := self._file.read(PIECE):
            yield piece

    def close(self) -> None:
        self._file.close()
