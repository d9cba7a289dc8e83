"""
What staff may do to a mini program's code: what each act asks, takes, needs, does, and says of it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.forms import Form
from django.http import HttpRequest, QueryDict
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from audits.admin.forms import CommitForm, GrayForm, ReleaseForm, RevertForm, SubmitForm
from audits.admin.standing import Standing, newest_audit, status_of
from audits.models import CodeAudit, CodeVersion, Release
from audits.problems import AuditNotPassed
from audits.services import committing, releasing, submitting, verdicts
from miniprograms.models import Authorizer
from platform_auth.admin.pages import Doubt
from platform_auth.operations import Actor
from wechat.errors import NotSent, Unreachable

COMMIT, SUBMIT, RELEASE = "audits.commit_version", "audits.submit_audit", "audits.release_audit"

Status = CodeAudit.Status
Do = Callable[[Authorizer, Any, Actor], object]


def _always(standing: Standing, by: Actor) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class CodeAct:
    """An act on the code of one mini program; its NAME is the end of its address."""

    name: str
    title: Promise
    question: Promise
    permission: str
    do: Do
    icon: str
    fits: Callable[[Standing, Actor], bool] = _always
    form: Callable[[HttpRequest, Authorizer], Form] | None = None
    live: str = ""  # the fragment with the rest of its form, which only WeChat knows
    is_grave: bool = False
    is_for_live: bool = False  # its button stands where WeChat says what is so now


def perform(act: Callable[[], object]) -> object:
    """Do ACT; where WeChat's answer was lost, say that nobody knows yet."""
    try:
        return act()
    except NotSent:
        raise
    except Unreachable as problem:
        return Doubt(
            _(
                "WeChat's answer was lost, so it is not known whether it was done. Look again in "
                "a minute before you repeat it. (%(problem)s)"
            )
            % {"problem": problem}
        )


# What each does, and says.


def _commit(row: Authorizer, form: Any, by: Actor) -> object:
    said = form.cleaned_data
    version = committing.commit(
        row,
        said["template"],
        user_version=said["user_version"],
        user_desc=said["user_desc"],
        ext=said["ext"],
        by=by,
    )
    if version.state == CodeVersion.State.COMMITTED:
        return _("version %(version)s is uploaded and can be tried.") % {"version": version}
    return Doubt(
        _(
            "WeChat's answer was lost. Whether version %(version)s is uploaded is asked within a "
            "minute; do not upload it again before."
        )
        % {"version": version}
    )


def submit(row: Authorizer, form: Any, by: Actor) -> object:
    """Submit the newest version, with what FORM says if there is one."""
    audit = submitting.submit(row, by=by, fields=form.submission if form else None)
    if audit.status == Status.UNKNOWN:
        return Doubt(
            _(
                "WeChat's answer was lost. Whether version %(version)s was submitted is asked "
                "within a minute; it is not submitted again."
            )
            % {"version": audit.user_version}
        )
    return _("version %(version)s is submitted, audit %(auditid)s.") % _words(audit)


def _withdraw(row: Authorizer, form: Any, by: Actor) -> object:
    return _("audit %(auditid)s of version %(version)s is withdrawn.") % _words(
        submitting.withdraw(row, by=by)
    )


def _speed_up(row: Authorizer, form: Any, by: Actor) -> object:
    return _("audit %(auditid)s of version %(version)s is decided sooner.") % _words(
        submitting.speed_up(row, by=by)
    )


def _ask(row: Authorizer, form: Any, by: Actor) -> object:
    audit = newest_audit(row)
    if audit is not None and audit.is_open and audit.auditid:
        verdicts.refresh_audit(audit, by=by)
    else:
        verdicts.adopt(row)
        audit = newest_audit(row)
    if audit is None:
        return _("WeChat has no audit of it.")
    return _("audit %(auditid)s of version %(version)s: %(status)s.") % _words(audit)


def _approve(row: Authorizer, form: Any, by: Actor) -> object:
    audit = _shown(row, form)
    releasing.approve(audit, by=by)
    return _("you agreed to audit %(auditid)s; now somebody else can release it.") % _words(audit)


def _shown(row: Authorizer, form: Any) -> CodeAudit:
    """The newest audit of ROW, which must be the one that the person was shown."""
    audit = newest_audit(row)
    if audit is None:
        raise AuditNotPassed("", str(_("nothing submitted")))
    if form.cleaned_data["auditid"] not in ("", audit.auditid):
        raise AuditNotPassed(audit.auditid, str(_("another version was submitted since")))
    return audit


def _release(row: Authorizer, form: Any, by: Actor) -> object:
    return release(row, str(form.cleaned_data["auditid"]), by)


def release(row: Authorizer, seen: str, by: Actor) -> object:
    """Release the newest audit, if SEEN is its auditid: the one that the person was shown."""
    act = releasing.release(row, by=by, auditid=seen)
    version = act.audit.user_version if act.audit else ""
    if act.state != Release.State.DONE:
        return _lost()
    if act.live_after and act.live_after != version:
        return Doubt(
            _("Approved was %(approved)s, but WeChat says that %(live)s is online: look at once.")
            % {"approved": version, "live": act.live_after}
        )
    return _("version %(version)s is online.") % {"version": version}


def _revert(row: Authorizer, form: Any, by: Actor) -> object:
    act = releasing.revert(row, by=by, app_version=form.cleaned_data["app_version"])
    if act.state != Release.State.DONE:
        return _lost()
    return _("rolled back; online is now %(version)s.") % {"version": act.live_after or "…"}


def _lost() -> Doubt:
    return Doubt(
        _("WeChat's answer was lost. What is online is asked within a minute; do not repeat it.")
    )


