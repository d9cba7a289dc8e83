"""
A call to WeChat and the strict reading of its answer.

Bounded in every direction by the transport: 3 s to connect, 10 s of silence, 15 s for the whole
(75 where a file goes out), 2 MiB (a file 10). A call that is safe to repeat is tried up to three
times within 15 s. URLs hold access tokens, so no exception of the layers below is ever chained.
"""

import json
import logging
import random
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any, TypeVar
from urllib.parse import urlencode

from wechat.errors import BadAnswer, Busy, NotSent, QuotaMinute, Unreachable, clean, refusal
from wechat.transport import Answer, Bounds, TransportError, encode_form, new_session, send

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
    "video/mp4": ".mp4",
    "audio/mpeg": ".mp3",
    "audio/amr": ".amr",
    "text/plain": ".txt",
}
PICTURES = ("image/jpeg", "image/png", "image/gif")
VOICES = ("audio/amr", "audio/mpeg")

_api_url = "https://api.weixin.qq.com"


def configure(*, api_url: str) -> None:
    """Point the client at API_URL, scheme and host, instead of WeChat's own servers."""
    global _api_url
    _api_url = api_url.rstrip("/")


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
        content, media_type = self._encode()
        seconds = SENDING_DEADLINE if self.files else DEADLINE
        bounds = Bounds(time.monotonic() + seconds, max_bytes, CONNECT_TIMEOUT, READ_TIMEOUT)
        try:
            return send(
                session, self.method, self._url, {"Content-Type": media_type}, content, bounds
            )
        except TransportError as error:
            kind = Unreachable if error.was_sent else NotSent
            raise kind(self.path, str(error)) from None

    def _encode(self) -> tuple[bytes, str]:
        if self.files:
            parts = {name: (it.name, it.content, it.kind) for name, it in self.files.items()}
            return encode_form(parts)
        text = "" if self.body is None else json.dumps(self.body, ensure_ascii=False)
        return text.encode(), "application/json"

    @property
    def _url(self) -> str:
        return f"{_api_url}{self.path}" + (f"?{urlencode(self.query)}" if self.query else "")


def call(
    path: str,
    body: Mapping[str, Any] | None = None,
    *,
    query: Mapping[str, str | int] | None = None,
    files: Mapping[str, File] | None = None,
    access_token: str | None = None,
    method: str = "POST",
    repeat: bool = True,
) -> dict[str, Any]:
    """
    The answer of WeChat to BODY, sent as raw UTF-8 JSON to PATH, or to FILES, sent as a form.

    ACCESS_TOKEN goes into the query, where WeChat wants it. REPEAT says that asking twice does no
    harm; such a call is tried again when no answer, no sense or "busy" comes back.
    Raises Refused or one of its leaves, Unreachable, NotSent or BadAnswer.
    """
    request = _Call(method, path, _query(access_token, query), body, files)
    return _ask(request, MAX_ANSWER, _read, repeat=repeat)


def fetch_file(
    path: str,
    *,
    query: Mapping[str, str | int] | None = None,
    access_token: str | None = None,
    kinds: Collection[str] = PICTURES,
) -> File:
    """The file WeChat answers to a GET of PATH, of one of KINDS, asked like `call`."""
    request = _Call("GET", path, _query(access_token, query))
    return _ask(request, MAX_FILE, partial(_read_file, kinds), repeat=True)


def _query(access_token: str | None, query: Mapping[str, str | int] | None) -> dict[str, str | int]:
    return ({} if access_token is None else {"access_token": access_token}) | dict(query or {})


def _ask(request: _Call, max_bytes: int, read: Callable[[str, Answer], T], *, repeat: bool) -> T:
    started = time.monotonic()
    for attempt in range(1, TRIES + 1):
        try:
            return read(request.path, request.send(max_bytes))
        except (Unreachable, Busy) as error:
            pause = random.uniform(0, 0.25 * 2**attempt)  # noqa: S311 -- spreads load, hides nothing
            spent = time.monotonic() - started + pause
            if not repeat or attempt == TRIES or spent > REPEATS_WITHIN:
                raise
            logger.info("%s; trying again", error)
            time.sleep(pause)
    raise AssertionError("the last try either answers or raises")


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


