"""The one place for a mini program's code: what is online, in review and on trial; what to do."""

from functools import partial
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import OuterRef, Subquery
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.loader import render_to_string
from django.urls import URLPattern, path, reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from unfold.enums import ActionVariant

from audits.admin import live
from audits.admin.acts import MAY_COMMIT, MAY_RELEASE, MAY_SUBMIT, CodeAct, audit_words
from audits.admin.bulk_acts import BulkCodeAdmin
from audits.admin.code_status import (
    CodeHistory,
    CodeStatus,
    audit_label,
    code_status_of,
    newest_audit,
    read_history,
    state_label,
    taken_back_label,
)
from audits.admin.columns import code_page_of
from audits.admin.ext_bulk import ValuesOfMany
from audits.admin.ext_pages import ValuesPages
from audits.admin.release_acts import RELEASE_ACTS
from audits.admin.review_acts import REVIEW_ACTS
from audits.admin.submission_items import item_data, posted_items
from audits.admin.submission_pages import ProfilePages
from audits.admin.sync_first import SyncFirst, has_templates
from audits.admin.tables import history_tables, picture_response, screenshot_addresses
from audits.models import CodeAudit, ExtValues, SubmissionFile, SubmissionProfile
from audits.services.submission_profiles import merged_fields
from audits.services.submitting import MAY_SUBMIT_DESPITE
from miniprograms.admin.account_header import make_header
from miniprograms.admin.account_page import AccountPages
from miniprograms.admin.authorizers import AuthorizerPages
from miniprograms.admin.concerns import MAY_INVITE, page_url
from miniprograms.admin.setting_profiles import ProfileOfMany
from miniprograms.models import Authorizer
from platform_auth.admin.acts import button, holding, report_lost_answer
from platform_auth.admin.live_lists import answer_changed
from platform_auth.admin.pages import pretty
from platform_auth.downloads import file_response
from platform_auth.fields import Unreadable
from platform_auth.logins.proof import require_proof
from wechat.errors import WeChatError
from wechat.http import EXTENSIONS

MAY_VIEW = "audits.view_codeaudit"
WITHOUT_SCRIPT = "now"  # asks for a page with what is otherwise fetched into it
ACTS = (*REVIEW_ACTS, *RELEASE_ACTS)