def _gray(row: Authorizer, form: Any, by: Actor) -> object:
    said = form.cleaned_data
    _shown(row, form)
    releasing.gray_release(
        row, said["percentage"], by=by, testers_first=bool(said["testers_first"])
    )
    return _("%(percentage)d %% of users have the new version.") % said


def _stop_gray(row: Authorizer, form: Any, by: Actor) -> object:
    releasing.stop_gray_release(row, by=by)
    return _("the release in steps is stopped; everybody has the version before.")


def _open(row: Authorizer, form: Any, by: Actor) -> object:
    releasing.change_service(row, is_open=True, by=by)
    return _("it is open to its users.")


def _close(row: Authorizer, form: Any, by: Actor) -> object:
    releasing.change_service(row, is_open=False, by=by)
    return _("it is closed to its users.")


def _words(audit: CodeAudit) -> dict[str, object]:
    version = audit.user_version or "–"
    return {"auditid": audit.auditid or "…", "version": version, "status": status_of(audit)}


# Which of them fit.


def _may_release(standing: Standing, by: Actor) -> bool:
    if not standing.is_releasable or standing.audit is None:
        return False
    approver = standing.audit.approved_by_id
    return not settings.RELEASE_NEEDS_TWO or approver not in (None, by.pk)


def _may_approve(standing: Standing, by: Actor) -> bool:
    wanted = settings.RELEASE_NEEDS_TWO and standing.is_releasable and standing.audit is not None
    return bool(wanted) and standing.audit.approved_by_id is None  # type: ignore[union-attr]


# What each takes.


def _posted(request: HttpRequest) -> QueryDict | None:
    return request.POST if request.method == "POST" else None


def _commit_form(request: HttpRequest, row: Authorizer) -> Form:
    return CommitForm(row, _posted(request))


def _submit_form(request: HttpRequest, row: Authorizer) -> Form:
    audit = newest_audit(row)
    rejected = audit is not None and audit.status == Status.REJECTED
    return SubmitForm(_posted(request), rejected=rejected)


def _release_form(request: HttpRequest, row: Authorizer) -> Form:
    return ReleaseForm(_posted(request), initial=_newest(row))


def _gray_form(request: HttpRequest, row: Authorizer) -> Form:
    return GrayForm(_posted(request), initial=_newest(row))


def _newest(row: Authorizer) -> dict[str, str]:
    audit = newest_audit(row)
    return {"auditid": audit.auditid if audit else ""}


def _revert_form(request: HttpRequest, row: Authorizer) -> Form:
    return RevertForm(_posted(request))


ACTS = (
    CodeAct(
        "commit",
        _("Upload code"),
        _("The template becomes the trial version. What users have stays as it is."),
        COMMIT,
        _commit,
        "upload",
        lambda standing, by: not standing.commit_is_open,
        _commit_form,
    ),
    CodeAct(
        "submit",
        _("Submit for review"),
        _(
            "The version that was uploaded last goes to WeChat's reviewers. It takes one of the "
            "platform's submissions of this month. Every field may stay empty."
        ),
        SUBMIT,
        submit,
        "send",
        lambda standing, by: standing.is_submittable,
        _submit_form,
        "items",
    ),
    CodeAct(
        "withdraw",
        _("Withdraw"),
        _("The review ends without a verdict. WeChat allows five a day and ten a month."),
        SUBMIT,
        _withdraw,
        "undo",
        lambda standing, by: standing.audit_at_wechat,
        is_grave=True,
    ),
    CodeAct(
        "speed-up",
        _("Speed up"),
        _("WeChat decides within 12 hours. It takes one of the platform's speed-ups."),
        SUBMIT,
        _speed_up,
        "bolt",
        lambda standing, by: standing.audit_at_wechat,
    ),
    CodeAct(
        "ask",
        _("Ask WeChat now"),
        _("WeChat is asked for the newest audit and its verdict."),
        SUBMIT,
        _ask,
        "sync",
    ),
    CodeAct(
        "approve",
        _("Agree to the release"),
        _("A release takes two people: after you have agreed, somebody else can release it."),
        RELEASE,
        _approve,
        "how_to_reg",
        _may_approve,
        _release_form,
    ),
    CodeAct(
        "release",
        _("Release"),
        _(
            "WeChat is asked whether this is still the newest audit and has passed; then all users "
            "get its version."
        ),
        RELEASE,
        _release,
        "rocket_launch",
        _may_release,
        _release_form,
    ),
    CodeAct(
        "gray-release",
        _("Release in steps"),
        _("Only a part of the users gets the approved version; the part can be made larger."),
        RELEASE,
        _gray,
        "percent",
        _may_release,
        _gray_form,
    ),
    CodeAct(
        "revert",
        _("Roll back"),
        _(
            "Users get an earlier version back, the one before if you choose none. WeChat allows "
            "it once for each version."
        ),
        RELEASE,
        _revert,
        "history",
        lambda standing, by: not standing.release_is_open,
        _revert_form,
        "past",
        is_grave=True,
    ),
    CodeAct(
        "stop-gray-release",
        _("Stop the release in steps"),
        _("All users get the version before."),
        RELEASE,
        _stop_gray,
        "block",
        is_grave=True,
        is_for_live=True,
    ),
    CodeAct(
        "open",
        _("Open to users"),
        _("Users can open the mini program again."),
        RELEASE,
        _open,
        "lock_open",
        is_for_live=True,
    ),
    CodeAct(
        "close",
        _("Close to users"),
        _("Nobody can open the mini program until it is opened here again."),
        RELEASE,
        _close,
        "lock",
        is_grave=True,
        is_for_live=True,
    ),
)
