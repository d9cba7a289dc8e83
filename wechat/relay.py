"""
Calls that another program words: any path of WeChat's API with an account's token, WeChat's answer
as it is. What could lead elsewhere, or to tokens and secrets, is no path of it.
"""

import re
import time
from collections.abc import Iterator, Sequence
from contextvars import copy_context
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, cast
from weakref import finalize

from wechat import http, lenient
from wechat.bulkhead import keep_place
from wechat.calls import end_call
from wechat.errors import BadAnswer, Refused, Unreachable, WeChatError, refusal
from wechat.spool import PIECE, Overlong, Spool
from wechat.streams import Stream
from wechat.transport import TransportError

MAX_JSON = 1024 * 1024  # of a body; a longer answer is passed on as it comes
MAX_UPLOAD = 10 * 1024 * 1024
MAX_DOWNLOAD = 20 * 1024 * 1024
DOWNLOAD_SECONDS = 60.0  # of an answer, once it has begun

_SEGMENT = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*", re.ASCII)
_LONGEST = 200
# Ours to call: what gives tokens and binds accounts, and what is counted by us.
_CLOSED = (
    "/cgi-bin/component",
    "/cgi-bin/token",
    "/cgi-bin/stable_token",
    "/cgi-bin/clear_quota",
    "/cgi-bin/openapi/quota/clear",
    "/sns/component",
    "/sns/oauth2/component",
)


def normal_path(text: str) -> str:
    """
    TEXT as a path of WeChat's API, with one slash before each part; "" where it is none: empty
    parts, dots, and any letter that could be read in two ways.
    """
    parts = text.split("/")
    if len(text) > _LONGEST or not all(_SEGMENT.fullmatch(part) for part in parts):
        return ""
    return "/" + text


