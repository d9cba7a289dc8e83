"""Columns of lists, and fields of pages, that are declared in a line."""

from collections.abc import Callable, Mapping
from typing import Any

from django.contrib import admin
from django.db.models import Model
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrOrPromise

from platform_auth.admin.account_links import link_account, name_account, reader_of
from platform_auth.admin.pages import ago, label
from platform_auth.fields import Unreadable


def column(
    title: StrOrPromise, show: Callable[[Any], object], ordering: str | None = None
) -> Callable[[Any, Any], object]:
    """What SHOW makes of a row, under TITLE."""

    def cell(model_admin: Any, row: Any) -> object:
        return show(row)

    return admin.display(cell, description=title, ordering=ordering)


def time_column(
    field: str, title: StrOrPromise, ordering: str | None = None
) -> Callable[[Any, Any], object]:
    """How long ago the time in FIELD is."""
    return column(title, lambda row: ago(getattr(row, field)), ordering)


def choice_column(
    field: str, title: StrOrPromise, colours: Mapping[Any, str], ordering: str | None = None
) -> Callable[[Any, Any], object]:
    """The choice in FIELD, in its colour."""

    def show(row: Any) -> SafeString:
        text = getattr(row, f"get_{field}_display")()
        return label(text, colours.get(getattr(row, field), ""))

    return column(title, show, ordering)


def account_column(
    title: StrOrPromise,
    appid_of: Callable[[Any], str] = lambda row: str(row.appid),
    ordering: str | None = None,
) -> Callable[[Any, Any], object]:
    """The appid of an account that a row is about, with a link to its page."""
    return column(title, lambda row: link_account(appid_of(row), reader_of(row)), ordering)


def named_account_column(
    title: StrOrPromise, whose: Callable[[Any], Any], none: StrOrPromise = "–", tab: str = ""
) -> Callable[[Any, Any], object]:
    """The account that WHOSE finds for a row, by name and appid, with a link to its page."""

    def show(row: Any) -> object:
        account = whose(row)
        if account is None:
            return none
        return name_account(account.appid, account.nick_name, reader_of(row), tab)

    return column(title, show)


def secret_label(row: Model, name: str, missing: str = "") -> SafeString:
    """Whether the secret NAME of ROW is set, and can be read; MISSING colours its absence."""
    try:
        is_set = bool(getattr(row, name))
    except Unreadable:
        return label(_("cannot be decrypted: its key is not in FIELD_ENCRYPTION_KEYS"), "danger")
    return label(_("set"), "success") if is_set else label(_("not set"), missing)


def link_to(row: Model, text: object = None) -> SafeString:
    """A link to the page of ROW, called TEXT or as the row is."""
    name = f"admin:{row._meta.app_label}_{row._meta.model_name}_change"
    return link(reverse(name, args=[row.pk]), row if text is None else text)


def link(url: str, text: object) -> SafeString:
    return format_html('<a href="{}" class="text-link">{}</a>', url, text)
