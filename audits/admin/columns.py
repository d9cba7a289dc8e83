"""What the admin pages of code share: rows about a mini program."""

from typing import Any

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from miniprograms.models import Authorizer
from platform_auth.admin.columns import named_account_column
from platform_auth.admin.pages import StaffAdmin


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

    def find_rows(self, queryset: Any, term: str) -> Any:
        # The key first: so the rows are found by their index on it.
        program = Authorizer.objects.filter(appid=term).values_list("pk", flat=True).first()
        return queryset.filter(authorizer=program or 0)

    account_tab = "code"

    def appid_of(self, row: Any) -> str:
        return str(row.authorizer.appid) if row.authorizer_id else ""

    program = named_account_column(_("mini program"), lambda row: row.authorizer, tab="code")
