"""
What becomes of a log line: JSON (or text), scrubbed, and not repeated for ever.

It needs no Django, so that the application server's first process, which loads none, writes alike:
`deploy/granian-logs.json`.
"""

import logging
import os
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import Context
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

import structlog

from wechat.errors import scrub

# Whoever holds a binding's state, or a bind link, may use it: they are parts of an address.
_BIND_ADDRESS = re.compile(r"(/portal/bind/(?:link/)?)[\w\-:.%]{20,}", re.ASCII)

SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]


def scrubbed(text: str) -> str:
    """TEXT without anything shaped like a credential."""
    return _BIND_ADDRESS.sub(r"\1***", scrub(text))


def scrubbing(render: Callable[..., Any]) -> Callable[..., str]:
    """A structlog renderer that blanks what RENDER leaves of anything shaped like a credential."""

    def rendered(logger: Any, name: str, event: Any) -> str:
        return scrubbed(str(render(logger, name, event)))

    return rendered


def formatter(*, is_text: bool = False) -> logging.Formatter:
    """What makes a line of a record: of JSON, unless it IS_TEXT for somebody who looks on."""
    render = (
        structlog.dev.ConsoleRenderer(colors=False)
        if is_text
        else structlog.processors.JSONRenderer(ensure_ascii=False)
    )
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[*SHARED, _add_repeated],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            scrubbing(render),
        ],
    )


def _add_repeated(logger: Any, name: str, event: Any) -> Any:
    repeated = getattr(event["_record"], "repeated", 0)
    return {**event, "repeated": repeated} if repeated else event


_REQUEST_ID = re.compile(r"[0-9A-Za-z_-]{1,64}", re.ASCII)


def request_id(header: str) -> str:
    """The id of a request: that of its X-Request-ID, which nginx gives it, or a new one."""
    return header if _REQUEST_ID.fullmatch(header) else os.urandom(16).hex()


# Repeated lines


@dataclass
class _Kind:
    """Lines of one place in the code, in one minute."""

    since: float
    texts: set[str] = field(default_factory=set)
    repeated: int = 0
    latest: logging.LogRecord | None = None


class Repetitions:
    """
    Tells warnings and errors that repeat from those that do not. A kind is a place in the code and
    an exception's type; of each kind MOST different texts are new in so many seconds.
    """

    MOST = 10
    MOST_KINDS = 1000

    def __init__(self, every: float = 60.0) -> None:
        self._every = every
        self._kinds: dict[tuple[object, ...], _Kind] = {}
        self._look_at = 0.0

    def is_new(self, record: logging.LogRecord) -> bool:
        """Whether RECORD is to be written; else it is counted."""
        if record.levelno < logging.WARNING:
            return True
        template, text = _texts_of(record)
        error = record.exc_info[1] if isinstance(record.exc_info, tuple) else None
        key = (record.name, record.levelno, template, type(error))
        if len(self._kinds) > self.MOST_KINDS:
            self._kinds.clear()
        kind = self._kinds.setdefault(key, _Kind(time.monotonic()))
        text = f"{text} {error!r}"
        if text not in kind.texts and len(kind.texts) < self.MOST:
            kind.texts.add(text)
            return True
        kind.repeated += 1
        kind.latest = record
        return False

    def ended(self, *, is_last: bool = False) -> list[logging.LogRecord]:
        """The newest record of each kind whose minute is over, with how many were not written."""
        now = time.monotonic()
        if now < self._look_at and not is_last:
            return []
        self._look_at = now + self._every / 60
        over = {
            key: kind
            for key, kind in self._kinds.items()
            if is_last or now > kind.since + self._every
        }
        for key in over:
            del self._kinds[key]
        return [_counted(kind.latest, kind.repeated) for kind in over.values() if kind.latest]


def _texts_of(record: logging.LogRecord) -> tuple[str, str]:
    """Which place in the code RECORD comes from, and what it says; structlog's are dictionaries."""
    if isinstance(record.msg, dict):
        event = {name: record.msg[name] for name in record.msg if name not in _ALWAYS_NEW}
        return str(event.get("event")), str(event)
    return str(record.msg), record.getMessage()


_ALWAYS_NEW = {"timestamp", "request_id", "task_id"}


def _counted(record: logging.LogRecord, repeated: int) -> logging.LogRecord:
    record.repeated = repeated
    if isinstance(record.msg, dict):
        record.msg["repeated"] = repeated
    return record


class Lines(logging.StreamHandler[Any]):
    """
    Writes to standard error. Of a warning or an error that repeats itself the first line is
    written, and after a minute the newest, with how many there were: a fault that meets every push
    must not fill the disk.
    """

    def __init__(self) -> None:
        super().__init__()
        self._repetitions = Repetitions()

    def emit(self, record: logging.LogRecord) -> None:
        """Under the handler's lock."""
        is_new = self._repetitions.is_new(record)
        self._emit_all(self._repetitions.ended())
        if is_new:
            super().emit(record)

    def close(self) -> None:
        if not self.stream.closed:
            self._emit_all(self._repetitions.ended(is_last=True))
        super().close()

    def _emit_all(self, summaries: list[logging.LogRecord]) -> None:
        for summary in summaries:
            # Of no request: it is of many.
            Context().run(super().emit, summary)


# Tracebacks


def take_tracebacks() -> None:
    """Let what ends this process, or one of its threads, be a log line as well."""
    sys.excepthook = _log_the_end
    threading.excepthook = _log_the_end_of_thread
    logging.captureWarnings(True)


def _log_the_end(
    kind: type[BaseException], error: BaseException, traceback: TracebackType | None
) -> None:
    if issubclass(kind, KeyboardInterrupt):
        return
    logging.getLogger("process").critical(
        "the process ends by an exception", exc_info=(kind, error, traceback)
    )


def _log_the_end_of_thread(ended: threading.ExceptHookArgs) -> None:
    if ended.exc_value is None or issubclass(ended.exc_type, SystemExit):
        return
    name = ended.thread.name if ended.thread else "?"
    exc_info = (ended.exc_type, ended.exc_value, ended.exc_traceback)
    logging.getLogger("process").error(
        "the thread %s ends by an exception", name, exc_info=exc_info
    )


@contextmanager
def last_words() -> Iterator[None]:
    """What keeps this process from starting is a log line, whoever would print the traceback."""
    try:
        yield
    except Exception:
        logging.getLogger("process").critical("the process does not start", exc_info=True)
        raise SystemExit(1) from None


def without_traceback(record: logging.LogRecord) -> bool:
    """What Django says of a request that nobody could mean: a line, for a stranger can cause it."""
    if record.name.startswith("django.security."):
        record.levelno, record.levelname, record.exc_info = logging.WARNING, "WARNING", None
    return True


def is_not_of_a_push(record: logging.LogRecord) -> bool:
    """Django says of each push that was answered 503 what the door has said before."""
    path = getattr(getattr(record, "request", None), "path", "")
    return not path.startswith("/wechat/")
