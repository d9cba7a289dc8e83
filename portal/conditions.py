"""
What is wrong with an account, in its merchant's words: decided here for all their pages, so that
none calls well what another asks them to mend.
"""

from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext_lazy
from django_stubs_ext import StrOrPromise

from audits.models import PreflightSummary
from audits.services.preflight.checking import describe_failing
from miniprograms.account_events import OUT_OF_REACH
from miniprograms.models import Authorizer
from miniprograms.permissions import Need
from portal.standings import CodeStanding, read_standings

_State, _Status = Authorizer.State, Authorizer.AccountStatus

_STATES: dict[str, StrOrPromise] = {
    _State.NEEDS_RECOVERY: gettext_lazy("Reconnecting"),
    _State.NEEDS_REAUTHORIZATION: gettext_lazy("Needs confirming again"),
    _State.UNBOUND: gettext_lazy("No longer bound"),
}
_SENTENCES: dict[str, StrOrPromise] = {
    "account": gettext_lazy("WeChat restricts it, or it is of a kind that we may not hand in."),
    "basics": gettext_lazy("It has no name, no avatar or no introduction yet."),
    "category": gettext_lazy("It has no category yet that it may be reviewed in."),
    "certificate": gettext_lazy("A certificate of one of its categories has expired."),
    "verified": gettext_lazy("It is not verified at WeChat, which WeChat asks for."),
    "filed": gettext_lazy("It has no valid ICP filing."),
}

_HELD_AGAINST: dict[int, StrOrPromise] = {
    _Status.CANCELLED: gettext_lazy("This account has been closed at WeChat."),
    _Status.BANNED: gettext_lazy("WeChat has banned this account."),
    _Status.ALERTED: gettext_lazy("WeChat has given this account a warning."),
    _Status.FROZEN: gettext_lazy("WeChat has frozen this account."),
}
_HELD_AGAINST_OTHERS = gettext_lazy("WeChat reports a problem with this account.")


@dataclass(frozen=True, slots=True)
class Findings:
    """SENTENCES about what a preflight found in the way of a review, as it was at AT."""

    sentences: list[StrOrPromise]
    at: datetime


@dataclass(frozen=True, slots=True)
class Condition:
    """
    What is wrong with an account in STATE: HELD_AGAINST is what WeChat has against it, NEEDS are
    what its administrator has left out, FINDINGS what keeps WeChat from a review; then whether the
    newest version IS_REJECTED, and whether that IS_MERCHANTS_TURN. KNOWS_GRANT is false where what
    was granted has not been read yet.
    """

    state: str
    held_against: StrOrPromise
    needs: list[Need]
    findings: Findings | None
    is_rejected: bool
    is_merchants_turn: bool
    knows_grant: bool

    @property
    def asks_merchant(self) -> bool:
        """Whether there is something that its merchant, or its administrator, has to do."""
        is_ended = self.state in OUT_OF_REACH
        is_wrong = bool(self.held_against or self.needs or self.findings)
        return is_ended or is_wrong or self.is_merchants_turn

    @property
    def is_fine(self) -> bool:
        """Whether nothing is wrong, as far as we know."""
        is_ours = self.state == _State.BOUND and self.knows_grant
        return is_ours and not self.is_rejected and not self.asks_merchant

    @property
    def badge(self) -> tuple[str, StrOrPromise]:
        """The worst of it, with its look."""
        if self.state != _State.BOUND:
            return self.state, _STATES[self.state]
        if self.held_against:
            return "troubled", gettext_lazy("Problem at WeChat")
        if self.is_rejected:
            return "troubled", gettext_lazy("Review rejected")
        if self.needs:
            return "needs_recovery", gettext_lazy("Permissions are missing")
        if self.findings:
            return "needs_recovery", gettext_lazy("Something to do")
        return self.state, gettext_lazy("In order")


def condition_of(row: Authorizer, standing: CodeStanding | None = None) -> Condition:
    """How ROW is, whose code stands as STANDING says."""
    standing = standing or read_standings([row])[row.pk]
    is_bound = row.state == _State.BOUND
    is_well = row.account_status == _Status.NORMAL or row.state == _State.UNBOUND
    held_against = _HELD_AGAINST.get(row.account_status, _HELD_AGAINST_OTHERS)
    return Condition(
        state=row.state,
        held_against="" if is_well else held_against,
        needs=lacking_needs(row),
        findings=_findings_of(row),
        is_rejected=is_bound and standing.is_rejected,
        is_merchants_turn=is_bound and standing.is_merchants_turn,
        knows_grant=bool(row.func_info),
    )


def lacking_needs(row: Authorizer, *codes: str) -> list[Need]:
    """What ROW is bound without, of all or of what CODES stand for."""
    needs = row.lacking_needs if row.state == _State.BOUND else []
    return [need for need in needs if not codes or need.code in codes]


def _findings_of(row: Authorizer) -> Findings | None:
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
