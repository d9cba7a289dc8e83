"""How a part of WeChat's answers becomes a dataclass, whose fields have WeChat's own names."""

from collections.abc import Mapping
from dataclasses import MISSING, Field, fields
from typing import Any, TypeVar

from wechat.http import read_number, read_text, take_number

Record = TypeVar("Record")


def read_record(kind: type[Record], path: str, members: Mapping[str, Any], **values: Any) -> Record:
    """
    A KIND made of MEMBERS, and of VALUES that are read already. A text that is absent is "". A
    number must be there, unless its field may be None or has a default. Raises BadAnswer.
    """
    unread: tuple[Field[Any], ...] = fields(kind)  # type: ignore[arg-type]
    for field in unread:
        if field.name not in values:
            values[field.name] = _read_member(field, path, members)
    return kind(**values)


def _read_member(field: Field[Any], path: str, members: Mapping[str, Any]) -> str | int | None:
    if field.type is str:
        return read_text(members.get(field.name))
    if field.type is int and field.default is MISSING:
        return take_number(path, members, field.name)
    default: Any = field.default if field.type is int else None
    number = read_number(members.get(field.name))
    value: int | None = default if number is None else number
    return value