def without_tokens(pairs: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Those of PAIRS, the parameters of a query, that go on to WeChat: a token is ours to add."""
    return [(name, value) for name, value in pairs if not name.lower().endswith("access_token")]


def is_closed(path: str) -> bool:
    return is_under(path.lower(), _CLOSED)


def is_under(path: str, prefixes: Sequence[str]) -> bool:
    """Whether PATH is one of PREFIXES or goes on from one, by whole parts."""
    return any(f"{path}/".startswith(prefix.rstrip("/") + "/") for prefix in prefixes)


@dataclass(frozen=True, slots=True)
class Relayed:
    """
    WeChat's answer: its errcode and rid, where it is JSON that has them. Of a long one CONTENT is
    empty, and REST is what it holds, in pieces.
    """

    status: int
    media_type: str
    disposition: str = ""  # Content-Disposition: the name of a file
    content: bytes = field(default=b"", repr=False)
    errcode: int = 0
    rid: str = ""
    rest: "Download | None" = None


class Download:
    """
    A long answer, passed on as it comes; `close` ends it, and gives back the place in the bulkhead
    that it has till then.

    LENGTH is told beforehand, so that an answer which breaks off does not look whole. Where WeChat
    does not say how long it is, it is fetched whole first: servers end one without a length
    properly, whatever happens.
    """

    def __init__(
        self, path: str, stream: Stream, beginning: bytes, token: str, started: float
    ) -> None:
        self._path, self._started = path, started
        self._token, self._stream = token.encode(), stream
        self._trouble: WeChatError | None = None
        stream.prolong(DOWNLOAD_SECONDS)
        self._spool = None if stream.length else self._fetch(beginning)
        self._beginning = b"" if self._spool else beginning
        self.length = len(self._spool) if self._spool else cast(int, stream.length)
        self._is_open = True
        self._context = copy_context()  # who has asked
        self._give_back = keep_place()
        finalize(self, self._give_back)  # where nobody came to pass it on

    def _fetch(self, beginning: bytes) -> Spool:
        spool = Spool()
        try:
            spool.write(beginning)
            spool.take(self._stream.read, MAX_DOWNLOAD)
        except Overlong:
            spool.close()
            raise BadAnswer(self._path, "too large") from None
        except TransportError as error:
            spool.close()
            raise http.trouble_of(self._path, error) from None
        self._stream.close()
        return spool

    def __iter__(self) -> Iterator[bytes]:
        """All of it, the token masked. Raises Unreachable where WeChat breaks off."""
        mask, edge, held = b"*" * len(self._token), len(self._token) - 1, b""
        for piece in self._spool.pieces() if self._spool else self._come():
            text = (held + piece).replace(self._token, mask)
            cut = max(len(text) - edge, 0)  # it may go on in the next piece
            yield text[:cut]
            held = text[cut:]
        yield held

    def _come(self) -> Iterator[bytes]:
        yield self._beginning
        self._beginning = b""
        try:
            yield from iter(lambda: self._stream.read(PIECE), b"")
        except TransportError as error:
            self._trouble = http.trouble_of(self._path, error)
            raise self._trouble from None

    def close(self) -> None:
        if not self._is_open:
            return
        self._is_open = False
        self._stream.close()
        if self._spool:
            self._spool.close()
        self._give_back()
        self._context.run(report_call, self._path, self._trouble, self._started)


class Relay:
    """
    One call, to be made with a token. `answer` is what WeChat has said last: also where the call
    raises Refused, which says what it means to us.
    """

    def __init__(
        self,
        method: str,
        path: str,
        query: Sequence[tuple[str, str]] = (),
        body: bytes | Spool = b"",
        media_type: str = "application/json",
    ) -> None:
        self.method, self.path, self.query = method, path, query
        self.body, self.media_type = body, media_type
        self.answer: Relayed | None = None

    def send(self, token: str) -> Relayed:
        """
        WeChat's answer, of which a long one is still coming: whoever gets it closes `rest`. Raises
        Refused, Unreachable, NotSent or BadAnswer.
        """
        started, trouble = time.monotonic(), cast(WeChatError | None, None)
        try:
            self.answer, error = self._ask(token, started)
            if error:
                raise error
            if self.answer.status >= HTTPStatus.BAD_REQUEST:  # passed on all the same
                trouble = BadAnswer(self.path, f"HTTP {self.answer.status}")
        except (Refused, Unreachable) as problem:
            trouble = problem
            raise
        finally:
            if not (self.answer and self.answer.rest):
                report_call(self.path, trouble, started)
        return self.answer

    def _ask(self, token: str, started: float) -> tuple[Relayed, Refused | None]:
        if isinstance(self.body, Spool):
            self.body.rewind()
        seconds = http.SENDING_DEADLINE if len(self.body) > MAX_JSON else http.DEADLINE
        query = [*self.query, ("access_token", token)]
        asked = (self.method, self.path)
        stream = http.open_answer(asked, query, self.body, self.media_type, seconds=seconds)
        try:
            self._check(stream)
            beginning = read_whole(self.path, stream, MAX_JSON + 1)
            if len(beginning) > MAX_JSON:
                rest = Download(self.path, stream, beginning, token, started)
                return _relayed(stream, rest=rest), None
        except BaseException:
            stream.close()
            raise
        stream.close()
        return self._read(stream, beginning.replace(token.encode(), b"***"))

    def _check(self, stream: Stream) -> None:
        if stream.status >= 500:
            raise Unreachable(self.path, f"HTTP {stream.status}")
        if stream.headers.get("Content-Encoding", "identity") != "identity":
            raise BadAnswer(self.path, "compressed, though we did not ask for it")
        if (stream.length or 0) > MAX_DOWNLOAD:
            raise BadAnswer(self.path, "too large")

    def _read(self, stream: Stream, content: bytes) -> tuple[Relayed, Refused | None]:
        errcode, errmsg = _read_errcode(content)
        if not errcode:
            return _relayed(stream, content=content), None
        error = refusal(self.path, errcode, errmsg)
        return _relayed(stream, content=content, errcode=errcode, rid=error.rid), error


def _relayed(stream: Stream, **fields: Any) -> Relayed:
    media_type = stream.headers.get("Content-Type", "")
    disposition = stream.headers.get("Content-Disposition", "")
    return Relayed(stream.status, media_type, disposition, **fields)


def read_whole(path: str, stream: Stream, most: int) -> bytes:
    """MOST bytes of STREAM, or all that it has. Raises Unreachable."""
    pieces, missing = [], most
    try:
        while missing and (piece := stream.read(missing)):
            pieces.append(piece)
            missing -= len(piece)
    except TransportError as error:
        raise http.trouble_of(path, error) from None
    return b"".join(pieces)


def report_call(path: str, trouble: WeChatError | None, started: float) -> None:
    seconds = time.monotonic() - started
    http.report(end_call(path, trouble, seconds, is_relayed=True))


def _read_errcode(content: bytes) -> tuple[int, str]:
    """The errcode and errmsg of an answer that is JSON; 0 where it is a file, or all is well."""
    if content.lstrip()[:1] != b"{":
        return 0, ""
    try:
        fields = lenient.loads(content)
    except ValueError:
        return 0, ""
    errcode = http.read_number(fields.get("errcode", 0)) if isinstance(fields, dict) else None
    return (errcode, http.read_text(fields.get("errmsg"))) if errcode else (0, "")
