"""Two small kinds of settings: names that are looked up ahead (DNS预解析), and the base library."""

import re
from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from miniprograms.models import Authorizer
from miniprograms.services.settings.domains import read_urls
from miniprograms.services.settings.kinds import BadSetting, Difference, Kind, Remarks
from miniprograms.tokens import call_as
from platform_auth.leases import release_db_connection
from wechat import code_release, domains

MAX_PREFETCHED = 5

_VERSION = re.compile(r"[0-9]{1,2}\.[0-9]{1,3}\.[0-9]{1,3}", re.ASCII)


def _read_prefetched(authorizer: Authorizer) -> list[str]:
    release_db_connection()
    return list(call_as(authorizer.appid, domains.get_prefetch_dns_domain))


def check_prefetched(value: Any) -> list[str]:
    return read_urls(value, "https", MAX_PREFETCHED, allows_port=False)


def _apply_prefetched(authorizer: Authorizer, desired: list[str], at_wechat: list[str]) -> Remarks:
    release_db_connection()
    call_as(authorizer.appid, domains.set_prefetch_dns_domain, desired)
    return {}


def compare_prefetched(desired: list[str], at_wechat: list[str]) -> list[Difference]:
    missing = [url for url in desired if url not in at_wechat]
    surplus = [url for url in at_wechat if url not in desired]
    if not missing and not surplus:
        return []
    return [Difference("prefetch_dns_domain", _("domains looked up ahead"), missing, surplus)]


PREFETCH_DOMAINS = Kind(
    name="prefetch-domains",
    title=_("Domains looked up ahead"),
    about=_("Up to five whose addresses WeChat looks up before the mini program asks."),
    read=_read_prefetched,
    check=check_prefetched,
    apply=_apply_prefetched,
    compare=compare_prefetched,
    empty=[],
    join=lambda value, more: list(dict.fromkeys([*value, *more])),
)


def _read_library(authorizer: Authorizer) -> str:
    release_db_connection()
    return str(call_as(authorizer.appid, code_release.get_support_version).now)


def check_library(value: Any) -> str:
    version = value.strip() if isinstance(value, str) else ""
    if not _VERSION.fullmatch(version):
        raise BadSetting(gettext("A version of the base library looks like 2.20.0."))
    return version


def _apply_library(authorizer: Authorizer, desired: str, at_wechat: str) -> Remarks:
    release_db_connection()
    call_as(authorizer.appid, code_release.set_support_version, desired)
    return {}


def compare_library(desired: str, at_wechat: str) -> list[Difference]:
    if desired == at_wechat:
        return []
    return [Difference("version", _("base library"), desired, at_wechat)]


BASE_LIBRARY = Kind(
    name="base-library",
    title=_("Least base library"),
    about=_("Whose WeChat has an older one (基础库) is asked to update before they get in."),
    read=_read_library,
    check=check_library,
    apply=_apply_library,
    compare=compare_library,
    empty="",
)
