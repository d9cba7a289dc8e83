"""Wake-ups and periodic jobs in the broker: one of a kind, and none is thrown away."""

import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from django.conf import settings
from django.db.models.functions import Now
from django.test import Client
from django_celery_beat.models import IntervalSchedule, PeriodicTask
from django_celery_beat.schedulers import DatabaseScheduler
from kombu import Connection
from prometheus_client.parser import text_string_to_metric_families

from config.celery import app
from messaging import tasks as messaging_tasks
from miniprograms import tasks as miniprogram_tasks
from platform_auth import heartbeats
from platform_auth.models import Component, Heartbeat
from platform_auth.wakeup import QUEUE_LIMIT, queue_length
from sandbox.world import WeChat
from tests.processes import celery, environment

QUEUES = (settings.EVENT_QUEUE, settings.PERIODIC_QUEUE)
JOBS = {heartbeats.job_of(task) for task in heartbeats.intervals()}

with_commits = pytest.mark.django_db(transaction=True)

PUBLISHING = """
import sys, time
import django
django.setup()
from django.conf import settings
from messaging.tasks import forward, send_replies
from miniprograms.tasks import advance_binding
from platform_auth.wakeup import enqueue, enqueue_now

for _ in range(30):
    enqueue_now(forward)
    enqueue(send_replies)
    enqueue_now(advance_binding, 7)
    enqueue_now(advance_binding, 8)
    send_replies.apply_async(queue=settings.PERIODIC_QUEUE)
    time.sleep(0.01)
time.sleep(0.5)
"""
AT_ONCE = 3


@pytest.fixture(
    params=["files", pytest.param("redis", marks=pytest.mark.redis)],
)
def broker(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, str]:
    """What a process is told of its broker: files, or the Redis of this run."""
    return {"REDIS_URL": settings.REDIS_URL if request.param == "redis" else ""}


def waiting(broker: dict[str, str], var: Path) -> list[tuple[str, str, list[int]]]:
    """What waits there: the queue, the task and its arguments. It is taken away."""
    files = {"data_folder_in": str(var / "queue"), "data_folder_out": str(var / "queue")}
    options = {} if broker["REDIS_URL"] else {**files, "control_folder": str(var / "control")}
    url = broker["REDIS_URL"] or "filesystem://"
    found = []
    with Connection(url, transport_options=options) as connection:
        for name in QUEUES:
            queue = connection.SimpleQueue(name)
            for _ in range(queue_length(connection.default_channel, name)):
                message = queue.get(timeout=5)
                message.ack()
                found.append((name, message.headers["task"], message.payload[0]))
            queue.close()
    return found


def publish(var: Path, broker: dict[str, str]) -> None:
    """Several processes at once wake workers again and again."""
    known = environment(WeChat(deliver=None), var, **broker)
    running = [
        subprocess.Popen(
            [sys.executable, "-c", PUBLISHING],
            cwd=settings.ROOT,
            env={**known, "DATABASE_URL": ""},
        )
        for _ in range(AT_ONCE)
    ]
    assert [process.wait(60) for process in running] == [0] * AT_ONCE


def test_of_each_kind_one_message_waits_whoever_published_it(
    broker: dict[str, str], tmp_path: Path
) -> None:
    publish(tmp_path, broker)
    found = Counter((queue, task, *args) for queue, task, args in waiting(broker, tmp_path))
    binding, events = "miniprograms.tasks.advance_binding", settings.EVENT_QUEUE
    must = {
        (events, "messaging.tasks.forward"),
        (events, binding, 7),
        (events, binding, 8),
        (settings.PERIODIC_QUEUE, "messaging.tasks.send_replies"),
    }
    # A wake-up may come before the job of its kind; none is added to one that waits.
    may = {(events, "messaging.tasks.send_replies")}
    assert must <= set(found) <= must | may
    assert set(found.values()) == {1}


def test_once_the_worker_has_looked_it_may_be_woken_again(
    component: Component, transactional_db: None, broker: dict[str, str], tmp_path: Path
) -> None:
    with celery(WeChat(deliver=None), tmp_path, "worker", "-c", "2", **broker):
        wait_until(lambda: jobs_done() == JOBS)
        for _ in range(2):
            Heartbeat.objects.filter(pk="forward").delete()
            publish(tmp_path, broker)
            wait_until(lambda: "forward" in jobs_done(), 5)


