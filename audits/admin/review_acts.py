"""Acts on what is uploaded and reviewed: commit, submit, withdraw, speed up, ask."""

from functools import partial
from typing import Any

from django.forms import Form
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from audits.admin import obstacles
from audits.admin.acts import MAY_COMMIT, MAY_SUBMIT, CodeAct, audit_words, posted
from audits.admin.code_status import CodeStatus, newest_audit
from audits.admin.ext_tables import preview_upload
from audits.admin.forms import CommitForm
from audits.admin.submission_form import SubmitForm
from audits.models import CodeAudit, CodeVersion
from audits.problems import PreflightFailed
from audits.services import committing, submitting, verdicts
from audits.services.preflight.checking import preflight_of
from audits.services.submission_profiles import merged_fields
from miniprograms.models import Authorizer
from platform_auth.admin.pages import UncertainOutcome
from platform_auth.operations import Actor


def commit_program(row: Authorizer, form: Any, by: Actor, *, keeps_first: bool = True) -> object:
    """Upload what FORM says."""
    version = committing.commit_template(row, by=by, keeps_first=keeps_first, **form.cleaned_data)
    if version.state == CodeVersion.State.COMMITTED:
        return _("version %(version)s is uploaded and can be tried.") % {"version": version}
    return UncertainOutcome(
        _(
            "WeChat's answer was lost. Whether version %(version)s is uploaded is asked within a "
            "minute; do not upload it again before."
        )
        % {"version": version}
    )


def _preview_commit(row: Authorizer, form: Any) -> object:
    data = form.cleaned_data
    return preview_upload(row, data["template"], data["ext"])


def check_program(row: Authorizer) -> object:
    """Raise PreflightFailed where something stands in the way of submitting the newest version."""
    result = preflight_of(row)
    if not result.ok:
        raise PreflightFailed(result.failing)
    return _("nothing that we know of stands in the way of submitting it.")


def submit_program(row: Authorizer, form: Any, by: Actor) -> object:
    """Submit the newest version, with the fields of FORM if there is one."""
    fields, despite = None, ""
    if form:
        form.keep_files(by)
        fields, despite = form.read_submission(), form.despite
    audit = submitting.submit_newest_version(row, by=by, fields=fields, despite=despite)
    if audit.status == CodeAudit.Status.UNKNOWN:
        return UncertainOutcome(
            _(
                "WeChat's answer was lost. Whether version %(version)s was submitted is asked "
                "within a minute; it is not submitted again."
            )
            % {"version": audit.user_version}
        )
    return _("version %(version)s is submitted, audit %(auditid)s.") % audit_words(audit)


def _withdraw(row: Authorizer, form: Any, by: Actor) -> object:
    audit = submitting.withdraw_open_audit(row, by=by)
    return _("audit %(auditid)s of version %(version)s is withdrawn.") % audit_words(audit)


def _speed_up(row: Authorizer, form: Any, by: Actor) -> object:
    audit = submitting.speed_up_open_audit(row, by=by)
    return _("audit %(auditid)s of version %(version)s is decided sooner.") % audit_words(audit)


def _refresh_audit(row: Authorizer, form: Any, by: Actor) -> object:
    audit = newest_audit(row)
    if audit is not None and audit.is_open and audit.auditid:
        verdicts.refresh_audit(audit, by=by)
    else:
        verdicts.adopt_newest_audit(row)
        audit = newest_audit(row)
    if audit is None:
        return _("WeChat has no audit of it.")
    return _("audit %(auditid)s of version %(version)s: %(status)s.") % audit_words(audit)


def _submit_form(request: HttpRequest, row: Authorizer, status: CodeStatus) -> Form:
    rejected = status.audit is not None and status.audit.status == CodeAudit.Status.REJECTED
    may_overrule = request.user.has_perm(submitting.MAY_SUBMIT_DESPITE)
    fields = merged_fields(row, status.template)
    return SubmitForm(request, fields, rejected=rejected, may_overrule=may_overrule)


_act = partial(CodeAct, permission=MAY_SUBMIT)
REVIEW_ACTS = (
    CodeAct(
        "commit",
        _("Upload code"),
        _("The template becomes the trial version. What users have stays as it is."),
        commit_program,
        "upload",
        obstacles.against_commit,
        lambda request, row, status: CommitForm(row, posted(request)),
        preview=_preview_commit,
        permission=MAY_COMMIT,
    ),
    _act(
        "submit",
        _("Submit for review"),
        _(
            "The version that was uploaded last goes to WeChat's reviewers. It takes one of the "
            "platform's submissions of this month. Every field may stay empty."
        ),
        submit_program,
        "send",
        obstacles.against_submit,
        _submit_form,
        "items",
        is_preflighted=True,
    ),
    _act(
        "withdraw",
        _("Withdraw"),
        _("The review ends without a verdict. WeChat allows five a day and ten a month."),
        _withdraw,
        "undo",
        obstacles.against_changing_review,
        is_grave=True,
    ),
    _act(
        "speed-up",
        _("Speed up"),
        _("WeChat decides within 12 hours. It takes one of the platform's speed-ups."),
        _speed_up,
        "bolt",
        obstacles.against_changing_review,
    ),
    _act(
        "ask",
        _("Ask WeChat now"),
        _("WeChat is asked for the newest audit and its verdict."),
        _refresh_audit,
        "sync",
        obstacles.against_asking,
    ),
)
