"""
What WeChat sends us: XML to dictionaries, by the standard library's expat.

The outer envelope is read before anything is proven, so it is held to the least: flat, no element
twice, a few names, 256 KiB. The inner message has been proven; it may nest and repeat.
"""

from dataclasses import dataclass, field
from typing import Any
from xml.parsers import expat

from wechat.errors import Untrusted

MAX_BODY = 256 * 1024
MAX_DEPTH = 8


class Malformed(ValueError):
    """Not the XML that was promised."""


@dataclass(frozen=True, slots=True)
class Push:
    """
    One proven message of WeChat's.

    `kind` is the InfoType of a component push; of a message push the Event, or else the MsgType.
    """

    kind: str
    fields: dict[str, Any] = field(repr=False)

    def get(self, name: str) -> str:
        """The text of field NAME, or "" where it is absent or not plain text."""
        value = self.fields.get(name)
        return value if isinstance(value, str) else ""

    @property
    def created(self) -> int:
        """WeChat's own CreateTime in Unix seconds; 0 if it does not say."""
        text = self.get("CreateTime")
        return int(text) if text.isascii() and text.isdigit() and len(text) <= 10 else 0

    @property
    def is_component_push(self) -> bool:
        """Whether it belongs on the authorisation URL: such pushes have an InfoType."""
        return "InfoType" in self.fields


def read_envelope(body: bytes) -> tuple[str, str, str]:
    """
    AppId, ToUserName and Encrypt of an outer envelope ("" where absent).

    Raises Untrusted if BODY is not one flat XML element without duplicates.
    """
    if len(body) > MAX_BODY:
        raise Untrusted
    try:
        fields = _parse(body, max_depth=1)
    except Malformed:
        raise Untrusted from None
    encrypt = fields.get("Encrypt", "")
    if not encrypt:
        raise Untrusted
    return fields.get("AppId", ""), fields.get("ToUserName", ""), encrypt


def read(message: bytes) -> Push:
    """
    The push inside an opened envelope.

    Raises Untrusted if it is not XML, nests deeper than 8 or repeats a top-level element.
    """
    try:
        fields = _parse(message, max_depth=MAX_DEPTH)
    except Malformed:
        raise Untrusted from None
    kind = fields.get("InfoType") or fields.get("Event") or fields.get("MsgType") or ""
    return Push(kind if isinstance(kind, str) else "", fields)


def _parse(body: bytes, *, max_depth: int) -> dict[str, Any]:
    """
    The elements below the root, by name; repeats below the top level become lists.

    Closures, and a list's own methods where they will do: every push passes here twice.
    """
    deepest = max_depth + 1
    stack: list[dict[str, Any]] = [{}]
    text: list[str] = []

    def start(name: str, attributes: dict[str, str]) -> None:
        if len(stack) > deepest or (len(stack) == 1 and name != "xml"):
            raise Malformed(name)
        stack.append({})
        text.clear()

    def end(name: str) -> None:
        value = stack.pop() or "".join(text)
        parent = stack[-1]
        if name not in parent:
            parent[name] = value
        elif len(stack) == 2:
            raise Malformed(f"{name} twice")
        else:
            before = parent[name]
            parent[name] = [*before, value] if isinstance(before, list) else [before, value]

    parser = expat.ParserCreate("UTF-8")
    parser.StartDoctypeDeclHandler = _refuse_doctype
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = text.append
    try:
        parser.Parse(body, True)
    except expat.ExpatError as error:
        raise Malformed(expat.errors.messages.get(error.code, "XML")) from None
    root = stack[0]["xml"]
    return root if isinstance(root, dict) else {}


def _refuse_doctype(*declaration: object) -> None:
    raise Malformed("a DOCTYPE has no place here")
