"""Files that WeChat keeps, handed on to a browser: asked for through us so that no token leaks."""

from collections.abc import Callable

from django.core.cache import cache
from django.http import HttpResponse

from wechat.http import PICTURES, File

CACHE_LIFE, FAILURE_LIFE = 300, 15  # seconds; of a failure, in our cache
MAX_CACHED = 256 * 1024  # bytes


def cached_file(key: str, fetch: Callable[[], File | None]) -> File | None:
    """What FETCH gave a moment ago; a failure is kept too, so that a page does not repeat it."""
    cached: tuple[str, bytes] | None = cache.get(key)
    if cached is not None:
        return File(*cached) if cached[1] else None
    file = fetch()
    if file is None:
        cache.set(key, ("", b""), FAILURE_LIFE)
    elif len(file.content) <= MAX_CACHED:
        cache.set(key, (file.kind, file.content), CACHE_LIFE)
    return file


def file_response(kind: str, content: bytes, *, life: int, name: str = "") -> HttpResponse:
    """
    A file from outside, for LIFE seconds: named as what it is, and never run. What is no picture
    is saved, as NAME if it has one.
    """
    as_file = f'attachment; filename="{name}"' if name else "attachment"
    return HttpResponse(
        content,
        content_type=kind,
        headers={
            "Cache-Control": f"private, max-age={life}" if life else "private, no-store",
            "Content-Disposition": "inline" if kind in PICTURES else as_file,
            "Content-Security-Policy": "default-src 'none'; sandbox",
            "X-Content-Type-Options": "nosniff",
        },
    )
