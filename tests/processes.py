"""Other processes of ours, on this test's database and with WeChat behind a socket."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.db import connection

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
