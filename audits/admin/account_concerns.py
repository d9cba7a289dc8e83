"""What is wrong with a mini program's code, or waits for somebody, for the header of its pages."""

from collections.abc import Iterator
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from audits.admin.account_facts import VIEW_PERMISSION, preflight_of
from audits.admin.columns import code_page_of
from audits.models import CodeSummary
from audits.services.preflight.checking import describe_failing
from audits.services.summaries import summary_of
from miniprograms.admin.concerns import Concern, Watch, add_watches
from miniprograms.models import Authorizer
from platform_auth.listing import list_words

_REASON, _CODE = _("See the reason"), _("Code and review")
# By the state of the newest audit: what is so, where it is mended, whether it is bad.
_REVIEWS = {
    "rejected": (_("WeChat's reviewers have rejected version %(version)s."), _REASON, True),
    "refused": (_("WeChat did not take version %(version)s for review."), _REASON, True),
    "unknown": (
        _("Whether version %(version)s was submitted is not known: WeChat's answer was lost."),
        _CODE,
        True,
    ),
    "delayed": (_("WeChat takes longer to review version %(version)s."), _CODE, False),
    "passed": (_("Version %(version)s has passed and is not released."), _CODE, False),
}
_UNDECIDED = ("submitting", "in_review", "delayed", "unknown")


def _review(row: Authorizer, user: Any) -> Iterator[Concern]:
    summary = summary_of(row)
    if row.state == Authorizer.State.UNBOUND or summary.review not in _REVIEWS:
        return
    text, mend, is_bad = _REVIEWS[summary.review]
    words = text % {"version": summary.review_version or "–"}
    yield Concern(words, mend, code_page_of(row), is_bad)


def _preflight(row: Authorizer, user: Any) -> Iterator[Concern]:
    """Only where something is to be submitted: what is live or with WeChat is past it."""
    summary, preflight = summary_of(row), preflight_of(row)
    if preflight is None or preflight.ok or not _waits_to_be_submitted(summary):
        return
    text = _("In the way of submitting version %(version)s: %(failing)s.")
    failing = list_words(describe_failing(preflight.failing))
    words = text % {"version": summary.uploaded_version, "failing": failing}
    yield Concern(words, _CODE, code_page_of(row), is_bad=False)


def _waits_to_be_submitted(summary: CodeSummary) -> bool:
    newest = summary.uploaded_version
    return bool(newest) and newest != summary.live_version and summary.review not in _UNDECIDED


def _read(rows: QuerySet[Any]) -> QuerySet[Any]:
    return rows.select_related("code_summary", "preflight")


add_watches(
    Watch(VIEW_PERMISSION, _review, _read),
    Watch(VIEW_PERMISSION, _preflight, _read),
)
