"""
What WeChat sends us: XML, or JSON where an account has chosen it, to dictionaries.

The outer envelope is read before anything is proven, so it is held to the least: flat, no element
twice, 256 KiB. The message inside has been proven. WeChat puts into it what users write, as they
wrote it: characters that XML forbids, pasted CDATA, text cut within a character. So it is read by
the strict reader first, by `lenient` where that fails, and not at all only where neither can.
"""

import json
import re
from dataclasses import dataclass, field
from typing import Any
from xml.parsers import expat

from wechat import lenient
from wechat.errors import Untrusted

MAX_BODY = 256 * 1024
MAX_DEPTH = 64  # elements nested deeper are kept as their text: nobody reads them by name


# Elements that WeChat repeats, wherever they stand; one alone is a list all the same, so that
# nobody has to ask.
REPEATABLE = frozenset({"item", "List"})

_NOTICES = [
    "SubscribeMsgPopupEvent.List",
    "SubscribeMsgChangeEvent.List",
    "SubscribeMsgSentEvent.List",
]
_PUBLISHED = ["PublishEventInfo.article_detail.item", "PublishEventInfo.fail_idx"]
# And where they stand in some kinds: there a container without any is an object with an empty list.
REPEATABLE_IN = {
    **dict.fromkeys(
        ("subscribe_msg_popup_event", "subscribe_msg_change_event", "subscribe_msg_sent_event"),
        _NOTICES,
    ),
    **dict.fromkeys(
        ("pic_sysphoto", "pic_photo_or_album", "pic_weixin"), ["SendPicsInfo.PicList.item"]
    ),
    "MASSSENDJOBFINISH": [
        "CopyrightCheckResult.ResultList.item",
        "ArticleUrlResult.ResultList.item",
    ],
    "PUBLISHJOBFINISH": _PUBLISHED,
    "FREEPUBLISHJOBFINISH": _PUBLISHED,
    "wxa_media_check": ["detail"],
    "wxa_appeal_record": ["material", "materials"],
    "order_path_apply_result_notify": ["list"],
    "order_path_audit_result_notify": ["list"],
}


class Malformed(ValueError):
    """Neither the XML nor the JSON that was promised."""