def _read(path: str, answer: Answer) -> dict[str, Any]:
    """ANSWER as a dictionary without an error in it, whatever it took WeChat to say so."""
    _check_clock(answer)
    if answer.status >= 500:
        raise Unreachable(path, f"HTTP {answer.status}")
    if answer.status != 200:
        raise BadAnswer(path, f"HTTP {answer.status}")
    fields = _parse(path, _read_body(path, answer, MAX_ANSWER))
    errcode = fields.get("errcode", 0)
    if type(errcode) is not int:
        raise BadAnswer(path, "errcode is not a number")
    if errcode:
        raise _refusal(path, errcode, fields.get("errmsg"))
    return fields


def _read_file(kinds: Collection[str], path: str, answer: Answer) -> File:
    """ANSWER as a file; WeChat's refusals are JSON here too."""
    kind = answer.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if answer.status != 200 or kind not in kinds:
        _read(path, answer)  # raises what WeChat says instead
        raise BadAnswer(path, "not such a file")
    content = _read_body(path, answer, MAX_FILE)
    if not content:
        raise BadAnswer(path, "an empty file")
    return File(kind, content)


def _refusal(path: str, errcode: int, errmsg: object) -> Exception:
    error = refusal(path, errcode, errmsg if isinstance(errmsg, str) else "")
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
        text = body.decode("utf-8-sig")
        answer = json.loads(text, object_pairs_hook=_no_twins, parse_constant=_no_constant)
        _check_texts(text, answer)
    except (ValueError, RecursionError):
        raise BadAnswer(path, "not JSON") from None
    if not isinstance(answer, dict):
        raise BadAnswer(path, "not a JSON object")
    return answer


def _no_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError("a name twice")
    return fields


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _check_texts(text: str, answer: object) -> None:
    """Raises ValueError for what escapes can smuggle in and no database takes."""
    if "\\u0000" in text:
        raise ValueError("a NUL")
    if "\\ud" in text.lower():
        json.dumps(answer, ensure_ascii=False).encode()  # half a surrogate pair


def take(path: str, answer: Mapping[str, Any], name: str, kind: type[T]) -> T:
    """Member NAME of ANSWER, which must be of KIND; a text must not be empty. Raises BadAnswer."""
    value = answer.get(name)
    if type(value) is not kind or value == "":
        raise BadAnswer(path, f"{name} is missing or not {kind.__name__}")
    return value


def take_number(path: str, answer: Mapping[str, Any], name: str) -> int:
    """Number NAME of ANSWER; some of WeChat's answers spell it as text. Raises BadAnswer."""
    number = read_number(answer.get(name))
    if number is None:
        raise BadAnswer(path, f"{name} is missing or not a number")
    return number


def take_rows(path: str, answer: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """List NAME of ANSWER, which must hold objects only. Raises BadAnswer."""
    rows = take(path, answer, name, list)
    if not all(isinstance(row, dict) for row in rows):
        raise BadAnswer(path, f"{name} holds what is not an object")
    return rows


def take_texts(path: str, answer: Mapping[str, Any], name: str) -> list[str]:
    """List NAME of ANSWER, which must hold texts only; [] where absent. Raises BadAnswer."""
    texts = answer.get(name, [])
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise BadAnswer(path, f"{name} is not a list of texts")
    return texts


def read_number(value: object) -> int | None:
    """VALUE if it is a number or the text of one, else None."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 20:
        return int(value)
    return value if type(value) is int else None


def read_text(value: object) -> str:
    """VALUE if it is a text, else ""."""
    return value if isinstance(value, str) else ""


def take_life(path: str, answer: Mapping[str, Any]) -> int:
    """`expires_in` in seconds if it is sensible (1 to 7200); otherwise a careful 60."""
    life = answer.get("expires_in")
    if type(life) is int and 1 <= life <= LONGEST_LIFE:
        return life
    logger.warning("%s: odd expires_in %s, taken as 60", path, clean(repr(life)))
    return SHORTEST_LIFE
