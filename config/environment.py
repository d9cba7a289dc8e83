"""
The environment, read strictly. A value that cannot be right ends the process before it has begun,
whichever it is, with one sentence: it names the setting and never the value, which may be a secret.
"""

import os
import re
from base64 import urlsafe_b64decode
from collections.abc import Callable, MutableMapping
from pathlib import Path
from typing import Any, ClassVar, NoReturn
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import environ

from config.logo import read_logo
from config.process_role import PATIENCE
from config.secret_files import SecretFiles
from wechat.ssrf import Listed

Rule = tuple[Callable[[Any], object], str]

TRUE, FALSE = {"1", "true", "yes", "on"}, {"0", "false", "no", "off"}
LEVELS = {"DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"}


class BadSetting(SystemExit):
    """Exit code 1 and a sentence on stderr, without a traceback."""


def _refuse(name: str, must: str) -> NoReturn:
    raise BadSetting(f"{name} must {must}.")


class Environment(environ.Env):
    """django-environ's reader; what a value is read as, and the rules below, are kept to."""

    ENVIRON: MutableMapping[str, str] = SecretFiles()
    names: ClassVar[set[str]] = set()  # of the settings that were asked for

    def get_value(
        self, var: str, cast: Any = None, default: Any = environ.Env.NOTSET, *args: Any
    ) -> Any:
        self.names.add(var)
        try:
            text = self.ENVIRON.get(var)
        except (OSError, UnicodeDecodeError):
            _refuse(f"{var}_FILE", "be the path of a text file that can be read")
        # NAME= in a file leaves it out.
        if text is None or (text == "" and (default == "" or cast in (bool, int, float, list))):
            if default is self.NOTSET:
                _refuse(var, "be set: see .env.example")
            return default
        value = self._read(var, text, cast)
        if var in RULES and not _keeps(RULES[var], value):
            _refuse(var, RULES[var][1])
        return value

    def _read(self, name: str, text: str, cast: Any) -> Any:
        if cast is bool:
            if text.strip().lower() not in TRUE | FALSE:
                _refuse(name, "be 1 or 0")
            return text.strip().lower() in TRUE
        try:
            return self.parse_value(text, cast)
        except ValueError:
            if isinstance(cast, list) and name in RULES:
                _refuse(name, RULES[name][1])
            _refuse(name, "be a whole number" if cast is int else "be a number")


def _keeps(rule: Rule, value: Any) -> bool:
    try:
        return bool(rule[0](value))
    except (ValueError, KeyError, OSError):
        return False


def _matches(pattern: str) -> Callable[[str], object]:
    return re.compile(pattern, re.ASCII).fullmatch


def _is_origin(url: str) -> bool:
    parts = urlsplit(url.rstrip("/"))
    has_more = parts.path or parts.query or parts.fragment or parts.username
    return bool(
        parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0 and not has_more
    )


def _has_scheme(*schemes: str) -> Callable[[str], object]:
    return lambda url: urlsplit(url).scheme in schemes


def _is_database(url: str) -> bool:
    """A file has no host: Django's reader would print one, and a password with it."""
    parts = urlsplit(url)
    is_file = parts.scheme == "sqlite" and parts.netloc in ("", ":memory:")
    return is_file or parts.scheme in ("postgres", "postgresql")


