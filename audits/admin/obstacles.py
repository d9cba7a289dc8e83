"""
Why an act on a mini program's code makes no sense now: what our rows know that WeChat would refuse.
"" where nothing is in the way. A page shows the buttons that fit, and says of the others why not.
"""

from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _

from audits.admin.code_status import CodeStatus
from audits.models import CodeAudit, Release


def against_asking(status: CodeStatus, by: Any) -> str:
    if not status.is_bound:
        return _("the account is not authorised any more.")
    if status.lacking:
        return _(
            "its administrator has not granted permission set %(sets)s, so WeChat refuses it "
            "(61007): ask to authorise again."
        ) % {"sets": " · ".join(status.lacking)}
    return ""


def against_commit(status: CodeStatus, by: Any) -> str:
    if status.commit_is_open:
        return _("a version is being uploaded.")
    return against_asking(status, by)


def against_submit(status: CodeStatus, by: Any) -> str:
    if why := against_asking(status, by):
        return why
    if status.uploaded is None:
        return _("no version has been uploaded.")
    if status.audit is not None and status.audit.is_open:
        return _("version %(version)s is with WeChat already.") % _version(status.audit)
    if not status.is_submittable and status.is_taken_back:
        return _(
            "version %(version)s, the newest upload, was released and is not live any more. To "
            "bring it back, upload it again, submit it and release it."
        ) % {"version": status.uploaded}
    if not status.is_submittable:
        return _("version %(version)s, the newest upload, has passed already.") % {
            "version": status.uploaded
        }
    return ""


def against_changing_review(status: CodeStatus, by: Any) -> str:
    """Of withdrawing, and of speeding up."""
    if why := against_asking(status, by):
        return why
    return "" if status.audit_at_wechat else _("nothing is being reviewed.")


def _against_any_release(status: CodeStatus) -> str:
    audit = status.audit
    if why := against_asking(status, None):
        return why
    if status.release_is_open:
        return _("a release or a roll-back is under way.")
    if audit is None or audit.status != CodeAudit.Status.PASSED:
        return _("nothing has passed that is not released.")
    if status.is_taken_back:
        return _(
            "version %(version)s was released before and is not live any more: WeChat releases a "
            "review's version once. Upload it again and submit it."
        ) % _version(audit)
    if audit.released_at is not None:
        return _("version %(version)s is released already.") % _version(audit)
    return ""


def against_approval(status: CodeStatus, by: Any) -> str:
    why = _against_any_release(status)
    if not why and status.audit is not None and status.audit.approved_by_id is not None:
        why = _("somebody has agreed already.")
    return why


def against_release(status: CodeStatus, by: Any) -> str:
    why = _against_any_release(status)
    if why or not settings.RELEASE_NEEDS_TWO or status.audit is None:
        return why
    if status.audit.approved_by_id is None:
        return _("somebody else has to agree first.")
    if status.audit.approved_by_id == getattr(by, "pk", None):
        return _("you have agreed to it, so somebody else has to release it.")
    return ""


def against_gray_release(status: CodeStatus, by: Any) -> str:
    why = against_release(status, by)
    if not why and not status.live_version:
        why = _("nothing is online yet: the first version goes to all users at once.")
    return why


def against_revert(status: CodeStatus, by: Any) -> str:
    if why := against_asking(status, by):
        return why
    if status.release_is_open:
        return _("a release or a roll-back is under way.")
    if not status.live_version:
        return _("nothing was ever online.")
    if is_first_version(status.origin):
        return _("version %(version)s is the first that was online: there is none before it.") % {
            "version": status.live_version
        }
    return ""


def is_first_version(origin: Release | None) -> bool:
    """Whether WeChat had nothing online before; not where ORIGIN, its release, is not known."""
    return origin is not None and origin.kind == Release.Kind.RELEASE and not origin.live_before


def _version(audit: CodeAudit) -> dict[str, str]:
    return {"version": audit.user_version or "–"}
