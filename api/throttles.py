"""Limits on what one client may ask for, which do not depend on Redis being there."""

import logging
from typing import Any

from redis.exceptions import RedisError
from rest_framework.request import Request
from rest_framework.throttling import (
    ScopedRateThrottle,
    SimpleRateThrottle,
    UserRateThrottle,
)

logger = logging.getLogger(__name__)


class _Lenient(SimpleRateThrottle):
    """Counts in the cache; without one nobody is turned away."""

    def allow_request(self, request: Request, view: Any) -> bool:
        try:
            return bool(super().allow_request(request, view))
        except RedisError as error:
            logger.error("nothing is throttled: %s", type(error).__name__)
            return True


class UserRate(_Lenient, UserRateThrottle):
    """So many requests a minute for each user."""


class ScopedRate(_Lenient, ScopedRateThrottle):
    """So many a minute of what a view names in `throttle_scope`."""
