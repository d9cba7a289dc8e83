"""
The domains a mini program may talk to (服务器域名) and show (业务域名).

TOKEN is an authorizer_access_token with set 18; COMPONENT_TOKEN the platform's own. A domain must
first be registered for the platform, except by the `…_directly` calls. Fifty modifications a month
count, so only looking is repeated. Every function raises Refused, Unreachable, NotSent or
BadAnswer. Pages: "域名管理" of developers.weixin.qq.com.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypedDict

from wechat.errors import Refused
from wechat.http import call, read_id, read_object, read_text, take_rows, take_text, take_texts

Action = Literal["add", "delete", "set", "get"]


class Domains(TypedDict, total=False):
    """Server domains with their scheme (https, wss, udp, tcp), by WeChat's names of the kinds."""

    requestdomain: list[str]
    wsrequestdomain: list[str]
    uploaddomain: list[str]
    downloaddomain: list[str]
    udpdomain: list[str]
    tcpdomain: list[str]


DOMAIN_KINDS = tuple(Domains.__annotations__)
_REJECTED = (*(f"invalid_{kind}" for kind in DOMAIN_KINDS), "no_icp_domain")


@dataclass(frozen=True, slots=True)
class Modified:
    """What is set now; what WeChat took for no domain, by kind; what has no ICP filing (备案)."""

    domains: dict[str, list[str]]
    invalid: dict[str, list[str]]
    no_icp: list[str]


@dataclass(frozen=True, slots=True)
class Effective:
    """The domains by who set them: the owner in the console, a platform, a platform directly."""

    mp: dict[str, list[str]]
    third: dict[str, list[str]]
    direct: dict[str, list[str]]
    effective: dict[str, list[str]]


@dataclass(frozen=True, slots=True)
class PlatformDomains:
    """The platform's own list: in use, and in its version under test."""

    published: list[str]
    testing: list[str]
    invalid: list[str]


@dataclass(frozen=True, slots=True)
class ConfirmFile:
    """A file that proves a domain is ours: it must be served at the domain's root."""

    file_name: str
    file_content: str


# Server domains


def modify_domain(token: str, action: Action, domains: Domains | None = None) -> Modified:
    """
    wxa/modify_domain 配置小程序服务器域名: among the platform's registered domains.

    85017 and 85301 nothing is left after WeChat's filter, 85018 not registered, 85016 too many.
    """
    return _modify_domain("/wxa/modify_domain", token, action, domains)


def modify_domain_directly(token: str, action: Action, domains: Domains | None = None) -> Modified:
    """wxa/modify_domain_directly 快速配置小程序服务器域名: any domains."""
    return _modify_domain("/wxa/modify_domain_directly", token, action, domains)


def _modify_domain(path: str, token: str, action: Action, domains: Domains | None) -> Modified:
    body = {"action": action} | dict(domains or {})
    answer = call(path, body, access_token=token, repeat=action == "get", kept=_REJECTED)
    return _read_modified(path, answer)


def read_rejected(error: Refused) -> Modified:
    """
    What WeChat named besides refusing: of 85301 the domains for which it did. Raises BadAnswer.
    """
    return _read_modified(error.path, error.members)


def _read_modified(path: str, answer: Mapping[str, Any]) -> Modified:
    invalid = {kind: take_texts(path, answer, f"invalid_{kind}") for kind in DOMAIN_KINDS}
    return Modified(
        domains=_by_kind(path, answer),
        invalid={kind: names for kind, names in invalid.items() if names},
        no_icp=take_texts(path, answer, "no_icp_domain"),
    )


def get_effective_domain(token: str) -> Effective:
    """wxa/get_effective_domain 获取发布后生效服务器域名列表."""
    path = "/wxa/get_effective_domain"
    answer = call(path, {}, access_token=token)
    groups = ("mp_domain", "third_domain", "direct_domain", "effective_domain")
    return Effective(*(_by_kind(path, answer.get(group)) for group in groups))


def _by_kind(path: str, value: object) -> dict[str, list[str]]:
    members = read_object(value)
    return {kind: take_texts(path, members, kind) for kind in DOMAIN_KINDS}


# Web-view domains


def set_webview_domain(
    token: str, action: Action | None = None, domains: list[str] | None = None
) -> list[str]:
    """
    wxa/setwebviewdomain 配置小程序业务域名: what is set now.

    Without ACTION all the platform's web-view domains are added. 89019 nothing changed, 89020 the
    platform has none, 89021 not below one of the platform's, 89029 over 100, 89231 a person's.
    """
    return _set_webview_domain("/wxa/setwebviewdomain", token, action, domains)


