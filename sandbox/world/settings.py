"""The settings of a world, by the names scripts and the console change them by."""

from collections.abc import Mapping
from typing import Any

from sandbox.world.errors import BadRequest
from sandbox.world.reviews import OUTCOMES
from sandbox.world.terms import ROTATIONS
from sandbox.world.wechat import WeChat

MAY_BE_UNSET = ("next_token_life", "component_token_life", "review_seconds", "mute_after")
LIFETIMES = (
    "token_life",
    "next_token_life",
    "component_token_life",
    "overlap",
    "ticket_life",
    "preauth_life",
    "code_life",
    "daily_limit",
)
POST_NUMBERS = ("timeout", "mute_after", "mute_seconds")
REVIEW_NUMBERS = ("check_seconds", "review_seconds", "audit_limit", "speedup_limit")


def read_settings(wechat: WeChat) -> dict[str, Any]:
    """All of them."""
    choices = {
        "rotate": wechat.rotate,
        "pushing": wechat.component.pushing,
        "review_outcome": wechat.reviews.outcome,
    }
    lifetimes = {name: getattr(wechat, name) for name in LIFETIMES}
    of_reviews = {name: getattr(wechat.reviews, name) for name in REVIEW_NUMBERS}
    of_pushes = {name: getattr(wechat.post, name) for name in POST_NUMBERS}
    return choices | lifetimes | of_reviews | of_pushes


def change_settings(wechat: WeChat, changes: Mapping[str, Any]) -> None:
    """Lifetimes in seconds, how tokens rotate, whether tickets are pushed, how reviews go."""
    for name, value in changes.items():
        if name in LIFETIMES and _is_number(name, value):
            setattr(wechat, name, value)
        elif name in REVIEW_NUMBERS and _is_number(name, value):
            setattr(wechat.reviews, name, value)
        elif name in POST_NUMBERS and _is_number(name, value):
            setattr(wechat.post, name, value)
        elif name == "review_outcome" and value in OUTCOMES:
            wechat.reviews.outcome = value
        elif name == "rotate" and value in ROTATIONS:
            wechat.rotate = value
        elif name == "pushing" and isinstance(value, bool):
            wechat.component.pushing = value
        else:
            raise BadRequest(f"no such setting: {name}")


def _is_number(name: str, value: Any) -> bool:
    return (isinstance(value, int) and value >= 0) or (value is None and name in MAY_BE_UNSET)
