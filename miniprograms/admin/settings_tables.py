"""How staff pages show settings: their state, both values side by side, what differs, history."""

import json
from collections.abc import Callable, Sequence
from typing import Any

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from miniprograms.models import Setting, SettingVersion
from miniprograms.services.settings.domain_lists import SOURCE_TITLES, ListedDomain
from miniprograms.services.settings.domains import DOMAIN_TITLES, INVALID, NO_ICP
from miniprograms.services.settings.kinds import Difference
from miniprograms.services.settings.privacy import (
    OWNER_TITLES,
    owner_of,
    privacy_title,
    unexplained_keys,
    uses_of,
)
from platform_auth.admin.pages import ago, label, pretty, table
from platform_auth.listing import list_words
from wechat import order_path
from wechat.domains import PlatformDomains

STATE_COLOURS = {
    Setting.State.WAITING: "info",
    Setting.State.APPLYING: "info",
    Setting.State.UNKNOWN: "warning",
    Setting.State.APPLIED: "success",
    Setting.State.PARTLY: "warning",
    Setting.State.REFUSED: "danger",
}
REMARKS = {
    NO_ICP: _("no ICP filing 备案"),
    INVALID: _("WeChat took it for no domain, or for none of the platform's"),
}
MAX_VERSIONS = 20
YES = "✓"


def setting_state_label(setting: Setting) -> SafeString:
    return label(setting.get_state_display(), STATE_COLOURS.get(Setting.State(setting.state), ""))


def drift_label(setting: Setting) -> SafeString:
    """Whether WeChat has what it should, as far as that is known."""
    if setting.desired is None:
        return label(_("nothing desired"))
    if setting.at_wechat is None:
        return label(_("not looked at yet"), "info")
    return label(_("drift"), "danger") if setting.has_drifted else label(_("same"), "success")


def show_item(value: Any) -> object:
    """A value, or one line for each of a list."""
    if value in ([], {}, None, ""):
        return "–"
    if isinstance(value, list):
        return format_html_join("", "<div>{}</div>", ((item,) for item in value))
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def differences_table(differences: Sequence[Difference]) -> SafeString | str:
    headers = ["", _("missing at WeChat"), _("only at WeChat")]
    rows = [(row.title, show_item(row.missing), show_item(row.surplus)) for row in differences]
    return table(headers, rows)


def value_changes_table(changes: Sequence[Difference]) -> SafeString | str:
    """How a value desired would change."""
    headers = ["", _("added"), _("taken away")]
    return table(
        headers, [(row.title, show_item(row.missing), show_item(row.surplus)) for row in changes]
    )


# Both values side by side


def _domain_rows(setting: Setting, place: object, desired: Any, at_wechat: Any) -> list[Any]:
    urls = dict.fromkeys([*(desired or []), *(at_wechat or [])])
    return [
        (
            place,
            url,
            YES if url in (desired or []) else "",
            YES if url in (at_wechat or []) else "",
            list_words(REMARKS[name] for name in REMARKS if url in setting.remarks.get(name, [])),
        )
        for url in urls
    ]


_DOMAIN_HEADERS = [_("list"), _("domain"), _("should be"), _("at WeChat"), _("remark")]


def _server_domains(setting: Setting) -> SafeString | str:
    desired, at_wechat = setting.desired or {}, setting.at_wechat or {}
    rows = [
        row
        for name, title in DOMAIN_TITLES.items()
        for row in _domain_rows(setting, title, desired.get(name), at_wechat.get(name))
    ]
    return table(_DOMAIN_HEADERS, rows)


def _one_list(setting: Setting) -> SafeString | str:
    rows = _domain_rows(setting, "", setting.desired, setting.at_wechat)
    return table(_DOMAIN_HEADERS[1:], [row[1:] for row in rows])


