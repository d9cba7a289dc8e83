"""Acts on the code of many mini programs, and how WeChat's refusals are shown to staff."""

from functools import partial
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from audits.admin.acts import MAY_COMMIT, MAY_RELEASE, MAY_SUBMIT
from audits.admin.code_status import newest_audit
from audits.admin.forms import UploadForm
from audits.admin.release_acts import release_program
from audits.admin.review_acts import check_program, commit_program, submit_program
from audits.models import CodeAudit
from audits.problems import AuditNotPassed
from miniprograms.models import Authorizer
from platform_auth.admin.acts import holding, report_lost_answer
from platform_auth.admin.explained import ExplainedAdmin
from platform_auth.logins.proof import require_proof


class CodeStaffAdmin(ExplainedAdmin):
    """Staff pages about code."""


class BulkCodeAdmin(CodeStaffAdmin):
    """Adds the acts on many mini programs at once."""

    has_submit_permission = holding(MAY_SUBMIT)
    has_release_permission = holding(MAY_RELEASE)

    @admin.action(description=_("Submit for review"), permissions=["submit"])
    def submit_code(self, request: HttpRequest, queryset: Any) -> HttpResponse | None:
        return self.confirm_chosen(
            request,
            queryset,
            lambda row: self._submit(row, request.user),
            action="submit_code",
            title=_("Submit for review"),
            question=_(
                "Of each of these the version that was uploaded last goes to WeChat's reviewers; "
                "each takes one of the platform's submissions of this month."
            ),
        )

    @admin.action(description=_("What would WeChat refuse?"), permissions=["submit"])
    def check_code(self, request: HttpRequest, queryset: Any) -> None:
        """Of each what stands in the way of submitting it; nothing is submitted."""
        self.carry_out_each(request, queryset, lambda row: check_program(self.program_of(row)))

    @admin.action(description=_("Release"), permissions=["release"])
    def release_code(self, request: HttpRequest, queryset: Any) -> HttpResponse | None:
        require_proof(request)
        return self.confirm_chosen(
            request,
            queryset,
            lambda row: self._release(row, request),
            action="release_code",
            title=_("Release"),
            question=_(
                "WeChat is asked of each whether its newest audit is the one of now and has "
                "passed; then all users get that version."
            ),
            also=lambda row: [(f"seen-{row.pk}", getattr(self.audit_of(row), "auditid", ""))],
            name=lambda row: f"{self.name_of(row)} {self.version_of(row)}",
        )

    has_commit_permission = holding(MAY_COMMIT)

    @admin.action(description=_("Upload code"), permissions=["commit"])
    def upload_code(self, request: HttpRequest, queryset: Any) -> HttpResponse | None:
        """The template goes to each of those chosen, with the values of each."""
        rows = self.limit_chosen(request, queryset)
        if not rows:
            return None
        programs = [self.program_of(row) for row in rows]
        form = UploadForm(programs, request.POST if request.POST.get("confirmed") else None)
        if not form.has_templates:
            text = _("No template of the platform is known here: sync templates first.")
            self.message_user(request, text, messages.WARNING)
            return HttpResponseRedirect(reverse("admin:audits_codetemplate_sync_now"))
        preview: object = ""
        if form.is_bound and form.is_valid():
            if "preview" not in request.POST:
                for row in programs:
                    self.carry_out(request, row, partial(self._upload, form, request.user))
                return None
            preview = form.preview()
        hidden = [("action", "upload_code"), *((ACTION_CHECKBOX_NAME, row.pk) for row in rows)]
        return self.page(
            request,
            "admin/ask.html",
            rows=[] if preview else programs,
            title=_("Upload code"),
            question=_("The template becomes the trial version of each, with the values of each."),
            form=form,
            hidden=hidden,
            back=request.get_full_path(),
            preview=preview,
            has_preview=True,
        )

    def program_of(self, row: Any) -> Authorizer:
        """The mini program that ROW of the list is about."""
        raise NotImplementedError

    def audit_of(self, row: Any) -> CodeAudit | None:
        """The audit that ROW of the list stands for."""
        raise NotImplementedError

    def version_of(self, row: Any) -> str:
        """Which version and audit of ROW, for the page that asks."""
        audit = self.audit_of(row)
        return f"– {audit.user_version} ({audit.auditid or '…'})" if audit else "–"

    def _upload(self, form: Any, by: Any, row: Authorizer) -> object:
        return report_lost_answer(lambda: commit_program(row, form, by, keeps_first=False))

    def _submit(self, row: Any, by: Any) -> object:
        return report_lost_answer(lambda: submit_program(self.program_of(row), None, by))

    def _release(self, row: Any, request: HttpRequest) -> object:
        """Release what the person was shown; not another that came meanwhile."""
        program, auditid = self.program_of(row), request.POST.get(f"seen-{row.pk}", "")
        if not auditid:
            audit = newest_audit(program)
            status = CodeAudit.Status(audit.status).label if audit else _("nothing submitted")
            raise AuditNotPassed(audit.auditid if audit else "", str(status))
        return report_lost_answer(lambda: release_program(program, auditid, request.user))
