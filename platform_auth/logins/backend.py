"""The one policy for passwords, whichever door they are tried at."""

from contextlib import nullcontext
from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.http import HttpRequest
from django.views.decorators.debug import sensitive_variables

from platform_auth.events import log_event
from platform_auth.logins.addresses import client_address, network_of
from platform_auth.logins.attempts import (
    Lanes,
    TooManyAttempts,
    check_wait,
    count_attempt,
    succeed,
    take_back,
)
from platform_auth.logins.devices import known_device
from platform_auth.logins.hashing import HashingBusy, strangers


class CountingBackend(ModelBackend):
    """
    Django's, which answers alike, and as slowly, for users that are not there; but an attempt is
    counted first, and few are hashed at once. Raises TooManyAttempts and HashingBusy.
    """

    @sensitive_variables("password")
    def authenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        **kwargs: Any,
    ) -> Any:
        if request is None or username is None or password is None:  # at no door
            return super().authenticate(request, username, password, **kwargs)
        device = known_device(request, username)
        lanes = Lanes.of(username, network_of(client_address(request)), device)
        try:
            check_wait(lanes)
            with nullcontext() if device else strangers.take():
                user = self._check(request, lanes, username, password)
        except TooManyAttempts as error:
            log_event("password", "throttled", user=username, retry_after=error.retry_after)
            raise
        except HashingBusy:
            log_event("password", "busy", user=username)
            raise
        log_event("password", "wrong" if user is None else "right", user=username)
        return user

    @sensitive_variables("password")
    def _check(self, request: HttpRequest, lanes: Lanes, username: str, password: str) -> Any:
        count_attempt(lanes)
        try:
            user = super().authenticate(request, username, password)
        except HashingBusy:
            take_back(lanes)
            raise
        if user is not None:
            succeed(lanes)
        return user
