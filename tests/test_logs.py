"""A log line is one line of JSON, has the request's id, and holds neither secrets nor queries."""

import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import structlog
from django.test import Client

from platform_auth.logs import Repetitions
from tests import lines
from tests.lines import Lines
from wechat.errors import scrub

Logged = Callable[..., Lines]


@pytest.fixture(scope="module")
def logged(tmp_path_factory: pytest.TempPathFactory) -> Logged:
    """What a process of its own writes to its standard error, line by line."""
    folder = tmp_path_factory.mktemp("logs")

    def run(code: str, **environment: str) -> Lines:
        done = lines.run(folder, code, **environment)
        assert (done.returncode, done.stdout) == (0, "")
        return lines.lines_of(done.stderr)

    return run


def test_a_line_is_json_with_its_place_and_time(logged: Logged) -> None:
    [line] = logged("logging.getLogger('a.b').warning('%s items', 3)")
    assert (line["event"], line["logger"], line["level"]) == ("3 items", "a.b", "warning")
    assert line["timestamp"].endswith("Z")


def test_structlog_and_logging_write_alike(logged: Logged) -> None:
    [line] = logged("structlog.get_logger('a').info('甲', appid='wx1')")
    assert (line["event"], line["logger"], line["appid"]) == ("甲", "a", "wx1")


def test_a_traceback_stays_on_its_line(logged: Logged) -> None:
    code = (
        "try:\n    raise ValueError('a\\nb')\n"
        "except ValueError:\n    logging.getLogger('a').exception('it\\r\\nbroke \\x1b[31m')"
    )
    [line] = logged(code)
    assert line["event"] == "it\r\nbroke \x1b[31m", "escaped by JSON"
    assert "Traceback" in line["exception"]
    assert "ValueError: a\nb" in line["exception"]


SHAPES = {
    "a ticket": "ticket@@@" + "t" * 86,
    "a pre_auth_code": "preauthcode@@@" + "p" * 43,
    "a code": "queryauthcode@@@" + "q" * 43,
    "a refresh token": "refreshtoken@@@" + "r" * 43,
    "an access token": "49_" + "a" * 134,
    "a query": "https://x.test/?access_token=" + "z" * 40,
    "JSON": '{"component_appsecret": "' + "5" * 32 + '"}',
    "a dictionary": "{'auth_code': '" + "c" * 40 + "'}",
    "an assignment": "secret = " + "s" * 32,
}


@pytest.mark.parametrize("shape", SHAPES)
def test_what_is_shaped_like_a_credential_is_blanked(shape: str) -> None:
    text = f"before {SHAPES[shape]} after"
    scrubbed = scrub(text)
    assert "***" in scrubbed
    assert scrubbed.startswith("before ")
    assert scrubbed.endswith(" after")
    longest = max(SHAPES[shape].replace('"', "'").split("'"), key=len)
    assert longest[-20:] not in scrubbed


@pytest.mark.parametrize(
    "text",
    ["wx0123456789abcdef", "errcode: 40001", "/cgi-bin/component/api_component_token: HTTP 502"],
)
def test_what_helps_to_find_a_fault_stays(text: str) -> None:
    assert scrub(text) == text


def test_every_part_of_a_line_is_scrubbed(logged: Logged) -> None:
    code = (
        f"secrets = {list(SHAPES.values())!r}\n"
        "log = logging.getLogger('a')\n"
        "for one in secrets:\n"
        "    log.warning('said %s', one)\n"
        "    log.warning({'deep': [one]})\n"
        "    structlog.get_logger('b').info('x', value=one, more={'k': one})\n"
        "    try:\n        raise RuntimeError(one) from KeyError(one)\n"
        "    except RuntimeError:\n        log.exception('broke')\n"
    )
    text = json.dumps(logged(code))
    for shape in SHAPES.values():
        assert shape not in text
    for run in ("t" * 20, "p" * 20, "q" * 20, "r" * 20, "a" * 20, "z" * 20, "5" * 20, "s" * 20):
        assert run not in text


REQUESTS = """
from django.core.management import call_command
call_command("migrate", verbosity=0)
from django.test import Client
client = Client(raise_request_exception=False)
client.get("/portal/login/?auth_code=in-the-query", headers={"x-request-id": "given-from-outside"})
client.get("/no/such/page/?auth_code=in-the-query")
client.get("/portal/bind/" + "in-the-path" * 5 + "/return/?auth_code=in-the-query")
client.get("/portal/bind/link/MQ:1abc:" + "in-the-path" * 5 + "/")
client.post("/api/v1/auth/token/?x=in-the-query", {"username": "u", "password": "in-the-body"},
    content_type="application/json")
from tests.knocking import send
send("POST", "/wechat/component/push/", "msg_signature=in-the-query", b"in-the-body")
"""


@pytest.fixture(scope="module")
def requested(logged: Logged) -> Lines:
    return logged(REQUESTS)


def test_a_request_is_logged_with_its_id_and_without_its_query(requested: Lines) -> None:
    started = [line for line in requested if line["event"] == "request_started"]
    assert [line["request"] for line in started] == [
        "GET /portal/login/",
        "GET /no/such/page/",
        "GET /portal/bind/***/return/",
        "GET /portal/bind/link/***/",
        "POST /api/v1/auth/token/",
    ]
    assert all(line["request_id"] for line in started)
    finished = [line for line in requested if line["event"] == "request_finished"]
    assert [line["request_id"] for line in finished] == [line["request_id"] for line in started]
    assert [line["code"] for line in finished] == [200, 404, 404, 404, 401]
    assert "in-the-path" not in json.dumps(requested)
    assert "in-the-query" not in json.dumps(requested)
    assert "in-the-body" not in json.dumps(requested)


