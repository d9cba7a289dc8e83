"""What would start but is not fit for production, one check each, with stable ids."""

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Warning, register
from django.db import connection

OFFICIAL_HOSTS = {"api.weixin.qq.com", "mp.weixin.qq.com", "open.weixin.qq.com"}


def _unless(is_right: object, message: CheckMessage) -> list[CheckMessage]:
    return [] if is_right else [message]


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


@register(deploy=True)
def proxies_are_counted(**kwargs: Any) -> list[CheckMessage]:
    message = Warning(
        "NUM_PROXIES is 0 behind https: all clients seem to have the address of the proxy.",
        hint="Set it to how many reverse proxies of yours append to X-Forwarded-For.",
        id="platform_auth.W004",
    )
    is_right = settings.NUM_PROXIES or not settings.PUBLIC_URL.startswith("https://")
    return _unless(is_right, message)
