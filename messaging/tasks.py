"""Work for messages. Each task is safe to run twice at once."""

from celery import shared_task

from messaging.services import forwarding, release_test, replying, retention
from platform_auth import heartbeats
from platform_auth.wakeup import enqueue


@shared_task
def send_replies() -> None:
    """Send the customer-service messages that are due."""
    replying.send_due()
    heartbeats.beat("send_replies")


@shared_task
def forward() -> None:
    """Deliver messages to forward targets; what those reply late is sent to the users."""
    if forwarding.deliver_due().replies:
        enqueue(send_replies)
    heartbeats.beat("forward")


@shared_task
def give_up_deliveries() -> None:
    """Give up what no target has taken for a day."""
    forwarding.give_up_old()
    heartbeats.beat("give_up_deliveries")


@shared_task
def answer_release_tests() -> None:
    """Trade the codes of WeChat's release test, and tell them back."""
    release_test.answer_due_tests()
    heartbeats.beat("answer_release_tests")


@shared_task
def forget_old() -> None:
    """Delete what was said too long ago to be kept, and of accounts that have left."""
    retention.forget_old()
    heartbeats.beat("forget_old_conversations")