def _is_mail_server(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme in environ.Env.EMAIL_SCHEMES and parts.port != 0


def _are_hosts(names: list[str]) -> bool:
    return all(Listed.read(name) for name in names)


def _are_field_keys(keys: list[str]) -> bool:
    return bool(keys) and all(len(urlsafe_b64decode(key)) == 32 for key in keys)


def _is_at_least(least: float) -> Callable[[float], bool]:
    return lambda number: number >= least


_ORIGIN: Rule = (_is_origin, "be scheme and host, such as https://platform.example.com")
_ONE_OR_MORE: Rule = (_is_at_least(1), "be 1 or more")
_A_LINE: Rule = (lambda text: len(text) <= 100 and text.isprintable(), "be up to 100 characters")
_A_WHILE: Rule = (lambda number: 0 < number < 10_000, "be more than 0 and less than 10000")

RULES: dict[str, Rule] = {
    "SECRET_KEY": (lambda key: len(key.strip()) >= 20, "be a random text of 20 characters or more"),
    "FIELD_ENCRYPTION_KEYS": (
        _are_field_keys,
        "be one or more keys of 32 bytes as urlsafe base64, separated by commas: see .env.example",
    ),
    "PUBLIC_URL": _ORIGIN,
    "WECHAT_API_URL": _ORIGIN,
    "WECHAT_MP_URL": _ORIGIN,
    "WECHAT_OPEN_URL": _ORIGIN,
    "DATABASE_URL": (_is_database, "begin with postgres:// or sqlite:///, without a host"),
    "REDIS_URL": (_has_scheme("redis", "rediss"), "begin with redis:// or rediss://"),
    "DATABASE_POOL_SIZE": _ONE_OR_MORE,
    "DATABASE_POOL_TIMEOUT": (_is_at_least(0.1), "be a tenth of a second or more"),
    "PUSH_RETENTION_DAYS": _ONE_OR_MORE,
    "CALL_LOG_DAYS": _ONE_OR_MORE,
    "REFRESH_SWEEP_SECONDS": _ONE_OR_MORE,
    "NUM_PROXIES": (_is_at_least(0), "be 0 or more"),
    "COMPANY_NAME": _A_LINE,
    "COMPANY_LOGO": (read_logo, "be the path of a PNG, JPEG or WebP file of up to 256 kB"),
    "SUPPORT_CONTACT": _A_LINE,
    "SUPPORT_HOURS": _A_LINE,
    "PERMISSION_SETS": (
        lambda numbers: all(number > 0 for number in numbers),
        "be ids of permission sets separated by commas, such as 18,19,30",
    ),
    "FORWARD_INTERNAL_HOSTS": (
        _are_hosts,
        "be hosts, addresses or networks, such as erp.internal:8080, 10.1.2.3, 10.1.0.0/16",
    ),
    "EMAIL_URL": (
        _is_mail_server,
        "be like smtp+tls://user:password@mail.example.com:587 (or smtp+ssl://, smtp://)",
    ),
    "DEFAULT_FROM_EMAIL": (
        lambda address: "@" in address and "\n" not in address,
        "be an e-mail address, such as Platform <noreply@example.com>",
    ),
    "WECHAT_COMPONENT_APPID": (
        _matches(r"wx[0-9A-Za-z]{8,30}"),
        "be an AppID: wx and 16 letters and digits",
    ),
    "WECHAT_COMPONENT_SECRET": (
        _matches(r"[0-9a-f]{32}"),
        "be an AppSecret: 32 hexadecimal digits",
    ),
    "WECHAT_TOKEN": (_matches(r"[0-9A-Za-z]{3,32}"), "be 3 to 32 letters and digits"),
    "WECHAT_AES_KEY": (
        _matches(r"[0-9A-Za-z]{43}"),
        "be an EncodingAESKey: 43 letters and digits",
    ),
    "PROCESS_ROLE": (PATIENCE.__contains__, f"be one of {', '.join(PATIENCE)}"),
    "GRANIAN_BLOCKING_THREADS": (_is_at_least(0), "be 0 or more"),
    "BULKHEAD_PLACES": _ONE_OR_MORE,
    "STAFF_SESSION_HOURS": _A_WHILE,
    "STAFF_SESSION_IDLE_MINUTES": _A_WHILE,
    "SESSION_HOURS": _A_WHILE,
    "SESSION_IDLE_MINUTES": _A_WHILE,
    "PROOF_MINUTES": _A_WHILE,
    "PROOF_MINUTES_WITH_TOTP": _A_WHILE,
    "SENTRY_DSN": (_has_scheme("http", "https"), "be the address that Sentry shows"),
    "LOG_LEVEL": (LEVELS.__contains__, f"be one of {', '.join(sorted(LEVELS))}"),
    "TIME_ZONE": (ZoneInfo, "be the name of a time zone, such as Asia/Shanghai"),
}


def private_folder(path: Path) -> Path:
    """PATH, made if it is not there, for its owner alone: what lies in it is nobody else's."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    if path.stat().st_uid == os.getuid() and path.stat().st_mode & 0o077:
        path.chmod(0o700)
    return path
