"""
What apps above know of accounts: columns of the list and of its CSV, with filters. The list stands
below these apps, so each of them adds its facts when its admin is loaded.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet, Subquery
from django_stubs_ext import StrOrPromise

from miniprograms.models import Authorizer

Narrow = Callable[[QuerySet[Any]], QuerySet[Any]]


def _as_they_are(rows: QuerySet[Any]) -> QuerySet[Any]:
    return rows


class CountOf(Subquery):
    """How many rows a subquery has; it may be cut before they are counted."""

    template = "(SELECT COUNT(*) FROM (%(subquery)s) counted)"


_MOST_COUNTED = 99  # of anything of one account


def count_few(rows: QuerySet[Any]) -> CountOf:
    """How many ROWS there are, as `say_few` needs it: where there are more nobody counts them."""
    return CountOf(rows.order_by().values("pk")[: _MOST_COUNTED + 1])


def say_few(number: int) -> str:
    """NUMBER, of `count_few`, to people: "99+" where there are more."""
    return f"{_MOST_COUNTED}+" if number > _MOST_COUNTED else str(number)


@dataclass(frozen=True, slots=True)
class Fact:
    """
    A column NAME of the list, for those with PERMISSION. SHOW makes its cell, TEXT that of the CSV,
    of accounts that were read with what EXTEND adds: related rows, or a value for each.

    Where the list is sorted by ORDERING, WHEN_SORTED makes of its rows what an index can sort.
    """

    name: str
    title: StrOrPromise
    permission: str
    show: Callable[[Authorizer], object]
    text: Callable[[Authorizer], str]
    extend: Narrow
    filter: type[admin.ListFilter] | None = None
    ordering: str | None = None
    when_sorted: Narrow = _as_they_are
    is_in_header: bool = False  # of all pages of one account
    is_of_programs: bool = False  # other accounts have no such thing


_FACTS: list[Fact] = []


def add_facts(*facts: Fact) -> None:
    """The list of accounts has a column for each of FACTS from now on."""
    _FACTS.extend(facts)


def facts_for(user: Any) -> list[Fact]:
    """Those that USER may see."""
    return [fact for fact in _FACTS if user.has_perm(fact.permission)]


def cell_of(fact: Fact) -> Callable[[Authorizer], object]:
    """FACT as Django's lists know a column."""

    def cell(account: Authorizer) -> object:
        return fact.show(account)

    cell.__name__ = fact.name
    shown: Callable[[Authorizer], object] = admin.display(
        cell, description=fact.title, ordering=fact.ordering
    )
    return shown


def add_to_rows(facts: Iterable[Fact], rows: QuerySet[Any]) -> QuerySet[Any]:
    """ROWS with what FACTS tell; and so that an index sorts them, if one of FACTS is to."""
    names = {str(name).lstrip("-") for name in rows.query.order_by}
    for fact in facts:
        rows = fact.extend(rows)
        if fact.ordering in names:
            rows = fact.when_sorted(rows)
    return rows
