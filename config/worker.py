"""
What our workers do besides Celery's own: events cannot take all of their slots, and each looks
after periodic jobs, so that these go on while beat is dead.
"""

import logging
from typing import Any

from celery import bootsteps, signals
from celery.worker.consumer.tasks import Tasks
from django.conf import settings
from kombu.common import ignore_errors

logger = logging.getLogger(__name__)

CATCH_UP_SECONDS = 5.0


class EventConsumer(bootsteps.StartStopStep):
    """
    Takes events' wake-ups over a channel of its own, whose unacknowledged messages are at most half
    the worker's slots. Tasks are acknowledged when they have ended, so the other half is free for
    periodic jobs, however long the events' work takes.
    """

    requires = (Tasks,)

    def __init__(self, c: Any, **kwargs: Any) -> None:
        self.consumer: Any = None
        super().__init__(c, **kwargs)

    def start(self, c: Any) -> None:
        queues = c.app.amqp.queues.consume_from
        if {settings.EVENT_QUEUE, settings.PERIODIC_QUEUE} - queues.keys():
            return  # a worker that was told (-Q) to take one of them alone
        c.task_consumer.cancel_by_queue(settings.EVENT_QUEUE)
        self.consumer = c.app.amqp.TaskConsumer(
            c.connection.channel(),
            queues=[queues[settings.EVENT_QUEUE]],
            on_decode_error=c.on_decode_error,
        )
        self.consumer.qos(prefetch_count=max(1, c.pool.num_processes // 2))
        self.consumer.on_message = c.create_task_handler()
        self.consumer.consume()

    def stop(self, c: Any) -> None:
        if self.consumer:
            ignore_errors(c, self.consumer.cancel)

    def shutdown(self, c: Any) -> None:
        self.stop(c)
        if self.consumer:
            ignore_errors(c, self.consumer.close)
            self.consumer = None


class CatchUp(bootsteps.StartStopStep):
    """Asks for the jobs that are overdue, every few seconds."""

    requires = (Tasks,)

    def __init__(self, c: Any, **kwargs: Any) -> None:
        self.timer: Any = None
        super().__init__(c, **kwargs)

    def start(self, c: Any) -> None:
        self.timer = c.timer.call_repeatedly(CATCH_UP_SECONDS, _ask_to_catch_up, (c.app,))

    def stop(self, c: Any) -> None:
        if self.timer:
            self.timer.cancel()
            self.timer = None


def _ask_to_catch_up(app: Any) -> None:
    try:
        app.tasks["platform_auth.tasks.catch_up"].apply_async(
            queue=settings.PERIODIC_QUEUE, retry=False
        )
    except Exception as error:  # noqa: BLE001 -- whatever the broker's client raises; it comes again
        logger.warning("no look for overdue jobs: %s", type(error).__name__)


@signals.setup_logging.connect
def keep_logging(loglevel: int | None = None, **kwargs: Any) -> None:
    """Somebody listens, so Celery sets up no logging of its own: ours is Django's."""
    if loglevel:
        logging.getLogger().setLevel(loglevel)
