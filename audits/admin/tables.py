"""Tables and pictures of a mini program's audits, their events and its releases."""

from typing import Any

from django.http import HttpResponse
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from audits.admin.code_status import CodeHistory, audit_label, gray_percentage_of, state_label
from audits.models import AuditEvent, CodeAudit, Release
from audits.services.summaries import pick_newest_of
from platform_auth.admin.operations import name_of_actor
from platform_auth.admin.pages import ago, table
from platform_auth.downloads import file_response
from platform_auth.errcodes import explain_kept
from wechat.http import SHOWN_PICTURES

MAX_EVENTS = 20

EVENT_NAMES = {
    **{status.name.lower(): status.label for status in CodeAudit.Status},
    "released": _("released"),
    "sped_up": _("sped up"),
    "mismatch": _("another version is online"),
}
# Notes of our own; anything else is WeChat's or an error, shown as it is.
EVENT_NOTES = {
    "push": _("pushed by WeChat"),
    "asked": _("WeChat was asked"),
    "found": _("submitted elsewhere"),
}


def history_tables(history: CodeHistory) -> dict[str, object]:
    """The last audits with their events, and the last releases."""
    audits = history.audits
    # By id, not by join: the events of a table of millions are found by their index.
    ids = [audit.pk for audit in audits]
    events = AuditEvent.objects.filter(audit_id__in=ids).order_by("-id")[:MAX_EVENTS]
    return {
        "audits": audits_table(audits),
        "events": events_table(events, {audit.pk: audit for audit in audits}),
        "releases": _releases_table(history.releases),
    }


def audits_table(audits: list[CodeAudit]) -> object:
    headers = [_("auditid"), _("version"), _("status"), _("submitted"), _("by")]
    headers += [_("decided"), _("released")]
    newest = pick_newest_of(audits)
    rows = [
        (
            audit.auditid or "…",
            audit.user_version or "–",
            audit_label(audit, gray_percentage_of(audit) if audit == newest else None),
            ago(audit.create_time),
            audit.submitted_by or "–",
            ago(audit.decided_at),
            ago(audit.released_at),
        )
        for audit in audits
    ]
    return table(headers, rows)


def _releases_table(releases: list[Release]) -> object:
    headers = [_("time"), _("act"), _("state"), _("version"), _("by"), _("online afterwards")]
    rows = [
        (
            ago(act.at),
            act.get_kind_display(),
            state_label(act),
            act.audit.user_version if act.audit else act.app_version or "–",
            act.by or "–",
            act.live_after or explain_kept(act.last_error) or "–",
        )
        for act in releases
    ]
    return table(headers, rows)


def events_table(events: Any, audits: dict[int, CodeAudit]) -> object:
    """The changes of state of AUDITS, newest first."""
    headers = [_("time"), _("auditid"), _("change"), _("by"), _("note")]
    rows = [
        (
            ago(event.at),
            audits[event.audit_id].auditid or "…",
            _describe_change(event),
            name_of_actor(event.by),
            EVENT_NOTES.get(event.note) or explain_kept(event.note) or "–",
        )
        for event in events
    ]
    return table(headers, rows)


def _describe_change(event: AuditEvent) -> str:
    names = [name for name in (event.before, event.after) if name]
    return " → ".join(str(EVENT_NAMES.get(name, name)) for name in names)


def screenshot_addresses(audit: CodeAudit | None) -> list[str]:
    if audit is None:
        return []
    pks = audit.screenshots.order_by("pk").values_list("pk", flat=True)
    return [reverse("admin:audit-screenshot", args=[audit.pk, pk]) for pk in pks]


def picture_response(content: bytes | memoryview, kind: str) -> HttpResponse:
    """A picture from outside: never taken for anything else."""
    kind = kind if kind in SHOWN_PICTURES else "application/octet-stream"
    return file_response(kind, bytes(content), life=0)


def screenshot_links(audit: CodeAudit) -> SafeString | str:
    """The screenshots of AUDIT, small; each opens large."""
    link = (
        '<a href="{0}" target="_blank" rel="noopener"><img src="{0}" alt="{1}" loading="lazy"></a>'
    )
    addresses = [(address, _("screenshot")) for address in screenshot_addresses(audit)]
    links = format_html_join("", link, addresses)
    return format_html('<span class="staff-shots">{}</span>', links) if addresses else "–"