@dataclass(frozen=True, slots=True)
class Push:
    """
    One proven message of WeChat's.

    `kind` is the InfoType of a component push; of a message push the Event, or else the MsgType;
    "" where it has none of them, or could not be read.
    """

    kind: str
    fields: dict[str, Any] = field(repr=False)

    def get(self, name: str) -> str:
        """
        The text of field NAME, the first where it comes more than once; "" where it is absent or
        not plain text. What a user may have smuggled in comes after WeChat's own.
        """
        value = self.fields.get(name)
        if isinstance(value, list):
            value = next(iter(value), "")
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

    Raises Untrusted if BODY is not one flat XML element, or flat JSON object, without duplicates.
    """
    if len(body) > MAX_BODY:
        raise Untrusted("length")
    if usual := _USUAL_ENVELOPE.fullmatch(body):
        name, text, encrypt = (part.decode() for part in usual.groups())
        return (text, "", encrypt) if name == "AppId" else ("", text, encrypt)
    try:
        fields = _read_flat_json(body) if body[:1] == b"{" else _parse(body, is_envelope=True)
    except Malformed:
        raise Untrusted("envelope") from None
    appid, user_name, encrypt = (fields.get(name, "") for name in _ENVELOPE)
    if not encrypt or not all(isinstance(text, str) for text in (appid, user_name, encrypt)):
        raise Untrusted("envelope")
    return appid, user_name, encrypt


_ENVELOPE = ("AppId", "ToUserName", "Encrypt")
# As WeChat writes it: read so in a quarter of the time that expat takes, and the same.
_USUAL_ENVELOPE = re.compile(
    rb"<xml>[ \t\r\n]*<(AppId|ToUserName)><!\[CDATA\[([0-9A-Za-z_-]*)\]\]></\1>"
    rb"[ \t\r\n]*<Encrypt><!\[CDATA\[([0-9A-Za-z+/=]+)\]\]></Encrypt>[ \t\r\n]*</xml>[ \t\r\n]*"
)


def read_push(message: bytes) -> Push:
    """
    The push inside an opened envelope. Characters that neither XML nor UTF-8 allows are U+FFFD.

    Raises Malformed if it is neither XML nor a JSON object.
    """
    if message.lstrip()[:1] == b"{":
        fields = _read_json(message)
    else:
        try:
            fields = _parse(message)
        except Malformed:
            fields = _read_leniently(message)
    kind = next(filter(None, (_first(fields.get(name)) for name in _KINDS)), "")
    for path in REPEATABLE_IN.get(kind, ()):
        _make_list(fields, path.split("."))
    return Push(kind, fields)


def _make_list(members: dict[str, Any], path: list[str]) -> None:
    """The element at PATH below MEMBERS becomes a list, if all that it stands in is there."""
    name, below = path[0], path[1:]
    value = members.get(name)
    if not below:
        if value is not None and not isinstance(value, list):
            members[name] = [value]
    elif isinstance(value, dict):
        _make_list(value, below)
    elif isinstance(value, str) and not value.strip() and below[0] in REPEATABLE:
        members[name] = {below[0]: []}


_KINDS = ("InfoType", "Event", "MsgType")


def _first(value: object) -> str:
    if isinstance(value, list):
        value = next(iter(value), "")
    return value if isinstance(value, str) else ""


def _read_leniently(message: bytes) -> dict[str, Any]:
    """What the strict reader refuses: without what XML forbids, or else by a tokenizer."""
    text = lenient.clean_text(message.decode("utf-8-sig", errors="replace"))
    try:
        return _parse(text.encode())
    except Malformed:
        builder = _Builder(is_envelope=False)
    if "<!DOCTYPE" in text:
        raise Malformed("a DOCTYPE has no place here")
    try:
        lenient.tokenize(text, builder.start, builder.end, builder.data)
    except ValueError:
        raise Malformed("XML") from None
    return builder.root


def _read_flat_json(body: bytes) -> dict[str, Any]:
    try:
        pairs = json.loads(body, object_pairs_hook=list)
    except (ValueError, RecursionError):
        raise Malformed("JSON") from None
    fields = dict(pairs) if isinstance(pairs, list) else {}
    if len(fields) != len(pairs):
        raise Malformed("a name twice")
    return fields


def _read_json(message: bytes) -> dict[str, Any]:
    try:
        fields = lenient.loads(message)
    except ValueError:
        raise Malformed("JSON") from None
    if not isinstance(fields, dict):
        raise Malformed("not an object")
    return {name: _member(name, value, MAX_DEPTH) for name, value in fields.items()}


def _member(name: str, value: Any, depth: int) -> Any:
    if name not in REPEATABLE or depth == 0:
        return _as_xml_would(value, depth)
    elements = value if isinstance(value, list) else [value]
    return [_as_xml_would(element, depth - 1) for element in elements]


def _as_xml_would(value: Any, depth: int) -> Any:
    """A JSON value as XML would have brought it: texts, objects of texts, and lists of these."""
    if depth == 0:
        return lenient.clean_text(json.dumps(value, ensure_ascii=False))
    match value:
        case str():
            return value
        case None:
            return ""
        case dict():
            return {name: _member(name, item, depth - 1) for name, item in value.items()}
        case list():
            return [_as_xml_would(item, depth - 1) for item in value] or ""
        case _:
            return json.dumps(value)


class _Builder:
    """
    The elements below the root, by name; repeats become lists. Of an envelope the root is `xml`,
    nothing nests and nothing repeats.

    Closures, and a list's own methods where they will do: every push passes here twice.
    """

    def __init__(self, *, is_envelope: bool) -> None:
        max_depth = 2 if is_envelope else MAX_DEPTH + 1
        stack: list[dict[str, Any]] = [{}]
        text: list[str] = []
        too_deep = 0  # elements below MAX_DEPTH that are open

        def start(name: str, attributes: dict[str, str]) -> None:
            nonlocal too_deep
            if len(stack) > max_depth:
                if is_envelope:
                    raise Malformed(name)
                too_deep += 1
                return
            if is_envelope and len(stack) == 1 and name != "xml":
                raise Malformed(name)
            stack.append({})
            text.clear()

        def end(name: str) -> None:
            nonlocal too_deep
            if too_deep:
                too_deep -= 1
                return
            value = stack.pop() or "".join(text)
            parent = stack[-1]
            if name not in parent:
                parent[name] = [value] if name in REPEATABLE else value
            elif is_envelope:
                raise Malformed(f"{name} twice")
            else:
                before = parent[name]
                parent[name] = [*before, value] if isinstance(before, list) else [before, value]

        self.start, self.end, self.data, self._stack = start, end, text.append, stack

    @property
    def root(self) -> dict[str, Any]:
        """What is below the root; an empty root, or one that holds text alone, has nothing."""
        value: Any = next(iter(self._stack[0].values()), {})
        return value if isinstance(value, dict) else {}


def _parse(body: bytes, *, is_envelope: bool = False) -> dict[str, Any]:
    """BODY by the standard library's expat. Raises Malformed for what is not well-formed XML."""
    builder = _Builder(is_envelope=is_envelope)
    parser = expat.ParserCreate("UTF-8")
    parser.StartDoctypeDeclHandler = _refuse_doctype
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.data
    try:
        parser.Parse(body, True)
    except expat.ExpatError as error:
        raise Malformed(expat.errors.messages.get(error.code, "XML")) from None
    return builder.root


def _refuse_doctype(*declaration: object) -> None:
    raise Malformed("a DOCTYPE has no place here")
