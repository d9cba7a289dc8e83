"""
Admission control: how many requests of each kind one process works on at once.

A request that waits has one of the server's threads. Were they all taken, a health check would wait
behind those that wait, and so would the 503 of a push that cannot be served in time. So there are
places, fewer than threads: whoever finds none free is turned away at once, and the threads that are
left answer health checks. Pages cannot take the places of pushes.

A page is a dozen files as well, which its browser asks for all at once. Each is read and sent in a
moment and waits for nobody, so it needs no place: a page that was let in is not shown without its
style. What is under their address and is no file is refused as quickly (`config.middleware`).
"""

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from http import HTTPStatus
from typing import Any

HEALTH, PUSHES, FILES = "/healthz", "/wechat/", "/static/"
OPTION = "--blocking-threads"
BUSY = b"unavailable"

Application = Callable[[dict[str, Any], Any], Iterable[bytes]]


def threads_of(command: Sequence[str]) -> int:
    """How many threads COMMAND gives each process of granian; 0 where it says nothing."""
    for word, value in zip(command, [*command[1:], ""], strict=True):
        name, _, number = word.partition("=")
        if name == OPTION:
            return int(number or value)
    return 0


def admission(
    application: Application, threads: int, on_shed: Callable[[str], object]
) -> Application:
    """APPLICATION, of whose THREADS an eighth never waits. ON_SHED is told whom it turns away."""
    if not threads:
        return application
    pages = max(1, threads // 4)
    pushes = max(1, threads - pages - max(1, threads // 8))
    places = {
        "push": threading.BoundedSemaphore(pushes),
        "page": threading.BoundedSemaphore(pages),
    }

    def door(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if path == HEALTH:
            return application(environ, start_response)
        if path.startswith(FILES):
            return _read_whole(application(environ, start_response))
        kind = "push" if path.startswith(PUSHES) else "page"
        if not places[kind].acquire(blocking=False):
            on_shed(kind)
            return _turn_away(start_response)
        try:
            response = application(environ, start_response)
        except BaseException:
            places[kind].release()
            raise
        if isinstance(response, list):
            places[kind].release()
            return response
        return _Response(response, places[kind])

    return door


def _read_whole(response: Any) -> list[bytes]:
    """RESPONSE as one piece: whoever takes long to receive it keeps no thread waiting."""
    try:
        return [b"".join(response)]
    finally:
        if hasattr(response, "close"):
            response.close()


def _turn_away(start_response: Any) -> list[bytes]:
    status = HTTPStatus.SERVICE_UNAVAILABLE
    headers = [("Content-Type", "text/plain"), ("Content-Length", str(len(BUSY)))]
    start_response(f"{status.value} {status.phrase}", [*headers, ("Retry-After", "1")])
    return [BUSY]


class _Response:
    """A response that has its place until the server has sent it."""

    def __init__(self, response: Any, place: threading.BoundedSemaphore) -> None:
        self.response, self.place = response, place

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.response)

    def close(self) -> None:
        try:
            if hasattr(self.response, "close"):
                self.response.close()
        finally:
            self.place.release()
