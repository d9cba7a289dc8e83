"""
Taking over the rows of the original system: its tables `wxminiprograms` and `wxminiprogram_audit`.

What we have already wins: a newer token is never overwritten, but every refresh token is kept.
"""

import json
from collections import defaultdict
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
from audits.services.verdicts import plain_reason
from miniprograms.models import Authorizer
from miniprograms.permissions import kind_by_sets
from miniprograms.tokens import remember_refresh_token
from platform_auth.models import Component, is_appid
from wechat.component import OFFICIAL_ACCOUNT, read_func_info

AUTHORIZERS, AUDITS = "wxminiprograms", "wxminiprogram_audit"

Row = Mapping[str, str]  # "" for NULL, and for a column that is not there

ORIGINAL_ZONE = ZoneInfo("Asia/Shanghai")  # the original wrote local time


class RowSkipped(Exception):
    """This row is not imported. The text says for which reason, and names no secret."""


@dataclass(slots=True)
class ImportReport:
    """What was imported, and what was not and for which reasons."""

    imported: dict[str, int] = field(default_factory=lambda: {AUTHORIZERS: 0, AUDITS: 0})
    skipped: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def import_rows(
    dump: Iterable[tuple[str, Mapping[str, str | None]]],
    component: Component,
    owners: Mapping[str, User],
) -> ImportReport:
    """
    Write the rows of DUMP (table name and values) for COMPONENT; OWNERS are our users by the
    original's `uid`.

    One transaction a row: what is wrong with one does not cost the others.
    """
    report = ImportReport()
    rows = [(table, _without_null(row)) for table, row in dump]
    for table, import_row in ((AUTHORIZERS, _import_authorizer), (AUDITS, _import_audit)):
        own_rows = [row for name, row in rows if name == table]
        for number, row in enumerate(own_rows, 1):
            title = f"{table} row {row['id'] or number}"
            try:
                with transaction.atomic():
                    notes = import_row(row, component, owners)
            except RowSkipped as reason:
                report.skipped.append(f"{title}: {reason}")
            except IntegrityError:
                report.skipped.append(f"{title}: another row stands in its place")
            else:
                report.imported[table] += 1
                report.notes += [f"{title}: {note}" for note in notes]
    _remember_refresh_tokens(rows)
    return report


def _without_null(row: Mapping[str, str | None]) -> Row:
    return defaultdict(str, {name: value or "" for name, value in row.items()})


def _remember_refresh_tokens(rows: Iterable[tuple[str, Row]]) -> None:
    """A refresh token that differs from ours may be the one that works: it joins the history."""
    for table, row in rows:
        refresh_token = row["authorizer_refresh_token"]
        if table == AUTHORIZERS and refresh_token:
            for pk in Authorizer.objects.filter(appid=row["authorizer_appid"]).values_list("pk"):
                remember_refresh_token(pk[0], refresh_token)


def _import_authorizer(row: Row, component: Component, owners: Mapping[str, User]) -> list[str]:
    """One mini program. What is worth telling about it."""
    appid, refresh_token, uid = (
        row[name] for name in ("authorizer_appid", "authorizer_refresh_token", "uid")
    )
    try:
        is_appid(appid)
    except ValidationError:
        raise RowSkipped("authorizer_appid is missing or malformed") from None
    if Authorizer.objects.filter(appid=appid).exists():
        raise RowSkipped(f"{appid} is here already; its tokens are newer")
    func_info = _parse_func_info(row["func_info"])
    program = _parse_object(row["miniprograminfo"])
    is_official = kind_by_sets(func_info) == OFFICIAL_ACCOUNT and not program
    Authorizer.objects.create(
        component=component,
        owner=owners.get(uid),
        appid=appid,
        kind=Authorizer.Kind.OFFICIAL_ACCOUNT if is_official else Authorizer.Kind.MINI_PROGRAM,
        token=row["token"],
        verify_type_info=_parse_integer(row["verify_type_info"], -1),
        is_show=int(row["is_show"] == "1"),
        idc=_parse_integer(row["idc"], 0),
        business_info=_parse_object(row["business_info"]),
        miniprograminfo=program,
        func_info=func_info,
        create_time=_parse_time(row["create_time"]),
        **_tokens(row),
        **_texts(row),
    )
    notes = [] if refresh_token else ["it has no refresh token, so it comes as unbound"]
    if uid not in ("", "0") and uid not in owners:
        notes.append(f"uid {uid} is not among the owners, so it has none")
    return notes


