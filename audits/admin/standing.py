"""Where a mini program's code stands by our rows, and how the pages show it."""

from dataclasses import dataclass
from typing import Any

from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from audits.models import CodeAudit, CodeVersion, Release
from miniprograms.models import Authorizer
from platform_auth.admin.pages import label

OPEN_COMMITS = (CodeVersion.State.COMMITTING, CodeVersion.State.UNKNOWN)
OPEN_RELEASES = (Release.State.RUNNING, Release.State.UNKNOWN)

Status = CodeAudit.Status

AUDIT_COLOURS = {
    Status.PASSED: "success",
    Status.REJECTED: "danger",
    Status.IN_REVIEW: "info",
    Status.DELAYED: "warning",
    Status.SUBMITTING: "info",
    Status.REFUSED: "danger",
    Status.UNKNOWN: "warning",
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
class Standing:
    """The newest rows of a mini program; UPLOADED is the newest version that WeChat took."""

    version: CodeVersion | None
    uploaded: CodeVersion | None
    audit: CodeAudit | None
    release: Release | None
    live: Release | None

    @property
    def commit_is_open(self) -> bool:
        return self.version is not None and self.version.state in OPEN_COMMITS

    @property
    def release_is_open(self) -> bool:
        return self.release is not None and self.release.state in OPEN_RELEASES

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
            or (audit.status == Status.PASSED and audit.version_id == self.uploaded.pk)
        )

    @property
    def is_releasable(self) -> bool:
        """Whether the newest audit has passed and is not released, nor being released."""
        return (
            self.audit is not None
            and self.audit.status == Status.PASSED
            and self.audit.released_at is None
            and not self.release_is_open
        )


def standing_of(row: Authorizer) -> Standing:
    """The newest rows of ROW; each is looked up by an index."""
    versions = row.versions.select_related("template").order_by("-id")
    releases = row.releases.select_related("audit").order_by("-id")
    return Standing(
        version=versions.first(),
        uploaded=versions.filter(state=CodeVersion.State.COMMITTED).first(),
        audit=newest_audit(row),
        release=releases.first(),
        live=releases.filter(state=Release.State.DONE).exclude(live_after="").first(),
    )


def newest_audit(row: Authorizer) -> CodeAudit | None:
    """The newest audit of ROW that WeChat did not refuse to take, else the newest."""
    audits = row.audits.select_related("submitted_by", "approved_by", "released_by")
    taken: CodeAudit | None = audits.exclude(status=Status.REFUSED).newest_first().first()
    return taken or audits.newest_first().first()


def status_of(audit: CodeAudit) -> str:
    """The status of AUDIT in words, which knows of its release too."""
    return _("released") if audit.released_at else audit.get_status_display()


def audit_label(audit: CodeAudit) -> SafeString:
    """The status of AUDIT in its colour."""
    return label(status_of(audit), AUDIT_COLOURS.get(Status(audit.status), ""))


def state_label(row: Any) -> SafeString:
    """The state of a version or a release in its colour."""
    word = _("completed") if row.state == Release.State.DONE else row.get_state_display()
    return label(word, STATE_COLOURS.get(row.state, ""))
