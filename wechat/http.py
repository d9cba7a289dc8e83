"""
The one place that touches the network: a call to WeChat and the strict reading of its answer.

Bounded in every direction: 3 s to connect, 10 s of silence, 15 s for the whole answer, 2 MiB (a
file 10), a minute for a file to go out, no redirects. A call that is safe to repeat is tried up
to three times within 15 s. URLs hold access tokens, so no exception of the layers below is ever
chained or quoted.
"""

import json
import logging
import math
import os
import random
import socket
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from functools import partial
from http.client import HTTPResponse
from io import BufferedReader, BytesIO, RawIOBase
from ssl import SSLCertVerificationError
from typing import Any, TypeVar, cast

import requests
from requests.adapters import DEFAULT_POOLBLOCK, HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import NewConnectionError
from urllib3.exceptions import SSLError as UnsafeConnection
from urllib3.filepost import encode_multipart_formdata

from wechat.errors import BadAnswer, Busy, NotSent, QuotaMinute, Unreachable, clean, refusal

logger = logging.getLogger(__name__)

T = TypeVar("T")

CONNECT_TIMEOUT = 3
READ_TIMEOUT = 10
DEADLINE = 15
SENDING_DEADLINE = 60
MAX_ANSWER = 2 * 1024 * 1024
MAX_FILE = 10 * 1024 * 1024
POOL_SIZE = 256
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


