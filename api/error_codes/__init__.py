"""
The error catalogue: every `code` of an error answer, what it means and what to do about it. The
schema and docs/errors.md are made of it (`python -m devtools.write_errors`).
"""

from collections.abc import Iterable

from api.error_codes.conflicts import CONFLICTS
from api.error_codes.entry import ErrorCode as ErrorCode
from api.error_codes.general import GENERAL

CATALOGUE = (*GENERAL, *CONFLICTS)


def codes_of(status: int, subjects: Iterable[str]) -> list[ErrorCode]:
    """The codes that come with STATUS in answers about SUBJECTS."""
    about = set(subjects)
    rows = (row for row in CATALOGUE if row.status == status)
    return [row for row in rows if not row.subjects or row.subjects & about]
