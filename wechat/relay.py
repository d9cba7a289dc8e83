"""
Calls that another program words: any path of WeChat's API with an account's token, WeChat's answer
as it is. What could lead elsewhere, or to tokens and secrets, is no path of it.
"""

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from wechat import http, lenient
from wechat.calls import end_call
from wechat.errors import BadAnswer, Refused, Unreachable, refusal
from wechat.transport import Answer

MAX_JSON = 1024 * 1024  # of a body
MAX_UPLOAD = 10 * 1024 * 1024
MAX_DOWNLOAD = 20 * 1024 * 1024
COUNTED_AS = "relayed"  # in what is measured: the paths are anybody's words

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


def is_closed(path: str) -> bool:
    return is_under(path.lower(), _CLOSED)


def is_under(path: str, prefixes: Sequence[str]) -> bool:
    """Whether PATH is one of PREFIXES or goes on from one, by whole parts."""
    return any(f"{path}/".startswith(prefix.rstrip("/") + "/") for prefix in prefixes)


@dataclass(frozen=True, slots=True)
class Relayed:
    """WeChat's answer: its errcode and rid, where it is JSON that has them."""

    status: int
    content: bytes = field(repr=False)
    media_type: str
    errcode: int = 0
    rid: str = ""


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
        content: bytes = b"",
        media_type: str = "application/json",
    ) -> None:
        self.method, self.path, self.query = method, path, query
        self.content, self.media_type = content, media_type
        self.answer: Relayed | None = None

    def send(self, token: str) -> Relayed:
        """WeChat's answer. Raises Refused, Unreachable, NotSent or BadAnswer."""
        started, trouble = time.monotonic(), None
        seconds = http.SENDING_DEADLINE if len(self.content) > MAX_JSON else http.DEADLINE
        try:
            raw = http.exchange(
                (self.method, self.path),
                [*self.query, ("access_token", token)],
                self.content,
                self.media_type,
                bounds=(MAX_DOWNLOAD, seconds),
            )
            self.answer, error = self._read(raw, token)
            if error:
                raise error
        except (Refused, Unreachable) as problem:
            trouble = problem
            raise
        finally:
            seconds = time.monotonic() - started
            http.report(end_call(self.path, trouble, seconds, endpoint=COUNTED_AS))
        return self.answer

    def _read(self, raw: Answer, token: str) -> tuple[Relayed, Refused | None]:
        if raw.status >= 500:
            raise Unreachable(self.path, f"HTTP {raw.status}")
        if raw.is_cut or raw.headers.get("Content-Encoding", "identity") != "identity":
            raise BadAnswer(self.path, "too large, or compressed")
        content = raw.body.replace(token.encode(), b"***")
        media_type = raw.headers.get("Content-Type", "")
        errcode, errmsg = _read_errcode(content)
        if not errcode:
            return Relayed(raw.status, content, media_type), None
        error = refusal(self.path, errcode, errmsg)
        return Relayed(raw.status, content, media_type, errcode, error.rid), error


def _read_errcode(content: bytes) -> tuple[int, str]:
    """The errcode and errmsg of an answer that is JSON; 0 where it is a file, or all is well."""
    if content.lstrip()[:1] != b"{" or len(content) > http.MAX_ANSWER:
        return 0, ""
    try:
        fields = lenient.loads(content)
    except ValueError:
        return 0, ""
    errcode = http.read_number(fields.get("errcode", 0)) if isinstance(fields, dict) else None
    return (errcode, http.read_text(fields.get("errmsg"))) if errcode else (0, "")
