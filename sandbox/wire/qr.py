"""A pattern that looks like a QR code, drawn from a text; it cannot be scanned."""

import hashlib
from itertools import product

from sandbox.wire.jpeg import mosaic

SIZE = 25  # modules a side
CORNERS = ((0, 0), (SIZE - 7, 0), (0, SIZE - 7))  # of the three squares a scanner looks for
MARGIN = 1


def dots(text: str) -> list[tuple[int, int]]:
    """The dark modules outside the corners."""
    digest = hashlib.sha256(text.encode()).digest()
    return [
        (x, y)
        for x, y in product(range(SIZE), repeat=2)
        if not _in_corner(x, y) and digest[(x * SIZE + y) % 32] >> (x * y + y) % 8 & 1
    ]


def picture(text: str) -> bytes:
    """The pattern as a JPEG, as WeChat's API answers it."""
    rows = [[255] * (SIZE + 2 * MARGIN) for _ in range(SIZE + 2 * MARGIN)]
    for left, top in CORNERS:
        for x, y in product(range(7), repeat=2):
            ring = 0 in (x, y) or 6 in (x, y) or (2 <= x <= 4 and 2 <= y <= 4)
            rows[top + y + MARGIN][left + x + MARGIN] = 0 if ring else 255
    for x, y in dots(text):
        rows[y + MARGIN][x + MARGIN] = 0
    return mosaic(rows)


def _in_corner(x: int, y: int) -> bool:
    return any(left <= x + 1 <= left + 8 and top <= y + 1 <= top + 8 for left, top in CORNERS)
