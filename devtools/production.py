"""
The processes of production on this machine: PostgreSQL and Redis (Debian's packages, or those that
the development requirements bring), web, push, worker and beat as deploy/processes.py has them,
Debian's nginx in front with TLS, and the sandbox in WeChat's place. All of it on loopback, in a
folder that is gone afterwards.

    python -m devtools.production                the whole job, through nginx
    python -m devtools.production --deploys 5    and five releases under load: none refused

It wants nginx and openssl (`apt-get install nginx-light openssl`), and the requirements of
development (`python3 dev.py install --dev`).
"""

import argparse
import contextlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

# The rest needs what production does without.
if importlib.util.find_spec("pytest") is None:
    sys.exit(
        "devtools.production needs the requirements of development: run python3 dev.py install "
        "--dev, and then .venv/bin/python -m devtools.production."
    )

from devtools import environment
from devtools.code_walk import CodeWalk
from devtools.failure import Failure
from devtools.front_door import FrontDoor
from devtools.install import ROOT
from devtools.processes import Processes
from devtools.proof import Proof, Steps
from devtools.rolling import deploy_under_load
from devtools.stack import Stack, free_block, inherited
from tests.servers import Postgres, Redis, running

FIRST_TOKEN_SECONDS = 20
PORTS = 16  # nginx's three, the sandbox's, and those of two slots


@dataclass(frozen=True)
class Production(Stack):
    """Behind its FRONT_DOOR; `port` is that of TLS, and the sandbox has the next one."""

    front_door: FrontDoor | None = None

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    @property
    def inside_url(self) -> str:
        return self.url

    @property
    def push_url(self) -> str:
        return f"http://127.0.0.1:{self.door.http}"

    def rolling(self, *words: str) -> None:
        """`python -m deploy.rolling`"""
        door = self.door
        nginx = ("--nginx-folder", str(door.folder), "--nginx", " ".join(door.command))
        inside = ("--inside", f"127.0.0.1:{door.inside}")
        done = subprocess.run(
            [sys.executable, "-m", "deploy.rolling", "--by", "hand", *nginx, *inside, *words],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise Failure(f"deploy.rolling failed:\n{done.stdout}{done.stderr}\n{self._tails()}")

    @property
    def door(self) -> FrontDoor:
        if self.front_door is None:
            raise Failure("There is no front door.")
        return self.front_door

    def _tails(self) -> str:
        return "\n".join(
            f"── {log.name} ──\n{log.read_text(errors='replace')[-2000:]}"
            for log in sorted((self.var / "log").glob("*.log"))
        )


@contextlib.contextmanager
def production() -> Iterator[tuple[Production, Processes]]:
    """All of it, answering."""
    folder = Path(tempfile.mkdtemp(prefix="production-"))
    folder.chmod(0o755)
    try:
        with running(Postgres) as postgres, running(Redis) as redis:
            stack = _stack(folder, postgres.url, redis.url)
            with Processes(folder / "sandbox", stack.environment) as processes:
                yield from _started(stack, processes)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _started(stack: Production, processes: Processes) -> Iterator[tuple[Production, Processes]]:
    stack.manage("collectstatic", "--no-input")
    processes.start("sandbox", *stack.sandbox())
    try:
        stack.rolling()
        stack.manage("seed_demo")
        with stack.door.running():
            yield stack, processes
    finally:
        stack.rolling("--stop")


def _stack(folder: Path, database: str, redis: str) -> Production:
    port = free_block(PORTS)  # the next one is the sandbox's
    door = FrontDoor(folder / "nginx", https=port, http=port + 2, inside=port + 3)
    door.prepare()
    settings = {
        **inherited(),
        **environment.fresh(port),
        "PUBLIC_URL": f"https://127.0.0.1:{port}",
        "ENV_FILE": os.devnull,
        "DEBUG": "0",
        "VAR_DIR": str(folder),
        "STATIC_ROOT": str(folder / "static"),
        "STATIC_COLLECTED": "1",
        "DATABASE_URL": database,
        "REDIS_URL": redis,
        "NUM_PROXIES": "1",
        "FIRST_PORT": str(port + 4),
        "SSL_CERT_FILE": str(door.certificate),
        "REQUESTS_CA_BUNDLE": str(door.certificate),
    }
    # Ours too: the walk's browser believes this certificate.
    os.environ["SSL_CERT_FILE"] = str(door.certificate)
    options = ("--seed-accounts", "--first-token-life", str(FIRST_TOKEN_SECONDS))
    return Production(port, settings, folder, options, front_door=door)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m devtools.production")
    parser.add_argument("--deploys", type=int, default=0, metavar="N", help="under load, then")
    parser.add_argument("--rate", type=int, default=50, help="pushes a second meanwhile")
    options = parser.parse_args()
    steps = Steps()
    try:
        with production() as (stack, processes):
            steps.done("all processes answer behind nginx")
            proof = Proof(stack, steps, processes)
            proof.walk_to_the_binding()
            CodeWalk(stack, steps, proof.appid).walk()
            for number in range(options.deploys):
                load = deploy_under_load(stack, proof.appid, options.rate)
                steps.done(f"release {number + 1} went live: {load}")
            proof.cancel()
        steps.done("everything is stopped")
    except Failure as failure:
        print(f"\n{failure}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
