"""
Who came in, who was refused, whose credentials changed: one log line each.

What changes something is also in the operation log; what only was tried is here alone.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

import structlog

logger = structlog.get_logger(__name__)

MAX_NAME = 150


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a request comes from: our DOOR that it came to, and the ADDRESS of the client."""

    door: str
    address: str


NOWHERE = Origin("process", "")  # a worker, or a command
_origin: ContextVar[Origin] = ContextVar("origin", default=NOWHERE)


@contextmanager
def coming_from(origin: Origin) -> Iterator[None]:
    """What happens within comes from ORIGIN."""
    token = _origin.set(origin)
    try:
        yield
    finally:
        _origin.reset(token)


def current_origin() -> Origin:
    return _origin.get()


def log_event(act: str, outcome: str, *, user: object, **details: object) -> None:
    """USER, or whoever claims to be that, did ACT, with OUTCOME. The logs add the request id."""
    origin = _origin.get()
    logger.info(
        "authentication",
        act=act,
        outcome=outcome,
        user=str(user)[:MAX_NAME],
        door=origin.door,
        address=origin.address,
        **details,
    )
