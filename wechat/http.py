"""
A call to WeChat and the reading of its answer: strict about what is acted on (tokens, ids, numbers,
states), lenient about prose, which holds what people wrote as they wrote it. A row of a list that
makes no sense is left out and counted; the others are taken.

Bounded in every direction by the transport: 3 s to connect, 10 s of silence, 15 s for the whole
(75 where a file goes out), 2 MiB (a file 10). A call that is safe to repeat is tried up to three
times within 15 s. URLs hold access tokens, so no exception of the layers below is ever chained.
"""

import json
import logging
import random
import re
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any, TypeVar
from urllib.parse import urlencode

from wechat import lenient
from wechat.calls import EndedCall, end_call
from wechat.errors import (
    BadAnswer,
    Busy,
    NotSent,
    QuotaMinute,
    Refused,
    Unreachable,
    WeChatError,
    clean,
    refusal,
)
from wechat.side_by_side import send_side_by_side
from wechat.streams import Stream, open_stream
from wechat.transport import Answer, Body, Bounds, TransportError, encode_form, new_session, send

logger = logging.getLogger(__name__)

T = TypeVar("T")

CONNECT_TIMEOUT = 3
READ_TIMEOUT = 10
DEADLINE = 15
SENDING_DEADLINE = 75
MAX_ANSWER = 2 * 1024 * 1024
MAX_FILE = 10 * 1024 * 1024
TRIES = 3
REPEATS_WITHIN = 15

CLOCKS_APART = 30  # seconds, before somebody should look at this host's clock
CLOCK_WARNING_EVERY = 60

SHORTEST_LIFE = 60
LONGEST_LIFE = 7200

EXTENSIONS = {
    "image/jpeg": ".jpg",
    "image/png": ".png",
    "image/gif": ".gif",
    "image/webp": ".webp",
    "video/mp4": ".mp4",
    "audio/mpeg": ".mp3",
    "audio/amr": ".amr",
    "text/plain": ".txt",
}
PICTURES = ("image/jpeg", "image/png", "image/gif")  # as WeChat takes them
SHOWN_PICTURES = (*PICTURES, "image/webp")  # as WeChat gives them
VOICES = ("audio/amr", "audio/mpeg")

_BEGINNINGS = {
    "image/jpeg": re.compile(rb"\xff\xd8\xff"),
    "image/png": re.compile(rb"\x89PNG"),
    "image/gif": re.compile(rb"GIF8"),
    "image/webp": re.compile(rb"RIFF.{4}WEBP", re.DOTALL),
    "video/mp4": re.compile(rb".{4}ftyp", re.DOTALL),
    "audio/amr": re.compile(rb"#!AMR"),
    "audio/mpeg": re.compile(rb"ID3|\xff[\xe2\xe3\xf2\xf3\xfa\xfb]"),
}


def kind_of(content: bytes) -> str:
    """Which of EXTENSIONS the file CONTENT is, by its first bytes; "" for none we know."""
    kinds = (kind for kind, beginning in _BEGINNINGS.items() if beginning.match(content))
    return next(kinds, "")


_api_url = "https://api.weixin.qq.com"
_on_odd_rows: Callable[[str, int], object] | None = None
_on_call: Callable[[EndedCall], object] | None = None


def configure(
    *,
    api_url: str = "",
    on_odd_rows: Callable[[str, int], object] | None = None,
    on_call: Callable[[EndedCall], object] | None = None,
) -> None:
    """
    Point the client at API_URL, scheme and host, instead of WeChat's own servers; call ON_ODD_ROWS
    with the path of an answer and how many rows of its lists were left out, and ON_CALL with each
    call that has ended. What is not given stays as it is.
    """
    global _api_url, _on_odd_rows, _on_call
    _api_url = api_url.rstrip("/") or _api_url
    _on_odd_rows = on_odd_rows or _on_odd_rows
    _on_call = on_call or _on_call


# The seam: another adapter mounted here stands in for WeChat's servers.
session = new_session(keep=256)  # as many as there may be threads


@dataclass(frozen=True, slots=True)
class File:
    """What goes to WeChat, or comes from it, as bytes: KIND is one of EXTENSIONS."""

    kind: str
    content: bytes = field(repr=False)

    @property
    def name(self) -> str:
        """A name for it that says its kind, by which WeChat judges."""
        return f"file{EXTENSIONS[self.kind]}"


