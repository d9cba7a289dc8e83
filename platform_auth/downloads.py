"""Files that WeChat keeps, handed on to a browser: asked for through us so that no token leaks."""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future

from django.core.cache import cache
from django.http import HttpResponse
from redis.exceptions import RedisError

from platform_auth.leases import release_db_connection
from wechat.bulkhead import take_place
from wechat.http import SHOWN_PICTURES, File

logger = logging.getLogger(__name__)

CACHE_LIFE, FAILURE_LIFE = 300, 15  # seconds; of a failure, in our cache
MAX_CACHED = 256 * 1024  # bytes

Cached = tuple[str, bytes]  # kind and content
NOTHING: Cached = ("", b"")

_flights: dict[str, Future[Cached]] = {}
_lock = threading.Lock()


def cached_file(key: str, fetch: Callable[[], File | None]) -> File | None:
    """
    What FETCH gave a moment ago; a failure is kept too, so that a page does not repeat it. Of those
    who miss it at once one asks, and the others of this process take what it gets. Without a cache
    FETCH is asked each time. Raises Crowded.
    """
    cached = _read_cached(key)
    if cached is None:
        take_place()  # whoever waits for another's answer waits as well
        with _lock:
            flight, is_ours = _flights.get(key), key not in _flights
            if flight is None:
                flight = _flights[key] = Future()
        if is_ours:
            _fly(flight, key, fetch)
        release_db_connection()
        cached = flight.result()
    kind, content = cached
    return File(kind, content) if content else None


def _fly(flight: Future[Cached], key: str, fetch: Callable[[], File | None]) -> None:
    try:
        flight.set_result(_read_cached(key) or _fetch(key, fetch))
    except BaseException as error:  # noqa: BLE001 -- raised anew by all who wait for it
        flight.set_exception(error)
    finally:
        with _lock:
            del _flights[key]


def _fetch(key: str, fetch: Callable[[], File | None]) -> Cached:
    file = fetch()
    value = (file.kind, file.content) if file else NOTHING
    if len(value[1]) <= MAX_CACHED:
        _cache_file(key, value, CACHE_LIFE if file else FAILURE_LIFE)
    return value


def _read_cached(key: str) -> Cached | None:
    try:
        cached: Cached | None = cache.get(key)
    except RedisError as error:
        logger.warning("no cache to read files from: %s", type(error).__name__)
        return None
    return cached


def _cache_file(key: str, value: Cached, life: int) -> None:
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
