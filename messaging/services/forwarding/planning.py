"""Which targets are told of a push: a delivery for each, in the push's own transaction."""

from dataclasses import dataclass
from datetime import timedelta

from django.utils import timezone

from messaging.models import Delivery
from messaging.services.forwarding.posting import event_type
from miniprograms.models import Authorizer
from platform_auth import statements
from platform_auth.models import Push
from wechat import push as wire

# Long enough for the webhook to ask an answering target itself, before anybody else does; it does
# so for official accounts only, which may say in the answer to a push what the target answers.
HEAD_START = timedelta(seconds=3)


@dataclass(frozen=True, slots=True)
class DeliveryPlan:
    """How many deliveries a push has; TO_ASK is that which the webhook carries out itself."""

    count: int
    to_ask: Delivery | None = None


def plan_deliveries(row: Push, push: wire.Push) -> DeliveryPlan:
    """
    The deliveries of ROW, one for each target that has asked for it; in the push's transaction,
    and no second ones when it is done again. One question to the database where nobody has asked.
    """
    kind = event_type(push)
    names = {"kind": push.kind, "type": kind, "group": kind.partition(".")[0], "appid": row.appid}
    targets = statements.run_statement(_FITTING_TARGETS, names)
    if not targets:
        return DeliveryPlan(0)
    now, user = timezone.now(), f"{row.appid} {push.get('FromUserName')}"[:97]
    is_asking = any(answers for _pk, answers in targets) and _is_waited_for(row)
    deliveries = [
        Delivery(
            push=row,
            appid=row.appid,
            user=user,
            target_id=pk,
            due_at=now + HEAD_START * bool(answers and is_asking),
        )
        for pk, answers in targets
    ]
    Delivery.objects.bulk_create(deliveries, ignore_conflicts=True)
    return DeliveryPlan(len(targets), _first_to_ask(row) if is_asking else None)


# The targets that are on, with a rule that fits.
_FITTING_TARGETS = """
SELECT target.id, target.answers FROM messaging_target target
WHERE target.is_on AND EXISTS (
    SELECT 1 FROM messaging_forwardrule rule
    LEFT JOIN wxminiprograms account ON account.id = rule.authorizer_id
    WHERE rule.target_id = target.id AND rule.kind IN ('', %(kind)s, %(type)s, %(group)s)
    AND (rule.authorizer_id IS NULL OR account.authorizer_appid = %(appid)s)
    AND (rule.tag_id IS NULL OR EXISTS (
        SELECT 1 FROM wxminiprograms_tags tagged
        JOIN wxminiprograms account ON account.id = tagged.authorizer_id
        WHERE tagged.tag_id = rule.tag_id AND account.authorizer_appid = %(appid)s)))
"""


def _is_waited_for(row: Push) -> bool:
    """Whether WeChat waits for an answer to ROW that may say something."""
    official = Authorizer.objects.filter(kind=Authorizer.Kind.OFFICIAL_ACCOUNT)
    return row.attempts == 1 and official.filter(appid=row.appid).exists()


def _first_to_ask(row: Push) -> Delivery | None:
    rows = Delivery.objects.waiting().filter(push=row, target__answers=True)
    delivery: Delivery | None = rows.select_related("target").first()
    if delivery:
        delivery.push = row
    return delivery
