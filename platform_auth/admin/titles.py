"""One name for each list: menu, page and breadcrumbs call it the same."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.text import capfirst
from django_stubs_ext import StrOrPromise
from unfold.admin import ModelAdmin


class TitledAdmin(ModelAdmin):
    list_title: StrOrPromise = ""  # "": as the model is called

    def title_of_list(self) -> str:
        return str(self.list_title or capfirst(self.opts.verbose_name_plural))

    def title_of(self, row: Any) -> str:
        """What the pages about ROW call it."""
        return str(row)

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        context = {"title": self.title_of_list(), **(extra_context or {})}
        answer: HttpResponse = super().changelist_view(request, context)
        return answer

    def render_change_form(
        self, request: HttpRequest, context: Any, *args: Any, obj: Any = None, **kwargs: Any
    ) -> HttpResponse:
        if obj is not None:
            context["subtitle"] = self.title_of(obj)
        form: HttpResponse = super().render_change_form(request, context, *args, obj=obj, **kwargs)
        return form
