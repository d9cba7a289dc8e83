"""What deploy/processes.py starts comes back, ends, and is started so by everybody."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis
from django.conf import settings
from django.db import connection, transaction

from deploy.processes import PROCESSES, command
from deploy.supervision import DEAF, answers
from devtools.stack import free_pair
from platform_auth.models import Component, Heartbeat
from sandbox.world import WeChat
from tests.conftest import AES_KEY, APPID, SECRET, TOKEN
from tests.processes import environment, kill, wait_for
from tests.servers import Redis, running

WECHAT = {
    "WECHAT_COMPONENT_APPID": APPID,
    "WECHAT_COMPONENT_SECRET": SECRET,
    "WECHAT_TOKEN": TOKEN,
    "WECHAT_AES_KEY": AES_KEY,
}

with_commits = pytest.mark.django_db(transaction=True)


def wait_until(what: object, seconds: float = 40) -> None:
    assert callable(what)
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.05)


def children_of(pid: int) -> list[int]:
    """The processes that PID has started, whether they still live or not yet been buried."""
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def programs_of(pid: int) -> list[int]:
    """The server's own, not what Python's multiprocessing has beside them."""
    return [
        child
        for child in children_of(pid)
        if b"resource_tracker" not in Path(f"/proc/{child}/cmdline").read_bytes()
    ]


@contextmanager
def started(
    wechat: WeChat, var: Path, *words: str, **more: str
) -> Iterator["subprocess.Popen[bytes]"]:
    """WORDS, which write what they tell to VAR/told."""
    with (var / "told").open("wb") as told:
        process = subprocess.Popen(
            words,
            cwd=settings.ROOT,
            env=environment(wechat, var, **{"LOG_LEVEL": "CRITICAL", **more}),
            start_new_session=True,
            stderr=told,
        )
    try:
        yield process
    finally:
        kill(process)


@contextmanager
def supervised(
    wechat: WeChat, var: Path, role: str, *words: str, **more: str
) -> Iterator["subprocess.Popen[bytes]"]:
    """`python -m deploy.processes ROLE WORDS`"""
    start = (sys.executable, "-m", "deploy.processes", role, *words)
    with started(wechat, var, *start, **more) as process:
        try:
            yield process
        finally:
            process.terminate()
            process.wait(30)


# A server


@with_commits
@pytest.mark.parametrize("role", ["web", "push"])
def test_a_program_of_a_server_that_is_killed_comes_back(
    wechat: WeChat, component: Component, tmp_path: Path, role: str
) -> None:
    port = free_pair()
    with started(wechat, tmp_path, *command(role, "--port", str(port))) as server:
        wait_for(port)
        wait_until(lambda: len(programs_of(server.pid)) == PROCESSES[role].size)
        first, second = programs_of(server.pid)
        os.kill(first, signal.SIGKILL)
        wait_until(
            lambda: len(programs_of(server.pid)) == 2 and first not in children_of(server.pid)
        )
        assert second in programs_of(server.pid)
        assert all(answers(port) for _ in range(20))
        assert server.poll() is None


@with_commits
def test_a_server_that_answers_nobody_is_ended(
    wechat: WeChat, component: Component, tmp_path: Path
) -> None:
    port = free_pair()
    words = ("--port", str(port), "--silence", "2")
    with supervised(wechat, tmp_path, "push", *words, PUSH_WORKERS="1") as process:
        wait_for(port)
        time.sleep(2)  # it has been asked, and has answered
        [server] = children_of(process.pid)
        [program] = programs_of(server)
        os.kill(program, signal.SIGSTOP)
        assert process.wait(40) == DEAF


@with_commits
def test_a_server_ends_when_it_is_asked_to(
    wechat: WeChat, component: Component, tmp_path: Path
) -> None:
    port = free_pair()
    with supervised(wechat, tmp_path, "push", "--port", str(port), PUSH_WORKERS="1") as process:
        wait_for(port)
        process.terminate()
        assert process.wait(10) == 0
    assert not answers(port)


# A worker


@with_commits
@pytest.mark.redis
def test_a_worker_that_hears_its_queues_no_more_is_ended(
    wechat: WeChat, component: Component, tmp_path: Path
) -> None:
    with (
        running(Redis) as broker,
        supervised(
            wechat,
            tmp_path,
            "worker",
            *("--silence", "16"),
            REDIS_URL=broker.url,
            WORKER_CONCURRENCY="2",
        ) as process,
    ):
        wait_until(Heartbeat.objects.filter(pk="process_pushes").exists)
        assert process.poll() is None
        with redis.Redis.from_url(broker.url) as client:
            client.client_pause(35_000)  # ms: its connections stand, and nothing comes
        assert process.wait(90) == DEAF


# Beat


@with_commits
@pytest.mark.postgres
def test_beat_outlives_its_connections(
    wechat: WeChat, component: Component, tmp_path: Path
) -> None:
    with started(wechat, tmp_path, *command("beat")) as beat:
        wait_until(lambda: any((tmp_path / "queue").glob("*.msg")))
        with connection.cursor() as cursor:
            cursor.execute("UPDATE django_celery_beat_periodictasks SET last_update = now()")
        hang_up_on_who_reads_the_schedule()
        Heartbeat.objects.all().delete()
        wait_until(Heartbeat.objects.filter(pk="beat").exists)
        assert beat.poll() is None


def hang_up_on_who_reads_the_schedule() -> None:
    """It waits for a lock, and the database ends its connection; three times."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("LOCK django_celery_beat_periodictask IN ACCESS EXCLUSIVE MODE")
        for _ in range(3):

            def is_ended() -> bool:
                cursor.execute("SELECT pg_stat_clear_snapshot()")
                cursor.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND wait_event_type = 'Lock'"
                )
                return bool(cursor.fetchall())

            wait_until(is_ended)


# The tables


@with_commits
@pytest.mark.postgres
def test_a_migration_waits_for_no_lock_but_tries_again(
    wechat: WeChat, component: Component, tmp_path: Path
) -> None:
    migrating = (sys.executable, "-m", "deploy.processes", "migrate")
    with started(wechat, tmp_path, *migrating, **WECHAT) as migration:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("LOCK auth_permission IN ACCESS EXCLUSIVE MODE")
            wait_until(lambda: "tries again" in (tmp_path / "told").read_text())
        assert migration.wait(60) == 0
