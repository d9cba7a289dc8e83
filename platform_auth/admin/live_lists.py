"""What changes by itself on a page that somebody looks at, for static/live.js, which asks again."""

import json
from collections.abc import Iterable
from hashlib import sha256
from typing import Any

from django.core.exceptions import BadRequest, PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import conditional_escape
from django.utils.http import quote_etag
from unfold.admin import ModelAdmin

MOST_ROWS = 100


def answer_changed(
    request: HttpRequest, text: str, content_type: str = "text/html; charset=utf-8"
) -> HttpResponse:
    """TEXT, or 304 where whoever asks has the same already."""
    etag = quote_etag(sha256(text.encode()).hexdigest()[:32])
    if request.headers.get("If-None-Match") == etag:
        answer = HttpResponse(status=304)
    else:
        answer = HttpResponse(text, content_type=content_type)
    answer["ETag"] = etag
    return answer


class LiveLists(ModelAdmin):
    """Lists of which some columns are renewed while somebody looks at them."""

    live_columns: tuple[str, ...] = ()

    def get_urls(self) -> list[URLPattern]:
        urls: list[URLPattern] = super().get_urls()
        if not self.live_columns:
            return urls
        view = self.admin_site.admin_view(self.cells_now)
        return [path("cells/", view, name=self._cells_name()), *urls]

    def _cells_name(self) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}_cells"

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        cells = {"cells": reverse(f"admin:{self._cells_name()}")} if self.live_columns else {}
        answer: HttpResponse = super().changelist_view(request, {**cells, **(extra_context or {})})
        return answer

    def cells_now(self, request: HttpRequest) -> HttpResponse:
        """The live columns of the rows that are named, as they are now; 304 if nothing changed."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        columns = {
            _name_of(column): column
            for column in self.get_list_display(request)
            if _name_of(column) in self.live_columns
        }
        cells = {}
        for row in self.rows_now(request, _keys_in(request)):
            row.reader = request.user
            cells[row.pk] = {
                name: conditional_escape(self._cell(column, row))
                for name, column in columns.items()
            }
        return answer_changed(request, json.dumps(cells), "application/json")

    def rows_now(self, request: HttpRequest, keys: Iterable[int]) -> Iterable[Any]:
        """The rows with KEYS, with all that their columns show."""
        rows: QuerySet[Any] = self.get_queryset(request).filter(pk__in=keys)
        related = self.list_select_related
        if isinstance(related, tuple) and related:
            rows = rows.select_related(*related)
        return rows

    def _cell(self, column: Any, row: Any) -> Any:
        return column(row) if callable(column) else getattr(self, column)(row)


def _name_of(column: Any) -> str:
    return str(column.__name__ if callable(column) else column)


def _keys_in(request: HttpRequest) -> list[int]:
    texts = [text for text in request.GET.get("rows", "").split(",") if text]
    is_fine = all(text.isascii() and text.isdigit() and len(text) < 19 for text in texts)
    if not is_fine or len(texts) > MOST_ROWS:
        raise BadRequest
    return [int(text) for text in texts]
