"""Calls WeChat refused, by the request id at the end of their errmsg, for openapi/rid/get."""

from collections import OrderedDict
from typing import Any

from sandbox.world.surroundings import Surroundings

KEPT = 1_000


class FailedCalls:
    """The newest of them. Its world's lock guards it."""

    def __init__(self, world: Surroundings) -> None:
        self.world = world
        self._calls: OrderedDict[str, dict[str, Any]] = OrderedDict()

    def new_rid(self) -> str:
        """A request id."""
        random = self.world.random
        parts = (int(self.world.clock()), random.getrandbits(32), random.getrandbits(32))
        return "-".join(f"{part & 0xFFFFFFFF:08x}" for part in parts)

    def remember(self, rid: str, call: dict[str, Any]) -> None:
        self._calls[rid] = call
        if len(self._calls) > KEPT:
            self._calls.popitem(last=False)

    def find(self, rid: str) -> dict[str, Any] | None:
        return self._calls.get(rid)