def test_what_nobody_takes_is_bounded() -> None:
    with app.connection_for_write() as connection:
        queue = connection.SimpleQueue(settings.EVENT_QUEUE)
        queue.clear()
        for number in range(QUEUE_LIMIT + 20):
            miniprogram_tasks.advance_binding.apply_async((number,))
        assert queue_length(connection.default_channel, settings.EVENT_QUEUE) == QUEUE_LIMIT
        queue.clear()
        queue.close()


# Real workers


def wait_until(is_so: Callable[[], bool], seconds: float = 40) -> None:
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.1)


def jobs_done() -> set[str]:
    return set(Heartbeat.objects.filter(pk__in=JOBS).values_list("pk", flat=True))


@with_commits
@pytest.mark.redis
def test_a_worker_whose_clock_is_ahead_throws_nothing_away(
    wechat: WeChat, component: Component, tmp_path: Path
) -> None:
    schedule = DatabaseScheduler(app=app)
    for entry in schedule.schedule.values():
        schedule.apply_async(entry, advance=False)
    redis = {"REDIS_URL": settings.REDIS_URL}
    with celery(wechat, tmp_path, "worker", "-c", "2", ahead="50", **redis):
        wait_until(lambda: jobs_done() == JOBS)
    assert measured()["wechat_tasks_discarded_total", ""] == 0


@with_commits
def test_without_beat_the_worker_sends_what_is_overdue(
    broker: dict[str, str], wechat: WeChat, component: Component, tmp_path: Path
) -> None:
    PeriodicTask.objects.create(
        name="mirror templates",
        task="audits.tasks.sync_templates",
        enabled=False,
        interval=IntervalSchedule.objects.create(every=1, period=IntervalSchedule.HOURS),
    )
    with celery(wechat, tmp_path, "worker", "-c", "2", **broker):
        wait_until(lambda: jobs_done() == JOBS - {"sync_templates"})
        for _ in range(15):
            time.sleep(1)
            assert not too_old()
    assert "sync_templates" not in jobs_done()  # staff have switched it off


def too_old() -> dict[str, float]:
    """The ages of jobs that have not run for twice their interval."""
    intervals = {heartbeats.job_of(task): each for task, each in heartbeats.intervals().items()}
    rows = Heartbeat.objects.filter(pk__in=JOBS).annotate(now=Now())
    ages = {row.pk: (row.now - row.at).total_seconds() for row in rows}
    return {name: age for name, age in ages.items() if age > 2 * intervals[name]}


@with_commits
@pytest.mark.redis
def test_tasks_that_are_thrown_away_are_counted_and_queues_measured(
    wechat: WeChat, tmp_path: Path
) -> None:
    messaging_tasks.forward.apply_async()
    assert measured()["wechat_queue_length", settings.EVENT_QUEUE] == 1
    assert measured()["wechat_queue_length", settings.PERIODIC_QUEUE] == 0
    app.send_task("of.another.release")
    messaging_tasks.send_replies.apply_async(expires=-1)
    with celery(wechat, tmp_path, "worker", "-c", "1", REDIS_URL=settings.REDIS_URL):
        wait_until(lambda: measured()["wechat_tasks_discarded_total", ""] == 2)
    assert measured()["wechat_queue_length", settings.EVENT_QUEUE] == 0


@with_commits
@pytest.mark.redis
def test_each_worker_leaves_a_heartbeat_and_takes_it_along(wechat: WeChat, tmp_path: Path) -> None:
    """The one that ends as it should is missed by nobody, the one that is killed is."""
    options, redis = ("worker", "-c", "1", "-n"), {"REDIS_URL": settings.REDIS_URL}
    with (
        celery(wechat, tmp_path, *options, "one@test", **redis) as one,
        celery(wechat, tmp_path, *options, "two@test", **redis),
    ):
        wait_until(lambda: workers() == {"one@test", "two@test"})
        one.terminate()
        one.wait(60)
        assert workers() == {"two@test"}
    assert workers() == {"two@test"}


def workers() -> set[str]:
    return {worker for name, worker in measured() if name == "wechat_worker_age_seconds"}


def measured() -> dict[tuple[str, str], float]:
    text = Client().get("/metrics").content.decode()
    return {
        (sample.name, "".join(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
