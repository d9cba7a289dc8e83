"""
The domains of a mini program as kinds of settings: those it may talk to, and those it may show;
each among the platform's registered domains, or set directly.

What differs is added and deleted, never set as a whole: domains that are live already would else
have to be released once more.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from miniprograms.models import Authorizer
from miniprograms.services.confirm_files import fetch_confirm_file, fetch_platform_confirm_file
from miniprograms.services.settings.domain_names import broken_rules_of_domain
from miniprograms.services.settings.kinds import BadSetting, Difference, Kind, Remarks
from miniprograms.tokens import call_as
from platform_auth.leases import release_db_connection
from wechat import domains
from wechat.domains import DOMAIN_KINDS
from wechat.errors import BadAnswer, Refused

SCHEMES = {
    "requestdomain": "https",
    "wsrequestdomain": "wss",
    "uploaddomain": "https",
    "downloaddomain": "https",
    "udpdomain": "udp",
    "tcpdomain": "tcp",
}
DOMAIN_TITLES = {
    "requestdomain": _("request domains"),
    "wsrequestdomain": _("socket domains"),
    "uploaddomain": _("upload domains"),
    "downloaddomain": _("download domains"),
    "udpdomain": _("UDP domains"),
    "tcpdomain": _("TCP domains"),
}
MAX_SERVER_DOMAINS = 200  # of each of these
MAX_WEBVIEW_DOMAINS = 300  # the pages of WeChat differ: 100 to 300
MAX_PREFETCH_NAMES = 5
CHANGES_A_MONTH = 50
NO_ICP, INVALID = "no_icp", "invalid"

ServerDomains = dict[str, list[str]]


def read_url(text: Any, scheme: str, *, allows_port: bool) -> str:
    """TEXT as WeChat writes a domain, its scheme before it. Raises BadSetting."""
    url = text.strip().lower().rstrip("/") if isinstance(text, str) else ""
    host = url.removeprefix(f"{scheme}://")
    name, port = (host[: host.rfind(":")], host[host.rfind(":") :]) if ":" in host else (host, "")
    if broken := broken_rules_of_domain(name, port, allows_port=allows_port):
        sentence = gettext("%(text)s is no domain for %(scheme)s that WeChat takes: %(rules)s.")
        facts = {"text": str(text)[:100], "scheme": f"{scheme}://", "rules": "; ".join(broken)}
        raise BadSetting(sentence % facts)
    return f"{scheme}://{host}"


def _read_urls(texts: Any, scheme: str, most: int, *, allows_port: bool) -> list[str]:
    if not isinstance(texts, list):
        raise BadSetting(gettext("Domains are given as a list of texts."))
    urls, problems = [], []
    for text in texts:
        try:
            urls.append(read_url(text, scheme, allows_port=allows_port))
        except BadSetting as problem:
            problems += problem.problems
    urls = list(dict.fromkeys(urls))
    if len(urls) > most:
        problems.append(gettext("WeChat takes at most %(most)d domains.") % {"most": most})
    if problems:
        raise BadSetting(*problems)
    return urls


# Server domains


def check_server_domains(value: Any) -> ServerDomains:
    """VALUE with all of WeChat's lists, each domain once and as WeChat writes it."""
    if not isinstance(value, Mapping):
        raise BadSetting(gettext("Server domains are lists of domains by WeChat's names."))
    problems = [
        gettext("WeChat has no list of domains called %(name)s.") % {"name": name}
        for name in sorted(map(str, value.keys() - SCHEMES.keys()))
    ]
    lists = {}
    for name, scheme in SCHEMES.items():
        try:
            urls = value.get(name) or []
            lists[name] = _read_urls(urls, scheme, MAX_SERVER_DOMAINS, allows_port=True)
        except BadSetting as problem:
            problems += problem.problems
    if problems:
        raise BadSetting(*problems)
    return lists


def _read_server(endpoint: Callable[..., domains.Modified], authorizer: Authorizer) -> Any:
    release_db_connection()
    return call_as(authorizer.appid, endpoint, "get").domains


def _missing(value: Mapping[str, list[str]], other: Mapping[str, list[str]]) -> ServerDomains:
    """What VALUE has, list by list, and OTHER has not."""
    lists = {
        name: [url for url in value.get(name, []) if url not in other.get(name, [])]
        for name in DOMAIN_KINDS
    }
    return {name: urls for name, urls in lists.items() if urls}


def _apply_server(
    endpoint: Callable[..., domains.Modified],
    authorizer: Authorizer,
    desired: ServerDomains,
    at_wechat: ServerDomains,
) -> Remarks:
    remarks: Remarks = {}
    for action, lists in (
        ("add", _missing(desired, at_wechat)),
        ("delete", _missing(at_wechat, desired)),
    ):
        if not lists:
            continue
        release_db_connection()
        answer = call_as(authorizer.appid, endpoint, action, lists)
        for name, urls in _read_remarks(answer).items():
            remarks[name] = [*remarks.get(name, []), *urls]
    return remarks


def _read_remarks(answer: domains.Modified) -> Remarks:
    invalid = [url for urls in answer.invalid.values() for url in urls]
    return {name: urls for name, urls in ((NO_ICP, answer.no_icp), (INVALID, invalid)) if urls}


def _remarks_of(error: Refused) -> Remarks:
    try:
        return _read_remarks(domains.read_rejected(error))
    except BadAnswer:
        return {}


def compare_server_domains(desired: ServerDomains, at_wechat: ServerDomains) -> list[Difference]:
    missing, surplus = _missing(desired, at_wechat), _missing(at_wechat, desired)
    return [
        Difference(name, title, missing.get(name, []), surplus.get(name, []))
        for name, title in DOMAIN_TITLES.items()
        if name in missing or name in surplus
    ]


