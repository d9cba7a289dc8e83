"""Errors go to Sentry where SENTRY_DSN says so: what the log has, and no secret with it."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests import lines
from tests.test_logs import SHAPES

STARTED = """
from config import sentry
from sentry_sdk.transport import Transport

class Outbox(Transport):
    def capture_envelope(self, envelope):
        for item in envelope.items:
            print(item.get_bytes().decode())

sentry.start("https://public@sentry.invalid/1", environment="test", transport=Outbox)
log = logging.getLogger("a")
"""

Events = list[dict[str, Any]]


def sent(folder: Path, code: str, **environment: str) -> Events:
    """The events that CODE leads to."""
    done = lines.run(folder, STARTED + code, **environment)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_an_error_is_sent_and_a_warning_is_not(tmp_path: Path) -> None:
    [event] = sent(tmp_path, "log.warning('w'); log.error('%s items', 3)")
    assert event["logentry"] == {"message": "3 items"}
    assert event["logger"] == "a"
    assert event["level"] == "error"


def test_it_is_joined_with_the_log_by_the_request(tmp_path: Path) -> None:
    code = """
with structlog.contextvars.bound_contextvars(request_id="r1", user_id=7):
    log.error("it broke")
"""
    [event] = sent(tmp_path, code)
    assert event["tags"] == {"request_id": "r1"}


def test_the_same_error_is_sent_once_a_minute(tmp_path: Path) -> None:
    events = sent(tmp_path, "for _ in range(50): log.error('again')\nlog.error('another')")
    assert [event["logentry"]["message"] for event in events] == ["again", "another"]


PAGE = """
from django.test import Client
client = Client(raise_request_exception=False)
client.cookies["sessionid"] = "in-the-cookie"
client.post("/portal/login/?auth_code=in-the-query", {"username": "u", "password": "in-the-body"},
    headers={"authorization": "Token in-the-header", "user-agent": "in-the-agent"},
    REMOTE_ADDR="203.0.113.77")
"""


def test_a_page_that_fails_is_sent_without_its_request(tmp_path: Path) -> None:
    """There are no tables in this database."""
    events = sent(tmp_path, PAGE)
    assert any(event["exception"] for event in events if "exception" in event)
    text = json.dumps(events)
    assert "OperationalError" in text
    assert "in-the-" not in text
    assert "203.0.113.77" not in text


CANARIES = """
for one in SHAPES:
    variable = one
    log.error("said %s", one)
    structlog.get_logger("b").error("x", value=one, more={"k": one})
    try:
        raise RuntimeError(one) from KeyError(one)
    except RuntimeError:
        log.exception("broke")
    log.error("extra", extra={"one": one})
"""


def test_nothing_shaped_like_a_credential_is_sent(tmp_path: Path) -> None:
    events = sent(tmp_path, f"SHAPES = {list(SHAPES.values())!r}\n{CANARIES}")
    assert len(events) > len(SHAPES)
    text = json.dumps(events)
    for shape in SHAPES.values():
        assert shape not in text
    for run in ("t" * 20, "p" * 20, "q" * 20, "r" * 20, "a" * 20, "z" * 20, "5" * 20, "s" * 20):
        assert run not in text


@pytest.mark.parametrize(("dsn", "is_started"), [("", False), ("https://k@sentry.invalid/1", True)])
def test_the_settings_say_whether(tmp_path: Path, dsn: str, is_started: bool) -> None:
    code = "import sentry_sdk; print(sentry_sdk.is_initialized())"
    done = lines.run(tmp_path, code, SENTRY_DSN=dsn)
    assert done.stdout == f"{is_started}\n"


def test_without_the_package_the_setting_is_refused_in_a_sentence(tmp_path: Path) -> None:
    code = "import sys; sys.modules['sentry_sdk'] = None; from config import sentry"
    done = lines.run(tmp_path, code)
    assert "pip install --require-hashes -r requirements/sentry.txt" in done.stderr
