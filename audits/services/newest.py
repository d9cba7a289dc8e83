"""Rows of which the newest counts: a change is a new row, never another value of an old one."""

from collections.abc import Callable, Mapping
from typing import Any

from django.db import IntegrityError, transaction

from audits.problems import ValuesChanged
from audits.services.ext_json import is_same_json
from platform_auth.operations import Actor


def save_newest(
    versions: Any,
    column: str,
    content: Mapping[str, Any],
    *,
    by: Actor | None,
    seen: int | None,
    record: Callable[[dict[str, Any]], object],
) -> Any:
    """
    CONTENT is what COLUMN of VERSIONS, the rows of one owner, holds from now on: a new row, or the
    newest where that says so already; None where nothing was said and nothing is. RECORD tells the
    operation log of the change from what it is given.

    SEEN is the key of the row that the person was shown, 0 for none. Raises ValuesChanged where it
    is another by now.
    """
    rows = versions.filter(is_newest=True)
    try:
        with transaction.atomic():
            current = rows.select_for_update().first()
            if seen is not None and seen != (current.pk if current else 0):
                raise ValuesChanged
            before = getattr(current, column) if current else {}
            if is_same_json(before, content):
                return current
            rows.update(is_newest=False)
            row = versions.create(**{column: content, "by_id": by.pk if by else None})
            record(before)
            return row
    except IntegrityError:
        raise ValuesChanged from None
