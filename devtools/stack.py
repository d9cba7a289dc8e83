"""The platform on this machine: web, worker, beat and the sandbox, on loopback ports."""

import contextlib
import os
import secrets
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from deploy.processes import command
from devtools.browser import call
from devtools.failure import Failure
from devtools.install import PYTHON, ROOT
from devtools.place import LOOPBACK, Place
from devtools.processes import Processes

READY_SECONDS = 120
# What a child may know of this shell: never a setting of ours that happens to be exported.
INHERITED = ("PATH", "HOME", "USER", "LANG", "LC_ALL", "TZ", "TMPDIR", "SSL_CERT_FILE")


@dataclass(frozen=True)
class Stack:
    """Where it listens, what its processes are told, and where they write."""

    port: int
    environment: dict[str, str]
    var: Path
    sandbox_options: tuple[str, ...] = ()
    has_sandbox: bool = True
    place: Place = LOOPBACK

    @property
    def url(self) -> str:
        return f"http://{self.place.public}:{self.port}"

    @property
    def sandbox_url(self) -> str:
        return f"http://{self.place.public}:{self.port + 1}"

    @property
    def inside_url(self) -> str:
        """Where the processes of this machine find the web server."""
        return f"http://{self.place.inside}:{self.port}"

    @property
    def push_url(self) -> str:
        """Where WeChat's tester, who trusts no certificate of ours, may push to."""
        return self.inside_url

    def manage(self, *words: str) -> str:
        """What a management command writes; it is quiet unless it fails."""
        done = subprocess.run(
            [PYTHON, "manage.py", *words],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise Failure(f"manage.py {' '.join(words)} failed:\n{done.stdout}{done.stderr}")
        return done.stdout + done.stderr

    @contextlib.contextmanager
    def running(self) -> Iterator[Processes]:
        """Web and sandbox, answering; down again however this ends, with all that was added."""
        self.demand_free_ports()
        with Processes(self.var / "log", self.environment) as processes:
            if self.has_sandbox:
                processes.start("sandbox", *self.sandbox())
            for command in ("migrate", "register_component"):
                self.manage(command)
            self.manage("seed_demo", *self._receiver())
            processes.start("web", *self._web())
            self._wait_until_ready(processes)
            yield processes

    def start_jobs(self, processes: Processes) -> None:
        """The worker, and the beat that sends it periodic work."""
        processes.start("worker", *started("worker", "--pool", "threads"))
        processes.start("beat", *started("beat"))

    def demand_free_ports(self) -> None:
        """Raise Failure if another program has one that is needed."""
        for port in (self.port, self.port + 1)[: 2 if self.has_sandbox else 1]:
            if not is_free(port, self.place.bound):
                raise Failure(
                    f"Port {port} is taken by another program. Choose another:\n\n"
                    f"    python3 dev.py run --port {self.port + 10}"
                )

    def _web(self) -> list[str]:
        """One program is enough, and it serves WeChat's pushes too."""
        options = ["--host", self.place.bound, "--port", str(self.port)]
        return started("web", "--workers", "1", *options)

    def sandbox(self) -> list[str | Path]:
        options = ["--host", self.place.bound, "--port", str(self.port + 1)]
        options += ["--url", self.sandbox_url, "--platform", self.inside_url]
        options += ["--public-platform", self.url, *self.sandbox_options]
        return [PYTHON, "-m", "sandbox", *options]

    def _receiver(self) -> list[str]:
        """Where the demo's forward target and notice channels lead."""
        url = f"http://{self.place.inside}:{self.port + 1}/receiver/"
        return ["--receiver", url] if self.has_sandbox else []

    def _wait_until_ready(self, processes: Processes) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while is_free(self.port, self.place.bound) or not self._is_healthy():
            processes.check()
            if time.monotonic() > deadline:
                raise Failure(f"The web server did not answer.\n{processes.tails()}")
            time.sleep(0.1)

    def _is_healthy(self) -> bool:
        with contextlib.suppress(Failure):
            return call("GET", f"{self.inside_url}/healthz")[0] == 200
        return False


def started(role: str, *more: str) -> list[str]:
    """As in production, by the virtual environment, whose Python may not be ours."""
    program, *words = command(role, *more)
    return [str(PYTHON.with_name(Path(program).name)), *words]


def inherited() -> dict[str, str]:
    """The environment of a child, before any setting."""
    kept = {name: os.environ[name] for name in INHERITED if name in os.environ}
    # Loopback is never behind a proxy.
    return {**kept, "NO_PROXY": "127.0.0.1,localhost", "PYTHONUNBUFFERED": "1"}


def is_free(port: int, address: str = "127.0.0.1") -> bool:
    with socket.socket() as probe:
        # As servers do: a port whose last connections are still closing is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError:
            return False
        return True


def free_pair() -> int:
    """A port that is free, and the next one too."""
    for _ in range(50):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
        if port < 65535 and is_free(port) and is_free(port + 1):
            return port
    raise Failure("No two free ports next to each other were found.")


def free_block(count: int) -> int:
    """The first of COUNT free ports in a row, none of which an outgoing connection may take."""
    for _ in range(200):
        first = 20_000 + secrets.randbelow(10_000)
        if all(is_free(port) for port in range(first, first + count)):
            return first
    raise Failure(f"No {count} free ports next to each other were found.")
