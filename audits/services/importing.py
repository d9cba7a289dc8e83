"""
Taking over the rows of the original system: its tables `wxminiprograms`, `wxuser` (official
accounts), `wxminiprogram_audit` and `weixin_account` (the component).

What we have already wins: a newer token is never overwritten, but every refresh token is kept.
"""

import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone

from audits.models import AuditEvent, CodeAudit
from audits.services.review_outcomes import keep_outcome
from audits.services.summaries import summarise_code
from audits.services.verdicts import plain_reason
from miniprograms.models import Authorizer
from miniprograms.permissions import kind_by_sets, lacking_codes
from miniprograms.tokens import remember_refresh_token
from platform_auth.models import Component
from platform_auth.registration import register_component
from platform_auth.text_rules import is_appid
from platform_auth.tokens import save_ticket
from wechat.component import OFFICIAL_ACCOUNT, read_func_info

AUTHORIZERS, AUDITS = "wxminiprograms", "wxminiprogram_audit"
OFFICIAL_ACCOUNTS, COMPONENTS = "wxuser", "weixin_account"
TABLES = (AUTHORIZERS, OFFICIAL_ACCOUNTS, AUDITS, COMPONENTS)
# Of the original's audits, what WeChat says and, 3, what it has not said anything about yet.
SUBMITTED = 3

Row = Mapping[str, str]  # "" for NULL, and for a column that is not there

ORIGINAL_ZONE = ZoneInfo("Asia/Shanghai")  # the original wrote local time


class RowSkipped(Exception):
    """This row is not imported. The text says for which reason, and names no secret."""


@dataclass(slots=True)
class ImportReport:
    """What was imported, and what was not and for which reasons."""

    imported: dict[str, int] = field(default_factory=lambda: dict.fromkeys(TABLES, 0))
    skipped: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def import_rows(
    dump: Iterable[tuple[str, Mapping[str, str | None]]],
    find_component: Callable[[], Component],
    owners: Mapping[str, User],
) -> ImportReport:
    """
    Write the rows of DUMP (table name and values). Accounts are of the component that
    FIND_COMPONENT tells once the dump's own is here; OWNERS are our users by the original's `uid`.

    One transaction a row: what is wrong with one does not cost the others.
    """
    report = ImportReport()
    rows: dict[str, list[Row]] = {table: [] for table in TABLES}
    for table, row in dump:
        rows[table].append(_without_null(row))
    _import_table(COMPONENTS, rows, _import_component, report)
    component = find_component()
    for table in (AUTHORIZERS, OFFICIAL_ACCOUNTS):
        import_account = partial(_import_account, table=table, component=component, owners=owners)
        _import_table(table, rows, import_account, report)
    _import_table(AUDITS, rows, _import_audit, report)
    for row in rows[AUTHORIZERS] + rows[OFFICIAL_ACCOUNTS]:
        _remember_refresh_token(row)
    return report


def _import_table(
    table: str,
    rows: Mapping[str, list[Row]],
    import_row: Callable[[Row], list[str]],
    report: ImportReport,
) -> None:
    for number, row in sorted(enumerate(rows[table], 1), key=_ORDER[table]):
        title = f"{table} row {row['id'] or number}"
        try:
            with transaction.atomic():
                notes = import_row(row)
        except RowSkipped as reason:
            report.skipped.append(f"{title}: {reason}")
        except IntegrityError:
            report.skipped.append(f"{title}: another row stands in its place")
        else:
            report.imported[table] += 1
            report.notes += [f"{title}: {note}" for note in notes]


def _newest_token_first(numbered: tuple[int, Row]) -> tuple[int, int]:
    """Of two rows of one account the newer token wins, and the later row where neither tells."""
    number, row = numbered
    return -_parse_integer(row["authorizer_expires"], 0), -number


def _submitted_last(numbered: tuple[int, Row]) -> tuple[int, int]:
    """Of audits that were only ever submitted the newest is the one that WeChat may still have."""
    number, row = numbered
    is_submitted = row["status"] in ("", str(SUBMITTED))
    return (1, -_parse_integer(row["auditid"], 0)) if is_submitted else (0, number)


_ORDER: Mapping[str, Callable[[tuple[int, Row]], tuple[int, int]]] = {
    COMPONENTS: lambda numbered: (numbered[0], 0),
    AUTHORIZERS: _newest_token_first,
    OFFICIAL_ACCOUNTS: _newest_token_first,
    AUDITS: _submitted_last,
}


def _without_null(row: Mapping[str, str | None]) -> Row:
    return defaultdict(str, {name: value or "" for name, value in row.items()})


def _remember_refresh_token(row: Row) -> None:
    """A refresh token that differs from ours may be the one that works: it joins the history."""
    refresh_token = row["authorizer_refresh_token"]
    if refresh_token:
        for pk in Authorizer.objects.filter(appid=_appid(row)).values_list("pk", flat=True):
            remember_refresh_token(pk, refresh_token)


