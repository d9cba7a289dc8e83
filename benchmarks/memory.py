"""The memory of the web server over many pushes, and of the worker over many sweeps."""

import time
from datetime import timedelta

from django.db import connection
from django.utils import timezone

from benchmarks import load, measuring, push, pushes, refresh
from benchmarks.stage import Stage
from config.celery import app
from deploy.processes import command
from devtools.processes import Child, Processes
from miniprograms.models import Authorizer

STEPS, WARM = 10, 4
ROWS = 300  # refreshed in each step
LONGEST_SWEEP = 60.0


def run(here: Stage, *, full: bool) -> None:
    count = 100_000 if full else 10_000
    push.prepare_database()
    refresh.make_rows(ROWS)
    with Processes(here.folder / "log", here.environment) as processes:
        processes.start("web", *push.granian(here.port))
        processes.start("wechat", *refresh.stand_in(here.port + 1))
        processes.start("worker", *_worker())
        push.wait_for(processes, here.port, here.port + 1)
        web, _, worker = processes.children
        print(f"memory over {count:,} pushes and {STEPS * ROWS:,} refreshes")
        sizes = [_step(here, count // STEPS, web, worker) for _ in range(STEPS)]
    _report("web", [web for web, _ in sizes], 120)
    _report("worker", [worker for _, worker in sizes], 150)


def _worker() -> list[str]:
    return command("worker", "--concurrency", "1", "--loglevel", "WARNING")


def _step(here: Stage, count: int, web: Child, worker: Child) -> tuple[float, float]:
    """Some pushes and a sweep; then the largest process of either, in MB."""
    door = pushes.door_of(here.environment)
    for _ in range(0, count, 1000):
        sealed = pushes.sealed_pushes(door, min(count, 1000))
        load.send(here.port, map(pushes.request, sealed), expect=b"success")
    _sweep()
    return _largest(web.process.pid), _largest(worker.process.pid)


def _sweep() -> None:
    """Through the queue, as the beat would have it done."""
    due = Authorizer.objects.exclude(appid=pushes.APPID)
    due.update(due_at=timezone.now() - timedelta(minutes=1))
    app.send_task("miniprograms.tasks.refresh_tokens")
    give_up = time.monotonic() + LONGEST_SWEEP
    while due.filter(due_at__lte=timezone.now()).exists():
        assert time.monotonic() < give_up, "the worker did not refresh them"
        time.sleep(0.1)
    connection.close()


def _largest(pid: int) -> float:
    """The largest of PID and the processes below it."""
    return max([measuring.memory_mb(pid), *map(_largest, measuring.children(pid))])


def _report(name: str, sizes: list[float], goal: float) -> None:
    steps = " ".join(f"{size:.0f}" for size in sizes)
    measuring.figure(f"{name}, MB after each tenth", steps)
    measuring.at_most(f"{name}, at its largest", max(sizes), goal, "MB")
    measuring.at_most(f"{name}, growth once it is warm", sizes[-1] - sizes[WARM], 2, "MB")
