"""What an empty list of the staff pages says."""

from typing import Any

from django import template
from django.contrib.admin.views.main import ORDER_VAR, PAGE_VAR
from django.utils.translation import gettext as _

from config.empty_lists import TEXTS

register = template.Library()

_NARROWING_NOTHING = {ORDER_VAR, PAGE_VAR, "_popup", "_to_field", "e"}


@register.filter
def is_narrowed(cl: Any) -> bool:
    """Whether the list would hold more without what was searched for or filtered by."""
    values = {name for name, value in cl.params.items() if value}
    return bool(values - _NARROWING_NOTHING)


@register.filter
def describe_empty(cl: Any) -> str:
    """What the list will hold, and what to do now."""
    return str(TEXTS.get(cl.opts.label_lower) or _("There is nothing here yet."))


@register.filter
def title_of_list(cl: Any) -> str:
    title: str = cl.model_admin.title_of_list()
    return title
