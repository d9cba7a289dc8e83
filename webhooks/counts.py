"""Pushes, counted by the door, by their kind and by what came of them."""

from platform_auth.counters import Counter
from webhooks.routing import COMPONENT_PUSHES, MESSAGE_PUSHES

DOORS = ("component", "message")

ACCEPTED = Counter(
    "wechat_pushes_accepted",
    "Proven pushes by door and kind: new ones, and those that WeChat has sent before.",
    ("door", "kind", "result"),
)
UNAVAILABLE = Counter(
    "wechat_pushes_unavailable",
    "Pushes that were answered 503, so that WeChat sends them again.",
    ("door", "reason"),
    first=tuple((door, reason) for door in DOORS for reason in ("database", "keys")),
)
SHED = Counter(
    "wechat_requests_shed",
    "Requests turned away since all places of their kind were taken.",
    ("kind",),
    first=(("push",), ("page",)),
)
WORKED_OUT = Counter(
    "wechat_pushes_worked_out", "What came of pushes, by their kind.", ("kind", "result")
)


def count_accepted(door: str, kind: str, *, is_new: bool) -> None:
    """A proven push of KIND came to DOOR and is kept, now or before."""
    ACCEPTED.add(door, _listed(kind), "new" if is_new else "repeat")


def count_worked_out(kind: str, state: str) -> None:
    """A push of KIND was worked out, and is in STATE now."""
    WORKED_OUT.add(_listed(kind), state)


def _listed(kind: str) -> str:
    """KIND if it is in our tables: WeChat, and whoever writes for it, may name any other."""
    return kind if kind in MESSAGE_PUSHES or kind in COMPONENT_PUSHES else "other"
