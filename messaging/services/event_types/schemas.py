"""What the entries of the catalogue are made of."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django_stubs_ext import StrOrPromise

Schema = dict[str, Any]

EXAMPLE_TIME = "2026-01-01T00:00:00Z"
EXAMPLE_UNIX_TIME = 1767225600
EXAMPLE_APPID = "wx0123456789abcdef"
EXAMPLE_USER_NAME = "gh_0123456789ab"

TEXT: Schema = {"type": "string"}
NUMBER: Schema = {"type": "integer"}
TIME: Schema = {"type": "string", "format": "date-time"}


@dataclass(frozen=True, slots=True)
class EventType:
    """One type: its name, what it tells, and what the `data` of its payload looks like."""

    name: str
    description: StrOrPromise
    data: Schema
    example_data: Mapping[str, Any]

    @property
    def group(self) -> str:
        """What it is about; a target may ask for all of a group."""
        return self.name.partition(".")[0]

    @property
    def schema(self) -> Schema:
        """The JSON Schema of the whole payload."""
        envelope = {"type": {"const": self.name}, "timestamp": TIME, "data": self.data}
        return {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": self.name,
            **describe_object(envelope),
        }

    @property
    def example(self) -> dict[str, Any]:
        """A whole payload, with an account that does not exist."""
        return {"type": self.name, "timestamp": EXAMPLE_TIME, "data": dict(self.example_data)}


def describe_object(members: Mapping[str, Schema], *optional: str) -> Schema:
    """An object with MEMBERS, all there but the OPTIONAL ones; more may be added in time."""
    required = [name for name in members if name not in optional]
    return {"type": "object", "properties": dict(members), "required": required}


def nullable(schema: Schema) -> Schema:
    return {**schema, "type": [schema["type"], "null"]}


def schema_of(example: Any) -> Schema:
    """
    What EXAMPLE is one of: of WeChat's own elements any may be missing, so that none is required.
    """
    match example:
        case dict():
            members = {name: schema_of(value) for name, value in example.items()}
            return {"type": "object", "properties": members}
        case list():
            return {"type": "array", "items": schema_of(example[0])}
        case bool() | int():
            return NUMBER
        case _:
            return TEXT
