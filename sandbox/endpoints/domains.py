"""The endpoints for domains (H1, H2): whom a mini program may talk to, and what it may show."""

import hashlib
import re
from collections.abc import Iterable
from typing import Any

from sandbox.endpoints.call import OK, Call, Endpoint
from sandbox.world.errors import Refusal
from sandbox.world.parties import Component

SCHEMES = {
    "requestdomain": "https",
    "wsrequestdomain": "wss",
    "uploaddomain": "https",
    "downloaddomain": "https",
    "udpdomain": "udp",
    "tcpdomain": "tcp",
}
SERVER, WEBVIEW = "wxa_server_domain", "wxa_jump_h5_domain"
MOST_DOMAINS, MOST_WEBVIEW_DOMAINS = 200, 100
MOST_OF_THE_PLATFORM = {SERVER: 1_000, WEBVIEW: 200}
MOST_PREFETCHED = 5
ACTIONS = ("add", "delete", "set", "get")
DOMAIN = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}(?::\d{1,5})?")
GROUPS = ("mp", "third", "direct")


def _action(call: Call, default: str = "") -> str:
    action = call.body.get("action", default)
    if action not in (*ACTIONS, default) or action == "":
        raise Refusal(85022)
    return str(action)


def _texts(call: Call, name: str) -> list[str]:
    texts = call.body.get(name, [])
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise Refusal(47001)
    return texts


def _change(action: str, domains: list[str], changes: list[str]) -> list[str]:
    """The list after ADD, DELETE or SET, each domain once."""
    if action == "set":
        return list(dict.fromkeys(changes))
    if action == "add":
        return list(dict.fromkeys([*domains, *changes]))
    return [domain for domain in domains if action == "get" or domain not in changes]


def _registered(component: Component, kind: str) -> set[str]:
    return {
        *component.testing_domains.get(kind, ()),
        *component.published_domains.get(kind, ()),
    }


# Server domains


def modify_domain(call: Call) -> dict[str, Any]:
    return _modify(call, "third", _registered(call.authorization.component, SERVER))


def modify_domain_directly(call: Call) -> dict[str, Any]:
    return _modify(call, "direct", None)


def _modify(call: Call, group: str, registered: set[str] | None) -> dict[str, Any]:
    """What is fit is taken, what is not is named; nothing fit at all is a refusal that names it."""
    action = _action(call)
    mine = call.program.domains.setdefault(group, {kind: [] for kind in SCHEMES})
    changed: dict[str, list[str]] = {}
    problems: dict[str, list[str]] = {"no_icp_domain": []}
    for kind in SCHEMES:
        fit, unfit = _sort(kind, _texts(call, kind), registered)
        if action != "delete":
            unfiled = [url for url in fit if _is_named(url, call.program.without_icp)]
            fit = [url for url in fit if url not in unfiled]
            problems["no_icp_domain"] += unfiled
        problems[f"invalid_{kind}"] = unfit
        changed[kind] = _change(action, mine[kind], fit) if kind in call.body else mine[kind]
    if max(map(len, changed.values())) > MOST_DOMAINS:
        raise Refusal(85016)
    if action != "get" and changed == mine:
        raise Refusal(85301, members=mine | problems)
    mine.update(changed)
    return OK | mine | problems


def _is_named(url: str, names: Iterable[str]) -> bool:
    """Whether URL is of one of the hosts NAMES."""
    host = url.partition("://")[2].partition(":")[0]
    return host in names


def _sort(
    kind: str, urls: Iterable[str], registered: set[str] | None
) -> tuple[list[str], list[str]]:
    """The domains that follow the rules, and the others as WeChat shows them."""
    fit, unfit = [], []
    for url in urls:
        scheme = f"{SCHEMES[kind]}://"
        name = url.removeprefix(scheme)
        allowed = DOMAIN.fullmatch(name) and name != "api.weixin.qq.com"
        if allowed and (registered is None or name in registered):
            fit.append(scheme + name)
        else:
            unfit.append(scheme + name)
    return fit, unfit


def get_effective_domain(call: Call) -> dict[str, Any]:
    _ = call.body
    by_group: dict[str, dict[str, list[str]]] = {}
    for group in GROUPS:
        mine = call.program.domains.get(group, {})
        by_group[f"{group}_domain"] = {kind: mine.get(kind, []) for kind in SCHEMES}
    together = {
        kind: list(dict.fromkeys(url for group in by_group.values() for url in group[kind]))
        for kind in SCHEMES
    }
    return OK | by_group | {"effective_domain": together}


# Web-view domains


def set_webview_domain(call: Call) -> dict[str, Any]:
    registered = _registered(call.authorization.component, WEBVIEW)
    if not registered:
        raise Refusal(89020)
    urls = _texts(call, "webviewdomain")
    if any(not _is_below(_name(url), registered) for url in urls):
        raise Refusal(89021)
    return _set_webview(call, "third", urls or [f"https://{name}" for name in sorted(registered)])


def set_webview_domain_directly(call: Call) -> dict[str, Any]:
    _refuse_person(call)
    urls = _texts(call, "webviewdomain")
    if call.body.get("action", "add") in ("add", "set"):
        _check_files(call, urls)
    return _set_webview(call, "direct", urls)