class CodePageAdmin(
    AccountPages, SyncFirst, ProfilePages, ValuesPages, ValuesOfMany, BulkCodeAdmin
):
    """Adds the code page, its pieces and its acts to the admin of mini programs."""

    def get_urls(self) -> list[URLPattern]:
        views: list[tuple[str, Any, str]] = [
            *((act.name, partial(self.act_view, act=act), act.name) for act in ACTS),
            *((f"now/{name}", partial(self.piece, name=name), name) for name in live.PIECES),
            ("now/standing", self.standing_now, "standing"),
            ("sync-templates", self.sync_templates, "sync-templates"),
            ("trial-qrcode", self.trial_qrcode, "trial-qrcode"),
            ("ext", self.ext_page, "ext"),
            ("submission", self.submission_page, "submission"),
        ]
        wrap = self.admin_site.admin_view
        files = path(
            "submission-files/<int:file>/", wrap(self.submission_file), name="code-submission-file"
        )
        own = [
            path(f"<path:object_id>/code/{end}/", wrap(view), name=f"code-{name}")
            for end, view, name in views
        ]
        return [files, *own, *super().get_urls()]

    def program_of(self, row: Authorizer) -> Authorizer:
        return row

    def audit_of(self, row: Authorizer) -> CodeAudit | None:
        return newest_audit(row)

    has_code_permission = holding(MAY_VIEW)

    def unfit_for(self, row: Authorizer) -> set[str]:
        """An official account has no code."""
        return super().unfit_for(row) | (set() if _has_code(row) else {"code_page"})

    @button(_("Code and review"), "code", path="code", icon="code", variant=ActionVariant.PRIMARY)
    def code_page(self, request: HttpRequest, object_id: str) -> HttpResponse:
        if not request.user.has_perm(MAY_VIEW):
            raise PermissionDenied
        row = self.account_or_404(request, object_id, **_own_values())
        if not _has_code(row):
            raise Http404
        history = read_history(row)
        return self.page(
            request,
            "admin/code/page.html",
            title=_("Code and review"),
            row=row,
            standing_now=self._address(row, "standing"),
            pieces={name: self._address(row, name) for name in live.PIECES},
            qrcode=self._address(row, "trial-qrcode"),
            ext=self._address(row, "ext"),
            submission=self._address(row, "submission"),
            ask_again=page_url(row, "ask_one_again") if request.user.has_perm(MAY_INVITE) else "",
            own_submission=pretty(row.own_submission),  # type: ignore[attr-defined]
            own_values=pretty(row.own_values),  # type: ignore[attr-defined]
            account_header=make_header(request.user, row, "code"),
            **self._standing(request, row, history),
            **history_tables(history),
        )

    def standing_now(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Where the code stands by our rows, and the buttons that fit; 304 if nothing changed."""
        row = self._program_or_404(request, object_id)
        context = {"row": row, **self._standing(request, row, read_history(row))}
        html = render_to_string("admin/code/standing.html", context, request)
        return answer_changed(request, html)

    def _standing(
        self, request: HttpRequest, row: Authorizer, history: CodeHistory
    ) -> dict[str, Any]:
        status = code_status_of(row, history)
        mine = [
            (act, act.why_not(status, request.user))
            for act in ACTS
            if not act.is_for_live and act.is_offered() and request.user.has_perm(act.permission)
        ]
        return {
            "status": status,
            "audit_label": _review_label(status),
            "version_label": state_label(status.version) if status.version else "",
            "release_label": state_label(status.release) if status.release else "",
            "screenshots": screenshot_addresses(status.audit),
            "acts": [self._button(row, act) for act, why_not in mine if not why_not],
            "not_now": _group_reasons(mine) if status.is_bound else {},
        }

    def act_view(self, request: HttpRequest, object_id: str, act: CodeAct) -> HttpResponse:
        """The page that asks before ACT is done; POST does it."""
        if not request.user.has_perm(act.permission):
            raise PermissionDenied
        row = self._program_with_facts(request, object_id)
        if act.permission == MAY_COMMIT and not has_templates(row):
            return self.sync_first(request, row)
        if act.permission == MAY_RELEASE:
            require_proof(request)
        status = code_status_of(row)
        is_asked = request.method == "GET" and WITHOUT_SCRIPT in request.GET
        is_there = act.is_sent_by_live and is_asked
        return self.confirm(
            request,
            object_id,
            lambda row, form: report_lost_answer(lambda: act.do(row, form, request.user)),
            row=row,
            title=act.title,
            question=act.question,
            form=act.form_knowing(status),
            back=code_page_of(row),
            account_header=make_header(request.user, row, "code"),
            live=self._live(request, row, act, status),
            preflight=self._address(row, "preflight") if act.is_preflighted else "",
            live_now=live.render_piece(request, row, act.live) if is_there else "",
            without_script=f"?{WITHOUT_SCRIPT}=yes" if act.is_sent_by_live else "",
            is_sent_by_live=act.is_sent_by_live,
            is_grave=act.is_grave,
            preview=act.preview,
            about=describe_status(status),
        )

    def piece(self, request: HttpRequest, object_id: str, name: str) -> HttpResponse:
        """What WeChat says now, as a piece of HTML."""
        row = self._program_or_404(request, object_id)
        acts = [
            self._button(row, act)
            for act in ACTS
            if act.is_for_live and request.user.has_perm(act.permission)
        ]
        overrules = request.user.has_perms([MAY_SUBMIT, MAY_SUBMIT_DESPITE])
        context = {
            "acts": acts,
            "qrcode": self._address(row, "trial-qrcode"),
            "overrule": f"{self._address(row, 'submit')}?despite=yes" if overrules else "",
        }
        return HttpResponse(live.render_piece(request, row, name, **context))

    def ext_page(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The mini program's own values of ext.json, and what comes of them."""
        row = self._program_with_facts(request, object_id)
        header = make_header(request.user, row, "code")
        return self.values_page(request, row, code_page_of(row), account_header=header)

    def submission_page(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """What is submitted with the mini program's code, over what its template gives."""
        row = self._program_or_404(request, object_id)
        return self.profile_page(request, row, code_page_of(row), self._address(row, "items"))

    def submission_file(self, request: HttpRequest, file: int) -> HttpResponse:
        """A picture or film for reviewers."""
        if not request.user.has_perm(MAY_VIEW):
            raise PermissionDenied
        row = get_object_or_404(SubmissionFile, pk=file)
        name = f"file{EXTENSIONS[row.kind]}"
        return file_response(row.kind, bytes(row.content), life=0, name=name)

    def trial_qrcode(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The QR code of the trial version, as WeChat draws it now."""
        row = self._program_or_404(request, object_id)
        try:
            picture = live.trial_qrcode(row)
        except (WeChatError, Unreadable) as problem:
            text = str(self.describe_problem(problem))
            return HttpResponse(text, status=502, content_type="text/plain; charset=utf-8")
        return picture_response(picture.content, picture.kind)

    def _program_with_facts(self, request: HttpRequest, object_id: str) -> Authorizer:
        """The same, read with what the header of its page tells."""
        if not request.user.has_perm(MAY_VIEW):
            raise PermissionDenied
        row = self.account_or_404(request, object_id)
        if not _has_code(row):
            raise Http404
        return row

    def _program_or_404(self, request: HttpRequest, object_id: str) -> Authorizer:
        if not request.user.has_perm(MAY_VIEW):
            raise PermissionDenied
        row: Authorizer = self.visible_or_404(request, object_id)
        if not _has_code(row):
            raise Http404
        return row

    def _button(self, row: Authorizer, act: CodeAct) -> dict[str, object]:
        fields = {"name": act.name, "title": act.title, "icon": act.icon, "is_grave": act.is_grave}
        return {**fields, "url": self._address(row, act.name)}

    def _address(self, row: Authorizer, name: str) -> str:
        return reverse(f"{self.admin_site.name}:code-{name}", args=[row.pk])

    def _live(self, request: HttpRequest, row: Authorizer, act: CodeAct, status: CodeStatus) -> str:
        """The address of the rest of ACT's form, with what was entered there already."""
        if not act.live:
            return ""
        items = posted_items(request)
        if act.live == "items" and not items:
            fields = merged_fields(row, status.template)
            items = item_data(fields.get("item_list") or [])
        return f"{self._address(row, act.live)}{'?' if items else ''}{urlencode(items)}"


@admin.register(Authorizer)
class AuthorizerAdmin(CodePageAdmin, ProfileOfMany, AuthorizerPages):
    actions: tuple[str, ...] = ("upload_code", "check_code", "submit_code", "release_code")
    actions += AuthorizerPages.actions
    actions += ("set_ext_values", "export_ext_csv", "export_ext_json", "apply_profile")
    actions_list = ("import_ext",)
    actions_detail = ("code_page", *AuthorizerPages.actions_detail)


def _review_label(status: CodeStatus) -> str:
    if status.is_taken_back:
        return taken_back_label()
    return audit_label(status.audit) if status.audit else ""


def _group_reasons(acts: list[tuple[CodeAct, str]]) -> dict[str, list[Promise]]:
    """Why something cannot be done now, and what."""
    reasons: dict[str, list[Promise]] = {}
    for act, why_not in acts:
        if why_not:
            reasons.setdefault(why_not, []).append(act.title)
    return reasons


def _own_values() -> dict[str, Subquery]:
    """The newest values of ext.json and of submissions, read with their mini program."""
    newest = {"authorizer": OuterRef("pk"), "is_newest": True}
    return {
        "own_values": Subquery(ExtValues.objects.filter(**newest).values("values")[:1]),
        "own_submission": Subquery(SubmissionProfile.objects.filter(**newest).values("fields")[:1]),
    }


def describe_status(status: CodeStatus) -> list[str]:
    """What an act would be about, in two lines at most."""
    lines = []
    if status.live_version:
        lines.append(_("Live now: version %(version)s.") % {"version": status.live_version})
    if status.uploaded:
        lines.append(_("Uploaded last: version %(version)s.") % {"version": status.uploaded})
    if status.audit:
        text = _("Newest audit: %(auditid)s of version %(version)s, %(status)s.")
        words = audit_words(status.audit)
        if status.is_taken_back:
            words["status"] = _("released before, not live now")
        lines.append(text % words)
    return [str(line) for line in lines]


def _has_code(row: Authorizer | None) -> bool:
    return row is not None and row.kind == Authorizer.Kind.MINI_PROGRAM
