"""Where a mini program's domains come from: who has set them, and which of them count once live."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from miniprograms.models import Authorizer
from miniprograms.services.settings.domains import DOMAIN_TITLES
from miniprograms.services.settings.platform_domains import SERVER, WEBVIEW, read_platform_domains
from miniprograms.tokens import call_as
from platform_auth.leases import release_db_connection
from wechat import domains
from wechat.domains import PlatformDomains

SOURCES = ("mp", "third", "direct", "effective")
SOURCE_TITLES = {
    "mp": _("by the owner"),
    "third": _("by a platform"),
    "direct": _("directly"),
    "effective": _("in effect"),
}
# Whose platform lists a kind of settings is chosen from.
PLATFORM_LISTS = {"server-domains": SERVER, "webview-domains": WEBVIEW}
WEBVIEW_KINDS = ("webview-domains", "webview-domains-direct")


@dataclass(frozen=True, slots=True)
class ListedDomain:
    """One domain in one of WeChat's lists, and by which of SOURCES it is there."""

    place: str | Promise
    url: str
    sources: frozenset[str]


def list_domains(authorizer: Authorizer, kind: str) -> list[ListedDomain]:
    """The domains of the sort that KIND is about, asked from WeChat now."""
    release_db_connection()
    if kind in WEBVIEW_KINDS:
        lists = call_as(authorizer.appid, domains.get_effective_webview_domain)
        return list(_listed_domains(_("web-view domains"), lists))
    answer = call_as(authorizer.appid, domains.get_effective_domain)
    return [
        listed
        for name, title in DOMAIN_TITLES.items()
        for listed in _listed_domains(
            title, {source: getattr(answer, source).get(name, []) for source in SOURCES}
        )
    ]


def _listed_domains(place: str | Promise, lists: Mapping[str, list[str]]) -> Iterable[ListedDomain]:
    urls = dict.fromkeys(url for source in SOURCES for url in lists.get(source, []))
    for url in urls:
        yield ListedDomain(
            place, url, frozenset(name for name in SOURCES if url in lists.get(name, []))
        )


def platform_list(authorizer: Authorizer, kind: str) -> PlatformDomains | None:
    """What the platform has registered for KIND; None where it need not."""
    which = PLATFORM_LISTS.get(kind)
    return read_platform_domains(authorizer.component, which) if which else None
