"""Files that WeChat keeps, handed on to a browser: asked for through us so that no token leaks."""

import logging
from collections.abc import Callable

from django.core.cache import cache
from django.http import HttpResponse
from redis.exceptions import RedisError

from wechat.http import SHOWN_PICTURES, File

logger = logging.getLogger(__name__)

CACHE_LIFE, FAILURE_LIFE = 300, 15  # seconds; of a failure, in our cache
MAX_CACHED = 256 * 1024  # bytes


def cached_file(key: str, fetch: Callable[[], File | None]) -> File | None:
    """
    What FETCH gave a moment ago; a failure is kept too, so that a page does not repeat it. Without
    a cache FETCH is asked each time.
    """
    cached = _read_cached(key)
    if cached is not None:
        return File(*cached) if cached[1] else None
    file = fetch()
    if file is None:
        _cache_file(key, ("", b""), FAILURE_LIFE)
    elif len(file.content) <= MAX_CACHED:
        _cache_file(key, (file.kind, file.content), CACHE_LIFE)
    return file


def _read_cached(key: str) -> tuple[str, bytes] | None:
    try:
        cached: tuple[str, bytes] | None = cache.get(key)
    except RedisError as error:
        logger.warning("no cache to read files from: %s", type(error).__name__)
        return None
    return cached


def _cache_file(key: str, value: tuple[str, bytes], life: int) -> None:
    try:
        cache.set(key, value, life)
    except RedisError as error:
        logger.warning("no cache to keep files in: %s", type(error).__name__)


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
            "Content-Disposition": "inline" if kind in SHOWN_PICTURES else as_file,
            "Content-Security-Policy": "default-src 'none'; sandbox",
            "X-Content-Type-Options": "nosniff",
        },
    )
