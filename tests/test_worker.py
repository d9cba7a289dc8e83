"""Work that nobody waits for: Celery may lose it, repeat it or die of it."""

import inspect
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.db.models.functions import Now
from django_celery_beat.models import IntervalSchedule, PeriodicTask
from django_celery_beat.schedulers import DatabaseScheduler
from kombu import Connection
from kombu.exceptions import OperationalError

from config.celery import app
from miniprograms import tasks
from miniprograms.models import Authorizer, Binding
from miniprograms.services import binding as bindings
from platform_auth import tasks as platform_tasks
from platform_auth.models import Component, Heartbeat, Push
from sandbox.wire.pushes import Deliver
from sandbox.world import WeChat
from tests.accounts import end_leases, make_due_accounts, row_of
from tests.conftest import Bound
from tests.processes import celery, environment, kill, served
from tests.servers import Redis, Server, running
from tests.threads import together
from webhooks import processing
from webhooks import tasks as webhook_tasks

REFRESH = "/cgi-bin/component/api_authorizer_token"
QUERY_AUTH = "/cgi-bin/component/api_query_auth"

SCHEDULE = settings.CELERY_BEAT_SCHEDULE

WORKER = ("worker", "-c", "1")

with_commits = pytest.mark.django_db(transaction=True)


def our_tasks() -> dict[str, Any]:
    app.loader.import_default_modules()
    return {name: task for name, task in app.tasks.items() if not name.startswith("celery.")}


def test_a_task_takes_ids_and_nothing_else() -> None:
    found = our_tasks()
    assert len(found) >= 8
    for name, task in found.items():
        parameters = inspect.signature(task.run).parameters.values()
        assert {parameter.annotation for parameter in parameters} <= {int}, name


@pytest.mark.parametrize("entry", SCHEDULE.values(), ids=SCHEDULE)
def test_beat_sends_tasks_that_exist_into_their_own_queue_and_none_expires(
    entry: dict[str, Any],
) -> None:
    assert entry["task"] in our_tasks()
    assert entry["options"] == {"queue": settings.PERIODIC_QUEUE}


@with_commits
def test_the_schedule_is_written_to_a_fresh_database_and_again_without_twins() -> None:
    assert not PeriodicTask.objects.exists()
    for _ in range(2):
        DatabaseScheduler(app=app)
        written = PeriodicTask.objects.exclude(name__startswith="celery.")
        assert {row.name: row.task for row in written} == {
            name: entry["task"] for name, entry in SCHEDULE.items()
        }
    for row in written:
        assert row.enabled
        assert row.interval.schedule.run_every.total_seconds() == SCHEDULE[row.name]["schedule"]
        assert (row.queue, row.expire_seconds) == (settings.PERIODIC_QUEUE, None)


@with_commits
def test_jobs_of_an_earlier_release_expire_no_more() -> None:
    every_minute = IntervalSchedule.objects.create(every=60, period=IntervalSchedule.SECONDS)
    for name, entry in SCHEDULE.items():
        PeriodicTask.objects.create(
            name=name, task=entry["task"], interval=every_minute, expire_seconds=60
        )
    DatabaseScheduler(app=app)
    kept = PeriodicTask.objects.values_list("queue", "expire_seconds").distinct()
    assert list(kept) == [(settings.PERIODIC_QUEUE, None)]


@with_commits
def test_the_bell_after_a_push_names_the_binding_and_nothing_else(
    wechat: WeChat, ticket: str, merchant: User, deliver: Deliver
) -> None:
    opened = bindings.start_binding(user=merchant, session="session")
    code = wechat.authorize(opened.pre_auth_code, wechat.create_account().appid)
    with app.connection_for_read() as connection:
        queue = connection.SimpleQueue(app.conf.task_default_queue)
        queue.clear()
        wechat.deliver_all(deliver)
        woken = queue.get(timeout=10)
        processing.process_due()
        message = queue.get(timeout=10)
        queue.close()
    assert (woken.headers["task"], woken.payload[:2]) == ("webhooks.tasks.process_pushes", [[], {}])
    assert message.headers["task"] == "miniprograms.tasks.advance_binding"
    # What joins the task's log lines with those of the request.
    newest = Push.objects.order_by("pk").last()
    assert newest
    context: Any = woken.headers["__django_structlog__"]
    assert context["request_id"] == newest.request_id
    assert message.payload[:2] == [[opened.pk], {}]
    said = f"{message.headers} {message.properties} {message.body}"
    for secret in (code, opened.state, opened.pre_auth_code, opened.state_digest):
        assert secret not in said


@pytest.mark.django_db
def test_a_task_that_comes_days_too_late_does_nothing(wechat: WeChat, bound: Bound) -> None:
    bound()
    done = Binding.objects.get()
    calls = wechat.count()
    for pk in (done.pk, done.pk + 1000):
        tasks.advance_binding(pk)
    done.refresh_from_db()
    assert done.status == Binding.Status.BOUND
    assert wechat.count() == calls