def join_server_domains(value: ServerDomains, more: ServerDomains) -> ServerDomains:
    return {
        name: list(dict.fromkeys([*value.get(name, []), *more.get(name, [])]))
        for name in DOMAIN_KINDS
    }


def _server_kind(name: str, title: Any, about: Any, endpoint: Callable[..., Any]) -> Kind:
    return Kind(
        name=name,
        title=title,
        about=about,
        read=partial(_read_server, endpoint),
        check=check_server_domains,
        apply=partial(_apply_server, endpoint),
        compare=compare_server_domains,
        empty={},
        remarks_of=_remarks_of,
        join=join_server_domains,
        monthly_limit=CHANGES_A_MONTH,
        count_changes=lambda desired, at_wechat: (
            bool(_missing(desired, at_wechat)) + bool(_missing(at_wechat, desired))
        ),
    )


SERVER_DOMAINS = _server_kind(
    "server-domains",
    _("Server domains"),
    _("Whom the mini program may talk to. Each domain is registered for the platform first."),
    domains.modify_domain,
)
SERVER_DOMAINS_DIRECT = _server_kind(
    "server-domains-direct",
    _("Server domains, set directly"),
    _("Whom the mini program may talk to besides; the platform need not know these domains."),
    domains.modify_domain_directly,
)


# Web-view domains


def check_webview_domains(value: Any) -> list[str]:
    return _read_urls(value, "https", MAX_WEBVIEW_DOMAINS, allows_port=False)


def _read_webview(endpoint: Callable[..., list[str]], authorizer: Authorizer) -> Any:
    release_db_connection()
    return list(call_as(authorizer.appid, endpoint, "get"))


def _differences(desired: list[str], at_wechat: list[str]) -> tuple[list[str], list[str]]:
    """What is missing at WeChat, and what is there besides."""
    missing = [url for url in desired if url not in at_wechat]
    return missing, [url for url in at_wechat if url not in desired]


def _apply_webview(
    endpoint: Callable[..., list[str]],
    fetch_file: Callable[[Authorizer], object],
    authorizer: Authorizer,
    desired: list[str],
    at_wechat: list[str],
) -> Remarks:
    missing, surplus = _differences(desired, at_wechat)
    if missing:
        fetch_file(authorizer)  # WeChat looks for it as it adds a domain
    for action, urls in (("add", missing), ("delete", surplus)):
        if urls:
            release_db_connection()
            call_as(authorizer.appid, endpoint, action, urls)
    return {}


def compare_webview_domains(desired: list[str], at_wechat: list[str]) -> list[Difference]:
    missing, surplus = _differences(desired, at_wechat)
    return (
        [Difference("webviewdomain", _("web-view domains"), missing, surplus)]
        if missing or surplus
        else []
    )


def _webview_kind(
    name: str,
    title: Any,
    about: Any,
    endpoint: Callable[..., Any],
    fetch_file: Callable[[Authorizer], object],
) -> Kind:
    return Kind(
        name=name,
        title=title,
        about=about,
        read=partial(_read_webview, endpoint),
        check=check_webview_domains,
        apply=partial(_apply_webview, endpoint, fetch_file),
        compare=compare_webview_domains,
        empty=[],
        join=lambda value, more: list(dict.fromkeys([*value, *more])),
        monthly_limit=CHANGES_A_MONTH,
        count_changes=lambda desired, at_wechat: (
            (not set(desired) <= set(at_wechat)) + (not set(at_wechat) <= set(desired))
        ),
    )


WEBVIEW_DOMAINS = _webview_kind(
    "webview-domains",
    _("Web-view domains"),
    _("Whose pages the mini program may show. Each is, or is below, one of the platform's."),
    domains.set_webview_domain,
    lambda authorizer: fetch_platform_confirm_file(authorizer.component),
)
WEBVIEW_DOMAINS_DIRECT = _webview_kind(
    "webview-domains-direct",
    _("Web-view domains, set directly"),
    _("Whose pages it may show besides. WeChat looks at each for the mini program's own file."),
    domains.set_webview_domain_directly,
    fetch_confirm_file,
)


# Names looked up ahead


def check_prefetch_names(value: Any) -> list[str]:
    """Names without a scheme, as WeChat wants them here."""
    urls = _read_urls(value, "https", MAX_PREFETCH_NAMES, allows_port=False)
    return [url.removeprefix("https://") for url in urls]


def _read_prefetch(authorizer: Authorizer) -> Any:
    release_db_connection()
    names = call_as(authorizer.appid, domains.get_prefetch_dns_domain)
    return [name.removeprefix("https://") for name in names]


def _apply_prefetch(authorizer: Authorizer, desired: list[str], at_wechat: list[str]) -> Remarks:
    release_db_connection()
    call_as(authorizer.appid, domains.set_prefetch_dns_domain, desired)
    return {}


def compare_prefetch_names(desired: list[str], at_wechat: list[str]) -> list[Difference]:
    missing, surplus = _differences(desired, at_wechat)
    if not missing and not surplus:
        return []
    return [Difference("prefetch_dns_domain", _("names looked up ahead"), missing, surplus)]


PREFETCH_DOMAINS = Kind(
    name="prefetch-domains",
    title=_("Names looked up ahead"),
    about=_(
        "DNS 预解析域名: five names at most, whose addresses are known before they are needed."
    ),
    read=_read_prefetch,
    check=check_prefetch_names,
    apply=_apply_prefetch,
    compare=compare_prefetch_names,
    empty=[],
    join=lambda value, more: list(dict.fromkeys([*value, *more])),
    monthly_limit=CHANGES_A_MONTH,
)
