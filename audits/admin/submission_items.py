"""The forms of pages that are offered for review, each in a category."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSelectWidget

from audits.services.submission_profiles import LEVELS
from platform_auth.forms import TextField
from wechat import code

MAX_SUBMITTED_PAGES = 5  # that WeChat takes in one submission
PAGE_FIELDS = ("address", "title", "tag")

Fields = dict[str, Any]


class PageForm(forms.Form):
    """One page offered for review."""

    address = TextField(_("page"), 200)
    title = TextField(_("title"), 32)
    tag = TextField(_("tags"), 200, help_text=_("Up to ten, with spaces between."))

    @property
    def page(self) -> Fields:
        """What is said of the page, without its category."""
        return {name: self.cleaned_data[name] for name in PAGE_FIELDS if self.cleaned_data[name]}

    @property
    def entry(self) -> Fields:
        """The entry of item_list, {} if nothing was filled in."""
        raise NotImplementedError


class NamedItemForm(PageForm):
    """A page of a template, which goes to mini programs of whatever categories."""

    category = TextField(
        _("category"),
        200,
        help_text=_(
            "Such as 餐饮 › 点餐平台. A mini program that has no such category, or where this is "
            "empty, offers the page in its first."
        ),
    )

    @property
    def entry(self) -> Fields:
        """The entry of item_list, with words for its category if there are any."""
        parts = [
            part.strip() for part in self.cleaned_data["category"].replace(">", "›").split("›")
        ]
        names = {f"{level}_class": part for level, part in zip(LEVELS, parts, strict=False) if part}
        return {**names, **self.page}


class ItemForm(PageForm):
    """A page of one mini program. What pages and categories there are only WeChat knows."""

    category = forms.CharField(
        label=_("category"), max_length=400, required=False, widget=UnfoldAdminSelectWidget
    )

    @property
    def entry(self) -> Fields:
        """The entry of item_list, {} if nothing was chosen."""
        category = self.cleaned_data.get("category")
        return {**category, **self.page} if category else {}

    def clean_category(self) -> dict[str, Any]:
        """The chosen category as WeChat names its parts; it came out of `category_choice`."""
        try:
            parts = json.loads(self.cleaned_data["category"] or "[]")
            entry = _category_entry(*parts) if parts else {}
        except (ValueError, TypeError, OverflowError):
            raise ValidationError(_("Choose a category of the list.")) from None
        return entry

    def clean(self) -> dict[str, Any]:
        """A page is offered together with its category."""
        cleaned: dict[str, Any] = super().clean() or {}
        has_page = any(cleaned.get(name) for name in PAGE_FIELDS)
        if has_page and not cleaned.get("category") and not self.errors:
            self.add_error("category", _("Choose a category of the list."))
        return cleaned


def category_choice(category: code.Category) -> tuple[str, str]:
    """CATEGORY as a choice of a select: its value holds all that submit_audit takes of it."""
    classes = [category.first_class, category.second_class, category.third_class]
    ids = [category.first_id, category.second_id, category.third_id]
    return json.dumps([*classes, *ids], ensure_ascii=False), " › ".join(filter(None, classes))


def _category_entry(
    first_class: str,
    second_class: str,
    third_class: str,
    first_id: int,
    second_id: int,
    third_id: int | None,
) -> dict[str, Any]:
    """The fields of item_list. Raises TypeError or ValueError for what is no category."""
    entry: dict[str, Any] = {
        "first_class": first_class,
        "second_class": second_class,
        "first_id": int(first_id),
        "second_id": int(second_id),
    }
    if third_id is not None:
        entry |= {"third_class": third_class, "third_id": int(third_id)}
    if not all(isinstance(value, str | int) for value in entry.values()):
        raise TypeError
    return entry


def posted_items(request: HttpRequest) -> dict[str, str]:
    """What was entered about pages."""
    return {name: str(value) for name, value in request.POST.items() if name.startswith("item")}


def item_data(items: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """ITEMS of item_list as the fields of their forms are posted."""
    data: dict[str, str] = {}
    for number, item in enumerate(list(items)[:MAX_SUBMITTED_PAGES], 1):
        parts = [item.get(f"{level}_class") or "" for level in LEVELS]
        numbers = [item.get(f"{level}_id") for level in LEVELS]
        data |= {f"item{number}-{name}": str(item.get(name) or "") for name in PAGE_FIELDS}
        data[f"item{number}-category"] = json.dumps([*parts, *numbers], ensure_ascii=False)
    return data


def read_category(text: str) -> Fields:
    """The category that a form of a page names as TEXT, by words and numbers; {} for none."""
    try:
        parts = json.loads(text or "[]")
        words, numbers = parts[:3], parts[3:]
    except (ValueError, TypeError):
        return {}
    return {
        **{f"{level}_class": word for level, word in zip(LEVELS, words, strict=False)},
        **{f"{level}_id": number for level, number in zip(LEVELS, numbers, strict=False)},
    }
