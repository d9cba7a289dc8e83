"""What the system sees of how far it is set up: read by four statements, whatever there is."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Max, OuterRef, Q, QuerySet, Subquery, Value

from messaging.models import ReleaseTest
from messaging.services.release_test.rehearsal import REHEARSE
from miniprograms.models import Authorizer
from platform_auth.acting_component import NoComponent, pick, registered_components
from platform_auth.call_models import WELL
from platform_auth.models import (
    TESTER_OPENID_PREFIX,
    Component,
    Installation,
    Operation,
    Push,
    PushRefusal,
    WeChatCall,
)
from platform_auth.setting_up import BACKUP, CHECK

# WeChat's refusals of calls from an address that is not on the platform's list.
ADDRESS_REFUSED = ("61004", "40164")


@dataclass(frozen=True, slots=True)
class RefusedPushes:
    """What was refused at one of our DOORS for a REASON, how often and when last."""

    door: str  # "component" or "message"
    reason: str
    count: int
    newest_at: datetime


@dataclass(frozen=True, slots=True)
class Seen:
    """When something was last seen of the component, or first; None: never."""

    message_at: datetime | None = None  # a believed push at 消息与事件接收URL
    answer_at: datetime | None = None  # WeChat took a call of the component's
    bound_at: datetime | None = None  # the first account was bound
    tested_at: datetime | None = None  # WeChat's own release test was answered
    is_real: bool | None = None  # what the database was made for; None: nothing says so


@dataclass(frozen=True, slots=True)
class Facts:
    """COMPONENT acts for new bindings, or PROBLEM says why none does."""

    registered: list[Component]
    component: Component | None
    problem: NoComponent | None
    seen: Seen
    operations: dict[str, Operation]  # the newest, by action
    refusals: list[RefusedPushes]  # the newest first
    refused_addresses: list[tuple[str, datetime]]  # of ours, and when last; the newest first

    def refusal_at(self, door: str) -> RefusedPushes | None:
        """What was refused last at DOOR, "component" or "message"."""
        return next((row for row in self.refusals if row.door == door), None)


def read_facts(registered: list[Component] | None = None) -> Facts:
    """REGISTERED are all components, where they have been read already."""
    if registered is None:
        registered = registered_components()
    component, problem = None, None
    try:
        component = pick(registered)
    except NoComponent as error:
        problem = error
    refusals, addresses = _refused()
    return Facts(
        registered=registered,
        component=component,
        problem=problem,
        seen=_see(component) if component else Seen(),
        operations=_newest_operations(component.appid if component else ""),
        refusals=refusals,
        refused_addresses=addresses,
    )


def _see(component: Component) -> Seen:
    mine = {"component": OuterRef("pk")}
    messages = Push.objects.filter(**mine).exclude(openid="")
    messages = messages.exclude(openid__startswith=TESTER_OPENID_PREFIX)
    answers = WeChatCall.objects.filter(appid=OuterRef("appid"), outcome=WELL)
    accounts = Authorizer.objects.filter(**mine).exclude(create_time=None)
    tests = ReleaseTest.objects.filter(**mine, state=ReleaseTest.State.DONE)
    tests = tests.exclude(openid__startswith=TESTER_OPENID_PREFIX)
    rows = Component.objects.filter(pk=component.pk).annotate(
        message_at=_first(messages.order_by("-received_at"), "received_at"),
        answer_at=_first(answers.order_by("-pk"), "at"),
        bound_at=_first(accounts.order_by("pk"), "create_time"),
        tested_at=_first(tests.order_by("-pk"), "done_at"),
        is_real=_first(Installation.objects.order_by("pk"), "is_real"),
    )
    names = ("message_at", "answer_at", "bound_at", "tested_at", "is_real")
    return Seen(**rows.values(*names).get())


def _first(rows: QuerySet[Any], column: str) -> Subquery:
    return Subquery(rows.values(column)[:1])


def _newest_operations(appid: str) -> dict[str, Operation]:
    """The newest check and rehearsal of the component APPID, and confirmation of the backup."""
    any_of = Q(pk=None)
    for action, about in ((CHECK, {"appid": appid}), (REHEARSE, {"appid": appid}), (BACKUP, {})):
        newest = Operation.objects.filter(action=action, **about).order_by("-pk")
        any_of |= Q(pk=_first(newest, "pk"))
    return {row.action: row for row in Operation.objects.filter(any_of)}


def _refused() -> tuple[list[RefusedPushes], list[tuple[str, datetime]]]:
    """What we have refused, and the addresses of ours that WeChat has; the newest first."""
    ours = PushRefusal.objects.values_list("door", "reason", "count", "newest_at")
    calls = WeChatCall.objects.filter(outcome__in=ADDRESS_REFUSED).exclude(refused_address="")
    theirs = calls.order_by().values("refused_address").annotate(number=Count("pk"), last=Max("at"))
    rows = ours.union(theirs.values_list(Value(""), "refused_address", "number", "last"))
    newest = sorted(rows, key=lambda row: row[3], reverse=True)
    refusals = [RefusedPushes(*row) for row in newest if row[0]]
    return refusals, [(address, at) for door, address, _number, at in newest if not door]
