"""What the parts of a world need of it, and no more: a part never sees the world whole."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from random import Random
from typing import Any, Protocol

from sandbox.wire.pushes import OnDelivery, Push
from sandbox.world.parties import Component


class Surroundings(Protocol):
    """The clock, the lock, chance, and the way to the platforms' webhooks."""

    @property
    def clock(self) -> Callable[[], float]: ...

    @property
    def lock(self) -> AbstractContextManager[Any]: ...

    @property
    def random(self) -> Random: ...

    def changing(self) -> AbstractContextManager[None]:
        """A change of the world under the lock; its pushes leave when the lock is free."""

    def push(
        self,
        kind: str,
        fields: Mapping[str, Any] | None = None,
        *,
        component: Component | None = None,
        on_delivery: OnDelivery | None = None,
    ) -> Push:
        """A component push."""

    def push_message(
        self,
        appid: str,
        fields: Mapping[str, Any] | str,
        *,
        from_user: str = ...,
        component: Component | None = None,
        on_delivery: OnDelivery | None = None,
        **tamper: Any,
    ) -> Push:
        """A message push of the account APPID."""
