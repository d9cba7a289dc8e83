"""Paths to values within JSON, as RFC 6901 writes them: /ext/theme/color."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from django.utils.translation import gettext as _

from audits.problems import BadExtJson

Values = dict[str, Any]


def write_path(parts: Iterable[object]) -> str:
    return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in parts)


def read_path(text: str) -> list[str]:
    """The names in TEXT, one after the other. Raises BadExtJson."""
    if not text.startswith("/"):
        raise BadExtJson(_("A path looks like /ext/shop, not like %s") % (text[:80] or "“”"))
    return [part.replace("~1", "/").replace("~0", "~") for part in text[1:].split("/")]


def flatten(values: Mapping[str, Any], above: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Each path of VALUES with what is there; an empty object is a value, a list is one too."""
    for name, value in values.items():
        if isinstance(value, dict) and value:
            yield from flatten(value, (*above, name))
        else:
            yield write_path((*above, name)), value


def put_value(values: Values, path: list[str], value: Any) -> None:
    """Set what is at PATH of VALUES; what is in the way and no object gives way."""
    *above, name = path
    for part in above:
        inner = values.get(part)
        if not isinstance(inner, dict):
            inner = values[part] = {}
        values = inner
    values[name] = value


def drop_value(values: Values, path: list[str]) -> None:
    """Take away what is at PATH of VALUES, and the objects that are empty then."""
    name, *rest = path
    inner = values.get(name)
    if not rest:
        values.pop(name, None)
    elif isinstance(inner, dict):
        drop_value(inner, rest)
        if not inner:
            del values[name]