@dataclass(frozen=True, slots=True, repr=False)
class _Call:
    """What is sent; it has no repr, because the query holds a token."""

    method: str
    path: str
    query: Mapping[str, str | int]
    body: Mapping[str, Any] | None = None
    files: Mapping[str, File] | None = None

    def send(self, max_bytes: int) -> Answer:
        """What comes back, whatever it is. Raises Unreachable or NotSent."""
        seconds = SENDING_DEADLINE if self.files else DEADLINE
        try:
            return send(session, *self.encode(), _new_bounds(max_bytes, seconds))
        except TransportError as error:
            raise trouble_of(self.path, error) from None

    def encode(self) -> tuple[str, str, dict[str, str], bytes]:
        """Method, URL, headers and body."""
        content, media_type = self._encode()
        return self.method, self._url, {"Content-Type": media_type}, content

    def end(self, trouble: WeChatError | None, seconds: float, attempt: int = 1) -> EndedCall:
        """What is told of it once it has ended, SECONDS after it began."""
        sent = (self.body, self.query)
        return end_call(self.path, trouble, seconds, attempt=attempt, sent=sent)

    def _encode(self) -> tuple[bytes, str]:
        if self.files:
            parts = {name: (it.name, it.content, it.kind) for name, it in self.files.items()}
            return encode_form(parts)
        text = "" if self.body is None else json.dumps(self.body, ensure_ascii=False)
        return text.encode(), "application/json"

    @property
    def _url(self) -> str:
        return f"{_api_url}{self.path}" + (f"?{urlencode(self.query)}" if self.query else "")


def _new_bounds(max_bytes: int, seconds: float) -> Bounds:
    return Bounds(time.monotonic() + seconds, max_bytes, CONNECT_TIMEOUT, READ_TIMEOUT)


def call(
    path: str,
    body: Mapping[str, Any] | None = None,
    *,
    query: Mapping[str, str | int] | None = None,
    files: Mapping[str, File] | None = None,
    access_token: str | None = None,
    method: str = "POST",
    repeat: bool = True,
    kept: Collection[str] = (),
) -> dict[str, Any]:
    """
    The answer of WeChat to BODY, sent as raw UTF-8 JSON to PATH, or to FILES, sent as a form.

    ACCESS_TOKEN goes into the query, where WeChat wants it. REPEAT says that asking twice does no
    harm; such a call is tried again when no answer, no sense or "busy" comes back. A refusal has
    those `members` of the answer that are KEPT.
    Raises Refused or one of its leaves, Unreachable, NotSent or BadAnswer.
    """
    request = _Call(method, path, _query(access_token, query), body, files)
    return _ask(request, MAX_ANSWER, partial(_read, kept=kept), repeat=repeat)


def open_answer(
    asked: tuple[str, str],
    query: Sequence[tuple[str, str]],
    body: Body,
    media_type: str,
    *,
    seconds: float,
) -> Stream:
    """
    WeChat's answer to BODY, whatever it is, as far as its headers, and so many SECONDS for the
    rest: ASKED is a method and a path. Raises Unreachable or NotSent.
    """
    method, path = asked
    url = f"{_api_url}{path}?{urlencode(query)}"
    bounds = _new_bounds(MAX_ANSWER, seconds)
    try:
        return open_stream(session, method, url, {"Content-Type": media_type}, body, bounds)
    except TransportError as error:
        raise trouble_of(path, error) from None


def trouble_of(path: str, error: TransportError) -> Unreachable:
    """What ERROR means to whoever has called PATH."""
    return (Unreachable if error.was_sent else NotSent)(path, str(error))


def call_side_by_side(
    path: str,
    bodies: Sequence[Mapping[str, Any]],
    read: Callable[[dict[str, Any]], T],
    *,
    access_token: str,
    until: float,
) -> list[T | WeChatError | None]:
    """
    What `call`, asking once, and READ, of its answer, return or raise for each of BODIES; None for
    those that were not begun: UNTIL, a `time.monotonic()`, came first, or connections are too few.
    """
    calls = [_Call("POST", path, _query(access_token, None), body) for body in bodies]
    requests = [request.encode() for request in calls]
    bounds = partial(_new_bounds, MAX_ANSWER, DEADLINE)
    outcomes = send_side_by_side(session, requests, bounds, until)
    return [
        None if outcome is None else _read_outcome(request, outcome, read)
        for request, outcome in zip(calls, outcomes, strict=True)
    ]


def _read_outcome(
    request: _Call, outcome: Answer | TransportError, read: Callable[[dict[str, Any]], T]
) -> T | WeChatError:
    trouble = None
    try:
        if isinstance(outcome, TransportError):
            raise trouble_of(request.path, outcome)
        return read(_read(request.path, outcome))
    except WeChatError as error:
        trouble = error
        return error
    finally:
        report(request.end(trouble, outcome.seconds))