def test_a_forged_push_writes_no_line(requested: Lines) -> None:
    """A flood of them would fill the disk; nginx has them in its own log."""
    assert "/wechat/" not in json.dumps(requested)


def test_levels_come_from_the_environment(logged: Logged) -> None:
    code = "logging.getLogger('a').info('x'); logging.getLogger('a').error('y')"
    assert [line["event"] for line in logged(code, LOG_LEVEL="ERROR")] == ["y"]


@pytest.mark.django_db
def test_the_request_id_goes_back_to_whoever_asked(client: Client) -> None:
    answer = client.get("/api/v1/authorizers/", headers={"x-request-id": "from outside"})
    assert answer.status_code == 401
    assert answer.json()["request_id"] == answer["X-Request-ID"]
    assert answer["X-Request-ID"] != "from outside"
    assert "request_id" not in structlog.contextvars.get_contextvars()


# Lines that repeat themselves


def test_an_error_that_repeats_is_written_once_and_counted(logged: Logged) -> None:
    code = (
        "log = logging.getLogger('a')\n"
        "for number in range(1000):\n"
        "    log.error('no database')\n"
        "    structlog.get_logger('b').warning('no broker', number=1)\n"
        "log.error('another')\n"
    )
    lines = logged(code)
    assert [(line["event"], line.get("repeated", 0)) for line in lines] == [
        ("no database", 0),
        ("no broker", 0),
        ("another", 0),
        ("no database", 999),
        ("no broker", 999),
    ]


def test_the_count_comes_after_a_minute() -> None:
    repetitions = Repetitions(every=0.01)
    record = logging.LogRecord("a", logging.ERROR, "", 0, "no database", (), None)
    assert [repetitions.is_new(record) for _ in range(4)] == [True, False, False, False]
    time.sleep(0.02)
    [summary] = repetitions.ended()
    assert vars(summary)["repeated"] == 3
    assert repetitions.is_new(record), "a new minute"


def test_no_first_line_of_a_kind_is_lost(logged: Logged) -> None:
    """A place in the code, and the type of an exception; of many texts the first ten."""
    code = (
        "log = logging.getLogger('a')\n"
        "for number in range(100):\n"
        "    log.warning('no %s', number)\n"
        "for kind in (ValueError, KeyError):\n"
        "    try:\n        raise kind\n"
        "    except kind:\n        log.exception('no %s', 'sense')\n"
        "for _ in range(3): log.info('as ever')\n"
    )
    lines = logged(code)
    events = [line["event"] for line in lines if "repeated" not in line]
    assert events == [
        *(f"no {number}" for number in range(10)),
        *["no sense"] * 2,
        *["as ever"] * 3,
    ]
    [counted] = [line for line in lines if "repeated" in line]
    assert (counted["event"], counted["repeated"]) == ("no 99", 90)


# Processes that nobody sits in front of


def test_what_ends_a_process_is_a_line(tmp_path: Path) -> None:
    """Here beat, which finds no tables."""
    lines_written = _lines_of(tmp_path, "celery", "-q", "-A", "config", "beat", "--pidfile=")
    last = lines_written[-1]
    assert (last["event"], last["level"]) == ("the process ends by an exception", "critical")
    assert "OperationalError" in last["exception"]


GRANIAN = ("granian", "--interface", "wsgi", "--log-config", "deploy/granian-logs.json")


def test_what_keeps_the_server_from_starting_is_a_line(tmp_path: Path) -> None:
    lines_written = _lines_of(
        tmp_path, *GRANIAN, "config.wsgi:application", DJANGO_SETTINGS_MODULE="config.nosuch"
    )
    assert any("Starting granian" in line["event"] for line in lines_written)
    [broken] = [line for line in lines_written if line["level"] == "critical"]
    assert "config.nosuch" in broken["exception"]


def _lines_of(folder: Path, program: str, *words: str, **environment: str) -> Lines:
    """What a program writes before it ends by itself; all of it must be JSON."""
    done = subprocess.run(
        [Path(sys.executable).with_name(program), *words],
        cwd=lines.ROOT,
        env={**os.environ, **lines.environment_of(folder), **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode
    return lines.lines_of(done.stdout + done.stderr)


HOSTILE = r"""
from django.test import Client
Client().get("/no/such%0d%0aline%1b%5b2Jandmore/", headers={"user-agent": "a\r\n{}\x1b[31mb"})
Client(headers={"host": "evil\x1b[31m.example"}).get("/portal/")
"""


def test_nothing_that_is_asked_for_begins_a_line_or_moves_a_cursor(logged: Logged) -> None:
    """Each line is read as JSON above; what a terminal would act upon is written out."""
    lines = logged(HOSTILE.replace("{}", "{{}}"))
    assert [line["event"] for line in lines] == [
        "request_started",
        "request_finished",
        "unknown host",
    ]
    assert "\r\nline\x1b[2J" in lines[0]["request"]
    assert "\x1b[31m" in lines[2]["host"]
