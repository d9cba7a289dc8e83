"""Keeping what lists know of a mini program's code: one row, made anew with each of its acts."""

import re
from collections.abc import Sequence
from typing import Any

from django.db import transaction

from audits.models import CodeAudit, CodeSummary, CodeVersion, Release
from miniprograms.models import Authorizer

_VERSION = re.compile(r"^[^0-9]*([0-9]+(?:\.[0-9]+)*)(.*)$", re.DOTALL)
_PIECE = re.compile(r"[0-9]+|[a-z]+")
DIGITS, MAX_KEY = 10, 200  # of one number, of the whole


def order_key(version: str) -> str:
    """
    VERSION as a text that is sorted as versions are: 2.10 after v2.9, 2.0 as 2.0.0, 2.0.0-beta
    before it. Letters and digits only, which any database's collation sorts alike. "" where there
    is no number in it, so that nothing can be said.
    """
    match = _VERSION.match(version.strip())
    if match is None:
        return ""
    numbers = match[1].split(".")
    while numbers and not int(numbers[-1]):
        numbers.pop()
    suffix = match[2].partition("+")[0].strip().lower()
    # "a" ends the numbers and sorts before "b", which goes on.
    text = "b".join(number[-DIGITS:].rjust(DIGITS, "0") for number in numbers) + "a"
    text += "0" if suffix.startswith("-") else "1"
    for piece in _PIECE.findall(suffix):
        text += f"0{piece[-DIGITS:].rjust(DIGITS, '0')}" if piece.isdigit() else f"1{piece}a"
    return text[:MAX_KEY]


def is_older(version: str, than: str) -> bool:
    """Whether VERSION comes before THAN; where either has no number nobody can say so."""
    key, other = order_key(version), order_key(than)
    return bool(key and other) and key < other


def summarise_code(authorizer: int) -> None:
    """
    Make the summary of the mini program with the id AUTHORIZER anew, after one of its rows has
    changed.

    The summary is locked before the rows are read: of two who change rows at once, the second
    reads what the first has written.
    """
    with transaction.atomic():
        CodeSummary.objects.bulk_create(
            [CodeSummary(authorizer_id=authorizer)], ignore_conflicts=True
        )
        CodeSummary.objects.select_for_update().get(pk=authorizer)
        CodeSummary.objects.filter(pk=authorizer).update(**_read_summary(authorizer))


def _read_summary(authorizer: int) -> dict[str, Any]:
    live = _live_version(authorizer)
    uploaded = _uploads(authorizer).first()
    audit = pick_newest(CodeAudit.objects.filter(authorizer=authorizer))
    review_version = audit.user_version if audit else ""
    return {
        "live_version": live,
        "live_key": order_key(live),
        "live_template_id": _template_of(authorizer, live, uploaded),
        "review": audit.word if audit else "",
        "review_version": review_version,
        "review_template_id": _template_of(authorizer, review_version, uploaded),
        "uploaded_version": uploaded.user_version if uploaded else "",
        "uploaded_key": order_key(uploaded.user_version) if uploaded else "",
        "uploaded_template_id": uploaded.template_id if uploaded else None,
    }


def pick_newest(audits: Any) -> CodeAudit | None:
    """The newest of AUDITS that WeChat did not refuse to take, else the newest."""
    at_wechat = audits.exclude(status=CodeAudit.Status.REFUSED)
    audit: CodeAudit | None = at_wechat.newest_first().first()
    return audit or audits.newest_first().first()


def pick_newest_of(newest_first: Sequence[CodeAudit]) -> CodeAudit | None:
    """The same of rows that were read already."""
    at_wechat = (audit for audit in newest_first if not audit.is_refused)
    return next(at_wechat, None) or next(iter(newest_first), None)


def _live_version(authorizer: int) -> str:
    """What the last release or roll-back left online, or what was released before our time."""
    acts = Release.objects.filter(authorizer=authorizer, state=Release.State.DONE)
    act = acts.select_related("audit").order_by("-id").first()
    if act:
        return act.live_after or (act.audit.user_version if act.audit else "")
    released = CodeAudit.objects.filter(authorizer=authorizer, released_at__isnull=False)
    return released.newest_first().values_list("user_version", flat=True).first() or ""


def _uploads(authorizer: int) -> Any:
    committed = CodeVersion.State.COMMITTED
    rows = CodeVersion.objects.filter(authorizer=authorizer, state=committed)
    return rows.defer("ext_json").order_by("-id")


def _template_of(authorizer: int, version: str, uploaded: CodeVersion | None) -> int | None:
    """Of which template VERSION was uploaded last; versions of other platforms have none."""
    if not version:
        return None
    if uploaded and uploaded.user_version == version:
        return uploaded.template_id
    uploads = _uploads(authorizer).filter(user_version=version)
    template: int | None = uploads.values_list("template_id", flat=True).first()
    return template


def is_taken_back(summary: CodeSummary) -> bool:
    """Whether the version that was released last is not what is live, by our records."""
    live, released = summary.live_version, summary.review_version
    return summary.review == "released" and bool(live) and live != released


def summary_of(account: Authorizer) -> CodeSummary:
    """The summary of ACCOUNT, read with it; where it has none, an empty one."""
    try:
        return account.code_summary
    except CodeSummary.DoesNotExist:
        return CodeSummary(
            authorizer=account, live_version="", review="", review_version="", uploaded_version=""
        )
