"""What a preflight has found that the merchant mends at WeChat, in a merchant's words."""

from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext_lazy
from django_stubs_ext import StrOrPromise

from audits.models import PreflightSummary
from audits.services.preflight.checking import describe_failing
from miniprograms.models import Authorizer

_SENTENCES: dict[str, StrOrPromise] = {
    "account": gettext_lazy("WeChat restricts it, or it is of a kind that we may not hand in."),
    "basics": gettext_lazy("It has no name, no avatar or no introduction yet."),
    "category": gettext_lazy("It has no category yet that it may be reviewed in."),
    "certificate": gettext_lazy("A certificate of one of its categories has expired."),
    "verified": gettext_lazy("It is not verified at WeChat, which WeChat asks for."),
    "filed": gettext_lazy("It has no valid ICP filing."),
}


@dataclass(frozen=True, slots=True)
class Findings:
    """SENTENCES about what is in the way of a review, as it was at AT."""

    sentences: list[StrOrPromise]
    at: datetime


def findings_of(row: Authorizer) -> Findings | None:
    """What ROW's merchant has to mend, while it is bound."""
    try:
        summary = row.preflight
    except PreflightSummary.DoesNotExist:
        return None
    if summary.ok or row.state != Authorizer.State.BOUND:
        return None
    codes = summary.for_merchant.split()
    sentences = [_SENTENCES.get(code) or describe_failing([code])[0] for code in codes]
    return Findings(sentences, summary.checked_at) if sentences else None
