"""One entry of the error catalogue."""

from dataclasses import dataclass
from http import HTTPStatus

from django.utils.functional import Promise

ANYWHERE = frozenset[str]()


@dataclass(frozen=True, slots=True)
class ErrorCode:
    """A code that comes with STATUS, in answers about SUBJECTS (none: about any)."""

    code: str
    status: HTTPStatus
    meaning: str | Promise
    remedy: str | Promise
    subjects: frozenset[str] = ANYWHERE