def _tokens(row: Row) -> dict[str, Any]:
    """The columns of tokens; without a refresh token the others are worth nothing."""
    if not row["authorizer_refresh_token"]:
        return {"state": Authorizer.State.UNBOUND}
    return {
        "state": Authorizer.State.BOUND,
        "access_token": row["authorizer_access_token"],
        "refresh_token": row["authorizer_refresh_token"],
        "expires": _parse_integer(row["authorizer_expires"], 0),
        "due_at": timezone.now(),
        "profile_due_at": timezone.now(),
    }


def _import_audit(row: Row, component: Component, owners: Mapping[str, User]) -> list[str]:
    """One audit. What is worth telling about it."""
    appid, auditid = row["appid"], row["auditid"]
    authorizer = Authorizer.objects.filter(appid=appid).first()
    if authorizer is None:
        raise RowSkipped("its mini program is not here")
    if not auditid.isdigit() or auditid == "0":
        raise RowSkipped("auditid is missing or malformed")
    if authorizer.audits.filter(auditid=auditid).exists():
        raise RowSkipped(f"audit {auditid} is here already")
    status = _parse_integer(row["status"], -9)
    if status not in range(CodeAudit.Status.PASSED, CodeAudit.Status.DELAYED + 1):
        raise RowSkipped("its status is not one of WeChat's, 0 to 4")
    is_open = status in CodeAudit.OPEN
    if is_open and authorizer.audits.open().exists():
        raise RowSkipped(f"{appid} has another open audit")
    audit = CodeAudit.objects.create(
        authorizer=authorizer,
        appid=appid,
        auditid=auditid,
        status=status,
        reason=plain_reason(row["reason"]),
        create_time=_parse_time(row["create_time"]) or timezone.now(),
        # Asked about at once: the original may have missed its verdict.
        due_at=timezone.now() if is_open else None,
    )
    after = CodeAudit.Status(status).name.lower()
    AuditEvent.objects.create(audit=audit, after=after, by="import", note="imported")
    return []


def _texts(row: Row) -> dict[str, str]:
    """The columns of text, within our bounds."""
    names = {"nick_name", "alias", "head_img", "user_name", "qrcode_url"}
    names |= {"principal_name", "signature"}
    return {
        column.name: row[column.name].replace("\0", "")[: column.max_length]
        for column in Authorizer._meta.concrete_fields
        if column.name in names
    }


def _parse_integer(text: str, default: int) -> int:
    try:
        number = int(text)
    except ValueError:
        return default
    return number if -(2**31) <= number < 2**33 else default


def _parse_json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _parse_object(text: str) -> dict[str, Any]:
    value = _parse_json(text)
    return value if isinstance(value, dict) else {}


def _parse_func_info(text: str) -> list[int]:
    """Ids from what the original kept: a JSON list of ids or of WeChat's objects, or "1,2,3"."""
    value = _parse_json(text)
    if isinstance(value, list):
        plain = [number for number in value if type(number) is int]
        return plain or read_func_info(value)
    parts = [part.strip() for part in text.split(",")]
    return [int(part) for part in parts if part.isdigit()]


def _parse_time(text: str) -> datetime | None:
    """A datetime of the original, or Unix seconds; a zero date is none."""
    if not text or text.startswith("0000-00-00"):
        return None
    if text.isdigit():
        seconds = int(text)
        return datetime.fromtimestamp(seconds, UTC) if 0 < seconds < 2**33 else None
    try:
        return datetime.fromisoformat(text).replace(tzinfo=ORIGINAL_ZONE)
    except ValueError:
        return None
