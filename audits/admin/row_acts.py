"""The acts at hand on rows about code: those that fit a row, for whoever looks at it."""

from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.db.models import Exists, OuterRef
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrOrPromise

from audits.admin.acts import MAY_RELEASE, MAY_SUBMIT
from audits.admin.obstacles import is_first_version
from audits.models import CodeAudit, CodeVersion, Release
from miniprograms.models import Authorizer
from platform_auth.admin.account_links import MAY_VIEW_ACCOUNTS, reader_of

# What a row can offer: an act on its mini program's code, its title, and the right that it takes.
Offer = tuple[str, StrOrPromise, str]
WITHDRAW: Offer = ("withdraw", _("Withdraw"), MAY_SUBMIT)
SPEED_UP: Offer = ("speed-up", _("Speed up"), MAY_SUBMIT)
ASK: Offer = ("ask", _("Ask WeChat now"), MAY_SUBMIT)
SUBMIT: Offer = ("submit", _("Submit for review"), MAY_SUBMIT)
RESUBMIT: Offer = ("submit", _("Submit again"), MAY_SUBMIT)
APPROVE: Offer = ("approve", _("Agree to the release"), MAY_RELEASE)
RELEASE: Offer = ("release", _("Release"), MAY_RELEASE)
REVERT: Offer = ("revert", _("Roll back"), MAY_RELEASE)

_STATUS = CodeAudit.Status
_AGAIN = (_STATUS.REJECTED, _STATUS.WITHDRAWN, _STATUS.REFUSED)


def with_newer_audits(rows: Any) -> Any:
    """Audits that know whether WeChat took a newer one: then nothing can be done with them."""
    newer = CodeAudit.objects.filter(authorizer=OuterRef("authorizer"), pk__gt=OuterRef("pk"))
    return rows.annotate(has_newer=Exists(newer.exclude(status=_STATUS.REFUSED)))


def with_newer_versions(rows: Any) -> Any:
    """Versions that know of newer ones, and of an audit of theirs that is open or has passed."""
    newer = CodeVersion.objects.filter(authorizer=OuterRef("authorizer"), pk__gt=OuterRef("pk"))
    audits = CodeAudit.objects.filter(authorizer=OuterRef("authorizer"))
    busy = audits.filter(status__in=CodeAudit.OPEN)
    passed = audits.filter(version=OuterRef("pk"), status=_STATUS.PASSED)
    is_taken = Exists(busy) | Exists(passed)
    return rows.annotate(has_newer=Exists(newer), is_taken=is_taken)


def with_newer_releases(rows: Any) -> Any:
    newer = Release.objects.filter(authorizer=OuterRef("authorizer"), pk__gt=OuterRef("pk"))
    return rows.annotate(has_newer=Exists(newer.exclude(state=Release.State.REFUSED)))


def offers_of_audit(row: Any) -> Iterable[Offer]:
    """What can be done with an audit that was read by WITH_NEWER_AUDITS."""
    if row.has_newer or not _is_bound(row):
        return []
    if row.status in CodeAudit.UNDECIDED:
        return [WITHDRAW, SPEED_UP, ASK] if row.auditid else [ASK]
    if row.status in CodeAudit.IN_FLIGHT:
        return [ASK]
    if row.status == _STATUS.PASSED and row.released_at is None:
        needs_approval = settings.RELEASE_NEEDS_TWO and row.approved_by_id is None
        return [APPROVE if needs_approval else RELEASE]
    return [RESUBMIT] if row.status in _AGAIN else []


def offers_of_version(row: Any) -> Iterable[Offer]:
    is_submittable = row.state == CodeVersion.State.COMMITTED and not row.has_newer
    return [SUBMIT] if is_submittable and not row.is_taken and _is_bound(row) else []


def offers_of_release(row: Any) -> Iterable[Offer]:
    is_online = row.state == Release.State.DONE and not row.has_newer
    return [REVERT] if is_online and not is_first_version(row) and _is_bound(row) else []


def _is_bound(row: Any) -> bool:
    return bool(row.authorizer.state != Authorizer.State.UNBOUND)


def code_links(row: Any, offers: Iterable[Offer]) -> SafeString | str:
    """Links to OFFERS on the mini program of ROW, for whoever looks at it."""
    reader = reader_of(row)
    if reader is None or not reader.has_perm(MAY_VIEW_ACCOUNTS):
        return "–"
    return join_links(
        (reverse(f"admin:code-{name}", args=[row.authorizer_id]), title)
        for name, title, permission in offers
        if reader.has_perm(permission)
    )


def join_links(links: Iterable[tuple[str, StrOrPromise]]) -> SafeString | str:
    shown = format_html_join(" ", '<a href="{}" class="staff-act">{}</a>', links)
    return format_html('<span class="staff-acts">{}</span>', shown) if shown else "–"
