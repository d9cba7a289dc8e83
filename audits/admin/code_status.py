"""Where a mini program's code stands by our rows, and how the pages show it."""

from dataclasses import dataclass
from typing import Any

from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from audits.models import CodeAudit, CodeVersion, Release
from audits.services.summaries import pick_newest
from miniprograms.models import Authorizer
from platform_auth.admin.pages import label

AUDIT_COLOURS = {
    CodeAudit.Status.PASSED: "success",
    CodeAudit.Status.REJECTED: "danger",
    CodeAudit.Status.IN_REVIEW: "info",
    CodeAudit.Status.DELAYED: "warning",
    CodeAudit.Status.SUBMITTING: "info",
    CodeAudit.Status.REFUSED: "danger",
    CodeAudit.Status.UNKNOWN: "warning",
}
STATE_COLOURS = {
    "committed": "success",
    "done": "success",
    "refused": "danger",
    "unknown": "warning",
    "committing": "info",
    "running": "info",
}


@dataclass(frozen=True, slots=True)
class CodeStatus:
    """The newest rows of a mini program; UPLOADED is the newest version that WeChat took."""

    version: CodeVersion | None
    uploaded: CodeVersion | None
    audit: CodeAudit | None
    release: Release | None
    live: Release | None

    @property
    def commit_is_open(self) -> bool:
        return self.version is not None and self.version.state in CodeVersion.OPEN

    @property
    def release_is_open(self) -> bool:
        return self.release is not None and self.release.state in Release.OPEN

    @property
    def audit_at_wechat(self) -> bool:
        """Whether WeChat has an audit that it has not decided."""
        return self.audit is not None and self.audit.is_open and bool(self.audit.auditid)

    @property
    def is_submittable(self) -> bool:
        """Whether a version is there that WeChat has not approved and is not reviewing."""
        if self.uploaded is None:
            return False
        audit = self.audit
        return audit is None or not (
            audit.is_open
            or (audit.status == CodeAudit.Status.PASSED and audit.version_id == self.uploaded.pk)
        )

    @property
    def is_releasable(self) -> bool:
        """Whether the newest audit has passed and is not released, nor being released."""
        return (
            self.audit is not None
            and self.audit.status == CodeAudit.Status.PASSED
            and self.audit.released_at is None
            and not self.release_is_open
        )


def code_status_of(row: Authorizer) -> CodeStatus:
    """The newest rows of ROW; each is looked up by an index."""
    versions = row.versions.select_related("template").order_by("-id")
    releases = row.releases.select_related("audit").order_by("-id")
    return CodeStatus(
        version=versions.first(),
        uploaded=versions.filter(state=CodeVersion.State.COMMITTED).first(),
        audit=newest_audit(row),
        release=releases.first(),
        live=releases.filter(state=Release.State.DONE).exclude(live_after="").first(),
    )


def newest_audit(row: Authorizer) -> CodeAudit | None:
    """The newest audit of ROW that WeChat did not refuse to take, else the newest."""
    audits = row.audits.select_related("submitted_by", "approved_by", "released_by")
    return pick_newest(audits)


def status_text(audit: CodeAudit) -> str:
    """The status of AUDIT in words, which knows of its release too."""
    return _("released") if audit.released_at else audit.get_status_display()


def audit_label(audit: CodeAudit) -> SafeString:
    return label(status_text(audit), AUDIT_COLOURS.get(CodeAudit.Status(audit.status), ""))


def state_label(row: Any) -> SafeString:
    """The state of a version or a release in its colour."""
    text = _("completed") if row.state == Release.State.DONE else row.get_state_display()
    return label(text, STATE_COLOURS.get(row.state, ""))
