"""How the code of merchants' mini programs stands: what is online, how the newest review went."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import OuterRef, Subquery

from audits.models import CodeAudit, GrayRelease, Release
from audits.services.reasons import is_for_merchant
from miniprograms.account_events import OUT_OF_REACH
from miniprograms.models import Authorizer


@dataclass(frozen=True)
class CodeStanding:
    """
    What a merchant sees of a mini program: what is ONLINE since when, the last review, and what
    only a part of the users have so far. Where our access IS_ENDED it is what we knew last.
    """

    online: str
    since: datetime | None
    review: CodeAudit | None
    gray: GrayRelease | None = None
    is_ended: bool = False
    online_id: int | None = None  # of the CodeVersion that is online, if we know

    @property
    def is_rejected(self) -> bool:
        """Whether the newest review has ended so."""
        return self.review is not None and self.review.status == CodeAudit.Status.REJECTED

    @property
    def is_merchants_turn(self) -> bool:
        """Whether it was rejected for something that the merchant changes at WeChat."""
        return self.review is not None and self.is_rejected and is_for_merchant(self.review.reason)


def read_standings(rows: Iterable[Authorizer]) -> dict[int, CodeStanding]:
    """
    How the code of ROWS stands, by their ids. The newest act and review of each is one step in an
    index; to number all of them, as a prefetch of the first does, would read every one.
    """
    done = Release.objects.filter(authorizer=OuterRef("pk"), state=Release.State.DONE)
    reviews = CodeAudit.objects.filter(authorizer=OuterRef("pk"))
    steps = GrayRelease.objects.filter(authorizer=OuterRef("pk"), state__in=GrayRelease.PARTLY_LIVE)
    newest = Authorizer.objects.filter(pk__in=[row.pk for row in rows]).values_list(
        "pk",
        Subquery(done.order_by("-id").values("pk")[:1]),
        Subquery(reviews.newest_first().values("pk")[:1]),
        Subquery(steps.values("pk")),
    )
    pks = list(newest)
    acts = Release.objects.select_related("audit").in_bulk([act for _, act, _, _ in pks if act])
    audits = CodeAudit.objects.in_bulk([review for _, _, review, _ in pks if review])
    grays = GrayRelease.objects.select_related("audit").in_bulk([gray for *_, gray in pks if gray])
    ended = {row.pk for row in rows if row.state in OUT_OF_REACH}
    return {
        pk: _standing(acts.get(act), audits.get(review), grays.get(gray), is_ended=pk in ended)
        for pk, act, review, gray in pks
    }


def _standing(
    act: Release | None,
    review: CodeAudit | None,
    gray: GrayRelease | None,
    *,
    is_ended: bool,
) -> CodeStanding:
    version, since, online_id = "", None, None
    if act:
        is_release = act.kind == Release.Kind.RELEASE
        online_id = act.audit.version_id if act.audit and is_release else None
        version = act.live_after or (act.audit.user_version if act.audit else "")
        since = act.at
    elif review and review.released_at:  # before our time: it has no act
        version, since, online_id = review.user_version, review.released_at, review.version_id
    return CodeStanding(version, since, review, gray, is_ended, online_id)
