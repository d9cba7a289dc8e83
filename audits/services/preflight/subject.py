"""What a preflight is about, and how one condition of it is written down."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from audits.models import CodeVersion
from audits.problems import Check, Who
from audits.services.submission_profiles import Composed
from audits.services.wechat_answers import Answers
from miniprograms.models import Authorizer
from wechat.code_review import Submission


@dataclass(frozen=True, slots=True)
class Subject:
    """
    A submission to be: of the VERSION that was uploaded last, with EXT as its ext.json, as COMPOSED
    says. While the code IS_TO_BE_UPLOADED there is no such version yet.
    """

    authorizer: Authorizer
    version: CodeVersion | None
    ext: Mapping[str, Any]
    composed: Composed
    answers: Answers
    is_to_be_uploaded: bool = False

    @property
    def submission(self) -> Submission:
        return self.composed.submission

    @property
    def needs(self) -> Mapping[str, Any]:
        return self.composed.needs


def fine(code: str, detail: str, who: Who = "staff") -> Check:
    return Check(code, True, detail, who)


def wrong(code: str, detail: str, who: Who) -> Check:
    return Check(code, False, detail, who)


def unknown(code: str, detail: str, who: Who = "wechat") -> Check:
    return Check(code, None, detail, who)
