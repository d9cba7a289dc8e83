"""Carrying out the rules by which reviews that take long are sped up."""

from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext as _

from audits.models import AuditEvent, CodeAudit, SpeedUp, SpeedUpRule
from audits.services.quota import read_quota
from audits.services.submitting import speed_up_audit
from platform_auth.fields import Unreadable
from platform_auth.models import UTC_PLUS_8
from platform_auth.operations import record_operation
from platform_auth.rights import may_still
from wechat.errors import (
    BackingOff,
    Busy,
    NotReady,
    NotSent,
    QuotaDay,
    QuotaMinute,
    QuotaMonth,
    Refused,
    TicketExpired,
    TokenExpired,
    WeChatError,
)

MAX_A_RUN = 20  # of one rule
# Nothing was spent, and the same may go well in a while.
PASSING = (
    BackingOff,
    Busy,
    NotReady,
    NotSent,
    QuotaDay,
    QuotaMinute,
    QuotaMonth,
    TicketExpired,
    TokenExpired,
)
MAY_SPEED_UP = ["audits.submit_audit"]


def speed_up_due() -> int:
    """Speed up what the rules say, as long as WeChat has speed-ups left. How many."""
    left: dict[int, int] = {}  # by component, as WeChat says
    rules = SpeedUpRule.objects.filter(is_on=True).select_related("set_by").order_by("pk")
    return sum(_carry_out(rule, left) for rule in rules)


def _carry_out(rule: SpeedUpRule, left: dict[int, int]) -> int:
    if not may_still(rule.set_by_id, MAY_SPEED_UP):
        _stop_rule(rule)
        return 0
    states: list[SpeedUp.State | None] = []
    for audit in list(_due_audits(rule)[:MAX_A_RUN]):
        component = audit.authorizer.component_id
        if component not in left:
            left[component] = _speed_ups_left(audit)
        if left[component] <= 0:
            continue
        if not _reserve(rule, audit):
            break
        states.append(_attempt(rule, audit))
        if states[-1] is None:  # the next would hear the same
            left[component] = 0
        elif states[-1] != SpeedUp.State.REFUSED:
            left[component] -= 1
    return states.count(SpeedUp.State.DONE)


def _stop_rule(rule: SpeedUpRule) -> None:
    """Whoever sets it anew answers for it from then on."""
    reason = _("%(person)s may not do this any more. Somebody who may can save it again.") % {
        "person": rule.set_by or "–"
    }
    with transaction.atomic():
        rows = SpeedUpRule.objects.filter(pk=rule.pk, is_on=True)
        if rows.update(is_on=False, stopped_because=reason):
            record_operation("stop_speeduprule", by=None, result=f"{rule}: {reason}")


def _due_audits(rule: SpeedUpRule) -> QuerySet[CodeAudit]:
    """What has been in review for so long, the longest first, and was not sped up yet."""
    audits = CodeAudit.objects.filter(
        status__in=CodeAudit.UNDECIDED,
        create_time__lte=Now() - timedelta(hours=rule.after_hours),
        speed_up=None,
    ).exclude(auditid="")
    by_hand = AuditEvent.objects.filter(audit=OuterRef("pk"), after="sped_up")
    audits = audits.filter(~Exists(by_hand))
    tags = list(rule.tags.values_list("pk", flat=True))
    if tags:
        audits = audits.filter(authorizer__tags__in=tags).distinct()
    return audits.select_related("authorizer").order_by("create_time", "pk")


def _speed_ups_left(audit: CodeAudit) -> int:
    """As WeChat says; none where it does not tell now."""
    try:
        return read_quota(audit.authorizer).speedup_rest
    except (WeChatError, Unreadable):
        return 0


def with_uses(rules: QuerySet[SpeedUpRule]) -> QuerySet[Any]:
    """
    RULES with how many each has used, as `used`, since the month began in Beijing, as WeChat
    counts.
    """
    of_month = Q(speed_ups__at__gte=_month_began(timezone.now()))
    uses = of_month & ~Q(speed_ups__state=SpeedUp.State.REFUSED)
    return rules.annotate(used=Count("speed_ups", filter=uses))


def _month_began(now: datetime) -> datetime:
    beijing = now.astimezone(UTC_PLUS_8)
    return beijing.replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def _reserve(rule: SpeedUpRule, audit: CodeAudit) -> bool:
    """
    The row of the attempt, before the call; false where RULE has used what it may this month, is
    off by now, or another run is at this audit.
    """
    try:
        with transaction.atomic():
            locked = SpeedUpRule.objects.select_for_update().filter(pk=rule.pk, is_on=True)
            if locked.first() is None:
                return False
            current = with_uses(SpeedUpRule.objects.filter(pk=rule.pk)).get()
            if current.used >= current.most_a_month:
                return False
            SpeedUp.objects.create(audit=audit, rule=current)
    except IntegrityError:
        return False
    return True


def _attempt(rule: SpeedUpRule, audit: CodeAudit) -> SpeedUp.State | None:
    """
    Speed AUDIT up in the name of who set RULE. What came of it; None where nothing did, so that a
    later run may try again.
    """
    attempt = SpeedUp.objects.filter(audit=audit)
    state, text = SpeedUp.State.DONE, ""
    try:
        speed_up_audit(audit, by=rule.set_by)
    except PASSING:
        attempt.delete()
        return None
    except Refused as error:
        state, text = SpeedUp.State.REFUSED, str(error)
    except (WeChatError, Unreadable) as error:
        state, text = SpeedUp.State.UNKNOWN, str(error)
    attempt.update(state=state, error=text)
    return state
