"""Avatars, QR-like pictures and the pictures of a review, as images of the pages."""

import hashlib

from sandbox.pages.html import Html, join, tag
from sandbox.wire import qr
from sandbox.wire.exchange import Reply, Request
from sandbox.world import WeChat

COLOURS = ("#07c160", "#10aeff", "#fa9d3b", "#6467f0", "#e64340", "#1485ee", "#2c9678")


def avatar(wechat: WeChat, request: Request) -> Reply:
    """The first character of the name on a colour of its own."""
    appid = _appid(request)
    account = wechat.accounts.get(appid)
    letter = account.nick_name[:1] if account else "微"
    colour = COLOURS[hashlib.sha256(appid.encode()).digest()[0] % len(COLOURS)]
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
    size = qr.SIZE + 2 * qr.MARGIN
    dots = [
        tag("rect", x=x + qr.MARGIN, y=y + qr.MARGIN, width=1, height=1)
        for x, y in qr.dots(_appid(request))
    ]
    corners = [_corner(x + qr.MARGIN, y + qr.MARGIN) for x, y in qr.CORNERS]
    background = tag("rect", width=size, height=size, fill="#fff")
    return _svg(size, background, *dots, *corners)


def ticket_code(wechat: WeChat, request: Request) -> Reply:
    """What a ticket of qrcode/create is exchanged for."""
    picture = qr.picture(request.query.get("ticket", ""))
    return Reply(picture, headers={"Content-Type": "image/jpg"})


def media(wechat: WeChat, request: Request) -> Reply:
    """A picture WeChat keeps, for the console and the phone."""
    file = wechat.media.files.get(request.path.rpartition("/")[2])
    if file is None or not file.kind.startswith("image/"):
        return Reply(b"404 Not Found", 404, {"Content-Type": "text/plain"})
    return Reply(file.content, headers={"Content-Type": file.kind})


def _corner(x: int, y: int) -> Html:
    ring = tag("rect", x=x + 0.5, y=y + 0.5, width=6, height=6, fill="none", stroke="#000")
    return join([ring, tag("rect", x=x + 2, y=y + 2, width=3, height=3)])


def _appid(request: Request) -> str:
    return request.path.rpartition("/")[2].removesuffix(".svg")


def _svg(size: int, *shapes: str) -> Reply:
    body = tag(
        "svg", shapes, xmlns="http://www.w3.org/2000/svg", viewBox=f"0 0 {size} {size}"
    ).encode()
    headers = {"Content-Type": "image/svg+xml", "Content-Security-Policy": "default-src 'none'"}
    return Reply(body, headers=headers)
