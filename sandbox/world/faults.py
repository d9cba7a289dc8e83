"""Scripts of what goes wrong, path by path."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from threading import Event
from typing import Any, Literal

from sandbox.world.errors import BadRequest

ANY_PATH = "*"

# What people wrote.
PROSE = {
    *("errmsg", "reason", "user_desc", "exp_desc", "release_desc", "developer", "nick_name"),
    *("nickname", "signature", "principal_name", "source_miniprogram", "privacy_text"),
}
_MARK = "\ue000"  # nobody writes it
_GARBAGE = b"\x01\xe4\xb8"


@dataclass(eq=False)
class Fault:
    """What happens to the next TIMES calls of PATH (None: to all of them) that name APPID.

    DELAY and UNTIL hold the answer back after the effect, so a client that gave up was obeyed
    all the same. ERRCODE, an error STATUS and drop="before" leave the world as it was; EFFECT
    overrides that. CHANGE and WITHOUT edit the JSON answer, BODY replaces its bytes, TRUNCATE
    cuts the connection after so many of them, SLOW trickles them (bytes per second). GARBLE puts
    what WeChat lets through into the texts that people wrote: a raw control character and the
    first bytes of a character.
    """

    path: str
    times: int | None = 1
    appid: str | None = None
    delay: float = 0
    until: Event | None = None
    errcode: int | None = None
    errmsg: str = ""
    drop: Literal["before", "after"] | None = None
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    truncate: int | None = None
    expires_in: Any = None
    change: Mapping[str, Any] = field(default_factory=dict)
    without: tuple[str, ...] = ()
    slow: float | None = None
    garble: bool = False
    effect: bool | None = None
    taken: int = 0
    arrived: Event = field(default_factory=Event)

    @property
    def has_effect(self) -> bool:
        """Whether WeChat's side does what the call is for."""
        if self.effect is not None:
            return self.effect
        failed = self.status is not None and self.status >= 400
        return self.drop != "before" and self.errcode is None and not failed

    def edit(self, data: dict[str, Any]) -> dict[str, Any]:
        """The answer as this fault leaves it; members are found at any depth, or added on top."""
        change = dict(self.change)
        if self.expires_in is not None:
            change["expires_in"] = self.expires_in
        edited = self._rewrite(data, change)
        return edited | change  # members that were there have been taken out of it

    def _rewrite(self, data: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
        edited: dict[str, Any] = {}
        for name, value in data.items():
            if name in self.without:
                continue
            if name in change:
                edited[name] = change.pop(name)
            else:
                edited[name] = self._rewrite(value, change) if isinstance(value, dict) else value
        return edited

    def describe(self) -> dict[str, Any]:
        """What it was made with, less what was left as usual."""
        usual = Fault("")
        details = {
            name: getattr(self, name)
            for name in sorted(DETAILS)
            if getattr(self, name) != getattr(usual, name)
        }
        if isinstance(details.get("body"), bytes):
            details["body"] = details["body"].decode("utf-8", "replace")
        return {"path": self.path, "times": self.times} | details | {"taken": self.taken}

    def matches(self, path: str, appid: str) -> bool:
        return self.path in (ANY_PATH, path) and self.appid in (None, appid)


def mark_prose(value: Any, name: str = "") -> Any:
    """VALUE with a mark in its prose, for `garble` to find."""
    match value:
        case dict():
            return {name: mark_prose(member, name) for name, member in value.items()}
        case list():
            return [mark_prose(member) for member in value]
        case str() if name in PROSE:
            return f"{value[:1]}{_MARK}{value[1:]}"
    return value


def garble(body: bytes) -> bytes:
    """BODY with garbage where `mark_prose` left its mark."""
    return body.replace(_MARK.encode(), _GARBAGE)


# What a script may say of a fault besides its path.
DETAILS = {member.name for member in fields(Fault)} - {"path", "until", "taken", "arrived"}


def check_details(details: Mapping[str, Any]) -> dict[str, Any]:
    """The details as `Fault` takes them, from JSON or a form."""
    if unknown := set(details) - DETAILS:
        raise BadRequest(f"a fault has no {', '.join(sorted(unknown))}")
    checked = dict(details)
    if isinstance(checked.get("body"), str):
        checked["body"] = checked["body"].encode()
    return checked


class Faults:
    """The faults still to happen, first come first served. Its owner's lock guards it."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []

    def add(self, fault: Fault) -> Fault:
        self._faults.append(fault)
        return fault

    def take(self, path: str, appid: str) -> Fault | None:
        """The fault of this call, used up by it when its times are over."""
        for fault in self._faults:
            if fault.matches(path, appid):
                fault.taken += 1
                fault.arrived.set()
                if fault.times is not None and fault.taken >= fault.times:
                    self._faults.remove(fault)
                return fault
        return None

    def clear(self, path: str | None = None) -> None:
        self._faults = [fault for fault in self._faults if path not in (None, fault.path)]

    def pending(self) -> list[Fault]:
        return list(self._faults)
