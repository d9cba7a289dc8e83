"""One HTTP exchange with the sandbox, whether it comes through a socket or in process."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import Event
from urllib.parse import parse_qsl


@dataclass(frozen=True)
class Request:
    """What a client sent; header names in lower case."""

    method: str
    path: str
    query_string: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    client_ip: str = "127.0.0.1"

    @property
    def query(self) -> dict[str, str]:
        """The query parameters, the last one of a name."""
        return dict(parse_qsl(self.query_string, keep_blank_values=True))

    @property
    def form(self) -> dict[str, list[str]]:
        """The fields of a posted HTML form."""
        fields: dict[str, list[str]] = {}
        for name, value in parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True):
            fields.setdefault(name, []).append(value)
        return fields


@dataclass(frozen=True)
class Reply:
    """What goes back, and how badly the network treats it."""

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0
    until: Event | None = None
    drop: str | None = None
    truncate: int | None = None
    slow: float | None = None

    @property
    def sent(self) -> bytes:
        """The part of the body that gets through; Content-Length still promises all of it."""
        return self.body if self.truncate is None else self.body[: self.truncate]
