"""
Domain events: what happened, for those above us who tell others of it.

The service that changes something publishes it, in the transaction of the change, and knows nothing
of whom it is told to. Apps further up subscribe when they start (`AppConfig.ready`); what they then
write lies in the same transaction, so that nothing is told which did not happen, and nothing that
happened is lost. A subscriber writes rows and does nothing else.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class DomainEvent:
    """
    KIND is its name, such as audit.rejected; APPID the account that it is about, if any. Two with
    the same ONCE are the same event, however often it is published; "" is like no other. FACTS are
    plain values, no secrets.
    """

    kind: str
    appid: str = ""
    once: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)


Subscriber = Callable[[DomainEvent], None]

_subscribers: list[Subscriber] = []


def subscribe(subscriber: Subscriber) -> None:
    """Have SUBSCRIBER called with each event from now on; a second time it changes nothing."""
    if subscriber not in _subscribers:
        _subscribers.append(subscriber)


def publish(event: DomainEvent) -> None:
    """Tell the subscribers what has happened. Call it in the transaction in which it did."""
    for subscriber in _subscribers:
        subscriber(event)
