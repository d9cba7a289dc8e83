"""The outbox: what happened becomes a row, in the transaction in which it did."""

from collections.abc import Mapping
from typing import Any

from miniprograms.models import Authorizer
from notices.kinds import KINDS
from notices.models import Notice
from platform_auth.domain_events import DomainEvent

MAX_TEXT = 2000  # of one fact: WeChat's reasons may be long

_TROUBLES = {
    Authorizer.AccountStatus.CANCELLED: "account.cancelled",
    Authorizer.AccountStatus.BANNED: "account.banned",
    Authorizer.AccountStatus.ALERTED: "account.alerted",
    Authorizer.AccountStatus.FROZEN: "account.frozen",
}

# What WeChat pushes, by its kind.
_ALERTS = {
    "wxa_punish_event": "account.violation",
    "wxa_illegal_record": "account.violation",
    "annual_renew": "account.expiring",
    "verify_expired": "account.expiring",
}


def keep_notice(event: DomainEvent) -> bool:
    """Write down EVENT, if anybody can be told of it. Whether it is there."""
    kind = _kind_of(event)
    if kind not in KINDS:
        return False
    once = f"{kind} {event.once}"[:150] if event.once else None
    facts = {name: _bounded(value) for name, value in event.facts.items()}
    notice = Notice(kind=kind, appid=event.appid, once=once, facts=facts)
    if once is None:
        notice.save()
    else:
        Notice.objects.bulk_create([notice], ignore_conflicts=True)
    return True


def _kind_of(event: DomainEvent) -> str:
    """What people call it: of an alert its cause; nothing where staff here have done it."""
    if event.kind == "account.alerted":
        details: Mapping[str, Any] = event.facts.get("details", {})
        status = details.get("account_status")
        return _TROUBLES[status] if status in _TROUBLES else _ALERTS.get(event.facts["cause"], "")
    is_ours = event.kind == "authorizer.unbound" and event.facts.get("reason") == "unbound_locally"
    return "" if is_ours else event.kind


def _bounded(value: Any) -> Any:
    return value[:MAX_TEXT] if isinstance(value, str) else value