def fetch_file(
    path: str,
    *,
    query: Mapping[str, str | int] | None = None,
    access_token: str | None = None,
    kinds: Collection[str] = SHOWN_PICTURES,
) -> File:
    """
    The file WeChat answers to a GET of PATH, of one of KINDS, asked like `call`. It is known by its
    first bytes: WeChat's Content-Type is any, or none.
    """
    request = _Call("GET", path, _query(access_token, query))
    return _ask(request, MAX_FILE, partial(_read_file, kinds), repeat=True)


def _query(access_token: str | None, query: Mapping[str, str | int] | None) -> dict[str, str | int]:
    return ({} if access_token is None else {"access_token": access_token}) | dict(query or {})


def _ask(request: _Call, max_bytes: int, read: Callable[[str, Answer], T], *, repeat: bool) -> T:
    started = time.monotonic()
    for attempt in range(1, TRIES + 1):
        try:
            return _ask_once(request, max_bytes, read, attempt)
        except (Unreachable, Busy) as error:
            pause = random.uniform(0, 0.25 * 2**attempt)  # noqa: S311 -- spreads load, hides nothing
            spent = time.monotonic() - started + pause
            if not repeat or attempt == TRIES or spent > REPEATS_WITHIN:
                raise
            logger.info("%s; trying again", error)
            time.sleep(pause)
    raise AssertionError("the last try either answers or raises")


def _ask_once(request: _Call, max_bytes: int, read: Callable[[str, Answer], T], attempt: int) -> T:
    started, trouble = time.monotonic(), None
    try:
        return read(request.path, request.send(max_bytes))
    except WeChatError as error:
        trouble = error
        raise
    finally:
        report(request.end(trouble, time.monotonic() - started, attempt))


def report(call: EndedCall) -> None:
    """Tell whoever counts and keeps calls of CALL."""
    if _on_call:
        _on_call(call)


_clock_warned_at = float("-inf")


def _check_clock(answer: Answer) -> None:
    """Warn, once a minute, when WeChat's `Date` says that our clock is wrong."""
    global _clock_warned_at
    try:
        date = parsedate_to_datetime(answer.headers.get("Date", ""))
        apart = time.time() - date.timestamp()
    except (ValueError, OverflowError):
        return
    if abs(apart) > CLOCKS_APART and time.monotonic() > _clock_warned_at + CLOCK_WARNING_EVERY:
        _clock_warned_at = time.monotonic()
        logger.error("this host's clock is %+d s from WeChat's", apart)


def _read(path: str, answer: Answer, *, kept: Collection[str] = ()) -> dict[str, Any]:
    """ANSWER as a dictionary without an error in it, whatever it took WeChat to say so."""
    _check_clock(answer)
    if answer.status >= 500:
        raise Unreachable(path, f"HTTP {answer.status}")
    if answer.status != 200:
        raise BadAnswer(path, f"HTTP {answer.status}")
    fields = _parse(path, _read_body(path, answer, MAX_ANSWER))
    errcode = read_number(fields.get("errcode", 0))
    if errcode is None:
        raise BadAnswer(path, "errcode is not a number")
    if errcode:
        error = _refusal(path, errcode, fields.get("errmsg"))
        error.members = {name: fields[name] for name in kept if name in fields}
        raise error
    return fields


def _read_file(kinds: Collection[str], path: str, answer: Answer) -> File:
    """ANSWER as a file; WeChat's refusals are JSON here too."""
    if answer.status == 200 and not answer.body:
        raise BadAnswer(path, "an empty file")
    kind = kind_of(answer.body)
    if answer.status != 200 or not kind:
        _read(path, answer)  # raises what WeChat says instead
    if kind not in kinds:
        raise BadAnswer(path, "not such a file")
    return File(kind, _read_body(path, answer, MAX_FILE))


def _refusal(path: str, errcode: int, errmsg: object) -> Refused:
    error = refusal(path, errcode, read_text(errmsg))
    level = logging.INFO if isinstance(error, Busy | QuotaMinute) else logging.WARNING
    logger.log(level, "WeChat refused %s", error)
    return error


def _read_body(path: str, answer: Answer, max_bytes: int) -> bytes:
    if answer.headers.get("Content-Encoding", "identity") != "identity":
        raise BadAnswer(path, "compressed, though we did not ask for it")
    if answer.is_cut or len(answer.body) > max_bytes:
        raise BadAnswer(path, "too large")
    return answer.body


def _parse(path: str, body: bytes) -> dict[str, Any]:
    try:
        answer = lenient.loads(body)
    except ValueError:
        raise BadAnswer(path, "not JSON") from None
    if not isinstance(answer, dict):
        raise BadAnswer(path, "not a JSON object")
    return answer


