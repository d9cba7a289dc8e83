"""
Which targets are told of a push: a delivery for each, in the push's own transaction. Of an event: a
delivery for each as well, in the transaction that takes it out of its outbox.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone

from messaging.models import Delivery, Target
from messaging.services.forwarding.posting import event_type
from miniprograms.models import Authorizer
from platform_auth import statements
from platform_auth.models import PlatformEvent, Push
from platform_auth.statements import is_postgresql, now_sql, run_many
from wechat import push as wire

# Long enough for the webhook to ask an answering target itself, before anybody else does; it does
# so for official accounts only, which may say in the answer to a push what the target answers.
HEAD_START = timedelta(seconds=3)
_USER_LENGTH = 97


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
    targets = statements.run_statement(FITTING_TARGETS, names_of(row, push))
    if not targets:
        return DeliveryPlan(0)
    now, user = timezone.now(), f"{row.appid} {push.get('FromUserName')}"[:_USER_LENGTH]
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


def names_of(row: Push, push: wire.Push) -> dict[str, str]:
    """What FITTING_TARGETS must know of ROW."""
    kind = event_type(push)
    return {"kind": push.kind, "type": kind, "group": kind.partition(".")[0], "appid": row.appid}


# The targets that are on, with a rule that fits.
FITTING_TARGETS = """
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
    return row.is_awaited and official.filter(appid=row.appid).exists()


def _first_to_ask(row: Push) -> Delivery | None:
    rows = Delivery.objects.waiting().filter(push=row, target__answers=True)
    delivery: Delivery | None = rows.select_related("target").first()
    if delivery:
        delivery.push = row
    return delivery


@dataclass(frozen=True, slots=True)
class Forwardable:
    """A push for the account ACCOUNT_ID, that targets may have asked for."""

    row: Push
    push: wire.Push
    account_id: int


def plan_many(batch: Sequence[Forwardable]) -> int:
    """Write the deliveries of BATCH, in its order, to all targets that have asked: how many."""
    if not batch or not Target.objects.filter(is_on=True).exists():
        return 0
    rows = [_values(forwardable) for forwardable in batch]
    return _insert(_PLAN_MANY, _COLUMNS_OF_MANY, rows)


def _insert(statement: str, columns: dict[str, str], rows: list[list[object]]) -> int:
    """By STATEMENT, a delivery for each target that has asked for one of ROWS: how many."""
    log = "'[]'::jsonb" if is_postgresql() else "'[]'"
    sql = statement.format(now=now_sql(), give_up_at=now_sql(plus=str(24 * 3600)), log=log, w="{w}")
    return len(run_many(sql, columns, rows))


def _values(forwardable: Forwardable) -> list[object]:
    row, push = forwardable.row, forwardable.push
    kind = event_type(push)
    user = f"{row.appid} {row.openid}"[:_USER_LENGTH]
    group = kind.partition(".")[0]
    return [row.pk, push.kind, kind, group, row.appid, user, forwardable.account_id]


_COLUMNS_OF_MANY = {
    "push_id": "bigint",
    "kind": "text",
    "type": "text",
    "group": "text",
    "appid": "text",
    "user": "text",
    "account_id": "bigint",
}
# Once for each target, however many of its rules fit; in the order of the pushes or events, since a
# target gets a user's messages, and an account's events, in the order of their deliveries.
_PLAN_MANY = """
INSERT INTO messaging_delivery
  (push_id, target_id, appid, "user", state, epoch, failures, last_error, log,
   due_at, created_at, give_up_at)
SELECT w.push_id, target.id, w.appid, w."user", 'due', 0, 0, '', {log}, {now}, {now}, {give_up_at}
FROM {w} JOIN messaging_target target ON target.is_on AND EXISTS (
  SELECT 1 FROM messaging_forwardrule rule
  WHERE rule.target_id = target.id AND rule.kind IN ('', w.kind, w.type, w."group")
  AND (rule.authorizer_id IS NULL OR rule.authorizer_id = w.account_id)
  AND (rule.tag_id IS NULL OR EXISTS (
    SELECT 1 FROM wxminiprograms_tags tagged
    WHERE tagged.tag_id = rule.tag_id AND tagged.authorizer_id = w.account_id)))
WHERE TRUE ORDER BY w.push_id, target.id
ON CONFLICT DO NOTHING RETURNING id
"""


# Events

MAX_EVENTS = 500  # in one transaction


def plan_events() -> int:
    """
    Write the deliveries of the events that are due, in their order, to all targets that have asked:
    how many; a target is told of nothing from before its time. Who comes second waits for the
    first, so that an account's events stay in order.
    """
    if not PlatformEvent.objects.filter(due_at__lte=Now()).exists():
        return 0
    total = 0
    while True:
        with transaction.atomic():
            rows = PlatformEvent.objects.filter(due_at__lte=Now()).order_by("id")
            batch = list(rows.select_for_update(no_key=True)[:MAX_EVENTS])
            if Target.objects.filter(is_on=True).exists():
                values = _values_of_events(batch)
                total += _insert(_PLAN_EVENTS, _COLUMNS_OF_EVENTS, values) if values else 0
            PlatformEvent.objects.filter(pk__in=[event.pk for event in batch]).update(due_at=None)
        if len(batch) < MAX_EVENTS:
            return total


def _values_of_events(batch: Sequence[PlatformEvent]) -> list[list[object]]:
    appids = {event.appid for event in batch}
    accounts = dict(Authorizer.objects.filter(appid__in=appids).values_list("appid", "pk"))
    return [
        [
            event.pk,
            event.kind,
            event.kind,
            event.kind.partition(".")[0],
            event.appid,
            f"{event.appid} ",
            accounts.get(event.appid, 0),
            event.at,
        ]
        for event in batch
    ]


_COLUMNS_OF_EVENTS = {
    "event_id": "bigint",
    **{name: kind for name, kind in _COLUMNS_OF_MANY.items() if name != "push_id"},
    "at": "timestamptz",
}
_PLAN_EVENTS = _PLAN_MANY.replace("push_id", "event_id").replace(
    "ON target.is_on AND EXISTS", "ON target.is_on AND target.created_at <= w.at AND EXISTS"
)
