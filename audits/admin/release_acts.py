"""Acts on what users have: agree, release, release in steps, roll back, open and close."""

from functools import partial
from typing import Any

from django.conf import settings
from django.forms import Form
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from audits.admin import obstacles
from audits.admin.acts import MAY_RELEASE, CodeAct, audit_words, posted
from audits.admin.code_status import CodeStatus, newest_audit
from audits.admin.forms import GrayForm, ReleaseForm, RevertForm
from audits.models import CodeAudit, Release
from audits.problems import AuditNotPassed
from audits.services import gray_releases, releasing
from miniprograms.models import Authorizer
from platform_auth.admin.pages import UncertainOutcome
from platform_auth.operations import Actor


def _approve(row: Authorizer, form: Any, by: Actor) -> object:
    audit = _shown_audit(row, form)
    releasing.approve_release(audit, by=by)
    text = _("you agreed to audit %(auditid)s; now somebody else can release it.")
    return text % audit_words(audit)


def _shown_audit(row: Authorizer, form: Any) -> CodeAudit:
    """The newest audit of ROW, which must be the one that the person was shown."""
    audit = newest_audit(row)
    if audit is None:
        raise AuditNotPassed("", str(_("nothing submitted")))
    if form.cleaned_data["auditid"] not in ("", audit.auditid):
        raise AuditNotPassed(audit.auditid, str(_("another version was submitted since")))
    return audit


def _release(row: Authorizer, form: Any, by: Actor) -> object:
    return release_program(row, str(form.cleaned_data["auditid"]), by)


def release_program(row: Authorizer, auditid: str, by: Actor) -> object:
    """Release the newest audit, if AUDITID is its own: the one that the person was shown."""
    act = releasing.release_newest_audit(row, by=by, auditid=auditid)
    version = act.audit.user_version if act.audit else ""
    if act.state != Release.State.DONE:
        return _lost_answer()
    if act.live_after and act.live_after != version:
        return UncertainOutcome(
            _("Approved was %(approved)s, but WeChat says that %(live)s is online: look at once.")
            % {"approved": version, "live": act.live_after}
        )
    return _("version %(version)s is online.") % {"version": version}


def _revert(row: Authorizer, form: Any, by: Actor) -> object:
    act = releasing.revert_release(row, by=by, app_version=form.cleaned_data["app_version"])
    if act.state != Release.State.DONE:
        return _lost_answer()
    return _("rolled back; online is now %(version)s.") % {"version": act.live_after or "…"}


def _lost_answer() -> UncertainOutcome:
    return UncertainOutcome(
        _("WeChat's answer was lost. What is online is asked within a minute; do not repeat it.")
    )


def _gray_release(row: Authorizer, form: Any, by: Actor) -> object:
    percentage, testers_first = form.cleaned_data["percentage"], form.cleaned_data["testers_first"]
    _shown_audit(row, form)
    gray_releases.start_gray_release(row, percentage, by=by, testers_first=bool(testers_first))
    return _("%(percentage)d %% of users have the new version.") % {"percentage": percentage}


def _stop_gray_release(row: Authorizer, form: Any, by: Actor) -> object:
    gray_releases.stop_gray_release(row, by=by)
    return _("the release in steps is stopped; everybody has the version before.")


def _set_visit_status(is_open: bool, row: Authorizer, form: Any, by: Actor) -> object:
    releasing.set_visit_status(row, is_open=is_open, by=by)
    return _("it is open to its users.") if is_open else _("it is closed to its users.")


def _release_form(request: HttpRequest, row: Authorizer, status: CodeStatus) -> Form:
    return ReleaseForm(posted(request), initial=_shown_auditid(status))


def _shown_auditid(status: CodeStatus) -> dict[str, str]:
    return {"auditid": status.audit.auditid if status.audit else ""}


_act = partial(CodeAct, permission=MAY_RELEASE)
RELEASE_ACTS = (
    _act(
        "approve",
        _("Agree to the release"),
        _("A release takes two people: after you have agreed, somebody else can release it."),
        _approve,
        "how_to_reg",
        obstacles.against_approval,
        _release_form,
        is_offered=lambda: bool(settings.RELEASE_NEEDS_TWO),
    ),
    _act(
        "release",
        _("Release"),
        _(
            "WeChat is asked whether this is still the newest audit and has passed; then all users "
            "get its version."
        ),
        _release,
        "rocket_launch",
        obstacles.against_release,
        _release_form,
    ),
    _act(
        "gray-release",
        _("Release in steps"),
        _("Only a part of the users gets the approved version; the part can be made larger."),
        _gray_release,
        "percent",
        obstacles.against_gray_release,
        lambda request, row, status: GrayForm(posted(request), initial=_shown_auditid(status)),
    ),
    _act(
        "revert",
        _("Roll back"),
        _("Users get an earlier version back. WeChat allows it once for each version."),
        _revert,
        "history",
        obstacles.against_revert,
        lambda request, row, status: RevertForm(posted(request)),
        "past",
        is_sent_by_live=True,
        is_grave=True,
    ),
    _act(
        "stop-gray-release",
        _("Stop the release in steps"),
        _("All users get the version before."),
        _stop_gray_release,
        "block",
        is_grave=True,
        is_for_live=True,
    ),
    _act(
        "open",
        _("Open to users"),
        _("Users can open the mini program again."),
        partial(_set_visit_status, True),
        "lock_open",
        is_for_live=True,
    ),
    _act(
        "close",
        _("Close to users"),
        _("Nobody can open the mini program until it is opened here again."),
        partial(_set_visit_status, False),
        "lock",
        is_grave=True,
        is_for_live=True,
    ),
)
