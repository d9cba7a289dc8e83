"""The one place for a mini program's code: what is online, in review and on trial; what to do."""

from functools import partial
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action
from unfold.enums import ActionVariant

from audits.admin import live
from audits.admin.acts import ACTS, RELEASE, SUBMIT, CodeAct, perform, release, submit
from audits.admin.standing import (
    Standing,
    audit_label,
    newest_audit,
    standing_of,
    state_label,
    status_of,
)
from audits.models import AuditEvent, CodeAudit
from audits.problems import AuditNotPassed, CannotAct
from miniprograms.models import Authorizer
from platform_auth.admin.pages import StaffAdmin, ago, table
from platform_auth.errcodes import explain_refusal
from platform_auth.fields import Unreadable
from platform_auth.operations import Actor
from wechat.errors import Refused, WeChatError

LAST = 10
LOOK = "audits.view_codeaudit"
PICTURES = ("image/jpeg", "image/png", "image/gif")


class CodeStaffAdmin(StaffAdmin):
    """Staff pages whose acts may fail for what WeChat says of code, told in plain words."""

    troubles = (WeChatError, Unreadable, CannotAct)

    def words_for(self, problem: Exception) -> object:
        if not isinstance(problem, Refused):
            return problem
        return " ".join(
            [explain_refusal(problem), *([f"rid {problem.rid}"] if problem.rid else [])]
        )