class UntilDeadline(RawIOBase):
    """
    A socket's bytes until DEADLINE (a `time.monotonic()`) has passed, however slowly they trickle
    in, and no longer than SILENCE seconds for the next of them.
    """

    def __init__(self, sock: socket.socket, deadline: float, silence: float = math.inf) -> None:
        self._sock = sock
        self._raw = cast(RawIOBase, sock.makefile("rb", buffering=0))
        self._deadline = deadline
        self._silence = silence

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._sock.settimeout(min(left, self._silence))
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _BoundedResponse(HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp.close()
        deadline = time.monotonic() + DEADLINE
        self.fp = BufferedReader(UntilDeadline(sock, deadline, READ_TIMEOUT))


class _Connection(HTTPConnection):
    response_class = _BoundedResponse


class _SecureConnection(HTTPSConnection):
    response_class = _BoundedResponse


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


class Transport(HTTPAdapter):
    """Kept-alive connections, as many as there may be threads, each answer under the deadline."""

    def __init__(self) -> None:
        super().__init__(pool_connections=4, pool_maxsize=POOL_SIZE)

    def init_poolmanager(
        self, connections: int, maxsize: int, block: bool = DEFAULT_POOLBLOCK, **kwargs: Any
    ) -> None:
        super().init_poolmanager(connections, maxsize, block, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}


class _Session(requests.Session):
    def get_redirect_target(self, resp: requests.Response) -> None:
        """No redirects: requests reads a redirect's whole body even where it does not follow it."""


def _new_session() -> requests.Session:
    fresh = _Session()
    fresh.trust_env = False  # no ambient proxy or netrc gets to see WeChat's tokens
    fresh.headers["Accept-Encoding"] = "identity"
    fresh.mount("https://", Transport())
    fresh.mount("http://", Transport())
    return fresh


# The seam: another transport mounted here stands in for WeChat's servers.
session = _new_session()


def _after_fork() -> None:
    """A child must not share its parent's sockets; other transports mounted stay mounted."""
    for prefix, adapter in list(session.adapters.items()):
        if isinstance(adapter, Transport):
            session.mount(prefix, Transport())


os.register_at_fork(after_in_child=_after_fork)


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

    def encode(self) -> tuple[Any, str]:
        """The bytes that go out, as requests takes them, and their type."""
        if self.files:
            parts = {name: (it.name, it.content, it.kind) for name, it in self.files.items()}
            content, kind = encode_multipart_formdata(parts)
            return _Outgoing(content), kind
        content = json.dumps(self.body, ensure_ascii=False).encode()
        return (None if self.body is None else content), "application/json"


class _Outgoing(BytesIO):
    """A body sent piece by piece, until a deadline: the other side may take it slowly."""

    def __init__(self, content: bytes) -> None:
        super().__init__(content)
        self._deadline = time.monotonic() + SENDING_DEADLINE

    def read(self, size: int | None = -1, /) -> bytes:
        if time.monotonic() > self._deadline:
            raise TimeoutError
        return super().read(size)


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
    asked = _Call(method, path, _query(access_token, query), body, files)
    return _ask(asked, _read, repeat=repeat)


def fetch_file(
    path: str,
    *,
    query: Mapping[str, str | int] | None = None,
    access_token: str | None = None,
    kinds: Collection[str] = PICTURES,
) -> File:
    """The file WeChat answers to a GET of PATH, of one of KINDS, asked like `call`."""
    asked = _Call("GET", path, _query(access_token, query))
    return _ask(asked, partial(_read_file, kinds), repeat=True)


def _query(access_token: str | None, query: Mapping[str, str | int] | None) -> dict[str, str | int]:
    return ({} if access_token is None else {"access_token": access_token}) | dict(query or {})


def _ask(asked: _Call, read: Callable[[str, requests.Response], T], *, repeat: bool) -> T:
    started = time.monotonic()
    for attempt in range(1, TRIES + 1):
        try:
            return _ask_once(asked, read)
        except (Unreachable, Busy) as error:
            pause = random.uniform(0, 0.25 * 2**attempt)  # noqa: S311 -- spreads load, hides nothing
            spent = time.monotonic() - started + pause
            if not repeat or attempt == TRIES or spent > REPEATS_WITHIN:
                raise
            logger.info("%s; trying again", error)
            time.sleep(pause)
    raise AssertionError("the last try either answers or raises")


def _ask_once(asked: _Call, read: Callable[[str, requests.Response], T]) -> T:
    path = asked.path
    data, media_type = asked.encode()
    try:
        with session.request(
            asked.method,
            _api_url + path,
            params=asked.query,
            data=data,
            headers={"Content-Type": media_type},
            timeout=(CONNECT_TIMEOUT, READ_TIMEOUT),
            allow_redirects=False,
            stream=True,
        ) as response:
            return read(path, response)
    # Not chained: the text of the cause holds the URL, and the URL holds the token.
    except requests.ConnectTimeout as error:
        raise NotSent(path, type(error).__name__) from None
    except requests.ConnectionError as error:
        kind = NotSent if _never_connected(error) else Unreachable
        raise kind(path, type(error).__name__) from None
    except (requests.RequestException, OSError) as error:
        raise Unreachable(path, type(error).__name__) from None


def _never_connected(error: requests.ConnectionError) -> bool:
    """Whether ERROR came before a connection stood, or the other side's certificate is wrong."""
    reason = getattr(error.args[0], "reason", None) if error.args else None
    cause = reason.args[0] if isinstance(reason, UnsafeConnection) else reason
    return isinstance(cause, NewConnectionError | SSLCertVerificationError)


_clock_warned_at = float("-inf")


def _check_clock(response: requests.Response) -> None:
    """Warn, once a minute, when WeChat's `Date` says that our clock is wrong."""
    global _clock_warned_at
    try:
        date = parsedate_to_datetime(response.headers.get("Date", ""))
        apart = time.time() - date.timestamp()
    except (ValueError, OverflowError):
        return
    if abs(apart) > CLOCKS_APART and time.monotonic() > _clock_warned_at + CLOCK_WARNING_EVERY:
        _clock_warned_at = time.monotonic()
        logger.error("this host's clock is %+d s from WeChat's", apart)


def _read(path: str, response: requests.Response) -> dict[str, Any]:
    """RESPONSE as a dictionary without an error in it, whatever it took WeChat to say so."""
    _check_clock(response)
    if response.status_code >= 500:
        raise Unreachable(path, f"HTTP {response.status_code}")
    if response.status_code != 200:
        raise BadAnswer(path, f"HTTP {response.status_code}")
    answer = _parse(path, _read_body(path, response))
    errcode = answer.get("errcode", 0)
    if type(errcode) is not int:
        raise BadAnswer(path, "errcode is not a number")
    if errcode:
        raise _refusal(path, errcode, answer.get("errmsg"))
    return answer


def _read_file(kinds: Collection[str], path: str, response: requests.Response) -> File:
    """RESPONSE as a file; WeChat's refusals are JSON here too."""
    kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if response.status_code != 200 or kind not in kinds:
        _read(path, response)  # raises what WeChat says instead
        raise BadAnswer(path, "not such a file")
    content = _read_body(path, response, MAX_FILE)
    if not content:
        raise BadAnswer(path, "an empty file")
    return File(kind, content)


def _refusal(path: str, errcode: int, errmsg: object) -> Exception:
    error = refusal(path, errcode, errmsg if isinstance(errmsg, str) else "")
    level = logging.INFO if isinstance(error, Busy | QuotaMinute) else logging.WARNING
    logger.log(level, "WeChat refused %s", error)
    return error


def _read_body(path: str, response: requests.Response, longest: int = MAX_ANSWER) -> bytes:
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise BadAnswer(path, "compressed, though we did not ask for it")
    body = bytearray()
    for chunk in response.iter_content(64 * 1024):
        body += chunk
        if len(body) > longest:
            raise BadAnswer(path, "too large")
    return bytes(body)


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
