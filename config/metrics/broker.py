"""The broker, asked with a bound: it may be frozen, and whoever asks must not be."""

import logging
from collections.abc import Iterable

from django.conf import settings
from django.core.cache import caches
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from redis import Redis, RedisError
from redis.backoff import NoBackoff
from redis.retry import Retry

from config.celery import app
from config.presence import DISCARDED
from platform_auth.wakeup import queue_length

logger = logging.getLogger(__name__)

WAIT = 0.4  # seconds, to connect and again for the answer


def is_up() -> bool:
    """Whether the broker answers within a second; one of files always does."""
    if not settings.REDIS_URL:
        return True
    try:
        with Redis.from_url(
            settings.REDIS_URL,
            socket_connect_timeout=WAIT,
            socket_timeout=WAIT,
            retry=Retry(NoBackoff(), 0),
        ) as redis:
            return bool(redis.ping())
    except RedisError:
        return False


def measures() -> Iterable[Metric]:
    """Whether it is up; the queues only if it is."""
    up = GaugeMetricFamily("wechat_broker_up", "Whether the broker answers: 1, or 0.")
    lengths = GaugeMetricFamily(
        "wechat_queue_length", "Tasks that wait in the broker.", labels=["queue"]
    )
    discarded = CounterMetricFamily(
        "wechat_tasks_discarded", "Tasks that workers threw away: revoked, rejected or unknown."
    )
    try:
        if answers := is_up():
            with app.connection_for_read() as connection:
                for queue in (settings.EVENT_QUEUE, settings.PERIODIC_QUEUE):
                    length = queue_length(connection.default_channel, queue)
                    lengths.add_metric([queue], length)
            discarded.add_metric([], caches["markers"].get(DISCARDED, 0))
    except Exception as error:  # noqa: BLE001 -- whatever the broker's client raises
        logger.warning("the broker was not measured: %s", type(error).__name__)
        answers = False
    up.add_metric([], answers)
    return [up, lengths, discarded]
