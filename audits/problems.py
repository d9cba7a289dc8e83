"""Why an act on code is not done. Each knows the sentence for a person."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from django.utils.translation import gettext_lazy as _

from platform_auth.problems import CannotAct as CannotAct


class AuditIsOpen(CannotAct):
    """A submission is under way already."""

    code = "audit_open"

    def __init__(self, auditid: str) -> None:
        super().__init__(
            _("Audit %(auditid)s is still open. Wait for its verdict or withdraw it first.")
            % {"auditid": auditid or "…"}
        )
        self.auditid = auditid


class AuditNotPassed(CannotAct):
    """The newest audit has not passed, so there is nothing to release."""

    code = "audit_not_passed"

    def __init__(self, auditid: str, status: str) -> None:
        super().__init__(
            _("The newest audit %(auditid)s has not passed (%(status)s), so it cannot be released.")
            % {"auditid": auditid or "…", "status": status}
        )
        self.auditid = auditid


class CommitIsOpen(CannotAct):
    """An upload is under way, or nobody knows yet what came of it."""

    code = "commit_open"
    text = _("An upload is still under way. Try again in a minute.")


class SubmissionIsRunning(CommitIsOpen):
    """A submission is on its way: what is uploaded now, WeChat would review in its place."""

    text = _("A version is being submitted for review. Try again in a minute.")


class NothingCommitted(CannotAct):
    """No code was uploaded, so there is nothing to submit."""

    code = "nothing_committed"
    text = _("No code has been uploaded yet. Upload a version first.")


class ReleaseIsOpen(CannotAct):
    """A release or a roll-back is under way, or nobody knows yet what came of it."""

    code = "release_open"
    text = _("A release is still under way. Try again in a minute.")


class NeedsSecondPerson(CannotAct):
    """Two people must agree on a release, and this one has submitted or approved it alone."""

    code = "needs_second_person"
    text = _("A second person must approve this release.")


class RightEnded(CannotAct):
    """The act has waited, and its person may do it no more."""

    code = "right_ended"
    text = _("Whoever wanted this may not do it any more, so it was not done.")


class NeedsReleaseRight(CannotAct):
    """A campaign that releases by itself does so in somebody's name, who must be one who may."""

    code = "needs_release_right"
    text = _("It releases by itself: only somebody who may release can let it go on.")


class UnknownPrograms(CannotAct):
    """What was named is no mini program of this platform."""

    code = "unknown_appids"

    def __init__(self, appids: list[str]) -> None:
        examples = ", ".join(appids[:10]) + (" …" if len(appids) > 10 else "")
        super().__init__(_("These are no mini programs of this platform: %s") % examples)
        self.appids = appids


class LibraryIsFull(CannotAct):
    """WeChat would refuse one more template."""

    code = "library_full"

    def __init__(self, limit: int, unused: list[int]) -> None:
        if unused:
            numbers = ", ".join(map(str, unused[:10]))
            text = _(
                "WeChat keeps %(limit)d templates, and so many are there. Delete one first; these "
                "are not live anywhere by our records: %(unused)s."
            ) % {"limit": limit, "unused": numbers}
        else:
            text = _(
                "WeChat keeps %(limit)d templates, and so many are there. Delete one first."
            ) % {"limit": limit}
        super().__init__(text)


class NoDraftFits(CannotAct):
    """Nothing that developers uploaded is what was described."""

    code = "no_fitting_draft"
    text = _("No draft fits. Was it uploaded to a development mini program of this platform?")


class AmbiguousDraft(CannotAct):
    """Drafts of several development mini programs fit, and only a person knows which is meant."""

    code = "ambiguous_draft"

    def __init__(self, candidates: list[dict[str, object]]) -> None:
        super().__init__(
            _("%(number)d drafts fit. Say more, for instance its source_appid.")
            % {"number": len(candidates)}
        )
        self.candidates = candidates


class NoOpenAudit(CannotAct):
    """There is no open audit to act on."""

    code = "no_open_audit"
    text = _("There is no open audit.")


class BadExtJson(CannotAct):
    """What was given for ext.json is not what WeChat, or the template's schema, takes."""

    code = "bad_ext_json"

    def __init__(self, *problems: str) -> None:
        super().__init__(" ".join(problems))
        self.problems = list(problems)


class BadSubmission(CannotAct):
    """What is to be submitted is not what WeChat takes, or names a file that is not here."""

    code = "bad_submission"


class ValuesChanged(CannotAct):
    """Somebody else has saved these values since they were shown."""

    code = "values_changed"
    text = _("Somebody else has changed these values in the meantime. Look at them again.")


Who = Literal["merchant", "staff", "wechat"]


@dataclass(frozen=True, slots=True)
class Check:
    """One condition of a submission: whether it is met (None: not known), why, and who must act."""

    code: str
    ok: bool | None
    detail: str
    who: Who


class PreflightFailed(CannotAct):
    """WeChat would refuse the submission, so it was not sent."""

    code = "preflight_failed"

    def __init__(self, checks: Sequence[Check]) -> None:
        details = " ".join(check.detail for check in checks)
        super().__init__(_("It was held back, no quota was spent: %s") % details)
        self.checks = list(checks)

    def is_only(self, *codes: str) -> bool:
        """Whether nothing else stands in the way than checks of CODES."""
        return {check.code for check in self.checks} <= set(codes)