def _import_component(row: Row) -> list[str]:
    """The component, unless it is registered; its ticket, if it is newer than ours."""
    appid = row["appId"] or row["appid"]
    if row["type"] not in ("", "1"):
        raise RowSkipped("it is no third-party platform: its type is not 1")
    component = Component.objects.filter(appid=appid).first()
    notes = []
    if component is None:
        try:
            component = register_component(
                appid=appid,
                secret=row["appSecret"] or row["appsecret"],
                token=row["token"],
                aes_key=row["encodingAesKey"],
            )
        except ValidationError as error:
            names = ", ".join(sorted(error.message_dict))
            raise RowSkipped(f"missing or malformed: {names}") from None
        notes.append(f"{appid} is registered with the original's keys")
    created = _parse_integer(row["date_time"], 0)
    if row["component_verify_ticket"]:
        save_ticket(component, row["component_verify_ticket"], created)
    return notes


def _appid(row: Row) -> str:
    return row["authorizer_appid"] or row["appid"]


def _import_account(
    row: Row, *, table: str, component: Component, owners: Mapping[str, User]
) -> list[str]:
    """A mini program or an official account. What is worth telling about it."""
    appid, uid = _appid(row), row["uid"]
    try:
        is_appid(appid)
    except ValidationError:
        raise RowSkipped("authorizer_appid is missing or malformed") from None
    if table == OFFICIAL_ACCOUNTS and row["type"] not in ("", "1"):
        raise RowSkipped("it was not authorised to the platform: its type is not 1")
    if Authorizer.objects.filter(appid=appid).exists():
        raise RowSkipped(f"{appid} is here already; its tokens are newer")
    func_info = _parse_func_info(row["func_info"])
    program = _parse_object(row["miniprograminfo"])
    is_official = table == OFFICIAL_ACCOUNTS or (
        kind_by_sets(func_info) == OFFICIAL_ACCOUNT and not program
    )
    kind = Authorizer.Kind.OFFICIAL_ACCOUNT if is_official else Authorizer.Kind.MINI_PROGRAM
    Authorizer.objects.create(
        component=component,
        owner=owners.get(uid),
        appid=appid,
        kind=kind,
        token=row["token"],
        verify_type_info=_parse_integer(row["verify_type_info"], -1),
        is_show=int(row["is_show"] == "1"),
        idc=_parse_integer(row["idc"], 0),
        business_info=_parse_object(row["business_info"]),
        miniprograminfo=program,
        func_info=func_info,
        lacks=lacking_codes(kind, func_info),
        create_time=_parse_time(row["create_time"] or row["createtime"]),
        **_tokens(row),
        **_texts(row),
    )
    notes = []
    if not row["authorizer_refresh_token"]:
        notes.append("it has no refresh token, so it comes as unbound")
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


def _import_audit(row: Row) -> list[str]:
    """One audit. What is worth telling about it."""
    appid, auditid = row["appid"], row["auditid"]
    authorizer = Authorizer.objects.filter(appid=appid).first()
    if authorizer is None:
        raise RowSkipped("its mini program is not here")
    if not auditid.isdigit() or auditid == "0":
        raise RowSkipped("auditid is missing or malformed")
    if authorizer.audits.filter(auditid=auditid).exists():
        raise RowSkipped(f"audit {auditid} is here already")
    # NULL is the original's default: submitted, and nothing heard since.
    status = _parse_integer(row["status"] or str(SUBMITTED), -9)
    if status not in range(CodeAudit.Status.PASSED, CodeAudit.Status.DELAYED + 1):
        raise RowSkipped("its status is not one of WeChat's, 0 to 4")
    if status == SUBMITTED:
        status = CodeAudit.Status.IN_REVIEW
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
    summarise_code(authorizer.pk)
    keep_outcome(audit)
    return []


# Columns of text by their names with us, and how the official accounts' table calls them.
_TEXTS = {
    "nick_name": "wxname",
    "alias": "weixin",
    "head_img": "headerpic",
    "user_name": "wxid",
    "qrcode_url": "qr",
    "principal_name": "",
    "signature": "",
}


def _texts(row: Row) -> dict[str, str]:
    """The columns of text, within our bounds."""
    return {
        column.name: (row[column.name] or row[_TEXTS[column.name]]).replace("\0", "")[
            : column.max_length
        ]
        for column in Authorizer._meta.concrete_fields
        if column.name in _TEXTS
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


_PHP_IDS = re.compile(r'(?:i:\d+|s:2:"id");(?:i:(\d+)|s:\d+:"(\d+)");')


def _parse_func_info(text: str) -> list[int]:
    """
    Ids from what the original kept: a JSON list of ids or of WeChat's objects, "1,2,3", or either
    list as PHP's serialize() writes it.
    """
    value = _parse_json(text)
    if isinstance(value, list):
        plain = [number for number in map(_as_id, value) if number is not None]
        return plain or read_func_info(value)
    if text.startswith("a:"):
        return [int(number or word) for number, word in _PHP_IDS.findall(text)]
    parts = [part.strip() for part in text.split(",")]
    return [int(part) for part in parts if part.isdigit()]


def _as_id(value: object) -> int | None:
    if type(value) is int:
        return value
    return int(value) if isinstance(value, str) and value.isdecimal() else None


def _parse_time(text: str) -> datetime | None:
    """A datetime of the original, or Unix seconds; a zero date is none."""
    if not text or text.startswith("0000-00-00"):
        return None
    if text.isdigit():
        seconds = int(text)
        return datetime.fromtimestamp(seconds, UTC) if 0 < seconds < 2**33 else None
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    return time if time.tzinfo else time.replace(tzinfo=ORIGINAL_ZONE)
