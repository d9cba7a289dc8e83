"""
What the tabs of an account are made of. This app stands below those that know most of it, so each
of them adds its parts when its admin is loaded.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django_stubs_ext import StrOrPromise

from miniprograms.models import Authorizer

OVERVIEW, MESSAGES, PEOPLE, LOG = "overview", "messages", "people", "log"


@dataclass(frozen=True, slots=True)
class Part:
    """
    A part of the tab TAB, for those with PERMISSION: what SHOW makes of an account. ALL leads to
    the page or list that has more of it; the parts of a tab stand by their PLACE.
    """

    tab: str
    place: int
    title: StrOrPromise
    permission: str
    show: Callable[[HttpRequest, Authorizer], object]
    all: Callable[[Authorizer], str] = lambda row: ""
    is_of_programs: bool = False

    def fits(self, row: Authorizer) -> bool:
        return not self.is_of_programs or row.kind == Authorizer.Kind.MINI_PROGRAM


_PARTS: list[Part] = []


def add_parts(*parts: Part) -> None:
    """The tabs of an account have PARTS from now on."""
    _PARTS.extend(parts)
    _PARTS.sort(key=lambda part: part.place)


def parts_for(user: Any, tab: str, row: Authorizer) -> Sequence[Part]:
    """The parts of TAB that USER may see of ROW."""
    return [
        part
        for part in _PARTS
        if part.tab == tab and part.fits(row) and user.has_perm(part.permission)
    ]
