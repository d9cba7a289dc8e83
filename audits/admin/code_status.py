"""Where a mini program's code stands by our rows, and how the pages show it."""

from dataclasses import dataclass
from typing import Any

from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from audits.models import CodeAudit, CodeTemplate, CodeVersion, Release
from audits.services.summaries import pick_newest, pick_newest_of, summary_of
from miniprograms.models import Authorizer
from platform_auth.admin.pages import label

MOST_READ = 10  # rows of each kind, of one mini program

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
    live_version: str  # what is online, whoever made it so
    is_bound: bool
    origin: Release | None = None  # the release that first brought what is online
    lacking: tuple[str, ...] = ()  # the permission sets without which WeChat refuses all of it

    @property
    def template(self) -> CodeTemplate | None:
        """That of what was uploaded last."""
        return self.uploaded.template if self.uploaded else None

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
    def is_taken_back(self) -> bool:
        """Whether the version of the newest audit was released, and another is online since."""
        audit = self.audit
        return (
            audit is not None
            and audit.released_at is not None
            and self.live_version not in ("", audit.user_version)
        )

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


@dataclass(frozen=True, slots=True)
class CodeHistory:
    """The last of each kind of row of a mini program, the newest first."""

    versions: list[CodeVersion]
    audits: list[CodeAudit]
    releases: list[Release]


def read_history(row: Authorizer) -> CodeHistory:
    """Three statements, each along an index."""
    people = ("submitted_by", "approved_by", "released_by")
    versions = row.versions.select_related("template").defer("ext_json").order_by("-id")
    audits = row.audits.select_related(*people).newest_first()
    releases = row.releases.select_related("audit", "by").order_by("-id")
    return CodeHistory(
        list(versions[:MOST_READ]), list(audits[:MOST_READ]), list(releases[:MOST_READ])
    )


def code_status_of(row: Authorizer, history: CodeHistory | None = None) -> CodeStatus:
    """Where the code of ROW stands by its HISTORY, and by older rows where that does not tell."""
    history = history or read_history(row)
    audits = history.audits
    live = _live(row, history.releases)
    has_more_audits = len(audits) == MOST_READ and all(audit.is_refused for audit in audits)
    return CodeStatus(
        version=next(iter(history.versions), None),
        uploaded=_uploaded(row, history.versions),
        audit=newest_audit(row) if has_more_audits else pick_newest_of(audits),
        release=next(iter(history.releases), None),
        live=live,
        origin=_origin(row, live),
        live_version=summary_of(row).live_version,
        is_bound=row.state != Authorizer.State.UNBOUND,
        lacking=tuple(need.set_names for need in row.lacking_needs if need.code == "code"),
    )


def _uploaded(row: Authorizer, versions: list[CodeVersion]) -> CodeVersion | None:
    """The newest version that WeChat took, which may be older than VERSIONS."""
    taken = CodeVersion.State.COMMITTED
    uploaded = next((version for version in versions if version.state == taken), None)
    if uploaded is None and len(versions) == MOST_READ:
        rows = row.versions.filter(state=taken).select_related("template").order_by("-id")
        uploaded = rows.first()
    return uploaded


def _live(row: Authorizer, releases: list[Release]) -> Release | None:
    """The newest release of which is known what it left online; it may be older than RELEASES."""
    done = Release.State.DONE
    live = next((one for one in releases if one.state == done and one.live_after), None)
    if live is None and len(releases) == MOST_READ:
        rows = row.releases.filter(state=done).exclude(live_after="")
        live = rows.select_related("audit").order_by("-id").first()
    return live


def _origin(row: Authorizer, live: Release | None) -> Release | None:
    """The first release of what LIVE left online: itself, or before a roll-back another."""
    if live is None or live.kind == Release.Kind.RELEASE:
        return live
    same = {
        "kind": Release.Kind.RELEASE,
        "state": Release.State.DONE,
        "live_after": live.live_after,
    }
    return row.releases.filter(**same).order_by("id").first()


def newest_audit(row: Authorizer) -> CodeAudit | None:
    """The newest audit of ROW that WeChat did not refuse to take, else the newest."""
    audits = row.audits.select_related("submitted_by", "approved_by", "released_by")
    return pick_newest(audits)


def status_text(audit: CodeAudit) -> str:
    """The status of AUDIT in words, which knows of its release too."""
    return _("released") if audit.released_at else audit.get_status_display()


def audit_label(audit: CodeAudit) -> SafeString:
    return label(status_text(audit), AUDIT_COLOURS.get(CodeAudit.Status(audit.status), ""))


def taken_back_label() -> SafeString:
    """Of an audit whose version was released, and is not online any more."""
    return label(_("released before, not live now"), "warning")


def state_label(row: Any) -> SafeString:
    """The state of a version or a release in its colour."""
    text = _("completed") if row.state == Release.State.DONE else row.get_state_display()
    return label(text, STATE_COLOURS.get(row.state, ""))
