"""Whether this installation is a real one, or a demo against a sandbox in WeChat's place."""

from urllib.parse import urlsplit

from django.conf import settings

OFFICIAL_HOSTS = {"api.weixin.qq.com", "mp.weixin.qq.com", "open.weixin.qq.com"}


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
