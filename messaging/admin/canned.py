"""Texts that nobody need write again."""

from django.contrib import admin
from django.utils.text import Truncator
from django.utils.translation import gettext_lazy as _

from messaging.models import CannedReply
from platform_auth.admin.columns import column, named_account_column
from platform_auth.admin.pages import RecordedAdmin


@admin.register(CannedReply)
class CannedReplyAdmin(RecordedAdmin):
    list_display = ("title", "beginning", "account", "position")
    list_display_links = ("title",)
    list_select_related = ("authorizer",)
    ordering = ("position", "id")
    search_fields = ("title__startswith",)
    search_help_text = _("The beginning of a title")
    autocomplete_fields = ("authorizer",)
    fields = ("title", "text", "authorizer", "position")

    beginning = column(_("text"), lambda row: Truncator(row.text).chars(60))
    account = named_account_column(
        _("account"), lambda row: row.authorizer, _("all accounts"), tab="messages"
    )
