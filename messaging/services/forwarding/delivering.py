"""Carrying deliveries out, side by side."""

from collections.abc import Callable

from messaging.models import Delivery
from messaging.services.forwarding.leasing import lease_due_deliveries
from messaging.services.forwarding.outcomes import mark_dead, record_outcome
from messaging.services.forwarding.posting import post_delivery
from platform_auth.due_work import Runner
from platform_auth.fields import Unreadable
from wechat.push import Malformed
from wechat.replies import Content


def deliver(delivery: Delivery, offer: Callable[[Content], bool] | None = None) -> bool:
    """
    One post of DELIVERY, which is leased. OFFER is given the target's reply, if there is one, and
    returns whether somebody took it; the user gets it else as a message. Whether one is to be sent.
    """
    try:
        outcome = post_delivery(delivery)
    except (Unreadable, Malformed) as error:
        mark_dead(delivery, error)
        return False
    is_replied = bool(offer and outcome.is_good and outcome.reply and offer(outcome.reply))
    return record_outcome(delivery, outcome, is_replied=is_replied)


# One run at a time looks for work, as long as it has threads to spare: one that waits for slow
# targets is no reason against a second.
DELIVERIES = Runner(
    "forwarding",
    find=lease_due_deliveries,
    work=deliver,
    threads=64,
    is_alone=True,
    yields_when_full=True,
)
