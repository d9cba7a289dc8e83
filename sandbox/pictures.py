"""Avatars and QR-like pictures, drawn from the appid. The latter cannot be scanned."""

import hashlib
from itertools import product

from sandbox.exchange import Reply, Request
from sandbox.html import Html, join, tag
from sandbox.jpeg import mosaic
from sandbox.world import WeChat

COLOURS = ("#07c160", "#10aeff", "#fa9d3b", "#6467f0", "#e64340", "#1485ee", "#2c9678")
SIZE = 25  # modules of a QR-like picture
CORNERS = ((0, 0), (SIZE - 7, 0), (0, SIZE - 7))


def avatar(wechat: WeChat, request: Request) -> Reply:
    """The first character of the name on a colour of its own."""
    appid = _appid(request)
    account = wechat.accounts.get(appid)
    letter = account.nick_name[:1] if account else "微"
    colour = COLOURS[_digest(appid)[0] % len(COLOURS)]
    return _svg(
        96,
        tag("rect", width=96, height=96, rx=18, fill=colour),
        tag(
            "text",
            letter,
            x=48,
            y=64,
            fill="#fff",
            text_anchor="middle",
            font_size=46,
            font_family="sans-serif",
        ),
    )


def qr_code(wechat: WeChat, request: Request) -> Reply:
    """Something that looks like a mini program's QR code."""
    dots = [tag("rect", x=x + 1, y=y + 1, width=1, height=1) for x, y in _dots(_appid(request))]
    corners = [_corner(x + 1, y + 1) for x, y in CORNERS]
    background = tag("rect", width=SIZE + 2, height=SIZE + 2, fill="#fff")
    return _svg(SIZE + 2, background, *dots, *corners)


def media(wechat: WeChat, request: Request) -> Reply:
    """A picture of a review, for the console."""
    kept = wechat.reviews.media.get(request.path.rpartition("/")[2])
    if kept is None or not kept.kind.startswith("image/"):
        return Reply(b"404 Not Found", 404, {"Content-Type": "text/plain"})
    return Reply(kept.content, headers={"Content-Type": kept.kind})


def qr_tiles(text: str) -> bytes:
    """The same as a JPEG, as WeChat's API answers it."""
    rows = [[255] * (SIZE + 2) for _ in range(SIZE + 2)]
    for left, top in CORNERS:
        for x, y in product(range(7), repeat=2):
            ring = 0 in (x, y) or 6 in (x, y) or (2 <= x <= 4 and 2 <= y <= 4)
            rows[top + y + 1][left + x + 1] = 0 if ring else 255
    for x, y in _dots(text):
        rows[y + 1][x + 1] = 0
    return mosaic(rows)


def _dots(text: str) -> list[tuple[int, int]]:
    digest = _digest(text)
    return [
        (x, y)
        for x, y in product(range(SIZE), repeat=2)
        if not _in_corner(x, y) and digest[(x * SIZE + y) % 32] >> (x * y + y) % 8 & 1
    ]


def _corner(x: int, y: int) -> Html:
    ring = tag("rect", x=x + 0.5, y=y + 0.5, width=6, height=6, fill="none", stroke="#000")
    return join([ring, tag("rect", x=x + 2, y=y + 2, width=3, height=3)])


def _in_corner(x: int, y: int) -> bool:
    return any(left <= x + 1 <= left + 8 and top <= y + 1 <= top + 8 for left, top in CORNERS)


def _appid(request: Request) -> str:
    return request.path.rpartition("/")[2].removesuffix(".svg")


def _digest(appid: str) -> bytes:
    return hashlib.sha256(appid.encode()).digest()


def _svg(size: int, *shapes: str) -> Reply:
    body = tag(
        "svg", shapes, xmlns="http://www.w3.org/2000/svg", viewBox=f"0 0 {size} {size}"
    ).encode()
    headers = {"Content-Type": "image/svg+xml", "Content-Security-Policy": "default-src 'none'"}
    return Reply(body, headers=headers)
