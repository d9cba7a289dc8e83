"""Tickets (component_verify_ticket): the pass a component gets its token with."""

from sandbox.wire.pushes import OnDelivery
from sandbox.world.codes import new_code
from sandbox.world.errors import Refusal
from sandbox.world.outgoing import Outgoing
from sandbox.world.parties import Component
from sandbox.world.surroundings import Surroundings
from sandbox.world.terms import Terms


class Tickets:
    """Makes tickets and checks them. Its world's lock guards it."""

    def __init__(self, world: Surroundings, terms: Terms, outgoing: Outgoing) -> None:
        self.world = world
        self.terms = terms
        self.outgoing = outgoing

    def new(self, component: Component, on_delivery: OnDelivery | None = None) -> str:
        """A ticket in the outbox; the older ones live on for their 12 hours."""
        now = self.world.clock()
        component.ticket = f"ticket@@@{new_code(self.world.random, 86)}"
        component.ticket_at = now
        component.tickets = {
            ticket: made_at
            for ticket, made_at in component.tickets.items()
            if now - made_at < self.terms.ticket_life
        } | {component.ticket: now}
        self.outgoing.queue_push(
            component,
            "component_verify_ticket",
            {"ComponentVerifyTicket": component.ticket},
            on_delivery=on_delivery,
        )
        return component.ticket

    def check(self, component: Component, ticket: str) -> None:
        """Raise what WeChat answers to a ticket that is unknown or too old."""
        made_at = component.tickets.get(ticket)
        if made_at is None:
            raise Refusal(61006)
        if self.world.clock() - made_at >= self.terms.ticket_life:
            raise Refusal(61005)
