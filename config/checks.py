"""What the environment can get wrong, one check each, with stable ids."""

from base64 import urlsafe_b64decode
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.db import connection

from wechat.ssrf import Listed

OFFICIAL_HOSTS = {"api.weixin.qq.com", "mp.weixin.qq.com", "open.weixin.qq.com"}


def _unless(is_right: object, message: CheckMessage) -> list[CheckMessage]:
    return [] if is_right else [message]


@register(Tags.security)
def field_keys_are_whole(**kwargs: Any) -> list[CheckMessage]:
    keys = settings.FIELD_ENCRYPTION_KEYS
    message = Error(
        "FIELD_ENCRYPTION_KEYS must be 32 bytes each, as urlsafe base64, separated by commas.",
        hint="python3 -c 'import base64, os; "
        "print(base64.urlsafe_b64encode(os.urandom(32)).decode())'",
        id="platform_auth.E001",
    )
    return _unless(keys and all(map(_is_whole, keys)), message)


def _is_whole(key: str) -> bool:
    try:
        return len(urlsafe_b64decode(key)) == 32
    except ValueError:
        return False


@register
def public_url_is_an_origin(**kwargs: Any) -> list[CheckMessage]:
    parts = urlsplit(settings.PUBLIC_URL)
    is_whole = parts.scheme in {"http", "https"} and parts.hostname
    has_more = parts.path or parts.query or parts.fragment or parts.username
    text = "PUBLIC_URL must be scheme and host, such as https://platform.example.com."
    return _unless(is_whole and not has_more, Error(text, id="platform_auth.E002"))


@register(deploy=True)
def public_url_is_secure(**kwargs: Any) -> list[CheckMessage]:
    text = "PUBLIC_URL is not https: cookies and WeChat's codes would travel in the clear."
    is_secure = settings.PUBLIC_URL.startswith("https://")
    return _unless(is_secure, Warning(text, id="platform_auth.W001"))


@register(deploy=True)
def wechat_is_wechat(**kwargs: Any) -> list[CheckMessage]:
    urls = [settings.WECHAT_API_URL, settings.WECHAT_MP_URL, settings.WECHAT_OPEN_URL]
    message = Warning(
        "WECHAT_API_URL, WECHAT_MP_URL or WECHAT_OPEN_URL is not WeChat's own over https.",
        hint="Leave them unset outside of tests.",
        id="platform_auth.W002",
    )
    return _unless(all(map(_is_official, urls)), message)


def _is_official(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme == "https" and parts.hostname in OFFICIAL_HOSTS


@register(deploy=True)
def redis_goes_with_postgresql(**kwargs: Any) -> list[CheckMessage]:
    text = "REDIS_URL is unset: throttles count per process and jobs pass through files."
    is_right = settings.REDIS_URL or connection.vendor == "sqlite"
    return _unless(is_right, Warning(text, id="platform_auth.W003"))


@register
def numbers_are_sensible(**kwargs: Any) -> list[CheckMessage]:
    names = ("PUSH_RETENTION_DAYS", "REFRESH_SWEEP_SECONDS", "BULKHEAD_PLACES")
    text = f"{', '.join(names)} must be 1 or more."
    is_right = all(getattr(settings, name) >= 1 for name in names)
    return _unless(is_right, Error(text, id="platform_auth.E003"))


@register
def internal_hosts_are_hosts(**kwargs: Any) -> list[CheckMessage]:
    unread = [text for text in settings.FORWARD_INTERNAL_HOSTS if not _is_host(text)]
    message = Error(
        f"FORWARD_INTERNAL_HOSTS names no host, address or network: {', '.join(unread)}",
        hint="Such as erp.internal, erp.internal:8080, 10.1.2.3, [fd00::1]:8080, 10.1.0.0/16.",
        id="platform_auth.E004",
    )
    return _unless(not unread, message)


def _is_host(text: str) -> bool:
    try:
        Listed.read(text)
    except ValueError:
        return False
    return True
