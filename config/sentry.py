"""
Errors to Sentry, where SENTRY_DSN says so: what the log has, and scrubbed like it.

Only what is logged is sent. None of the SDK's integrations for Django, Celery or HTTP runs, so it
never holds a request, its body, cookies or query, nor a task's arguments; nor does it add headers
to our calls. Variables of a traceback's frames are left out.
"""

import json
import logging
from typing import Any

from structlog.contextvars import get_contextvars

from config.environment import BadSetting
from platform_auth.logs import Repetitions, scrubbed

try:
    import sentry_sdk
    from sentry_sdk.integrations.dedupe import DedupeIntegration
    from sentry_sdk.integrations.logging import LoggingIntegration
except ImportError:
    raise BadSetting(
        "SENTRY_DSN is set, but sentry-sdk is not installed: "
        "pip install --require-hashes -r requirements/sentry.txt"
    ) from None

# Of an event; the rest, such as the host's name and its environment, is nobody's business.
SENT = ("event_id", "timestamp", "level", "logger", "platform", "release", "environment", "sdk")
JOINED = ("request_id", "task_id", "push")  # with the lines of the log


def start(dsn: str, *, environment: str, **options: Any) -> None:
    """Send errors to DSN from now on."""
    sentry_sdk.init(
        dsn=dsn,
        environment=environment,
        default_integrations=False,
        auto_enabling_integrations=False,
        integrations=[
            LoggingIntegration(level=None, event_level=logging.ERROR),
            DedupeIntegration(),
        ],
        before_send=_Filter(),
        send_default_pii=False,
        include_local_variables=False,
        max_request_body_size="never",
        max_breadcrumbs=0,
        server_name="",
        **options,
    )


class _Filter:
    """What is sent of an event; None where the like was sent within a minute."""

    def __init__(self) -> None:
        self._repetitions = Repetitions()

    def __call__(self, event: Any, hint: Any) -> Any:
        record = hint.get("log_record")
        self._repetitions.ended()
        if record is not None and not self._repetitions.is_new(record):
            return None
        kept = {name: event[name] for name in SENT if name in event}
        kept["tags"] = {
            name: str(value) for name, value in get_contextvars().items() if name in JOINED
        }
        if record is not None:
            kept["logentry"] = {"message": _message(record)}
        if "exception" in event:
            kept["exception"] = event["exception"]
        return _scrubbed(kept)


def _message(record: logging.LogRecord) -> str:
    if isinstance(record.msg, dict):  # structlog's
        return str(record.msg.get("event"))
    return record.getMessage()


def _scrubbed(event: dict[str, Any]) -> Any:
    """As text, since a secret is known by the name before it as well."""
    try:
        return json.loads(scrubbed(json.dumps(event, default=str)))
    except ValueError:
        return None
