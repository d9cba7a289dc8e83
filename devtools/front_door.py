"""deploy/nginx.conf as it stands, on free ports of this machine, with a certificate made now."""

import contextlib
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from devtools.failure import Failure
from devtools.install import ROOT

MIME_TYPES = Path("/etc/nginx/mime.types")
START_SECONDS = 20


@dataclass(frozen=True)
class FrontDoor:
    """In FOLDER: its configuration, certificate and logs."""

    folder: Path
    http: int
    https: int
    inside: int

    @property
    def certificate(self) -> Path:
        return self.folder / "certs" / "fullchain.pem"

    @property
    def command(self) -> list[str]:
        return [program("nginx"), "-c", str(self.folder / "nginx.conf"), "-e", self._log("error")]

    def prepare(self) -> None:
        for name in ("certs", "conf.d", "log"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        shutil.copy(MIME_TYPES, self.folder)
        (self.folder / "conf.d" / "server_name.conf").write_text("server_name 127.0.0.1;\n")
        (self.folder / "nginx.conf").write_text(self._configuration())
        make_certificate(self.certificate, self.folder / "certs" / "privkey.pem")

    def _log(self, name: str) -> str:
        return str(self.folder / "log" / f"{name}.log")

    def _configuration(self) -> str:
        text = (ROOT / "deploy" / "nginx.conf").read_text()
        for before, after in {
            "listen 80": f"listen 127.0.0.1:{self.http}",
            "listen 443": f"listen 127.0.0.1:{self.https}",
            "127.0.0.1:8090": f"127.0.0.1:{self.inside}",
            "/var/log/nginx/": f"{self.folder}/log/",
            "worker_processes auto;": f"worker_processes 2;\npid {self.folder}/nginx.pid;",
            "http {": f"http {{\n{self._folders()}",
        }.items():
            if before not in text:
                raise Failure(f"deploy/nginx.conf has no {before!r} any more.")
            text = text.replace(before, after)
        return text

    def _folders(self) -> str:
        """Of its own, so that it need not be root."""
        kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        return "".join(f"    {kind}_temp_path {self.folder}/{kind};\n" for kind in kinds)

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        process = subprocess.Popen(
            [*self.command, "-g", "daemon off;"], stdin=subprocess.DEVNULL, start_new_session=True
        )
        try:
            self._wait(process)
            yield
        finally:
            process.terminate()
            process.wait(20)

    def _wait(self, process: "subprocess.Popen[bytes]") -> None:
        give_up = time.monotonic() + START_SECONDS
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.https)):
                return
            if process.poll() is not None or time.monotonic() > give_up:
                raise Failure(f"nginx did not start: {Path(self._log('error')).read_text()}")
            time.sleep(0.05)


def program(name: str) -> str:
    """Also where it is for root alone to find."""
    path = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if not path:
        raise Failure(
            f"This machine has no {name}. Run this, then try again:\n\n    "
            f"sudo apt-get install {name}"
        )
    return path


def make_certificate(certificate: Path, key: Path) -> None:
    """Self-signed, for this machine by its loopback address."""
    subprocess.run(
        [
            *(program("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"),
            *("-out", str(certificate), "-keyout", str(key)),
        ],
        check=True,
        capture_output=True,
    )
