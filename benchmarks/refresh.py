"""
The sweep that refreshes due authorizer tokens, against a WeChat that answers after 50 ms; and the
same work as one Celery task each, which asks, and saves its row, by itself.
"""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from celery import Celery
from celery.contrib.testing.worker import start_worker
from django.db import connection
from django.utils import timezone

from benchmarks import measuring
from benchmarks.push import wait_for
from benchmarks.stage import Stage
from devtools.processes import Processes
from miniprograms import tokens
from miniprograms.models import Authorizer
from miniprograms.services import refresh_batches, refreshing
from platform_auth.fields import seal
from platform_auth.leases import release_db_connection
from platform_auth.models import Component
from platform_auth.tokens import component_token
from wechat import component as wechat

SIDE_BY_SIDE = 32  # tasks in the worker of one task each
WRITTEN = refreshing.SWEEP_BATCH

# In memory: no broker could be cheaper, so the comparison flatters one task each.
celery = Celery("benchmarks", broker="memory://")
celery.conf.update(broker_transport_options={"polling_interval": 0.01}, task_ignore_result=True)


def run(here: Stage, *, full: bool) -> None:
    rows, tasks = (20_000, 4000) if full else (5000, 1000)
    make_rows(rows)
    with _wechat(here):
        print(f"refreshing {rows} due authorizers, 50 ms an answer, one worker")
        sweep = _sweep(rows, here)
        task = _one_task_each(tasks, here)
    measuring.at_most("CPU of a row in the sweep, database included", sweep, 700, "µs")
    measuring.at_least("CPU of one task each, against the sweep", task / sweep, 4, "×")
    _compare_writing(here, rounds=40 if full else 10)


@contextmanager
def _wechat(here: Stage) -> Iterator[None]:
    with Processes(here.folder / "log", here.environment) as processes:
        processes.start("wechat", *stand_in(here.port + 1))
        wait_for(processes, here.port + 1)
        yield


def stand_in(port: int) -> list[str]:
    """The command of a WeChat that answers after 50 ms."""
    return [sys.executable, "-m", "benchmarks.stand_in", "--port", str(port)]


def make_rows(count: int) -> None:
    """COUNT bound authorizers, and a component token that lasts."""
    component = Component.objects.get()
    held = seal(Component, component.appid, access_token="66_".ljust(150, "x"))
    Component.objects.update(**held, access_token_expires=int(time.time()) + 7200, due_at=_in(3600))
    Authorizer.objects.bulk_create(
        [_row(component, number) for number in range(count)], batch_size=500
    )


def _row(component: Component, number: int) -> Authorizer:
    return Authorizer(
        component=component,
        appid=f"wx{number:016x}",
        user_name=f"gh_{number:012x}",
        kind=Authorizer.Kind.MINI_PROGRAM,
        state=Authorizer.State.BOUND,
        access_token="66_".ljust(150, "x"),
        refresh_token=f"refreshtoken@@@{number:043x}",
    )


def _in(seconds: float) -> object:
    return timezone.now() + timedelta(seconds=seconds)


def _cost(work: Callable[[], object], here: Stage) -> tuple[float, float, float]:
    """Seconds of WORK: by the clock, of this process, of the database's."""
    database = measuring.cpu_seconds(here.database_pid)
    clock, own = time.perf_counter(), time.process_time()
    work()
    own = time.process_time() - own
    clock = time.perf_counter() - clock
    return clock, own, measuring.cpu_seconds(here.database_pid) - database


def _sweep(count: int, here: Stage) -> float:
    """CPU µs of a row, ours and the database's together."""
    refreshing.sweep()  # warms up: nothing is due, but its threads and connections are there
    Authorizer.objects.update(due_at=_in(-60), lease_until=None)
    connection.close()
    clock, own, database = _cost(lambda: refreshing.sweep(budget=120), here)
    assert Authorizer.objects.filter(refreshes=1, due_at__gt=_in(0)).count() == count
    micro = [seconds / count * 1e6 for seconds in (own, database)]
    measuring.figure("the sweep", f"{count / clock:,.0f}/s  CPU {micro[0]:.0f} + {micro[1]:.0f} µs")
    measuring.at_least("rows a second", count / clock, 1000, "/s")
    return sum(micro)


@celery.task
def refresh_one(pk: int) -> None:
    """What one task each would do: read, ask, save."""
    row = Authorizer.objects.with_clock().select_related("component").get(pk=pk)
    token = component_token(row.component)
    release_db_connection()
    given, fresh = wechat.refresh_authorizer_token(
        token, row.component.appid, row.appid, row.refresh_token
    )
    row.access_token, row.refresh_token = given.value, fresh
    row.expires = int(row.now.timestamp()) + given.life
    row.due_at = row.now + timedelta(hours=1)
    row.updated_at = row.now
    row.save()
    release_db_connection()


def _one_task_each(count: int, here: Stage) -> float:
    """The same figure for a task each."""
    Authorizer.objects.update(due_at=_in(-60))
    pks = list(Authorizer.objects.order_by("pk").values_list("pk", flat=True)[:count])
    connection.close()
    with start_worker(
        celery,
        pool="threads",
        concurrency=SIDE_BY_SIDE,
        perform_ping_check=False,
        shutdown_timeout=30,
    ):
        clock, own, database = _cost(lambda: _publish_and_wait(pks), here)
    micro = [seconds / count * 1e6 for seconds in (own, database)]
    figure = f"{count / clock:,.0f}/s  CPU {micro[0]:.0f} + {micro[1]:.0f} µs"
    measuring.figure(f"one task each, {SIDE_BY_SIDE} side by side", figure)
    return sum(micro)


def _publish_and_wait(pks: list[int]) -> None:
    for pk in pks:
        refresh_one.delay(pk)
    give_up = time.monotonic() + 120
    while Authorizer.objects.filter(pk__in=pks, due_at__lt=_in(0)).exists():
        assert time.monotonic() < give_up, "the tasks were not done in time"
        time.sleep(0.2)


def _compare_writing(here: Stage, rounds: int) -> None:
    """Writing what was got: a round's one statement against `save()` of every row."""
    rows = list(
        Authorizer.objects.with_clock().select_related("component").order_by("pk")[:WRITTEN]
    )
    token = wechat.Token("66_".ljust(150, "y"), 7200)
    refreshed = [
        tokens.Refreshed(row, token, row.refresh_token, row.now, sent=row.refresh_token)
        for row in rows
    ]

    def save_each() -> None:
        for row in rows:
            row.access_token = token.value
            row.save()

    def save_together() -> None:
        assert not refresh_batches.save_all(refreshed)
        for row in rows:
            row.epoch += 1

    each, together = _writing(save_each, here, rounds), _writing(save_together, here, rounds)
    for what, (own, database) in (("save()", each), ("together", together)):
        measuring.figure(f"writing a row back, {what}", f"CPU {own:.0f} + {database:.0f} µs")
    measuring.at_least("save(), against writing together", sum(each) / sum(together), 20, "×")


def _writing(work: Callable[[], object], here: Stage, rounds: int) -> tuple[float, float]:
    """CPU µs of a row, ours and the database's."""
    work()
    costs = [_cost(work, here)[1:] for _ in range(rounds)]
    own, database = (sum(part) / rounds / WRITTEN * 1e6 for part in zip(*costs, strict=True))
    return own, database
