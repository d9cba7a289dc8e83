"""Other processes of ours, on this test's database and with WeChat behind a socket."""

import http.client
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from django.conf import settings
from django.db import connection

from devtools.stack import free_pair
from sandbox import server
from sandbox.world import WeChat


@contextmanager
def served(wechat: WeChat) -> Iterator[None]:
    """WECHAT answers at its `base_url`."""
    running = server.start(wechat)
    try:
        yield
    finally:
        running.shutdown()
        running.server_close()


def environment(wechat: WeChat, var: Path, **more: str) -> dict[str, str]:
    """What another process needs to be this platform; it keeps its files in VAR."""
    inherited = {name: value for name, value in os.environ.items() if "PYTEST" not in name}
    return {
        **inherited,
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "DATABASE_URL": database_url(),
        "WECHAT_API_URL": wechat.base_url,
        "VAR_DIR": str(var),
        "REDIS_URL": "",
        **more,
    }


def database_url() -> str:
    """Of the database that this test uses."""
    known = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{known['NAME']}"
    address = f"{known['HOST']}:{known['PORT']}/{known['NAME']}"
    return f"postgres://{known['USER']}:{known['PASSWORD']}@{address}"


@contextmanager
def web(wechat: WeChat, var: Path, **more: str) -> Iterator[int]:
    """Our web server, as in production, on the port that this gives."""
    port = free_pair()
    command = [
        str(Path(sys.executable).parent / "granian"),
        *("--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port)),
        *("--blocking-threads", "64", "--no-ws", "config.wsgi:application"),
    ]
    running = subprocess.Popen(
        command,
        cwd=settings.ROOT,
        env=environment(
            wechat, var, **{"LOG_LEVEL": "CRITICAL", "DATABASE_POOL_SIZE": "20", **more}
        ),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_for(port)
        yield port
        assert running.poll() is None
    finally:
        running.terminate()
        running.wait(20)


def _wait_for(port: int) -> None:
    give_up = time.monotonic() + 30
    while True:
        try:
            with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=5)) as asked:
                asked.request("GET", "/healthz")
                assert asked.getresponse().status == 200
        except OSError:
            assert time.monotonic() < give_up
            time.sleep(0.1)
        else:
            return


@contextmanager
def celery(
    wechat: WeChat, var: Path, *words: str, ahead: str = "", **more: str
) -> Iterator["subprocess.Popen[bytes]"]:
    """`celery -A config WORDS`, with its clock AHEAD; killed at the end, children too."""
    clock = f"import time_machine as t, time; t.travel(time.time() + {ahead}).start(); " * bool(
        ahead
    )
    code = f"{clock}from celery.__main__ import main; main()"
    process = subprocess.Popen(
        [sys.executable, "-c", code, "-A", "config", *words, "-l", "warning"],
        cwd=settings.ROOT,
        env=environment(wechat, var, **more),
        start_new_session=True,
    )
    try:
        yield process
    finally:
        kill(process)


def kill(process: "subprocess.Popen[bytes]") -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