def _check_files(call: Call, urls: list[str]) -> None:
    """WeChat looks for the file at each domain that is not set yet. Nobody has it unfetched."""
    new = [url for url in urls if url not in call.program.webview_domains.get("direct", [])]
    is_missing = any(_is_named(url, call.program.without_file) for url in new)
    if new and (is_missing or not call.program.has_confirm_file):
        raise Refusal(86103)


def _set_webview(call: Call, group: str, urls: list[str]) -> dict[str, Any]:
    _refuse_person(call)
    action = _action(call, default="add")
    mine = call.program.webview_domains.setdefault(group, [])
    changed = _change(action, mine, urls)
    if len(changed) > MOST_WEBVIEW_DOMAINS:
        raise Refusal(89029)
    if action != "get" and changed == mine:
        raise Refusal(89019)
    call.program.webview_domains[group] = changed
    return OK | {"webviewdomain": changed}


def _refuse_person(call: Call) -> None:
    if call.account.principal_name == "个人":
        raise Refusal(89231)


def _name(url: str) -> str:
    return url.removeprefix("https://")


def _is_below(name: str, registered: set[str]) -> bool:
    return any(name == parent or name.endswith(f".{parent}") for parent in registered)


def get_effective_webview_domain(call: Call) -> dict[str, Any]:
    _ = call.body
    mine = call.program.webview_domains
    by_group = {f"{group}_webviewdomain": mine.get(group, []) for group in GROUPS}
    together = list(dict.fromkeys(url for urls in by_group.values() for url in urls))
    return OK | by_group | {"effective_webviewdomain": together}


def get_webview_confirm_file(call: Call) -> dict[str, Any]:
    _ = call.body
    call.program.has_confirm_file = True
    return OK | _confirm_file(call.account.appid)


# The platform's own lists


def modify_server_domain(call: Call) -> dict[str, Any]:
    return _modify_platform(call, SERVER)


def modify_jump_domain(call: Call) -> dict[str, Any]:
    return _modify_platform(call, WEBVIEW)


def _modify_platform(call: Call, kind: str) -> dict[str, Any]:
    component, action = call.component, _action(call)
    domains = [] if action == "get" else [one for one in call.text(kind).split(";") if one]
    fit = [one for one in domains if DOMAIN.fullmatch(one)]
    unfit = [one for one in domains if one not in fit]
    lists = [component.testing_domains]
    if call.body.get("is_modify_published_together") is True:
        lists.append(component.published_domains)
    for domains_by_kind in lists:
        changed = _change(action, domains_by_kind.get(kind, []), fit)
        if len(changed) > MOST_OF_THE_PLATFORM[kind]:
            raise Refusal(85016)
        domains_by_kind[kind] = changed
    return OK | {
        f"invalid_{kind}": ";".join(unfit),
        f"testing_{kind}": ";".join(component.testing_domains.get(kind, ())),
        f"published_{kind}": ";".join(component.published_domains.get(kind, ())),
    }


def get_platform_confirm_file(call: Call) -> dict[str, Any]:
    _ = call.body
    return OK | _confirm_file(call.component.appid)


def _confirm_file(appid: str) -> dict[str, str]:
    digest = hashlib.sha256(appid.encode()).hexdigest()
    return {"file_name": f"{digest[:10]}.txt", "file_content": digest[10:42]}


# Names looked up ahead


def get_prefetch(call: Call) -> dict[str, Any]:
    rows = [{"url": url, "status": 0} for url in call.program.prefetch]
    return OK | {"prefetch_dns_domain": rows, "size_limit": MOST_PREFETCHED}


def set_prefetch(call: Call) -> dict[str, Any]:
    rows = call.body.get("prefetch_dns_domain")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise Refusal(47001)
    if len(rows) > MOST_PREFETCHED:
        raise Refusal(9420002)
    names = [str(row.get("url", "")) for row in rows]
    if not all(DOMAIN.fullmatch(_name(name)) for name in names):
        raise Refusal(9420001)
    call.program.prefetch = names
    return OK


GET = ("GET",)
CODE = (18,)

ENDPOINTS: dict[str, Endpoint] = {
    "/wxa/modify_domain": Endpoint(modify_domain, "authorizer", CODE),
    "/wxa/modify_domain_directly": Endpoint(modify_domain_directly, "authorizer", CODE),
    "/wxa/get_effective_domain": Endpoint(get_effective_domain, "authorizer", CODE),
    "/wxa/setwebviewdomain": Endpoint(set_webview_domain, "authorizer", CODE),
    "/wxa/setwebviewdomain_directly": Endpoint(set_webview_domain_directly, "authorizer", CODE),
    "/wxa/get_effective_webviewdomain": Endpoint(get_effective_webview_domain, "authorizer", CODE),
    "/wxa/get_webviewdomain_confirmfile": Endpoint(get_webview_confirm_file, "authorizer", CODE),
    "/wxa/get_prefetchdnsdomain": Endpoint(get_prefetch, "authorizer", CODE, GET),
    "/wxa/set_prefetchdnsdomain": Endpoint(set_prefetch, "authorizer", CODE),
    "/cgi-bin/component/modify_wxa_server_domain": Endpoint(modify_server_domain, "component"),
    "/cgi-bin/component/modify_wxa_jump_domain": Endpoint(modify_jump_domain, "component"),
    "/cgi-bin/component/get_domain_confirmfile": Endpoint(get_platform_confirm_file, "component"),
}
