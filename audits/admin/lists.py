"""Versions, audits and releases of all mini programs, for reading; two acts from the audits."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path
from django.utils.text import Truncator
from django.utils.translation import gettext_lazy as _

from audits.admin.bulk_acts import BulkCodeAdmin
from audits.admin.code_page import MAY_VIEW
from audits.admin.code_status import audit_label, gray_percentage_of, state_label
from audits.admin.columns import ProgramRowAdmin
from audits.admin.ext_tables import preview_text
from audits.admin.row_acts import (
    code_links,
    offers_of_audit,
    offers_of_release,
    offers_of_version,
    with_newer_audits,
    with_newer_releases,
    with_newer_versions,
)
from audits.admin.tables import events_table, picture_response, screenshot_links
from audits.models import CodeAudit, CodeVersion, Release, Screenshot
from miniprograms.models import Authorizer
from platform_auth.admin.columns import column, time_column
from platform_auth.admin.filters import choice_filter
from platform_auth.admin.pages import pretty
from platform_auth.errcodes import explain_kept


def _problem_column() -> Any:
    return column(_("last error"), lambda row: explain_kept(row.last_error) or "–")


@admin.register(CodeVersion)
class CodeVersionAdmin(ProgramRowAdmin):
    live_columns = ("state_label", "acts")
    list_display: tuple[str, ...] = ("user_version", "program", "state_label", "template")
    list_display += ("user_desc", "uploaded", "by", "acts")
    list_filter = ("state",)
    list_select_related = ("authorizer", "template", "created_by")
    fields: tuple[str, ...] = ("program", "acts", "user_version", "user_desc", "template")
    fields += ("state_label",)
    fields += ("errcode", "problem", "uploaded", "by", "values")
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> Any:
        return with_newer_versions(super().get_queryset(request))

    acts = column(_("what to do"), lambda row: code_links(row, offers_of_version(row)))
    problem = _problem_column()
    uploaded = time_column("created_at", _("time"))
    state_label = column(_("state"), lambda row: state_label(row))
    by = column(_("by"), lambda row: str(row.created_by or "–"))
    values = column(
        _("what ext.json holds"), lambda row: preview_text(row.authorizer, row.ext_json, row)
    )


def _reason_of(audit: CodeAudit) -> str:
    """WeChat's reason for a rejection as it is; of what it refused to take, what that means."""
    return audit.reason or explain_kept(audit.last_error)


_PASSED = Q(status=CodeAudit.Status.PASSED)
# Of the passed audits, those that are out and those that wait.
ReleasedFilter = choice_filter(
    _("released"),
    "released",
    {
        "yes": (_("released"), lambda: _PASSED & ~Q(released_at=None)),
        "no": (_("waiting for release"), lambda: _PASSED & Q(released_at=None)),
    },
)


@admin.register(CodeAudit)
class CodeAuditAdmin(BulkCodeAdmin, ProgramRowAdmin):
    live_columns = ("status_label", "reason_in_short", "decided", "released", "acts")
    list_display: tuple[str, ...] = ("number", "program", "user_version", "status_label")
    list_display += ("reason_in_short", "submitted", "submitted_by", "decided", "released", "acts")
    list_filter = ("status", ReleasedFilter)
    list_select_related = ("authorizer__code_summary", "submitted_by")
    search_fields = ("appid", "auditid")
    search_help_text = _("An appid or an auditid")
    actions = ("submit_code", "release_code")
    fields: tuple[str, ...] = ("program", "acts", "number", "user_version", "status_label")
    fields += ("reason",)
    fields += ("screenshots", "errcode", "problem", "submitted", "submitted_by", "decided")
    fields += ("approved_by", "released", "released_by", "submission", "history")
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> Any:
        return with_newer_audits(super().get_queryset(request))

    acts = column(_("what to do"), lambda row: code_links(row, offers_of_audit(row)))
    problem = _problem_column()
    submitted = time_column("create_time", _("submitted"))
    decided = time_column("decided_at", _("decided"))
    released = time_column("released_at", _("released"))

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.screenshot)
        own = path("<int:audit>/screenshots/<int:number>/", view, name="audit-screenshot")
        return [own, *super().get_urls()]

    def find_rows(self, queryset: Any, term: str) -> Any:
        return queryset.filter(Q(appid=term) | Q(auditid=term))

    def program_of(self, row: CodeAudit) -> Authorizer:
        return row.authorizer

    def audit_of(self, row: CodeAudit) -> CodeAudit:
        return row

    def name_of(self, row: Any) -> str:
        return super().name_of(row.authorizer)

    def screenshot(self, request: HttpRequest, audit: int, number: int) -> HttpResponse:
        """A picture of a rejection, kept when it was fetched."""
        if not request.user.has_perm(MAY_VIEW):
            raise PermissionDenied
        picture = get_object_or_404(Screenshot, audit=audit, pk=number)
        return picture_response(picture.content, picture.content_type)

    number = column(_("auditid"), lambda row: row.auditid or "…")
    status_label = column(
        _("status"),
        lambda row: audit_label(row, None if row.has_newer else gray_percentage_of(row)),
    )
    reason_in_short = column(_("reason"), lambda row: Truncator(_reason_of(row)).chars(60) or "–")
    screenshots = column(_("screenshots"), screenshot_links)
    submission = column(_("what was submitted"), lambda row: pretty(row.fields))
    history = column(
        _("history"), lambda row: events_table(row.events.order_by("-id"), {row.pk: row})
    )


@admin.register(Release)
class ReleaseAdmin(ProgramRowAdmin):
    live_columns = ("state_label", "acts")
    list_display: tuple[str, ...] = (
        "time",
        "program",
        "kind",
        "state_label",
        "version",
        "live_after",
        "actor",
    )
    list_display += ("acts",)
    list_filter = ("state", "kind")
    list_select_related = ("authorizer", "audit", "by")
    fields: tuple[str, ...] = ("program", "acts", "kind", "state_label", "version", "audit")
    fields += ("app_version",)
    fields += ("live_before", "live_after", "errcode", "problem", "actor", "time")
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> Any:
        return with_newer_releases(super().get_queryset(request))

    acts = column(_("what to do"), lambda row: code_links(row, offers_of_release(row)))
    problem = _problem_column()
    time = time_column("at", _("time"))
    state_label = column(_("state"), lambda row: state_label(row))
    version = column(_("version"), lambda row: row.audit.user_version if row.audit else "–")
    actor = column(_("by"), lambda row: str(row.by or "–"))
