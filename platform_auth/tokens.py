"""The component token: reuse, refresh, one at a time."""

import logging
import random
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Concatenate, ParamSpec, TypeVar

from django.db import transaction
from django.db.models import Case, F, Q, When
from django.db.models.functions import Coalesce, Now
from django.utils import timezone
from django.utils.translation import gettext as _

from platform_auth.domain_events import DomainEvent, publish
from platform_auth.fields import Unreadable, read_or_empty, seal
from platform_auth.leases import release_db_connection, single_flight
from platform_auth.models import Component
from wechat import component as wechat
from wechat.calls import with_token_of
from wechat.errors import NotReady, TicketExpired, TokenExpired, WeChatError

logger = logging.getLogger(__name__)

P = ParamSpec("P")
Result = TypeVar("Result")

TICKET_OVERDUE_AFTER = timedelta(minutes=25)
TICKET_ASK_INTERVAL = timedelta(minutes=10)
MANY_FAILURES = 3  # to get a token, in a row
MAX_TICKET_AHEAD = timedelta(minutes=10)


def component_token(component: Component, *, refused: str = "") -> str:
    """
    The component_access_token of COMPONENT. REFUSED is one that WeChat has just turned down.

    Raises NotReady while no ticket has arrived, or what WeChat answered.
    """
    rows = Component.objects.with_clock()
    return single_flight(lambda: rows.get(pk=component.pk), _refresh_token, refused=refused)


def with_component_token(
    component: Component,
    endpoint: Callable[Concatenate[str, P], Result],
    *args: P.args,
    **kwargs: P.kwargs,
) -> Result:
    """
    The answer of ENDPOINT, asked with the component token before ARGS.

    A token that WeChat turns down is refreshed once, and the call repeated once.
    """
    token = component_token(component)
    try:
        with with_token_of(component.appid, is_account=False):
            return endpoint(token, *args, **kwargs)
    except TokenExpired:
        token = component_token(component, refused=token)
        with with_token_of(component.appid, is_account=False, repeats=1):
            return endpoint(token, *args, **kwargs)


def as_component(
    component: Component,
    endpoint: Callable[Concatenate[str, str, P], Result],
    *args: P.args,
    **kwargs: P.kwargs,
) -> Result:
    """The answer of ENDPOINT, asked with the component token and our appid before ARGS."""
    return with_component_token(component, endpoint, component.appid, *args, **kwargs)


def due_after(now: datetime, life: int) -> datetime:
    """When a token of LIFE seconds, asked for at NOW, is refreshed: at 50 to 60 % of its life."""
    return now + timedelta(seconds=life * random.uniform(0.5, 0.6))  # noqa: S311 -- spreads load


def _refresh_token(row: Component) -> str | None:
    if not row.ticket_created:
        row.write()
        raise NotReady(_("No component_verify_ticket has arrived from WeChat yet."))
    try:
        token = _request_token(row)
    except WeChatError as error:
        _back_off(row, error)
        raise
    except Unreadable as error:
        problem = NotReady(str(error))
        row.back_off(problem)
        raise problem from None
    written = row.write(
        **seal(Component, row.appid, access_token=token.value),
        access_token_expires=int(row.now.timestamp()) + token.life,
        due_at=due_after(row.now, token.life),
        failures=0,
        last_error="",
    )
    return token.value if written else None


def _back_off(row: Component, error: WeChatError) -> None:
    """Try ROW again later; that it fails again and again is told once an hour."""
    with transaction.atomic():
        if row.back_off(error) and row.failures + 1 >= MANY_FAILURES:
            once = f"{row.appid} {timezone.now():%Y-%m-%d %H}"
            facts = {"name": str(row), "reason": str(error)}
            publish(DomainEvent("tokens.failing", once=once, facts=facts))


def _request_token(row: Component) -> wechat.Token:
    """A token for the newest ticket, or for the one before if WeChat does not like it."""
    try:
        return wechat.get_component_token(row.appid, row.app_secret, row.verify_ticket)
    except TicketExpired:
        if not row.previous_ticket:
            raise
        return wechat.get_component_token(row.appid, row.app_secret, row.previous_ticket)


def save_ticket(component: Component, ticket: str, created: int) -> bool:
    """
    Keep TICKET, made at CREATED (Unix seconds, WeChat's clock), unless a newer one is kept already.
    COMPONENT is as it was read a moment ago: where it has changed since, it is read anew.

    A token that could not be had with the old ticket becomes due at once.
    """
    row = component
    while created > row.ticket_created:
        held = read_or_empty(row, "verify_ticket")
        previous = read_or_empty(row, "previous_ticket") if held == ticket else held
        secrets = seal(Component, row.appid, verify_ticket=ticket, previous_ticket=previous)
        same = Component.objects.filter(pk=row.pk, ticket_created=row.ticket_created)
        had_failed = When(failures__gt=0, then=Now())
        if same.update(
            ticket_created=created,
            ticket_received_at=Now(),
            due_at=Case(had_failed, default=F("due_at")),
            failures=0,
            **secrets,
        ):
            return True
        row = Component.objects.get(pk=component.pk)
    return False


def is_from_the_future(created: int, now: datetime) -> bool:
    """Whether CREATED is so far ahead that keeping the ticket would lock later ones out."""
    return created > (now + MAX_TICKET_AHEAD).timestamp()


def ask_for_late_tickets(component: Component) -> bool:
    """
    Ask WeChat to push tickets again if none came for 25 minutes, at most once in ten.

    Returns whether it asked. Raises what WeChat answered.
    """
    late = Component.objects.alias(since=Coalesce("ticket_received_at", "created_at")).filter(
        Q(push_asked_at=None) | Q(push_asked_at__lt=Now() - TICKET_ASK_INTERVAL),
        pk=component.pk,
        since__lt=Now() - TICKET_OVERDUE_AFTER,
    )
    with transaction.atomic():
        if not late.update(push_asked_at=Now()):
            return False
        once = f"{component.appid} {component.ticket_created}"  # of one silence, however long
        facts = {"component": str(component)}
        publish(DomainEvent("ticket.late", once=once, facts=facts))
    release_db_connection()
    errmsg = wechat.start_push_ticket(component.appid, component.app_secret)
    logger.warning("no ticket for %s in 25 minutes; WeChat says: %s", component.appid, errmsg)
    return True
