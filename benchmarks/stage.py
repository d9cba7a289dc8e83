"""A throw-away platform: production's settings, fresh keys, a PostgreSQL of its own."""

import contextlib
import io
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import django
from django.core.management import call_command

from devtools import environment
from devtools.stack import free_pair, inherited
from tests.servers import Postgres, running


class Durable(Postgres):
    """Flushes what it commits, as production does."""

    QUICK = ("max_connections=300", "shared_buffers=256MB")


class Spacious(Postgres):
    """For reading a million rows; what is written here need not survive."""

    QUICK = (*Postgres.QUICK, "shared_buffers=512MB", "maintenance_work_mem=256MB")


@dataclass(frozen=True)
class Stage:
    """What the processes of a benchmark need to know of one another."""

    environment: dict[str, str]
    folder: Path
    port: int  # free, like the next one
    database_pid: int


@contextlib.contextmanager
def stage(kind: type[Postgres]) -> Iterator[Stage]:
    """Django set up in this process, on a migrated database that holds our component."""
    port = free_pair()
    with running(kind) as server, tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        ours = {
            **environment.fresh(port),
            "ENV_FILE": os.devnull,
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "DEBUG": "0",
            "VAR_DIR": folder,
            "STATIC_ROOT": f"{folder}/static",
            "DATABASE_URL": server.url,
        }
        # What is measured logs as in production; what measures does not.
        os.environ.update(ours | {"LOG_LEVEL": "ERROR"})
        django.setup()
        call_command("migrate", verbosity=0)
        call_command("register_component", stdout=io.StringIO())
        yield Stage({**inherited(), **ours}, Path(folder), port, server.pid)
