"""Pictures as WeChat sends them: grey JPEG mosaics, the least a decoder takes for a picture."""

from collections.abc import Iterable, Sequence

BLOCK = 8  # pixels a tile is wide: one block of the format, so it needs no frequencies
QUANTUM = 8  # makes the coefficient of a tile its brightness


def mosaic(rows: Sequence[Sequence[int]]) -> bytes:
    """A JPEG of tiles, ROWS of brightnesses from 0 to 255."""
    height, width = (len(side) * BLOCK for side in (rows, rows[0]))
    frame = bytes([8]) + height.to_bytes(2) + width.to_bytes(2) + bytes([1, 1, 0x11, 0])
    return b"".join(
        (
            b"\xff\xd8",
            _segment(0xE0, b"JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"),
            _segment(0xDB, bytes([0] + [QUANTUM] * 64)),
            _segment(0xC0, frame),
            # Nine steps of brightness, four bits each; one bit for "no frequencies".
            _segment(0xC4, bytes([0x00, 0, 0, 0, 9, *[0] * 12, *range(9)])),
            _segment(0xC4, bytes([0x10, 1, *[0] * 15, 0])),
            _segment(0xDA, bytes([1, 1, 0x00, 0, 63, 0])),
            _pack(_codes(tile - 128 for row in rows for tile in row)),
            b"\xff\xd9",
        )
    )


def _segment(marker: int, content: bytes) -> bytes:
    return bytes([0xFF, marker]) + (len(content) + 2).to_bytes(2) + content


def _codes(tiles: Iterable[int]) -> str:
    """Each tile as the step from the one before: how many bits it needs, and those."""
    codes, before = [], 0
    for tile in tiles:
        step, before = tile - before, tile
        size = abs(step).bit_length()
        bits = step if step > 0 else step + (1 << size) - 1
        codes.append(f"{size:04b}{f'{bits:0{size}b}' if size else ''}0")
    return "".join(codes)


def _pack(bits: str) -> bytes:
    """Whole bytes, filled up with ones; a byte that looks like a marker is followed by a zero."""
    filled = bits + "1" * (-len(bits) % 8)
    return int(filled, 2).to_bytes(len(filled) // 8).replace(b"\xff", b"\xff\x00")
