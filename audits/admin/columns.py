"""What the admin pages of code share: rows about a mini program, and columns that show a time."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from miniprograms.models import Authorizer
from platform_auth.admin.pages import StaffAdmin, ago


def time_column(field: str, title: Promise) -> Callable[[Any, Any], SafeString | str]:
    """A column that shows how long ago the time in FIELD is."""

    def column(model_admin: Any, row: Any) -> SafeString | str:
        return ago(getattr(row, field))

    column.short_description = title  # type: ignore[attr-defined]
    return column


def code_page_of(row: Authorizer) -> str:
    """The address of the code page of ROW."""
    return reverse("admin:miniprograms_authorizer_code_page", args=[row.pk])


class ProgramRowAdmin(StaffAdmin):
    """Rows about a mini program, newest first; found by its exact appid."""

    ordering = ("-id",)
    sortable_by = ()
    list_select_related: Any = ("authorizer",)
    search_fields: Any = ("authorizer__appid",)
    search_help_text = _("An appid")

    def get_search_results(
        self, request: HttpRequest, queryset: Any, search_term: str
    ) -> tuple[Any, bool]:
        term = search_term.strip()
        return (self.find_rows(queryset, term) if term else queryset), False

    def find_rows(self, queryset: Any, term: str) -> Any:
        """The rows that TERM, which was searched for, names exactly."""
        # The key first: so the rows are found by their index on it.
        program = Authorizer.objects.filter(appid=term).values_list("pk", flat=True).first()
        return queryset.filter(authorizer=program or 0)

    @admin.display(description=_("mini program"))
    def program(self, row: Any) -> SafeString:
        """The code page; the appid below the name."""
        account = row.authorizer
        name, appid = account.nick_name or "–", account.appid
        text = format_html("<strong>{}</strong><small>{}</small>", name, appid)
        return format_html('<a href="{}" class="staff-names">{}</a>', code_page_of(account), text)
