"""The local `.env`: written once with fresh random keys, never overwritten."""

import base64
import os
import secrets
import string
from pathlib import Path

from devtools.place import LOOPBACK, Place

LETTERS = string.ascii_letters + string.digits

# How a demo's keys begin: with WeChat itself they are refused (platform_auth/installation.py).
# Eight letters of base64, so that 26 of the 32 bytes behind it are random.
DEMO_KEY = "demo-key"

HEAD = """\
# Made by dev.py for this machine, and never overwritten. It holds keys: keep it private.
# `python3 dev.py run` goes by this file alone, not by what a shell exports. Every setting is
# explained in .env.example.
"""


def fresh(port: int) -> dict[str, str]:
    """Settings for a local run, the sandbox standing in for WeChat."""
    return {
        "SECRET_KEY": DEMO_KEY + secrets.token_urlsafe(50),
        "FIELD_ENCRYPTION_KEYS": DEMO_KEY
        + base64.urlsafe_b64encode(secrets.token_bytes(26)).decode(),
        "REFRESH_SWEEP_SECONDS": "2",
        "COMPANY_NAME": "云桥科技",
        "SUPPORT_CONTACT": "400 123 4567",
        "SUPPORT_HOURS": "9:00–18:00",
        "EMAIL_URL": "filemail://",  # into var/mail
        "WECHAT_COMPONENT_APPID": f"wx{secrets.token_hex(8)}",
        "WECHAT_COMPONENT_SECRET": secrets.token_hex(16),
        "WECHAT_TOKEN": _letters(32),
        "WECHAT_AES_KEY": _aes_key(),
        "DEMO_STAFF_PASSWORD": _letters(16),
        "DEMO_MERCHANT_PASSWORD": _letters(16),
        "DEMO_RECEIVER_SECRET": _signing_secret(),
        **urls(port),
    }


def urls(port: int, place: Place = LOOPBACK) -> dict[str, str]:
    """
    Where we and the sandbox, on the next port, are found: by people, and by one another. What is
    forwarded, and notices, may go to the sandbox's receiver.
    """
    sandbox = port + 1
    return {
        "PUBLIC_URL": f"http://{place.public}:{port}",
        "WECHAT_API_URL": f"http://{place.inside}:{sandbox}",
        "WECHAT_MP_URL": f"http://{place.public}:{sandbox}",
        "WECHAT_OPEN_URL": f"http://{place.public}:{sandbox}",
        "FORWARD_INTERNAL_HOSTS": ",".join(f"{address}:{sandbox}" for address in place.addresses),
    }


def _letters(count: int) -> str:
    return "".join(secrets.choice(LETTERS) for _ in range(count))


def _aes_key() -> str:
    """43 letters and digits; the last must leave no bits over, as strict base64 demands."""
    return _letters(42) + secrets.choice("AEIMQUYcgkosw048")


def _signing_secret() -> str:
    """As Standard Webhooks have it."""
    return f"whsec_{base64.b64encode(secrets.token_bytes(32)).decode()}"


def write(path: Path, settings: dict[str, str]) -> None:
    lines = "".join(f"{name}={value}\n" for name, value in settings.items())
    # O_EXCL: never over an existing file. 0600 from the first byte.
    handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(HEAD + lines)


def read(path: Path) -> dict[str, str]:
    """NAME=value lines; quotes around a value are left out, as Django's reader does."""
    settings = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        name, equals, value = line.strip().removeprefix("export ").partition("=")
        if equals and not name.startswith("#"):
            settings[name.strip()] = value.strip().strip("'\"")
    return settings
