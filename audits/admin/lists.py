"""Versions, audits and releases of all mini programs, for reading; two acts from the audits."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from django.utils.translation import gettext_lazy as _

from audits.admin.pages import (
    LOOK,
    BulkCodeAdmin,
    code_page_of,
    events_table,
    picture_response,
    screenshot_address,
)
from audits.admin.standing import audit_label, state_label
from audits.models import CodeAudit, CodeVersion, Release
from miniprograms.models import Authorizer
from platform_auth.admin.pages import StaffAdmin, ago, pretty


class OfProgramAdmin(StaffAdmin):
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
        if not term:
            return queryset, False
        program = Authorizer.objects.filter(appid=term).values_list("pk", flat=True).first()
        return queryset.filter(authorizer=program or 0), False

    @admin.display(description=_("mini program"))
    def program(self, row: Any) -> SafeString:
        return _link_to(row.authorizer)


def _link_to(row: Authorizer) -> SafeString:
    """The code page of ROW; its appid below its name."""
    text = format_html("<strong>{}</strong><small>{}</small>", row.nick_name or "–", row.appid)
    return format_html('<a href="{}" class="staff-names">{}</a>', code_page_of(row), text)


@admin.register(CodeVersion)
class CodeVersionAdmin(OfProgramAdmin):
    list_display = ("user_version", "program", "state_label", "template", "user_desc", "uploaded",
                    "by")  # fmt: skip
    list_filter = ("state",)
    list_select_related = ("authorizer", "template", "created_by")
    fields = ("program", "user_version", "user_desc", "template", "state_label", "errcode",
              "last_error", "uploaded", "by", "values")  # fmt: skip
    readonly_fields = fields

    @admin.display(description=_("state"))
    def state_label(self, row: CodeVersion) -> SafeString:
        return state_label(row)

    @admin.display(description=_("time"))
    def uploaded(self, row: CodeVersion) -> SafeString | str:
        return ago(row.created_at)

    @admin.display(description=_("by"))
    def by(self, row: CodeVersion) -> str:
        return str(row.created_by or "–")

    @admin.display(description=_("ext.json"))
    def values(self, row: CodeVersion) -> SafeString:
        return format_html('<pre class="staff-json">{}</pre>', row.ext_json)


class ReleasedFilter(admin.SimpleListFilter):
    """Of the passed audits, those that are out and those that wait."""

    title = _("released")
    parameter_name = "released"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return [("yes", _("released")), ("no", _("waiting for release"))]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        if self.value() not in ("yes", "no"):
            return queryset
        is_waiting = self.value() == "no"
        return queryset.filter(status=CodeAudit.Status.PASSED, released_at__isnull=is_waiting)


@admin.register(CodeAudit)
class CodeAuditAdmin(BulkCodeAdmin, OfProgramAdmin):
    list_display = ("number", "program", "user_version", "status_label", "reason_in_short",
                    "submitted", "submitted_by", "decided", "released")  # fmt: skip
    list_filter = ("status", ReleasedFilter)
    list_select_related = ("authorizer", "submitted_by")
    search_fields = ("appid", "auditid")
    search_help_text = _("An appid or an auditid")
    actions = ("submit_code", "release_code")
    fields = ("program", "number", "user_version", "status_label", "reason", "screenshots",
              "errcode", "last_error", "submitted", "submitted_by", "decided", "approved_by",
              "released", "released_by", "what", "history")  # fmt: skip
    readonly_fields = fields

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.screenshot)
        own = path("<int:audit>/screenshots/<int:number>/", view, name="audit-screenshot")
        return [own, *super().get_urls()]

    def get_search_results(
        self, request: HttpRequest, queryset: Any, search_term: str
    ) -> tuple[Any, bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        return queryset.filter(Q(appid=term) | Q(auditid=term)), False

    def program_of(self, row: CodeAudit) -> Authorizer:
        return row.authorizer

    def audit_of(self, row: CodeAudit) -> CodeAudit:
        return row

    def name_of(self, row: Any) -> str:
        return super().name_of(row.authorizer)

    def screenshot(self, request: HttpRequest, audit: int, number: int) -> HttpResponse:
        """A picture of a rejection, kept when it was fetched."""
        if not request.user.has_perm(LOOK):
            raise PermissionDenied
        row = CodeAudit.objects.filter(pk=audit).first()
        picture = row.screenshots.filter(pk=number).first() if row else None
        if picture is None:
            raise Http404
        return picture_response(picture.content, picture.content_type)

    @admin.display(description=_("auditid"))
    def number(self, row: CodeAudit) -> str:
        return row.auditid or "…"

    @admin.display(description=_("status"))
    def status_label(self, row: CodeAudit) -> SafeString:
        return audit_label(row)

    @admin.display(description=_("reason"))
    def reason_in_short(self, row: CodeAudit) -> str:
        return Truncator(row.reason or row.last_error).chars(60) or "–"

    @admin.display(description=_("submitted"))
    def submitted(self, row: CodeAudit) -> SafeString | str:
        return ago(row.create_time)

    @admin.display(description=_("decided"))
    def decided(self, row: CodeAudit) -> SafeString | str:
        return ago(row.decided_at)

    @admin.display(description=_("released"))
    def released(self, row: CodeAudit) -> SafeString | str:
        return ago(row.released_at)

    @admin.display(description=_("screenshots"))
    def screenshots(self, row: CodeAudit) -> SafeString | str:
        addresses = [screenshot_address(row, picture.pk) for picture in
                     row.screenshots.only("pk").order_by("pk")]  # fmt: skip
        return pictures(addresses) or "–"

    @admin.display(description=_("what was submitted"))
    def what(self, row: CodeAudit) -> SafeString | str:
        return pretty(row.fields)

    @admin.display(description=_("history"))
    def history(self, row: CodeAudit) -> object:
        return events_table(row.events.order_by("-id"), {row.pk: row})


def pictures(addresses: list[str]) -> SafeString:
    """Small pictures that open large."""
    inside = (
        '<a href="{0}" target="_blank" rel="noopener"><img src="{0}" alt="" loading="lazy"></a>'
    )
    shown = format_html_join("", inside, ((address,) for address in addresses))
    return format_html('<span class="staff-shots">{}</span>', shown) if addresses else shown


@admin.register(Release)
class ReleaseAdmin(OfProgramAdmin):
    list_display = ("when", "program", "kind", "state_label", "version", "live_after", "by_whom")
    list_filter = ("state", "kind")
    list_select_related = ("authorizer", "audit", "by")
    fields = ("program", "kind", "state_label", "version", "audit", "app_version", "live_before",
              "live_after", "errcode", "last_error", "by_whom", "when")  # fmt: skip
    readonly_fields = fields

    @admin.display(description=_("time"))
    def when(self, row: Release) -> SafeString | str:
        return ago(row.at)

    @admin.display(description=_("state"))
    def state_label(self, row: Release) -> SafeString:
        return state_label(row)

    @admin.display(description=_("version"))
    def version(self, row: Release) -> str:
        return row.audit.user_version if row.audit else "–"

    @admin.display(description=_("by"))
    def by_whom(self, row: Release) -> str:
        return str(row.by or "–")