class BulkCodeAdmin(CodeStaffAdmin):
    """Adds the two acts on many mini programs at once."""

    def has_submit_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm(SUBMIT)

    def has_release_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm(RELEASE)

    @admin.action(description=_("Submit for review"), permissions=["submit"])
    def submit_code(self, request: HttpRequest, queryset: Any) -> HttpResponse | None:
        return self.ask_about(
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

    @admin.action(description=_("Release"), permissions=["release"])
    def release_code(self, request: HttpRequest, queryset: Any) -> HttpResponse | None:
        return self.ask_about(
            request,
            queryset,
            lambda row: self._release(row, request),
            action="release_code",
            title=_("Release"),
            question=_(
                "WeChat is asked of each whether its newest audit is the one of now and has "
                "passed; then all users get that version."
            ),
            also=lambda row: [(f"seen-{row.pk}", self.auditid_of(row))],
            name=lambda row: f"{self.name_of(row)} {self.version_of(row)}",
        )

    def program_of(self, row: Any) -> Authorizer:
        """The mini program that ROW of the list is about."""
        raise NotImplementedError

    def audit_of(self, row: Any) -> CodeAudit | None:
        """The audit that ROW of the list stands for."""
        raise NotImplementedError

    def auditid_of(self, row: Any) -> str:
        audit = self.audit_of(row)
        return audit.auditid if audit else ""

    def version_of(self, row: Any) -> str:
        """Which version and audit of ROW, for the page that asks."""
        audit = self.audit_of(row)
        return f"– {audit.user_version} ({audit.auditid or '…'})" if audit else "–"

    def _submit(self, row: Any, by: Actor) -> object:
        return perform(lambda: submit(self.program_of(row), None, by))

    def _release(self, row: Any, request: HttpRequest) -> object:
        """Release what the person was shown; not another that came meanwhile."""
        program, seen = self.program_of(row), request.POST.get(f"seen-{row.pk}", "")
        if not seen:
            audit = newest_audit(program)
            words = str(CodeAudit.Status(audit.status).label) if audit else _("nothing submitted")
            raise AuditNotPassed(audit.auditid if audit else "", str(words))
        return perform(lambda: release(program, seen, request.user))


class CodePages(BulkCodeAdmin):
    """Adds the code page, its pieces and its acts to the admin of mini programs."""

    def get_urls(self) -> list[URLPattern]:
        views: list[tuple[str, Any, str]] = [
            *((one.name, partial(self.act_view, act=one), one.name) for one in ACTS),
            *((f"now/{name}", partial(self.piece, name=name), name) for name in live.PIECES),
            ("trial-qrcode", self.trial_qrcode, "trial-qrcode"),
        ]
        wrap = self.admin_site.admin_view
        own = [
            path(f"<path:object_id>/code/{end}/", wrap(view), name=f"code-{name}")
            for end, view, name in views
        ]
        return [*own, *super().get_urls()]

    def program_of(self, row: Authorizer) -> Authorizer:
        return row

    def audit_of(self, row: Authorizer) -> CodeAudit | None:
        return newest_audit(row)

    def has_code_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm(LOOK)

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        """Without the code page for an official account, which has no code."""
        found = list(super().get_actions_detail(request, object_id))
        if _has_code(Authorizer.objects.filter(pk=object_id).first()):
            return found
        return [one for one in found if not one.action_name.endswith("_code_page")]

    @action(
        description=_("Code and review"),
        permissions=["code"],
        url_path="code",
        icon="code",
        variant=ActionVariant.PRIMARY,
    )
    def code_page(self, request: HttpRequest, object_id: str) -> HttpResponse:
        row = self._program_or_404(request, object_id)
        standing = standing_of(row)
        acts = [
            self._button(row, act)
            for act in ACTS
            if not act.is_for_live
            and request.user.has_perm(act.permission)
            and act.fits(standing, request.user)
        ]
        return self.page(
            request,
            "admin/code/page.html",
            title=_("Code and review"),
            row=row,
            standing=standing,
            audit_label=audit_label(standing.audit) if standing.audit else "",
            version_label=state_label(standing.version) if standing.version else "",
            release_label=state_label(standing.release) if standing.release else "",
            screenshots=_screenshots(standing.audit),
            acts=acts,
            pieces={name: self._address(row, name) for name in live.PIECES},
            qrcode=self._address(row, "trial-qrcode"),
            back=self.url_of(row),
            **_histories(row),
        )

    def act_view(self, request: HttpRequest, object_id: str, act: CodeAct) -> HttpResponse:
        """The page that asks before ACT is done; POST does it."""
        if not request.user.has_perm(act.permission):
            raise PermissionDenied
        row = self._program_or_404(request, object_id)
        return self.ask(
            request,
            object_id,
            lambda row, form: perform(lambda: act.do(row, form, request.user)),
            title=act.title,
            question=act.question,
            form=act.form,
            back=self._page_of(row),
            live=self._live(request, row, act),
            is_grave=act.is_grave,
            about=about(standing_of(row)),
        )

    def piece(self, request: HttpRequest, object_id: str, name: str) -> HttpResponse:
        """What WeChat says now, as a piece of HTML."""
        row = self._program_or_404(request, object_id)
        acts = [
            self._button(row, act)
            for act in ACTS
            if act.is_for_live and request.user.has_perm(act.permission)
        ]
        more = {"acts": acts, "qrcode": self._address(row, "trial-qrcode")}
        return HttpResponse(live.render(request, row, name, **more))

    def trial_qrcode(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The QR code of the trial version, as WeChat draws it now."""
        row = self._program_or_404(request, object_id)
        try:
            picture = live.trial_qrcode(row)
        except (WeChatError, Unreadable) as problem:
            text = str(self.words_for(problem))
            return HttpResponse(text, status=502, content_type="text/plain; charset=utf-8")
        return picture_response(picture.content, picture.kind)

    def _program_or_404(self, request: HttpRequest, object_id: str) -> Authorizer:
        if not request.user.has_perm(LOOK):
            raise PermissionDenied
        row: Authorizer = self.visible_or_404(request, object_id)
        if not _has_code(row):
            raise Http404
        return row

    def _button(self, row: Authorizer, act: CodeAct) -> dict[str, object]:
        return {"name": act.name, "title": act.title, "icon": act.icon, "is_grave": act.is_grave,
                "url": self._address(row, act.name)}  # fmt: skip

    def _address(self, row: Authorizer, name: str) -> str:
        return reverse(f"{self.admin_site.name}:code-{name}", args=[row.pk])

    def _page_of(self, row: Authorizer) -> str:
        return code_page_of(row)

    def _live(self, request: HttpRequest, row: Authorizer, act: CodeAct) -> str:
        """The address of the rest of ACT's form, with what was said there already."""
        if not act.live:
            return ""
        said = {name: value for name, value in request.POST.items() if name.startswith("item")}
        return f"{self._address(row, act.live)}{'?' if said else ''}{urlencode(said)}"


def about(standing: Standing) -> list[str]:
    """What an act would be about, in two lines at most."""
    lines = []
    if standing.uploaded:
        lines.append(_("Uploaded last: version %(version)s.") % {"version": standing.uploaded})
    if standing.audit:
        words = {
            "auditid": standing.audit.auditid or "…",
            "version": standing.audit.user_version or "–",
            "status": status_of(standing.audit),
        }
        lines.append(_("Newest audit: %(auditid)s of version %(version)s, %(status)s.") % words)
    return [str(line) for line in lines]


def code_page_of(row: Authorizer) -> str:
    """The address of the code page of ROW."""
    return reverse("admin:miniprograms_authorizer_code_page", args=[row.pk])


def picture_response(content: bytes | memoryview, kind: str) -> HttpResponse:
    """A picture from outside: never taken for anything else, nor run."""
    known = kind in PICTURES
    response = HttpResponse(
        bytes(content), content_type=kind if known else "application/octet-stream"
    )
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Disposition"] = "inline" if known else "attachment"
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response["Cache-Control"] = "private, no-store"
    return response


def screenshot_address(audit: CodeAudit, pk: int) -> str:
    """Where staff see the screenshot PK of AUDIT."""
    return reverse("admin:audit-screenshot", args=[audit.pk, pk])


def _has_code(row: Authorizer | None) -> bool:
    return row is not None and row.kind == Authorizer.Kind.MINI_PROGRAM


def _screenshots(audit: CodeAudit | None) -> list[str]:
    if audit is None:
        return []
    return [
        screenshot_address(audit, pk)
        for pk in audit.screenshots.order_by("pk").values_list("pk", flat=True)
    ]


def _histories(row: Authorizer) -> dict[str, object]:
    """The last audits with their events, and the last releases, as tables."""
    people = ("submitted_by", "released_by")
    audits = list(row.audits.select_related(*people).newest_first()[:LAST])
    # By id, not by join: the events of a table of millions are found by their index.
    ids = [audit.pk for audit in audits]
    events = AuditEvent.objects.filter(audit_id__in=ids).order_by("-id")[: 2 * LAST]
    releases = row.releases.select_related("audit", "by").order_by("-id")[:LAST]
    return {
        "audits": audits_table(audits),
        "events": events_table(events, {audit.pk: audit for audit in audits}),
        "releases": table(
            [_("time"), _("act"), _("state"), _("version"), _("by"), _("online afterwards")],
            [
                (
                    ago(one.at),
                    one.get_kind_display(),
                    state_label(one),
                    one.audit.user_version if one.audit else one.app_version or "–",
                    one.by or "–",
                    one.live_after or one.last_error or "–",
                )
                for one in releases
            ],
        ),
    }


def audits_table(audits: list[CodeAudit]) -> object:
    """AUDITS, and who submitted and released them."""
    headers = [_("auditid"), _("version"), _("status"), _("submitted"), _("by"), _("decided"),
               _("released")]  # fmt: skip
    rows = [
        (
            audit.auditid or "…",
            audit.user_version or "–",
            audit_label(audit),
            ago(audit.create_time),
            audit.submitted_by or "–",
            ago(audit.decided_at),
            ago(audit.released_at),
        )
        for audit in audits
    ]
    return table(headers, rows)


WORDS = {
    **{status.name.lower(): status.label for status in CodeAudit.Status},
    "released": _("released"),
    "sped_up": _("sped up"),
    "mismatch": _("another version is online"),
}
# Notes of our own; anything else is WeChat's or an error, shown as it is.
NOTES = {
    "push": _("pushed by WeChat"),
    "asked": _("WeChat was asked"),
    "found": _("submitted elsewhere"),
}


def events_table(events: Any, audits: dict[int, CodeAudit]) -> object:
    """The changes of state of AUDITS, newest first."""
    headers = [_("time"), _("auditid"), _("change"), _("by"), _("note")]
    rows = [
        (
            ago(event.at),
            audits[event.audit_id].auditid or "…",
            " → ".join(str(WORDS.get(word, word)) for word in (event.before, event.after) if word),
            event.by,
            NOTES.get(event.note, event.note) or "–",
        )
        for event in events
    ]
    return table(headers, rows)