def set_webview_domain_directly(
    token: str, action: Action | None = None, domains: list[str] | None = None
) -> list[str]:
    """
    wxa/setwebviewdomain_directly 快速配置小程序业务域名: any with its file in place.

    86103 WeChat did not find the file at a domain that is new.
    """
    return _set_webview_domain("/wxa/setwebviewdomain_directly", token, action, domains)


def _set_webview_domain(
    path: str, token: str, action: Action | None, domains: list[str] | None
) -> list[str]:
    body: dict[str, Any] = {} if action is None else {"action": action}
    if domains is not None:
        body["webviewdomain"] = domains
    answer = call(path, body, access_token=token, repeat=action == "get")
    return take_texts(path, answer, "webviewdomain")


def get_effective_webview_domain(token: str) -> dict[str, list[str]]:
    """
    wxa/get_effective_webviewdomain 获取发布后生效业务域名列表: by who set them, `mp`, `third`,
    `direct`, and `effective`.
    """
    path = "/wxa/get_effective_webviewdomain"
    answer = call(path, {}, access_token=token)
    return {
        group: take_texts(path, answer, f"{group}_webviewdomain")
        for group in ("mp", "third", "direct", "effective")
    }


def get_webview_confirm_file(token: str) -> ConfirmFile:
    """wxa/get_webviewdomain_confirmfile 获取业务域名校验文件, of the mini program."""
    path = "/wxa/get_webviewdomain_confirmfile"
    return _confirm_file(path, call(path, {}, access_token=token))


# The platform's own lists


def modify_platform_domain(
    component_token: str, action: Action, domains: list[str], *, published_too: bool = False
) -> PlatformDomains:
    """
    component/modify_wxa_server_domain 设置第三方平台服务器域名, without scheme, up to 1000.

    PUBLISHED_TOO: not only in the version under test, but at once.
    """
    path = "/cgi-bin/component/modify_wxa_server_domain"
    return _modify_platform(
        path, "wxa_server_domain", component_token, action, domains, published_too
    )


def modify_platform_jump_domain(
    component_token: str, action: Action, domains: list[str], *, published_too: bool = False
) -> PlatformDomains:
    """component/modify_wxa_jump_domain 设置第三方平台业务域名, without scheme, up to 200."""
    path = "/cgi-bin/component/modify_wxa_jump_domain"
    name = "wxa_jump_h5_domain"
    return _modify_platform(path, name, component_token, action, domains, published_too)


def _modify_platform(
    path: str, name: str, token: str, action: Action, domains: list[str], published_too: bool
) -> PlatformDomains:
    body: dict[str, Any] = {"action": action, "is_modify_published_together": published_too}
    if action != "get":
        body[name] = ";".join(domains)
    answer = call(path, body, access_token=token, repeat=action == "get")
    return PlatformDomains(
        published=_split(answer.get(f"published_{name}")),
        testing=_split(answer.get(f"testing_{name}")),
        invalid=_split(answer.get(f"invalid_{name}")),
    )


def _split(joined: object) -> list[str]:
    return [domain for domain in read_text(joined).split(";") if read_id(domain)]


def get_platform_confirm_file(component_token: str) -> ConfirmFile:
    """component/get_domain_confirmfile 获取第三方平台业务域名校验文件."""
    path = "/cgi-bin/component/get_domain_confirmfile"
    return _confirm_file(path, call(path, {}, access_token=component_token))


def _confirm_file(path: str, answer: Mapping[str, Any]) -> ConfirmFile:
    return ConfirmFile(
        take_text(path, answer, "file_name"), take_text(path, answer, "file_content")
    )


# Names looked up ahead


def get_prefetch_dns_domain(token: str) -> list[str]:
    """wxa/get_prefetchdnsdomain 获取DNS预解析域名."""
    path = "/wxa/get_prefetchdnsdomain"
    answer = call(path, access_token=token, method="GET")
    return take_rows(path, answer, "prefetch_dns_domain", lambda row: take_text(path, row, "url"))


def set_prefetch_dns_domain(token: str, urls: list[str]) -> None:
    """
    wxa/set_prefetchdnsdomain 设置DNS预解析域名: all of them, up to 5.

    9420000 the month's 50 changes are used up, 9420001 no domain or not filed, 9420002 too many.
    """
    body = {"prefetch_dns_domain": [{"url": url} for url in urls]}
    call("/wxa/set_prefetchdnsdomain", body, access_token=token)
