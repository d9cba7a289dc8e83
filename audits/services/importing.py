"""
Taking over the rows of the original system: its tables `wxminiprograms` and `wxminiprogram_audit`.

What we have already wins: a newer token is never overwritten, but every refresh token is kept.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone

from audits.models import AuditEvent, CodeAudit
from audits.services.verdicts import readable
from miniprograms.models import Authorizer
from miniprograms.permissions import kind_by_sets
from miniprograms.tokens import remember_refresh_token
from platform_auth.models import Component, is_appid
from wechat.component import OFFICIAL_ACCOUNT, read_func_info

AUTHORIZERS, AUDITS = "wxminiprograms", "wxminiprogram_audit"

Row = Mapping[str, str | None]
State = Authorizer.State
Status = CodeAudit.Status

ZONE = ZoneInfo("Asia/Shanghai")  # the original wrote local time


class Skipped(Exception):
    """This row is not taken over. The text says why, and names no secret."""


@dataclass(slots=True)
class Report:
    """What was taken over, and what was not and why."""

    taken: dict[str, int] = field(default_factory=lambda: {AUTHORIZERS: 0, AUDITS: 0})
    skipped: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def take_over(
    rows: Iterable[tuple[str, Row]], component: Component, owners: Mapping[str, User]
) -> Report:
    """
    Write ROWS (table name and values) for COMPONENT; OWNERS are our users by the original's `uid`.

    One transaction a row: what is wrong with one does not cost the others.
    """
    report = Report()
    both = list(rows)
    for table, take in ((AUTHORIZERS, _take_authorizer), (AUDITS, _take_audit)):
        for number, (name, row) in enumerate((entry for entry in both if entry[0] == table), 1):
            where = f"{name} row {row.get('id') or number}"
            try:
                with transaction.atomic():
                    notes = take(row, component, owners)
            except Skipped as reason:
                report.skipped.append(f"{where}: {reason}")
            except IntegrityError:
                report.skipped.append(f"{where}: another row stands in its place")
            else:
                report.taken[table] += 1
                report.notes += [f"{where}: {note}" for note in notes]
    _keep_refresh_tokens(both)
    return report


def _keep_refresh_tokens(rows: Iterable[tuple[str, Row]]) -> None:
    """A refresh token that differs from ours may be the one that works: it joins the history."""
    for table, row in rows:
        refresh_token = row.get("authorizer_refresh_token") or ""
        if table == AUTHORIZERS and refresh_token:
            for pk in Authorizer.objects.filter(appid=row["authorizer_appid"]).values_list("pk"):
                remember_refresh_token(pk[0], refresh_token)


def _take_authorizer(row: Row, component: Component, owners: Mapping[str, User]) -> list[str]:
    """One mini program. What is worth telling about it."""
    appid = row.get("authorizer_appid") or ""
    try:
        is_appid(appid)
    except ValidationError:
        raise Skipped("authorizer_appid is missing or malformed") from None
    refresh_token = row.get("authorizer_refresh_token") or ""
    if Authorizer.objects.filter(appid=appid).exists():
        raise Skipped(f"{appid} is here already; its tokens are newer")
    uid = row.get("uid") or ""
    func_info = _func_info(row.get("func_info"))
    kind = kind_by_sets(func_info) == OFFICIAL_ACCOUNT and not _object(row.get("miniprograminfo"))
    expires = _number(row.get("authorizer_expires"), 0)
    Authorizer.objects.create(
        component=component,
        owner=owners.get(uid),
        appid=appid,
        kind=Authorizer.Kind.OFFICIAL_ACCOUNT if kind else Authorizer.Kind.MINI_PROGRAM,
        state=State.BOUND if refresh_token else State.UNBOUND,
        access_token=(row.get("authorizer_access_token") or "") if refresh_token else "",
        refresh_token=refresh_token,
        expires=expires if refresh_token else 0,
        due_at=timezone.now() if refresh_token else None,
        profile_due_at=timezone.now() if refresh_token else None,
        token=row.get("token") or "",
        verify_type_info=_number(row.get("verify_type_info"), -1),
        is_show=1 if row.get("is_show") == "1" else 0,
        idc=_number(row.get("idc"), 0),
        business_info=_object(row.get("business_info")),
        miniprograminfo=_object(row.get("miniprograminfo")),
        func_info=func_info,
        create_time=_time(row.get("create_time")),
        **_texts(row),
    )
    notes = [] if refresh_token else ["it has no refresh token, so it comes as unbound"]
    if uid not in ("", "0") and uid not in owners:
        notes.append(f"uid {uid} is not among the owners, so it has none")
    return notes


def _take_audit(row: Row, component: Component, owners: Mapping[str, User]) -> list[str]:
    """One audit. What is worth telling about it."""
    appid, auditid = row.get("appid") or "", row.get("auditid") or ""
    authorizer = Authorizer.objects.filter(appid=appid).first()
    if authorizer is None:
        raise Skipped("its mini program is not here")
    if not auditid.isdigit() or auditid == "0":
        raise Skipped("auditid is missing or malformed")
    if CodeAudit.objects.filter(authorizer=authorizer, auditid=auditid).exists():
        raise Skipped(f"audit {auditid} is here already")
    status = _number(row.get("status"), -9)
    if status not in range(Status.PASSED, Status.DELAYED + 1):
        raise Skipped("its status is not one of WeChat's, 0 to 4")
    is_open = status in CodeAudit.OPEN
    if is_open and authorizer.audits.open().exists():
        raise Skipped(f"{appid} has another open audit")
    audit = CodeAudit.objects.create(
        authorizer=authorizer,
        appid=appid,
        auditid=auditid,
        status=status,
        reason=readable(row.get("reason") or ""),
        create_time=_time(row.get("create_time")) or timezone.now(),
        # Asked about at once: the original may have missed its verdict.
        due_at=timezone.now() if is_open else None,
    )
    AuditEvent.objects.create(
        audit=audit, after=Status(status).name.lower(), by="import", note="imported"
    )
    return []


def _texts(row: Row) -> dict[str, str]:
    """The columns of text, within our bounds."""
    names = {
        *("nick_name", "alias", "head_img", "user_name", "qrcode_url"),
        *("principal_name", "signature"),
    }
    return {
        column.name: (row.get(column.name) or "").replace("\0", "")[: column.max_length]
        for column in Authorizer._meta.concrete_fields
        if column.name in names
    }


def _number(text: str | None, default: int) -> int:
    try:
        number = int(text or "")
    except ValueError:
        return default
    return number if -(2**31) <= number < 2**33 else default


def _json(text: str | None) -> Any:
    try:
        return json.loads(text or "null")
    except ValueError:
        return None


def _object(text: str | None) -> dict[str, Any]:
    value = _json(text)
    return value if isinstance(value, dict) else {}


def _func_info(text: str | None) -> list[int]:
    """Ids from what the original kept: a JSON list of ids or of WeChat's objects, or "1,2,3"."""
    value = _json(text)
    if isinstance(value, list):
        plain = [number for number in value if type(number) is int]
        return plain or read_func_info(value)
    parts = [part.strip() for part in (text or "").split(",")]
    return [int(part) for part in parts if part.isdigit()]


def _time(text: str | None) -> datetime | None:
    """A datetime of the original, or Unix seconds; a zero date is none."""
    if not text or text.startswith("0000-00-00"):
        return None
    if text.isdigit():
        seconds = int(text)
        return datetime.fromtimestamp(seconds, UTC) if 0 < seconds < 2**33 else None
    try:
        return datetime.fromisoformat(text).replace(tzinfo=ZONE)
    except ValueError:
        return None
