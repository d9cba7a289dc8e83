"""
The whole platform as its own processes on loopback: granian, two Celery workers, beat, PostgreSQL
and Redis, and WeChat's stand-in in this process. Every process reaches every server through a
proxy, so each can lose each.
"""

import contextlib
import io
import logging
import os
import signal
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import django
from django.core.management import call_command
from django.db import connection

from deploy import processes
from devtools import environment
from devtools.processes import Child, Processes
from devtools.stack import free_pair, inherited, is_free
from sandbox import server
from sandbox.world import WeChat
from tests import servers
from tests.faults.disk import Disk
from tests.faults.proxy import Proxy, before

READY_SECONDS = 60
REFRESH_SWEEP_SECONDS = 2
WORKERS = ("worker-1", "worker-2")
ROLES = {"web": "web", "worker-1": "worker", "worker-2": "worker", "beat": "beat"}


class Postgres(servers.Postgres):
    """What it has committed survives the death of its processes, though not of the machine."""

    QUICK = ("fsync=off", "max_connections=250", "max_wal_size=160MB")
    disk: Disk

    def _init(self) -> None:
        self.disk = Disk(self.data)
        self.disk.mount()
        super()._init()


@dataclass
class Lines:
    """What stands between one kind of process and the servers it needs."""

    database: Proxy
    broker: Proxy
    wechat: Proxy

    def __iter__(self) -> Iterator[Proxy]:
        return iter((self.database, self.broker, self.wechat))


@dataclass
class Rig:
    """The processes by name, and what a drill may do to them."""

    wechat: WeChat
    postgres: "Postgres"
    redis: servers.Server
    lines: dict[str, Lines]  # by role
    settings: dict[str, str]
    processes: Processes
    port: int
    var: Path
    extra: dict[str, dict[str, str]] = field(default_factory=dict)  # settings of one process
    started: int = 0
    down: set[str] = field(default_factory=set)  # what is to stay dead for a while
    ended: list[str] = field(default_factory=list)  # what ended though nobody killed it
    lock: threading.RLock = field(default_factory=threading.RLock)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def child(self, name: str) -> Child:
        """The newest process of that NAME."""
        return next(one for one in reversed(self.processes.children) if _is(one, name))

    def start(self, name: str) -> None:
        """The process NAME, or another one of it, with a log of its own."""
        with self.lock:
            self._start(name)

    def _start(self, name: str) -> None:
        before = [one for one in self.processes.children if one.has_ended()]
        self.processes.children = [one for one in self.processes.children if one not in before]
        self.processes.environment = self.settings_of(name) | self.extra.get(name, {})
        self.started += 1
        self.processes.start(f"{name}.{self.started}", *command(name, self.port, self.started))

    def settings_of(self, name: str) -> dict[str, str]:
        role = ROLES[name]
        lines = self.lines[role]
        return {
            **self.settings,
            "PROCESS_ROLE": role,
            "DATABASE_URL": _through(self.postgres.url, self.postgres.port, lines.database),
            "REDIS_URL": _through(self.redis.url, self.redis.port, lines.broker),
            "WECHAT_API_URL": f"http://127.0.0.1:{lines.wechat.port}",
        }

    def wait_until_up(self) -> None:
        """Until web answers and everything that was started runs."""
        deadline = time.monotonic() + READY_SECONDS
        while is_free(self.port):
            assert time.monotonic() < deadline, self.processes.tails()
            time.sleep(0.1)

    def pids(self, name: str) -> list[int]:
        """The process NAME first, and all that it started: they are a group."""
        leader = self.child(name).process.pid
        members = [
            pid
            for pid in map(
                int, filter(str.isdigit, (entry.name for entry in Path("/proc").iterdir()))
            )
            if _group_of(pid) == leader
        ]
        return [leader, *(pid for pid in members if pid != leader)]

    def kill(self, *names: str) -> None:
        """kill -9 of the whole of each, workers and children too; they stay dead until revived."""
        self.down |= set(names)
        for name in names:
            os.killpg(self.child(name).process.pid, signal.SIGKILL)
        for name in names:
            self.child(name).process.wait()

    def revive(self, *names: str) -> None:
        """NAMES run again, all without any."""
        with self.lock:
            self.down -= set(names or ROLES)
            for name in names or tuple(ROLES):
                if not self._runs(name):
                    self._start(name)
        self.wait_until_up()

    def _runs(self, name: str) -> bool:
        return any(_is(one, name) and not one.has_ended() for one in self.processes.children)

    def supervise(self, stop: threading.Event) -> None:
        """What `restart: always` does, until STOP."""
        while not stop.wait(1):
            with self.lock:
                for name in ROLES.keys() - self.down:
                    if not self._runs(name):
                        self.ended.append(name)
                        self._start(name)

    def signal(self, number: signal.Signals, *names: str) -> None:
        """NUMBER to the whole of each."""
        for name in names:
            os.killpg(self.child(name).process.pid, number)

    def kill_children(self, name: str) -> None:
        """kill -9 of all that NAME has started."""
        for pid in self.pids(name)[1:]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def kill_child(self, name: str, random: Random) -> None:
        """kill -9 of one process that NAME has started, which is to start another."""
        if children := self.pids(name)[1:]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(random.choice(children), signal.SIGKILL)

    def wait_until_children_serve(self, name: str) -> None:
        """Until those that NAME has started are at work: one that loads its code has one thread."""
        deadline = time.monotonic() + READY_SECONDS
        while not all(_threads_of(pid) > 1 for pid in self.pids(name)[1:]):
            assert time.monotonic() < deadline, self.processes.tails()
            time.sleep(0.1)

    def restore(self) -> None:
        """No fault any more: servers run, lines are open, everything that died is back."""
        self.postgres.disk.free()
        for server_ in (self.postgres, self.redis):
            if server_.process is None or server_.process.poll() is not None:
                server_.start()
        for lines in self.lines.values():
            for line in lines:
                line.restore()
        self.wechat.clear_faults()
        self.wechat.rotate = "always"
        self.revive()