# What is acted on: wrong is a BadAnswer. Twins (a name that comes twice) always are.


def take_text(path: str, answer: Mapping[str, Any], name: str) -> str:
    """Text NAME of ANSWER, an id or a token: whole, and not empty. Raises BadAnswer."""
    text = read_id(answer.get(name))
    if not text:
        raise BadAnswer(path, f"{name} is missing or not a text")
    return text


def take_object(path: str, answer: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Object NAME of ANSWER. Raises BadAnswer."""
    value = answer.get(name)
    if not isinstance(value, dict):
        raise BadAnswer(path, f"{name} is missing or not an object")
    return value


def take_number(path: str, answer: Mapping[str, Any], name: str) -> int:
    """Number NAME of ANSWER; some of WeChat's answers spell it as text. Raises BadAnswer."""
    number = read_number(answer.get(name))
    if number is None:
        raise BadAnswer(path, f"{name} is missing or not a number")
    return number


class Rows(list[T]):
    """What could be read of a list of WeChat's; ODD rows of it could not."""

    odd = 0


def take_rows(
    path: str, answer: Mapping[str, Any], name: str, read: Callable[[dict[str, Any]], T]
) -> Rows[T]:
    """
    The rows of list NAME of ANSWER, each as READ makes it; one that is no object, or for which READ
    raises BadAnswer, is left out. Raises BadAnswer where there is no list; null is an empty one.
    """
    if name not in answer:
        raise BadAnswer(path, f"{name} is missing")
    return read_rows(path, answer, name, read)


def read_rows(
    path: str, answer: Mapping[str, Any], name: str, read: Callable[[dict[str, Any]], T]
) -> Rows[T]:
    """As `take_rows`, but an absent list is an empty one."""

    def read_row(row: object) -> T:
        if not isinstance(row, dict):
            raise BadAnswer(path, "a row is not an object")
        return read(row)

    return _read_list(path, answer, name, read_row)


def take_texts(path: str, answer: Mapping[str, Any], name: str) -> Rows[str]:
    """The ids in list NAME of ANSWER, which may be absent or null. Raises BadAnswer."""

    def read(value: object) -> str:
        if not (text := read_id(value)):
            raise BadAnswer(path, "a row is not a text")
        return text

    return _read_list(path, answer, name, read)


def _read_list(
    path: str, answer: Mapping[str, Any], name: str, read: Callable[[object], T]
) -> Rows[T]:
    values = answer.get(name)
    if values is not None and type(values) is not list:
        raise BadAnswer(path, f"{name} is not a list")
    rows: Rows[T] = Rows()
    for value in values or []:
        try:
            rows.append(read(value))
        except BadAnswer as error:
            rows.odd += 1
            logger.warning("a row of %s is left out: %s", name, error)
    if rows.odd and _on_odd_rows:
        _on_odd_rows(path, rows.odd)
    return rows


def take_life(path: str, answer: Mapping[str, Any]) -> int:
    """`expires_in` in seconds if it is sensible (1 to 7200); otherwise a careful 60."""
    value = answer.get("expires_in")
    life = read_number(value)
    if life is not None and 1 <= life <= LONGEST_LIFE:
        return life
    logger.warning("%s: odd expires_in %s, taken as 60", path, clean(repr(value)))
    return SHORTEST_LIFE


# What may be missing, and prose: never a reason to refuse an answer.

_NUMBER = re.compile(r"-?[0-9]{1,19}", re.ASCII)
_UNSURE = re.compile("[\x00-\x1f\x7f\ufffd]")


def read_id(value: object) -> str:
    """VALUE if it is a text that came whole, else "": an id that was mended is another one."""
    return value if isinstance(value, str) and not _UNSURE.search(value) else ""


def read_number(value: object, *, below: int = 2**63) -> int | None:
    """VALUE if it is a number that a column holds, or the text of one, else None."""
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        value = int(value)
    return value if type(value) is int and -below <= value < below else None


def read_time(value: object) -> int:
    """VALUE if it is a time in Unix seconds of this age, else 0."""
    return max(read_number(value, below=2**33) or 0, 0)


def read_flag(value: object) -> bool:
    """Whether VALUE says yes."""
    return value is True or read_number(value) == 1


def read_object(value: object) -> dict[str, Any]:
    """VALUE if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def read_text(value: object) -> str:
    """VALUE if it is a text, the first text if it is several, else ""."""
    if isinstance(value, list):
        value = next((item for item in value if isinstance(item, str)), "")
    return value if isinstance(value, str) else ""
