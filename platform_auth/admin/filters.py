"""Filters of lists, each declared with its choices."""

from collections.abc import Callable, Mapping
from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django_stubs_ext import StrOrPromise


def choice_filter(
    title_of_filter: StrOrPromise,
    parameter: str,
    choices: Mapping[str, tuple[StrOrPromise, Callable[[], Q]]],
) -> type[admin.SimpleListFilter]:
    """A filter by PARAMETER of the address; each of CHOICES has a name, and makes a condition."""

    class ChoiceFilter(admin.SimpleListFilter):
        title = title_of_filter
        parameter_name = parameter

        def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
            return [(value, name) for value, (name, _condition) in choices.items()]

        def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
            choice = choices.get(self.value() or "")
            return queryset.filter(choice[1]()) if choice else queryset

    return ChoiceFilter