def _threads_of(pid: int) -> int:
    """How many threads PID has; many if it has just ended."""
    with contextlib.suppress(OSError):
        return len(list(Path(f"/proc/{pid}/task").iterdir()))
    return 2


def _is(child: Child, name: str) -> bool:
    return child.name.rpartition(".")[0] == name


def _group_of(pid: int) -> int:
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return 0


def command(name: str, port: int, number: int = 1) -> list[str]:
    """As everybody starts it."""
    if name == "web":
        return processes.command("web", "--port", str(port))
    if name == "beat":
        return processes.command("beat")
    return processes.command("worker", "-n", f"{name}-{number}@rig")


def _through(url: str, port: int, proxy: Proxy) -> str:
    return url.replace(f":{port}/", f":{proxy.port}/")


@dataclass
class Ground:
    """A database, and WeChat behind a socket; Django in this process is set up for both."""

    postgres: Postgres
    wechat: WeChat
    wechat_port: int
    settings: dict[str, str]
    port: int  # of our web server, once there is one
    var: Path


@contextlib.contextmanager
def ground() -> Iterator[Ground]:
    """What the drills stand on."""
    port = free_pair()
    with contextlib.ExitStack() as stack:
        postgres = stack.enter_context(_postgres())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="faults-")))
        settings = _settings(port, folder)
        wechat = _wechat(settings, port)
        running = server.start(wechat)
        stack.callback(running.shutdown)
        _set_up_django(settings, postgres.url, wechat.base_url)
        yield Ground(postgres, wechat, running.server_port, settings, port, folder)


@contextlib.contextmanager
def rig() -> Iterator[Rig]:
    """All of it, up and with a component."""
    with ground() as here, servers.running(servers.Redis) as redis, contextlib.ExitStack() as stack:
        lines = {
            role: Lines(
                *(
                    stack.enter_context(before(target))
                    for target in (here.postgres.port, redis.port, here.wechat_port)
                )
            )
            for role in dict.fromkeys(ROLES.values())
        }
        processes = stack.enter_context(Processes(here.var / "log", here.settings))
        whole = Rig(
            here.wechat, here.postgres, redis, lines, here.settings, processes, here.port, here.var
        )
        for name in ROLES:
            whole.start(name)
        whole.wait_until_up()
        stop = threading.Event()
        supervisor = threading.Thread(target=whole.supervise, args=(stop,), daemon=True)
        supervisor.start()
        try:
            yield whole
        finally:
            stop.set()
            supervisor.join()


@contextlib.contextmanager
def _postgres() -> Iterator[Postgres]:
    with tempfile.TemporaryDirectory(prefix="faults-", ignore_cleanup_errors=True) as folder:
        server = Postgres(Path(folder))
        try:
            server.start()
            yield server
        finally:
            server.stop()
            server.disk.unmount()


def _settings(port: int, folder: Path) -> dict[str, str]:
    return {
        **inherited(),
        **environment.fresh(port),
        "ENV_FILE": os.devnull,
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "DEBUG": "0",
        "VAR_DIR": str(folder),
        "STATIC_ROOT": str(folder / "static"),
        "REFRESH_SWEEP_SECONDS": str(REFRESH_SWEEP_SECONDS),
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def _wechat(settings: dict[str, str], port: int) -> WeChat:
    wechat = WeChat(deliver=None)
    wechat.rotate = "always"
    wechat.post.mute_after = None  # its minutes of silence would hide what is lost
    wechat.reviews.review_seconds = None
    wechat.register_component(
        appid=settings["WECHAT_COMPONENT_APPID"],
        secret=settings["WECHAT_COMPONENT_SECRET"],
        token=settings["WECHAT_TOKEN"],
        aes_key=settings["WECHAT_AES_KEY"],
        push_url=f"http://127.0.0.1:{port}/wechat/component/push/",
        message_url=f"http://127.0.0.1:{port}/wechat/$APPID$/push/",
        redirect_domain="127.0.0.1",
    )
    return wechat


def _set_up_django(settings: dict[str, str], database_url: str, wechat_url: str) -> None:
    """This process looks at the database itself, past every proxy."""
    own = {"DATABASE_URL": database_url, "WECHAT_API_URL": wechat_url, "LOG_LEVEL": "CRITICAL"}
    os.environ.update({**settings, **own})
    django.setup()
    # Drills break our own connections, too; the pool gets others.
    logging.getLogger("psycopg.pool").setLevel(logging.CRITICAL)
    call_command("migrate", verbosity=0)
    call_command("register_component", stdout=io.StringIO())
    connection.close()


@contextlib.contextmanager
def paper() -> Iterator[None]:
    """Django is set up, and nothing runs: enough to read the table of drills."""
    with tempfile.TemporaryDirectory(prefix="faults-") as folder:
        os.environ.update(_settings(8000, Path(folder)))
        django.setup()
        yield
