"""Drills of the servers that we need: PostgreSQL and Redis, lost in every way."""

import signal
import time
from contextlib import ExitStack, suppress

import psycopg
import redis

from tests.faults.drill import Act, drill
from tests.faults.proxy import Proxy


def databases(act: Act) -> list[Proxy]:
    return [lines.database for lines in act.rig.lines.values()]


def brokers(act: Act) -> list[Proxy]:
    return [lines.broker for lines in act.rig.lines.values()]


def restore(proxies: list[Proxy]) -> None:
    for proxy in proxies:
        proxy.restore()


# PostgreSQL


@drill("F38", "PostgreSQL refuses", "the proxy before it is closed for 1 to 2 s", refuses=True)
def database_refuses(act: Act) -> None:
    for proxy in databases(act):
        proxy.refuse()
    act.wait(1, 2)
    restore(databases(act))


@drill(
    "F38",
    "PostgreSQL cuts every connection for a while",
    "the proxy resets for 1 to 2 s",
    refuses=True,
)
def database_resets(act: Act) -> None:
    for proxy in databases(act):
        proxy.reset(new=True)
    act.wait(1, 2)
    restore(databases(act))


@drill(
    "F87",
    "PostgreSQL is silent, old connections and new",
    "the proxy passes nothing for 3 s",
    refuses=True,
)
def database_is_silent(act: Act) -> None:
    for proxy in databases(act):
        proxy.silence()
    time.sleep(3)
    restore(databases(act))


@drill(
    "F87",
    "connections that stand are silent, new ones work",
    "the proxy passes nothing on standing connections for 8 s, as after a failover",
    repeats=5,
    refuses=True,
)
def old_connections_are_silent(act: Act) -> None:
    for proxy in databases(act):
        proxy.silence(new=False)
    time.sleep(8)
    restore(databases(act))


@drill(
    "F11",
    "PostgreSQL commits, and its answers are lost",
    "the proxy swallows answers for 0.5 to 1.5 s, then cuts",
    refuses=True,
)
def database_answers_vanish(act: Act) -> None:
    for proxy in databases(act):
        proxy.swallow()
    act.wait(0.5, 1.5)
    restore(databases(act))


@drill("F39", "all sessions are ended", "pg_terminate_backend, three times")
def sessions_are_terminated(act: Act) -> None:
    for _ in range(3):
        with psycopg.connect(act.rig.postgres.url, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
            )
        act.wait(0.2, 0.6)


@drill(
    "F39",
    "PostgreSQL dies and starts again",
    "SIGQUIT, its immediate shutdown",
    in_short=True,
    refuses=True,
)
def database_restarts(act: Act) -> None:
    act.rig.postgres.stop(signal.SIGQUIT)
    act.wait(0, 1)
    act.rig.postgres.start()


@drill("F40", "no connection is free", "others take all that PostgreSQL has, for 2 s", refuses=True)
def connections_run_out(act: Act) -> None:
    with ExitStack() as stack:
        with suppress(psycopg.OperationalError):
            while True:
                stack.enter_context(psycopg.connect(act.rig.postgres.url))
        time.sleep(2)


@drill(
    "F48", "the database's disk is full", "a file fills its file system for 1 to 3 s", refuses=True
)
def disk_is_full(act: Act) -> None:
    act.rig.postgres.disk.fill()
    act.wait(1, 3)
    act.rig.postgres.disk.free()


# Redis


@drill("F41", "Redis is shut down", "SHUTDOWN, back after 1 to 3 s", in_short=True)
def redis_shuts_down(act: Act) -> None:
    act.rig.redis.stop()
    act.wait(1, 3)
    act.rig.redis.start()


@drill("F41", "Redis refuses", "the proxy before it is closed for 1 to 3 s")
def redis_refuses(act: Act) -> None:
    for proxy in brokers(act):
        proxy.refuse()
    act.wait(1, 3)
    restore(brokers(act))


@drill("F42", "Redis is frozen", "SIGSTOP for 2 to 5 s")
def redis_freezes(act: Act) -> None:
    act.rig.redis.process.send_signal(signal.SIGSTOP)  # type: ignore[union-attr]
    act.wait(2, 5)
    act.rig.redis.process.send_signal(signal.SIGCONT)  # type: ignore[union-attr]


@drill("F42", "Redis is silent", "the proxy passes nothing for 2 to 5 s, and cuts")
def redis_is_silent(act: Act) -> None:
    for proxy in brokers(act):
        proxy.silence()
    act.wait(2, 5)
    for proxy in brokers(act):
        proxy.restore(cut=True)


@drill("F43", "Redis is emptied", "FLUSHALL, five times", in_short=True)
def redis_is_flushed(act: Act) -> None:
    with redis.Redis.from_url(act.rig.redis.url) as client:
        for _ in range(5):
            client.flushall()
            act.wait(0.05, 0.3)


@drill(
    "F44",
    "the broker gives messages out that nobody gets",
    "the proxy swallows what Redis answers workers for 1 to 2 s, then cuts",
)
def broker_loses_messages(act: Act) -> None:
    act.rig.lines["worker"].broker.swallow()
    act.wait(1, 2)
    act.rig.lines["worker"].broker.restore()


@drill(
    "F56",
    "workers hear nothing on connections that stand",
    "their connections to Redis are silent for good, new ones work; until all is worked out",
    repeats=3,
    in_soak=False,
)
def workers_are_deaf(act: Act) -> None:
    act.rig.lines["worker"].broker.silence(new=False)
    time.sleep(30)
