"""What leads to a staff page, in the words of the menu."""

from typing import Any

from django import template
from django.db.models import Model
from django.urls import Resolver404, resolve
from django.utils.text import capfirst

from config.navigation import group_of

register = template.Library()


@register.filter
def crumbs(parts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """
    unfold's PARTS: an app, which becomes a group of the menu, a list and perhaps a row. An appid
    is never capitalised.
    """
    admins = [_admin_at(part) for part in parts]
    group = group_of(*(admin.opts.label_lower for admin in admins if admin))
    return [
        {"title": group, "link": ""} if number == 0 and group else _crumb(part, admin)
        for number, (part, admin) in enumerate(zip(parts, admins, strict=True))
    ]


def _admin_at(part: dict[str, Any]) -> Any:
    """Whose page PART leads to: the ModelAdmin of a list or a row."""
    try:
        return getattr(resolve(str(part.get("link") or "")).func, "model_admin", None)
    except Resolver404:
        return None


def _crumb(part: dict[str, Any], admin: Any) -> dict[str, Any]:
    title = part["title"]
    if isinstance(title, Model):
        return {**part, "title": admin.title_of(title) if admin else str(title)}
    if admin and title == admin.opts.verbose_name_plural:
        return {**part, "title": admin.title_of_list()}
    return {**part, "title": capfirst(title)}
