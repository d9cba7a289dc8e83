"""
What has happened to the merchants' accounts, in plain words and newest first: from the rows of
uploads, reviews and releases, from the operation log, and from what WeChat told us. Only what is
listed here is shown; members of staff are not named.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from audits.models import AuditEvent, CodeVersion, Release
from miniprograms.account_events import CHANGED as AUTHORIZER_CHANGED
from miniprograms.models import Authorizer
from miniprograms.permissions import NEEDS, Need, lacking_needs
from miniprograms.services.options import OPTION_TITLES
from miniprograms.services.settings.registry import KINDS
from miniprograms.services.showing import SHOWN
from notices.models import Notice
from platform_auth.models import Operation, PlatformEvent
from portal.history_words import (
    CHANGED,
    CHANGED_LACKING,
    LACKING,
    TELLINGS,
)

ENTRIES_PER_PAGE = 30
ROWS = 60  # of each source, for one page
# A call that WeChat refuses has a second line in the operation log, after it was answered.
ANSWERED_WITHIN = timedelta(minutes=1)
FIRST_YEAR = 2000  # nothing of WeChat's is older


@dataclass(frozen=True, slots=True)
class Entry:
    """
    At AT this happened to the account APPID: TEXT. WHO did it, if a person did; REASON is WeChat's.
    NEEDS are what the text says that permissions are missing for.
    """

    at: datetime
    appid: str
    text: str
    who: str = ""
    reason: str = ""
    tone: str = ""  # good, bad
    needs: Sequence[Need] = ()


@dataclass(frozen=True, slots=True)
class Reader:
    """Whose history it is, of which ACCOUNTS, and what of it: all that lies before BEFORE."""

    user: User
    accounts: QuerySet[Authorizer]
    before: datetime

    def person(self, row: Any) -> str:
        """What a merchant is told of who did it."""
        if row is None:
            return ""
        if row.pk == self.user.pk:
            return _("you")
        return _("our staff") if row.is_staff else ""


Read = Callable[[Reader], tuple[list[Entry], datetime | None]]


def _limited(rows: Iterable[Any], at: str) -> tuple[list[Any], datetime | None]:
    """ROWS as a list, and when the last of them was, if there may be more of them."""
    found = list(rows)
    return found, (getattr(found[-1], at) if len(found) == ROWS else None)


def read_history(reader: Reader) -> tuple[list[Entry], datetime | None]:
    """A page of it, and before when the next one begins, if there is one."""
    entries: list[Entry] = []
    ends = []
    for read in SOURCES:
        of_source, end = read(reader)
        entries += of_source
        ends += [end] if end else []
    # Further back than the end of one source it is not complete.
    end = max(ends, default=None)
    entries = sorted(
        (entry for entry in entries if end is None or entry.at >= end),
        key=lambda entry: entry.at,
        reverse=True,
    )
    if len(entries) <= ENTRIES_PER_PAGE:
        return entries, end
    last = entries[ENTRIES_PER_PAGE - 1].at
    return [entry for entry in entries if entry.at >= last], last


# Code


def _read_reviews(reader: Reader) -> tuple[list[Entry], datetime | None]:
    rows = AuditEvent.objects.filter(
        audit__authorizer__in=reader.accounts, at__lt=reader.before, after__in=TELLINGS
    ).exclude(before="delayed", after="in_review")  # a delay that is over
    rows = rows.select_related("audit__submitted_by").order_by("-at", "-id")
    events, end = _limited(rows[:ROWS], "at")
    return [_of_review(reader, event) for event in events], end


def _of_review(reader: Reader, event: AuditEvent) -> Entry:
    audit = event.audit
    who = reader.person(audit.submitted_by) if event.after == "in_review" else ""
    if event.by == reader.user.get_username():
        who = _("you")
    telling = TELLINGS[event.after]
    return Entry(
        event.at,
        audit.appid,
        telling.sentence % {"version": audit.user_version or "–"},
        who,
        _reason_of(event) if event.after in ("rejected", "delayed") else "",
        telling.tone,
    )


def _reason_of(event: AuditEvent) -> str:
    """What WeChat said with EVENT, or has said since while that is how the review stands."""
    return event.reason or (event.audit.reason if event.audit.word == event.after else "")


def _read_uploads(reader: Reader) -> tuple[list[Entry], datetime | None]:
    rows = CodeVersion.objects.filter(
        authorizer__in=reader.accounts,
        created_at__lt=reader.before,
        state=CodeVersion.State.COMMITTED,
    ).defer("ext_json", "first_values")
    rows = rows.select_related("authorizer", "created_by").order_by("-created_at", "-id")
    versions, end = _limited(rows[:ROWS], "created_at")
    text = _("Version %(version)s was uploaded, to be tried out.")
    return [
        Entry(
            row.created_at,
            row.authorizer.appid,
            text % {"version": row.user_version},
            reader.person(row.created_by),
        )
        for row in versions
    ], end


def _read_releases(reader: Reader) -> tuple[list[Entry], datetime | None]:
    rows = Release.objects.filter(
        authorizer__in=reader.accounts, at__lt=reader.before, state=Release.State.DONE
    )
    rows = rows.select_related("authorizer", "audit", "by").order_by("-at", "-id")
    acts, end = _limited(rows[:ROWS], "at")
    return [
        Entry(
            act.at, act.authorizer.appid, _of_release(act), reader.person(act.by),
            tone="good" if act.kind == Release.Kind.RELEASE else "",
        )
        for act in acts
    ], end  # fmt: skip


def _of_release(act: Release) -> str:
    version = act.live_after or (act.audit.user_version if act.audit else "")
    if act.kind == Release.Kind.REVERT:
        if not version:
            return _("It was rolled back: an earlier version is online again.")
        return _("It was rolled back: version %(version)s is online again.") % {"version": version}
    return _("Version %(version)s went online.") % {"version": version or "–"}


# The operation log


def _setting_name(kind: str) -> object:
    return KINDS[kind].title if kind in KINDS else kind


def _read_operations(reader: Reader) -> tuple[list[Entry], datetime | None]:
    rows = Operation.objects.filter(
        appid__in=reader.accounts.values("appid"),
        action__in=TELLINGS,
        at__lt=reader.before + ANSWERED_WITHIN,
    )
    rows = rows.select_related("actor").order_by("-at", "-id")
    operations, end = _limited(rows[:ROWS], "at")
    return [entry for entry in _of_operations(reader, operations) if entry.at < reader.before], end


def _of_operations(reader: Reader, operations: Iterable[Operation]) -> Iterator[Entry]:
    """TELLINGS, newest first, without those of which the line after says that WeChat refused."""
    refused = set()
    for row in operations:
        key = (row.appid, row.action, row.request_id)
        parts = TELLINGS[row.action].match(row.result)
        if parts is None or row.has_failed:
            refused.add(key)
        elif key in refused:
            refused.remove(key)
        else:
            yield _of_operation(reader, row, parts)


def _of_operation(reader: Reader, row: Operation, parts: dict[str, str]) -> Entry:
    telling = TELLINGS[row.action]
    if "setting" in parts:
        parts["name"] = str(_setting_name(parts["setting"]))
    if "option" in parts:
        parts["name"] = str(OPTION_TITLES.get(parts["option"], parts["option"]))
    needs = [need for need in NEEDS if need.code in parts.get("lacks", "").split()]
    # Whoever came by a link was not the merchant in whose name it is logged.
    who = "" if row.action == "bind" else reader.person(row.actor)
    return Entry(
        row.at,
        row.appid,
        str(LACKING) if needs else telling.sentence % parts,
        who,
        parts.get("reason", ""),
        "bad" if needs else telling.tone,
        needs,
    )


# What WeChat told us, as long as it is kept


def _read_notices(reader: Reader) -> tuple[list[Entry], datetime | None]:
    rows = Notice.objects.filter(
        appid__in=reader.accounts.values("appid"), kind__in=TELLINGS, created_at__lt=reader.before
    )
    notices, end = _limited(rows.order_by("-created_at", "-id")[:ROWS], "created_at")
    return [
        Entry(
            row.created_at,
            row.appid,
            str(TELLINGS[row.kind].sentence),
            reason=str((row.facts.get("details") or {}).get("illegal_reason") or ""),
            tone=TELLINGS[row.kind].tone,
        )
        for row in notices
    ], end


def _read_changes(reader: Reader) -> tuple[list[Entry], datetime | None]:
    rows = PlatformEvent.objects.filter(
        appid__in=reader.accounts.values("appid"), kind=AUTHORIZER_CHANGED, at__lt=reader.before
    )
    events, end = _limited(rows.order_by("-at", "-id")[:ROWS], "at")
    return [
        _of_change(event) for event in events if "func_info" in event.data.get("changed", ())
    ], end


def _of_change(event: PlatformEvent) -> Entry:
    needs = lacking_needs(event.data.get("kind", ""), event.data.get("func_info") or ())
    text = str(CHANGED_LACKING if needs else CHANGED)
    return Entry(event.at, event.appid, text, tone="bad" if needs else "", needs=needs)


SOURCES: tuple[Read, ...] = (
    _read_reviews,
    _read_uploads,
    _read_releases,
    _read_operations,
    _read_notices,
    _read_changes,
)


@never_cache
@require_safe
@login_required
def history_page(request: HttpRequest, appid: str = "") -> HttpResponse:
    """Of one account, or of all."""
    own = Authorizer.objects.filter(owner_id=request.user.pk)
    row = get_object_or_404(own, appid=appid) if appid else None
    accounts = own.filter(appid=appid) if appid else own.filter(is_show=SHOWN)
    before = request.GET.get("before", "")
    reader = Reader(request.user, accounts, _read_time(before))  # type: ignore[arg-type]
    entries, older = read_history(reader)
    names = {
        one.appid: one
        for one in own.filter(appid__in={entry.appid for entry in entries}).only(
            "appid", "nick_name", "kind"
        )
    }
    context = {
        "row": row,
        "entries": [(entry, names.get(entry.appid)) for entry in entries],
        "older": older.isoformat() if older else "",
        "is_first": not before,
        "days": settings.PUSH_RETENTION_DAYS,
    }
    return render(request, "portal/history.html", context)


def _read_time(text: str) -> datetime:
    """Of the address of a page; without one it is the first page."""
    if not text:
        return timezone.now() + ANSWERED_WITHIN
    try:
        time = parse_datetime(text)
    except ValueError:
        time = None
    if time is None or time.tzinfo is None or time.year < FIRST_YEAR:
        raise Http404
    return min(time, timezone.now() + ANSWERED_WITHIN)
