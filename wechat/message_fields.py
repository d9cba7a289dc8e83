"""
How the members of a push become the fields of a class: each field is declared with the places it
is read from. Reading never fails: what is absent or malformed is "", None or ().
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import field, fields
from functools import cache
from typing import Any, TypeVar

from wechat.http import read_number, read_text

FieldValue = TypeVar("FieldValue")

_REAL_NUMBER = re.compile(r"-?[0-9]{1,9}(?:\.[0-9]{1,20})?", re.ASCII)


def declare_field(
    places: str, read: Callable[[Any], FieldValue], *, shown: bool = True
) -> FieldValue:
    """
    A dataclass field, READ from the first of PLACES that is there: `A.B` is B in A, `A|B` is A or
    else B.
    """
    paths = [place.split(".") for place in places.split("|")]
    return field(default=read(None), repr=shown, metadata={"paths": paths, "read": read})


def text_field(places: str) -> str:
    return declare_field(places, read_text)


def private_field(places: str) -> str:
    """A text that a user wrote, or that says something about a user."""
    return declare_field(places, read_text, shown=False)


def number_field(places: str) -> int | None:
    return declare_field(places, read_number)


def real_field(places: str) -> float | None:
    return declare_field(places, _read_real, shown=False)


def _read_real(value: object) -> float | None:
    text = read_text(value)
    return float(text) if _REAL_NUMBER.fullmatch(text) else None


def read_objects(value: object) -> list[Mapping[str, Any]]:
    """The elements of a name that may come once or more often."""
    elements = value if isinstance(value, list) else [value]
    return [element for element in elements if isinstance(element, dict)]


def read_fields(kind: type, members: Mapping[str, Any]) -> dict[str, Any]:
    """The values that the fields of KIND find in MEMBERS, by the fields' names."""
    values_by_name = {}
    for name, paths, read in _declared_fields(kind):
        values = (_value_at(members, path) for path in paths)
        values_by_name[name] = read(next((value for value in values if value is not None), None))
    return values_by_name


@cache
def _declared_fields(kind: type) -> list[tuple[str, list[list[str]], Callable[[object], Any]]]:
    return [
        (declared.name, declared.metadata["paths"], declared.metadata["read"])
        for declared in fields(kind)
        if declared.metadata
    ]


def declared_places(kind: type) -> list[list[str]]:
    """All places that the fields of KIND are read from, in their order."""
    return [path for _name, paths, _read in _declared_fields(kind) for path in paths]


def _value_at(value: Any, path: list[str]) -> Any:
    for step in path:
        value = value.get(step) if isinstance(value, dict) else None
    return value
