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

from api.clients import client_of

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
    """So many requests a minute for each user; their clients count by themselves."""

    def get_cache_key(self, request: Request, view: Any) -> str | None:
        return None if client_of(request) else super().get_cache_key(request, view)


class ClientRate(_Lenient):
    """So many requests a minute as staff allowed the client."""

    scope = "client"

    def get_cache_key(self, request: Request, view: Any) -> str | None:
        client = client_of(request)
        if client is None:
            return None
        self.num_requests = client.rate
        return str(self.cache_format % {"scope": self.scope, "ident": client.pk})


class ScopedRate(_Lenient, ScopedRateThrottle):
    """So many a minute of what a view names in `throttle_scope`."""

    def get_cache_key(self, request: Request, view: Any) -> str:
        client = client_of(request)
        if client is None:
            return str(super().get_cache_key(request, view))
        return str(self.cache_format % {"scope": self.scope, "ident": f"client-{client.pk}"})
