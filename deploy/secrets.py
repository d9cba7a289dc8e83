"""
The files of secrets that docker compose and systemd hand to the processes: made where there are
none, never overwritten. Only the standard library.

    python3 -m deploy.secrets                       into secrets/
    python3 -m deploy.secrets /etc/platform/secrets

What WeChat's console shows is asked for; what may be random is.
"""

import argparse
import base64
import getpass
import os
import secrets
import string
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

LETTERS = string.ascii_letters + string.digits

_SERVERS = ("postgres_password", "redis_password")
_KEYS = ("secret_key", "field_encryption_keys")
ASKED_FOR = "wechat_component_secret"
_WECHAT = (ASKED_FOR, "wechat_token", "wechat_aes_key")

# What each process is given: no more than it needs. Beat signs and decrypts nothing.
NEEDED: Mapping[str, tuple[str, ...]] = {
    "web": (*_KEYS, *_SERVERS),
    "push": (*_KEYS, *_SERVERS),
    "worker": (*_KEYS, *_SERVERS),
    "beat": _SERVERS,
    "migrate": (*_KEYS, *_SERVERS, *_WECHAT),
    "backup": ("postgres_password",),
}


def _letters(count: int) -> str:
    return "".join(secrets.choice(LETTERS) for _ in range(count))


RANDOM: Mapping[str, Callable[[], str]] = {
    "secret_key": lambda: secrets.token_urlsafe(50),
    "field_encryption_keys": lambda: base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
    "postgres_password": lambda: _letters(32),
    "redis_password": lambda: _letters(32),
    "wechat_token": lambda: _letters(32),
    # The last letter must leave no bits over.
    "wechat_aes_key": lambda: _letters(42) + secrets.choice("AEIMQUYcgkosw048"),
}


def make(folder: Path, ask: Callable[[str], str] = getpass.getpass) -> list[str]:
    """The names of those that were made in FOLDER; what is answered with nothing is not."""
    names = sorted({name for names in NEEDED.values() for name in names})
    missing = [name for name in names if not _is_filled(folder / name)]
    # First, so that whoever leaves here has made nothing.
    answers = {name: ask(f"{name.upper()}: ").strip() for name in missing if name not in RANDOM}
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    values = {name: RANDOM[name]() if name in RANDOM else answers[name] for name in missing}
    made = [name for name, value in values.items() if value]
    for name in made:
        _write(folder / name, values[name])
    return made


def _is_filled(file: Path) -> bool:
    return file.exists() and file.stat().st_size > 0


def _write(file: Path, value: str) -> None:
    file.unlink(missing_ok=True)  # an empty one
    # Nobody else can enter the folder. In a container, which sees the file alone, whoever its
    # process is must be able to read it.
    handle = os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o444)
    with os.fdopen(handle, "w") as opened:
        opened.write(value)


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python3 -m deploy.secrets",
        description="Make the files of secrets that are not there yet, and ask for the AppSecret.",
    )
    parser.add_argument("folder", nargs="?", default="secrets", type=Path)
    folder = parser.parse_args().folder
    try:
        made = make(folder)
    except (EOFError, KeyboardInterrupt):
        print(f"\nNothing was made in {folder}: nobody answered.", file=sys.stderr)
        return 1
    if made:
        print(f"Made in {folder}: {', '.join(made)}")
    if "wechat_token" in made:
        print("Enter wechat_token and wechat_aes_key in WeChat's console too.")
    if "field_encryption_keys" in made:
        print("Keep a copy of field_encryption_keys apart from the database's backups.")
    if not _is_filled(folder / ASKED_FOR):
        print(f"{ASKED_FOR} is missing: run this again once you have it.", file=sys.stderr)
        return 1
    if not made:
        print(f"{folder} has them all. To be given another, delete its file and run this again.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
