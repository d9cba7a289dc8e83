"""
Whether this installation is a real one, or a demo with a sandbox in WeChat's place; and that
nothing of the one is ever used for the other: database, folder of files, keys.

The first migration marks the database, by a row, and VAR_DIR, by a file that also holds what a
demo's field keys are known by; a demo's keys begin with DEMO_KEY. Whoever starts with other
settings on what is marked is refused.
"""

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

from platform_auth.fields import key_ids
from platform_auth.models import Installation

OFFICIAL_HOSTS = {"api.weixin.qq.com", "mp.weixin.qq.com", "open.weixin.qq.com"}
MARK = "installation.json"
DEMO_KEY = "demo-key"  # as devtools/environment.py makes them


def urls_of_others() -> list[str]:
    """Those of the three addresses of WeChat's in the settings that are not WeChat's own."""
    urls = [settings.WECHAT_API_URL, settings.WECHAT_MP_URL, settings.WECHAT_OPEN_URL]
    return [url for url in dict.fromkeys(urls) if not _is_official(url)]


def is_real() -> bool:
    """Whether WeChat itself is on the other side."""
    return not urls_of_others()


def _is_official(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme == "https" and parts.hostname in OFFICIAL_HOSTS


def mark_installation() -> None:
    """Say of the database and of VAR_DIR what they are for, where nothing says so yet."""
    if not Installation.objects.exists():
        Installation.objects.get_or_create(pk=1, defaults={"is_real": is_real()})
    keys = [] if is_real() else key_ids()
    with suppress(OSError), (settings.VAR_DIR / MARK).open("x") as file:
        json.dump({"is_real": is_real(), "field_keys": keys}, file)


def describe_misuse() -> str:
    """A sentence about what is a demo's, or a real platform's, and is used for the other; or ""."""
    marked = Installation.objects.values_list("is_real", flat=True).first()
    if marked is not None and marked != is_real():
        return DEMO_DATABASE if is_real() else REAL_DATABASE.format(url=urls_of_others()[0])
    return describe_misused_files()


def describe_misused_files() -> str:
    """As `describe_misuse`, but for the database, which may have no tables as yet."""
    folder = _read_mark(settings.VAR_DIR)
    if folder and folder.get("is_real") != is_real():
        text = DEMO_FOLDER if is_real() else REAL_FOLDER
        return text.format(folder=settings.VAR_DIR)
    if not is_real():
        return ""
    if marked := [name for name, keys in _keys().items() if any(map(_is_marked, keys))]:
        return MARKED_KEYS.format(settings=" and ".join(marked))
    return DEMO_KEYS if _has_demo_keys() else ""


DEMO_DATABASE = (
    "This database is a demo's, and the settings ask WeChat itself. The real platform starts with "
    "an empty database, a VAR_DIR and keys of its own: README, From demo to production."
)
REAL_DATABASE = (
    "This database is a real platform's, and {url} of the settings is not WeChat: a sandbox would "
    "be given its merchants' tokens, and overwrite them. A demo has a database of its own."
)
DEMO_FOLDER = (
    "{folder} is a demo's, and the settings ask WeChat itself. Set VAR_DIR to an empty folder, or "
    "start in a folder of its own: README, From demo to production."
)
REAL_FOLDER = (
    "{folder} is a real platform's, and the settings have a sandbox in WeChat's place. Set VAR_DIR "
    "to an empty folder."
)
DEMO_KEYS = (
    "FIELD_ENCRYPTION_KEYS holds a key of the demo's in this folder, and the settings ask WeChat "
    "itself. Make keys of the real platform's own: README, From demo to production."
)
MARKED_KEYS = (
    "{settings}: made for a demo, and the settings ask WeChat itself. Make keys of the real "
    "platform's own: README, From demo to production."
)


def _keys() -> dict[str, list[str]]:
    return {
        "FIELD_ENCRYPTION_KEYS": settings.FIELD_ENCRYPTION_KEYS,
        "SECRET_KEY": [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS],
    }


def _is_marked(key: str) -> bool:
    """By how it begins: wherever it was copied to."""
    return key.startswith(DEMO_KEY)


def _has_demo_keys() -> bool:
    """Of a demo in this checkout, from before keys said so themselves."""
    demo = _read_mark(settings.ROOT / "var")
    used = demo.get("field_keys") if demo and not demo.get("is_real") else None
    return isinstance(used, list) and bool(set(used) & set(key_ids()))


def _read_mark(folder: Path) -> Mapping[str, Any]:
    with suppress(OSError, ValueError):
        mark = json.loads((folder / MARK).read_text())
        if isinstance(mark, dict):
            return mark
    return {}
