"""Work for messages. Each task is safe to run twice at once."""

from celery import shared_task

from messaging.services.customer_service import REPLIES
from messaging.services.forwarding.delivering import DELIVERIES
from messaging.services.forwarding.outcomes import give_up_overdue
from messaging.services.forwarding.planning import plan_events
from messaging.services.release_test.codes import RELEASE_TESTS
from messaging.services.retention import delete_old_conversations
from platform_auth import heartbeats
from platform_auth.wakeup import enqueue


@shared_task
def send_replies() -> None:
    """Send the customer-service messages that are due."""
    REPLIES.run()
    heartbeats.beat("send_replies")


@shared_task
def forward() -> None:
    """Deliver messages and events to targets; what those reply late is sent to the users."""
    plan_events()
    if DELIVERIES.run().successes:  # with a late reply
        enqueue(send_replies)
    heartbeats.beat("forward")


@shared_task
def give_up_deliveries() -> None:
    """Give up what no target has taken for a day."""
    give_up_overdue()
    heartbeats.beat("give_up_deliveries")


@shared_task
def answer_release_tests() -> None:
    """Trade the codes of WeChat's release test, and tell them back."""
    RELEASE_TESTS.run()
    heartbeats.beat("answer_release_tests")


@shared_task
def forget_old_conversations() -> None:
    """Delete what was said too long ago to be kept, and of accounts that have left."""
    delete_old_conversations()
    heartbeats.beat("forget_old_conversations")
