"""
Reading what WeChat should not have sent, but does: proven messages and JSON answers that hold what
users and developers wrote, as they wrote it. Every doubtful character becomes U+FFFD; what is
around it is read as if it were not there.

Reports: WeRoBot#809, easywechat#1419 (characters that XML forbids), easywechat#989 (UTF-8 cut
within a character), silenceper#750, node-wechat#13 (CDATA in a user's text), wechatpy#154,
co-wechat-api#63 (raw control characters in JSON).
"""

import html
import json
import re
from collections.abc import Callable
from typing import Any

_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# What may spell such a character in JSON: itself, or an escape.
_DOUBTFUL = re.compile(f"{_FORBIDDEN.pattern}|\\\\[bfu]")
_ESCAPE = re.compile(r"""\\(["\\/bfnrt]|u[0-9a-fA-F]{4})?""")

_CDATA = "<![CDATA["
_TOKEN = re.compile(
    r"<!\[CDATA\[|<!--.*?-->|<\?.*?\?>"
    r"|<(?P<end>/?)(?P<name>[A-Za-z_][\w.\-]*)(?:\s[^<>]*?)?(?P<is_empty>/?)>",
    re.DOTALL,
)


def clean_text(text: str) -> str:
    """TEXT with U+FFFD in place of every character that XML 1.0 forbids."""
    return _FORBIDDEN.sub("\ufffd", text)


class Twins(list[Any]):
    """The values of a name that comes twice in one object of JSON."""


def loads(body: bytes) -> Any:
    """
    The JSON in BODY. Control characters may stand raw in its texts; they, bytes that are no UTF-8,
    halves of surrogate pairs and the beginnings of escapes that are none are U+FFFD. Of a name that
    comes twice all values are kept, as Twins.

    Raises ValueError if it is not JSON even so, or nests deeper than Python reads.
    """
    text = body.decode("utf-8-sig", errors="replace")
    try:
        try:
            value = _loads(text)
        except json.JSONDecodeError:
            value = _loads(_ESCAPE.sub(lambda match: match[0] if match[1] else "\ufffd", text))
        return _without_forbidden(value) if _DOUBTFUL.search(text) else value
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _loads(text: str) -> Any:
    return json.loads(text, strict=False, object_pairs_hook=_members, parse_constant=_refuse)


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) == len(pairs):
        return members
    values: dict[str, Twins] = {}
    for name, value in pairs:
        values.setdefault(name, Twins()).append(value)
    return {name: many if len(many) > 1 else many[0] for name, many in values.items()}


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def _without_forbidden(value: Any) -> Any:
    match value:
        case str():
            return clean_text(value)
        case dict():
            return {clean_text(name): _without_forbidden(item) for name, item in value.items()}
        case list():
            return type(value)(_without_forbidden(item) for item in value)
    return value


def tokenize(
    text: str,
    start: Callable[[str, dict[str, str]], object],
    end: Callable[[str], object],
    data: Callable[[str], object],
) -> None:
    """
    Call START, END and DATA for the elements and texts in TEXT, as expat would if it were XML.

    A CDATA section ends only where the element around it ends, whatever the user wrote into it.
    Raises ValueError where the first element does not end.
    """
    open_names: list[str] = []
    position = 0
    while match := _TOKEN.search(text, position):
        if open_names:
            data(html.unescape(text[position : match.start()]))
        position = match.end()
        name = match["name"]
        if match[0] == _CDATA:
            length = _cdata_length(text[position:], open_names[-1] if open_names else "")
            data(text[position : position + length])
            position += length + len("]]>")
            continue
        if name and not match["end"]:
            start(name, {})
            open_names.append(name)
        if name and (match["end"] or match["is_empty"]):
            _close(open_names, name, end, data)
            if not open_names:
                return
    raise ValueError("an element without an end")


def _close(
    open_names: list[str],
    name: str,
    end: Callable[[str], object],
    data: Callable[[str], object],
) -> None:
    """End what is open, up to the element NAME; an end that nothing began is part of the text."""
    if name not in open_names:
        data(f"</{name}>")
        return
    while open_names:
        end(open_names[-1])
        if open_names.pop() == name:
            return


def _cdata_length(text: str, name: str) -> int:
    """
    Where the CDATA section that TEXT begins with ends: at the first `]]>` that its element's end
    and another tag follow; or else at the first one at all.
    """
    last = re.search(rf"\]\]>\s*</{re.escape(name)}\s*>(?=\s*(?:<[/A-Za-z_]|\Z))", text)
    if last:
        return last.start()
    first = text.find("]]>")
    return len(text) if first < 0 else first
