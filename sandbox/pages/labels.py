"""What several pages call the same things: kinds of accounts, permission sets."""

from sandbox.pages.html import Html, tag
from sandbox.pages.words import Words
from sandbox.world.permissions import (
    CHANNELS,
    MINI_PROGRAM,
    OFFICIAL_ACCOUNT,
    SETS,
    STORE,
    SUPPLIER,
    TALENT,
)

KINDS = {
    MINI_PROGRAM: "Mini program",
    OFFICIAL_ACCOUNT: "Official account",
    CHANNELS: "Channels account",
    STORE: "WeChat store",
    TALENT: "Sales assistant",
    SUPPLIER: "Supplier",
}
STATUSES = {1: "Normal", 14: "Cancelled", 16: "Banned", 18: "Alerted", 19: "Frozen"}


def set_box(words: Words, number: int, *, chosen: bool) -> Html:
    """A checkbox for one permission set."""
    permission_set = SETS.get(number)
    name = kind = ""
    if permission_set:
        name = permission_set.zh if words.language == "zh" else permission_set.en
        kind = permission_set.kind
    return tag(
        "label",
        tag("input", type="checkbox", name="func_id", value=number, checked=chosen),
        tag("span", name, " ", tag("small", str(number))),
        data_kind=kind,
    )