@with_commits
def test_every_task_twice_at_once_has_the_effect_of_one(
    wechat: WeChat, ticket: str, component: Component, merchant: User, deliver: Deliver
) -> None:
    make_due_accounts(wechat, component, 10)
    opened = bindings.start_binding(user=merchant, session="session")
    wechat.authorize(opened.pre_auth_code, wechat.create_account().appid)
    wechat.deliver_all(deliver)
    jobs = [tasks.refresh_tokens, tasks.advance_bindings, tasks.fetch_profiles, tasks.reconcile]
    more = [platform_tasks.keep_component_tokens, webhook_tasks.retry_failed_pushes]
    outcomes = together([*jobs, *more, *jobs, *more])
    assert outcomes == [None] * 12
    assert wechat.count(REFRESH) == 10
    assert wechat.count(QUERY_AUTH) == 1
    assert Authorizer.objects.filter(state="bound").count() == 11


# A real worker


def enqueue(name: str, var: Path) -> None:
    queue, control = str(var / "queue"), str(var / "control")
    for folder in (queue, control):
        Path(folder).mkdir(exist_ok=True)
    options = {"data_folder_in": queue, "data_folder_out": queue, "control_folder": control}
    with Connection("filesystem://", transport_options=options) as connection:
        app.send_task(name, connection=connection, ignore_result=True)


def wait_until(what: Any, seconds: float = 40) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.05)


@with_commits
def test_a_worker_killed_in_the_middle_of_a_sweep_loses_nothing(
    wechat: WeChat, ticket: str, component: Component, tmp_path: Path
) -> None:
    wechat.rotate = "always"
    rows = make_due_accounts(wechat, component, 5)
    wechat.fault(REFRESH, times=5, delay=60)
    with served(wechat):
        enqueue("miniprograms.tasks.refresh_tokens", tmp_path)
        with celery(wechat, tmp_path, *WORKER) as process:
            wait_until(lambda: wechat.count(REFRESH) == 5)
            kill(process)
        end_leases()
        # Another worker; what the dead one held is delivered again, or the sweep comes round.
        with celery(wechat, tmp_path, *WORKER):
            for name in ("refresh_tokens", "reconcile", "refresh_tokens", "refresh_tokens"):
                enqueue(f"miniprograms.tasks.{name}", tmp_path)
            wait_until(lambda: all(row_of(row).access_token for row in rows))
    for row in map(row_of, rows):
        granted = wechat.authorization(row.appid)
        assert granted
        assert (row.state, row.refresh_token) == ("bound", granted.refresh_token)
    assert wechat.count(REFRESH, effect=True) == 10


@with_commits
@pytest.mark.redis
def test_a_worker_finds_a_broker_that_was_away(
    wechat: WeChat, component: Component, tmp_path: Path
) -> None:
    with (
        running(Redis) as broker,
        celery(wechat, tmp_path, *WORKER, REDIS_URL=broker.url),
    ):
        beat_through(broker)
        broker.stop()
        time.sleep(1)
        broker.start()
        beat_through(broker)


def beat_through(broker: Server) -> None:
    """A job is sent through BROKER until its mark is there; what it loses on the way is its own."""
    Heartbeat.objects.all().delete()

    def is_done() -> bool:
        with suppress(OperationalError), Connection(broker.url) as connection:
            app.send_task("webhooks.tasks.retry_failed_pushes", connection=connection)
        time.sleep(0.2)
        return Heartbeat.objects.filter(pk="retry_failed_pushes").exists()

    wait_until(is_done)


# Wake-ups, when their broker is not there

ENQUEUEING = """
import sys, time
import django
django.setup()
from django.db import connection
from miniprograms.tasks import advance_binding
from platform_auth import counters
from platform_auth.wakeup import MISSED_WAKE_UPS, enqueue

connection.ensure_connection()
enqueue(advance_binding, 0)
started = time.perf_counter()
for pk in range(300):
    enqueue(advance_binding, pk)
print(time.perf_counter() - started)
time.sleep(float(sys.argv[1]))
print(counters.unwritten()[MISSED_WAKE_UPS.name, ()])
"""


def enqueue_at(port: int, var: Path, seconds: float) -> tuple[float, float]:
    """Three hundred wake-ups: what they cost together, and how many were missed SECONDS later."""
    known = environment(WeChat(deliver=None), var, REDIS_URL=f"redis://127.0.0.1:{port}/0")
    done = subprocess.run(
        [sys.executable, "-c", ENQUEUEING, str(seconds)],
        cwd=settings.ROOT,
        env={**known, "DATABASE_URL": "", "LOG_LEVEL": "ERROR"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    cost, missed = map(float, done.stdout.split())
    return cost, missed


def test_a_broker_that_is_down_costs_nothing_and_is_counted(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and nobody listens
        cost, missed = enqueue_at(taken.getsockname()[1], tmp_path, 5)
    assert cost < 0.3
    assert missed >= 300  # the first two are alike, and may be one


def test_a_broker_that_says_nothing_costs_nothing_and_is_counted(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=100) as silent:
        cost, missed = enqueue_at(silent.getsockname()[1], tmp_path, 8)
    assert cost < 0.3
    assert missed >= 200


@with_commits
def test_a_bell_that_was_not_heard_is_made_up_for_by_the_sweep(
    wechat: WeChat, ticket: str, merchant: User, deliver: Deliver
) -> None:
    opened = bindings.start_binding(user=merchant, session="session")
    wechat.authorize(opened.pre_auth_code, wechat.create_account().appid)
    wechat.deliver_all(deliver)
    Binding.objects.update(due_at=Now())
    tasks.advance_bindings()
    opened.refresh_from_db()
    assert opened.status == Binding.Status.BOUND
