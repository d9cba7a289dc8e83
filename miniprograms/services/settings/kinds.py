"""
What a kind of setting is. `registry.py` lists all there are; each is a value of its own, which is
JSON, and the functions that read it from WeChat, bring it there, and compare two of it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from miniprograms.models import Authorizer
from platform_auth.problems import CannotAct
from wechat.errors import Refused

# What WeChat has remarked on single values, by a word for the remark.
Remarks = dict[str, list[str]]


@dataclass(frozen=True, slots=True)
class Difference:
    """
    One member, NAME, of which WeChat has something else: what is missing there, what is surplus.
    TITLE is for people.
    """

    name: str
    title: str | Promise
    missing: Any
    surplus: Any


class BadSetting(CannotAct):
    """WeChat would not take this value, whoever sent it."""

    code = "bad_setting"

    def __init__(self, *problems: str) -> None:
        super().__init__(" ".join(problems))
        self.problems = list(problems)


class SettingChanged(CannotAct):
    """Somebody else has said what it should be since it was shown."""

    code = "setting_changed"
    text = _("Somebody else has changed this in the meantime. Look at it again.")


class SettingBusy(CannotAct):
    """WeChat is being asked about it already."""

    code = "setting_busy"
    text = _("WeChat is being asked about this already. Look again in a moment.")


class NothingDesired(CannotAct):
    """Nobody has said what it should be."""

    code = "nothing_desired"
    text = _("Nobody has said yet what this should be.")


@dataclass(frozen=True, slots=True)
class Kind:
    """
    A kind of setting, called NAME in addresses.

    READ gives WeChat's value for a mini program, and raises what WeChat answers. CHECK gives a
    value as it is kept, or raises BadSetting. APPLY brings the value desired to WeChat, which has
    another one just now, and returns what WeChat has remarked. COMPARE lists how a value desired
    and WeChat's differ. JOIN adds a value to another, where that makes sense.

    CHECK_PART is CHECK of a profile's value, where that may leave things open; FILL puts into them
    what the mini program has.

    EMPTY is a value that holds nothing. COUNT_CHANGES says how many changes APPLY would ask for, of
    which WeChat allows MONTHLY_LIMIT a month; nothing is sent that would go beyond it. REMARKS_OF
    reads what a refusal says of single values.
    """

    name: str
    title: Promise
    about: Promise
    read: Callable[[Authorizer], Any]
    check: Callable[[Any], Any]
    apply: Callable[[Authorizer, Any, Any], Remarks]
    compare: Callable[[Any, Any], list[Difference]]
    empty: Any
    join: Callable[[Any, Any], Any] | None = None
    check_part: Callable[[Any], Any] | None = None
    fill: Callable[[Any, Any], Any] | None = None
    monthly_limit: int | None = None
    count_changes: Callable[[Any, Any], int] = lambda desired, at_wechat: 1
    remarks_of: Callable[[Refused], Remarks] = lambda error: {}