def _guideline(setting: Setting) -> SafeString | str:
    desired, at_wechat = uses_of(setting.desired), uses_of(setting.at_wechat)
    unexplained = unexplained_keys(setting.desired, setting.at_wechat)
    keys = dict.fromkeys([*desired, *at_wechat, *unexplained])
    uses = [
        (
            format_html("{} ({}) {}", privacy_title(key), key, _mark(key in unexplained)),
            desired.get(key, ""),
            at_wechat.get(key, ""),
        )
        for key in keys
    ]
    owners = _owner_rows(owner_of(setting.desired), owner_of(setting.at_wechat))
    return table(_GUIDELINE_HEADERS, [*owners, *uses])


def _owner_online(setting: Setting) -> SafeString | str:
    return table(_GUIDELINE_HEADERS, _owner_rows(setting.desired or {}, setting.at_wechat or {}))


_GUIDELINE_HEADERS = ["", _("should be"), _("at WeChat")]


def _mark(is_unexplained: bool) -> SafeString | str:
    text = _("found in the code, and not explained")
    return label(text, "danger") if is_unexplained else ""


def _owner_rows(desired: dict[str, str], at_wechat: dict[str, str]) -> list[Any]:
    return [
        (title, desired.get(name, ""), at_wechat.get(name, ""))
        for name, title in OWNER_TITLES.items()
        if name in desired or name in at_wechat
    ]


PATH_STATES: dict[int, tuple[object, str]] = {
    order_path.IN_REVIEW: (_("in review"), "info"),
    order_path.REFUSED: (_("rejected"), "danger"),
    order_path.APPROVED: (_("approved"), "success"),
}


def _order_page(setting: Setting) -> SafeString | str:
    at_wechat = setting.at_wechat or {}
    rows: list[Any] = [
        (_("should be"), show_item((setting.desired or {}).get("path")), ""),
        (_("in use"), show_item(at_wechat.get("path")), ""),
    ]
    if at_wechat.get("under_review"):
        words, colour = PATH_STATES.get(at_wechat.get("status", 0), ("–", ""))
        rows.append((_("applied for last"), at_wechat["under_review"], label(words, colour)))
    return table(["", _("path"), ""], rows)


# Kinds that are shown better than as JSON.
TABLES: dict[str, Callable[[Setting], SafeString | str]] = {
    "server-domains": _server_domains,
    "server-domains-direct": _server_domains,
    "webview-domains": _one_list,
    "webview-domains-direct": _one_list,
    "prefetch-domains": _one_list,
    "privacy-guideline": _guideline,
    "privacy-owner-online": _owner_online,
    "order-path": _order_page,
}


def values_table(setting: Setting) -> SafeString | str:
    """What it should be, and what WeChat has."""
    if setting.kind in TABLES:
        return TABLES[setting.kind](setting)
    row = (pretty(setting.desired), pretty(setting.at_wechat))
    return table([_("should be"), _("at WeChat")], [row])


# Where domains come from


def listed_domains_table(listed: Sequence[ListedDomain]) -> SafeString | str:
    headers = [_("list"), _("domain"), *SOURCE_TITLES.values()]
    rows = [
        (row.place, row.url, *(YES if source in row.sources else "" for source in SOURCE_TITLES))
        for row in listed
    ]
    return table(headers, rows)


def platform_table(lists: PlatformDomains) -> SafeString | str:
    headers = [_("domain"), _("in use"), _("under test")]
    names = dict.fromkeys([*lists.published, *lists.testing])
    rows = [
        (name, YES if name in lists.published else "", YES if name in lists.testing else "")
        for name in names
    ]
    return table(headers, rows)


def history_table(setting: Setting) -> SafeString | str:
    """Who said what it should be, newest first."""
    rows: list[SettingVersion] = []
    if setting.version:
        versions = setting.versions.select_related("by", "profile").order_by("-number")
        rows = list(versions[:MAX_VERSIONS])
    headers = [_("version"), _("time"), _("by"), _("profile"), _("should be")]
    return table(
        headers,
        [
            (row.number, ago(row.at), row.by or "–", row.profile or "–", pretty(row.value))
            for row in rows
        ],
    )
