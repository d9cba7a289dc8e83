"""
The company's logo: a file beside the settings, read once and served by ourselves. It is told by its
bytes what it is, whatever its name says; SVG, which may hold scripts, is none of them.
"""

from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MAX_LOGO = 256 * 1024  # bytes: it comes with every page


@dataclass(frozen=True, slots=True)
class Logo:
    content: bytes
    content_type: str
    digest: str  # stands in its address, so that a new logo is a new address


@cache
def read_logo(path: str) -> Logo:
    """The file at PATH, below the project's folder if it is not absolute. Raises ValueError."""
    with (ROOT / path).open("rb") as file:
        content = file.read(MAX_LOGO + 1)
    if len(content) > MAX_LOGO:
        raise ValueError("too large")
    return Logo(content, _type_of(content), sha256(content).hexdigest()[:16])


def _type_of(content: bytes) -> str:
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if content.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if content.startswith(b"RIFF") and content[8:12] == b"WEBP":
        return "image/webp"
    raise ValueError("not a picture")
