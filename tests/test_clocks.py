"""Each process compares its clock with the database's: it tells, and does not start far off it."""

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from shutil import which

import pytest
from django.conf import settings
from django.test import Client

from devtools.stack import free_pair
from platform_auth.models import Heartbeat
from sandbox.world import WeChat
from tests.processes import celery, environment, kill

FAKETIME = which("faketime")
METRIC = re.compile(r'wechat_clock_skew_seconds{host="[^"]+",role="(\w+)"} (\S+)')

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not FAKETIME, reason="needs Debian's faketime"),
]

PROCESSES = {
    "worker": ("-m", "celery", "-A", "config", "worker", "-c", "1"),
    "beat": ("-m", "celery", "-A", "config", "beat", "--pidfile="),
    "web": ("-m", "granian", "--interface", "wsgi", "config.wsgi:application", "--port"),
}


Started = dict[str, "subprocess.Popen[bytes]"]


@contextmanager
def started(wechat: WeChat, var: Path, skew: str) -> Iterator[Started]:
    """A process of each role, on hosts whose clocks are SKEW ahead; each writes a log into VAR."""
    processes: Started = {}
    with ExitStack() as stack:
        for role, words in PROCESSES.items():
            command = [*words, *([str(free_pair())] if role == "web" else [])]
            process = processes[role] = subprocess.Popen(
                [str(FAKETIME), "-f", skew, sys.executable, *command],
                cwd=settings.ROOT,
                env=environment(wechat, var) | {"FAKETIME_DONT_FAKE_MONOTONIC": "1"},
                stdout=stack.enter_context((var / role).open("wb")),
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            stack.callback(kill, process)
        yield processes


@pytest.mark.parametrize(
    ("skew", "sentence"), [("+120s", "120 s ahead of the database's"), ("-1h", "3600 s behind")]
)
def test_a_clock_that_is_far_off_is_no_clock_to_start_with(
    wechat: WeChat, tmp_path: Path, skew: str, sentence: str
) -> None:
    with started(wechat, tmp_path, skew) as processes:
        for role, process in processes.items():
            assert process.wait(60) == 1, role
            assert sentence in (tmp_path / role).read_text()


def test_a_small_skew_is_told(wechat: WeChat, tmp_path: Path) -> None:
    """Not by faketime, under which Python 3.11 sleeps badly."""
    with celery(wechat, tmp_path, "worker", "-c", "1", ahead="11") as worker:
        until = time.monotonic() + 60
        while not Heartbeat.objects.exclude(skew=None).exists():
            assert time.monotonic() < until
            time.sleep(0.2)
        assert worker.poll() is None
    metrics = Client().get("/metrics").content.decode()
    skews = {match[1]: float(match[2]) for match in METRIC.finditer(metrics)}
    assert skews == {"worker": pytest.approx(11, abs=4)}  # a busy machine takes its time
