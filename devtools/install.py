"""The virtual environment: made once, filled from the hashed requirements, known by a digest."""

import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from devtools.failure import Failure
from devtools.progress import Ended, carry_out

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / "installed.json"


def main(*, dev: bool) -> int:
    provide(*(tests_need() if dev else ["base"]))
    return 0


def tests_need() -> list[str]:
    """The browser's driver is 120 MB: only where there is a browser to drive."""
    return ["dev", "e2e"] if shutil.which("chromium") else ["dev"]


def provide(*names: str) -> None:
    """Make sure the virtual environment holds what requirements/<name>.txt ask for."""
    if not _is_whole():
        _make()
    installed = _read_stamp()
    wanted = {name: _digest(name) for name in names}
    missing = [name for name in names if installed.get(name) != wanted[name]]
    if missing:
        files = [ROOT / "requirements" / f"{name}.txt" for name in missing]
        number = sum(file.read_text().count("==") for file in files)
        print(
            f"Installing {' and '.join(missing)} requirements into .venv: some {number} packages;"
            " once, for a minute or a few …",
            flush=True,
        )
        _fill(files)
        STAMP.write_text(json.dumps({**installed, **wanted}))


def _digest(name: str) -> str:
    return hashlib.sha256((ROOT / "requirements" / f"{name}.txt").read_bytes()).hexdigest()


def _read_stamp() -> dict[str, str]:
    stamp: dict[str, str] = json.loads(STAMP.read_text()) if STAMP.exists() else {}
    return stamp


def _is_whole() -> bool:
    """Its Python runs, and is still the version its packages were installed for."""
    if not PYTHON.exists():
        return False
    asked = "import os, sys; print(os.path.isdir(f'{sys.prefix}/lib/python%d.%d/site-packages' % "
    asked += "sys.version_info[:2]))"
    done = subprocess.run([PYTHON, "-c", asked], capture_output=True, text=True, check=False)
    return done.stdout.strip() == "True"


def _make() -> None:
    print("Making .venv …", flush=True)
    if uv := shutil.which("uv"):
        _run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, VENV])
    else:
        _provide_ensurepip()
        _run([sys.executable, "-m", "venv", "--clear", VENV])


def _fill(files: list[Path]) -> None:
    sources = [word for file in files for word in ("-r", str(file))]
    if uv := shutil.which("uv"):
        # uv leaves the byte code to the first import unless told otherwise: slow starts.
        options = ["--require-hashes", "--compile-bytecode", "--python", str(PYTHON)]
        try:
            carry_out([uv, "pip", "install", *options, *sources], _environment())
        except Ended:
            print("uv could not do it; trying pip, which may know another index.", flush=True)
            _provide_pip()
        else:
            return
    options = ["--require-hashes", "--disable-pip-version-check", "--no-input"]
    carry_out([PYTHON, "-m", "pip", "install", *options, *sources], _environment())


def _provide_pip() -> None:
    """uv makes virtual environments without pip."""
    if not _succeeds([PYTHON, "-c", "import pip"], quiet=True):
        _provide_ensurepip()
        _run([PYTHON, "-m", "ensurepip"])


def _provide_ensurepip() -> None:
    """Debian keeps the half of `venv` that brings pip in a package of its own."""
    found = importlib.util.find_spec("ensurepip")
    if found and found.origin:  # without an origin it is only a folder left behind
        return
    package = f"python{sys.version_info.major}.{sys.version_info.minor}-venv"
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise Failure(
            f"This Python cannot make virtual environments: Debian keeps that part in {package}.\n"
            f"Run this, then try again:\n\n    sudo apt-get install {package}"
        )
    print(f"This Python cannot make virtual environments; installing Debian's {package} …")
    carry_out(["apt-get", "update"], _environment())
    carry_out(["apt-get", "install", "-y", "--no-install-recommends", package], _environment())


def _environment() -> Mapping[str, str]:
    # The Python that runs dev.py is the one to use; a user-wide PIP_USER has no place in a venv.
    return {
        **os.environ,
        "UV_PYTHON_DOWNLOADS": "never",
        "PIP_USER": "0",
        "DEBIAN_FRONTEND": "noninteractive",
    }


def _succeeds(command: Sequence[str | Path], *, quiet: bool = False) -> bool:
    sink = subprocess.DEVNULL if quiet else None
    done = subprocess.run(command, env=_environment(), stderr=sink, check=False)
    return done.returncode == 0


def _run(command: Sequence[str | Path]) -> None:
    if not _succeeds(command):
        raise Failure(f"This failed, see above:\n\n    {' '.join(map(str, command))}")
