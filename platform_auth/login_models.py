"""What is known of logins: how many have failed, and the sessions of those that have not."""

from datetime import datetime
from typing import Any, Self

from django.conf import settings
from django.contrib.sessions.backends.base import SessionBase
from django.contrib.sessions.base_session import AbstractBaseSession
from django.db import models
from django.db.models.functions import Now
from django.utils.module_loading import import_string


class ClockedQuerySet(models.QuerySet[Any]):
    def with_clock(self) -> Self:
        """Rows that know the database's time as `now`: the one clock that all hosts share."""
        return self.annotate(now=Now())


class LoginCounter(models.Model):
    """
    How many passwords were wrong lately: of one user from one address, from one address, of one
    user, or of one user in a browser that is known.
    """

    key = models.CharField(max_length=64, primary_key=True)  # a digest: see logins.attempts
    failures = models.FloatField(default=0)
    at = models.DateTimeField(db_default=Now(), db_index=True)  # of the last one
    not_before = models.DateTimeField(null=True)  # the next try

    now: datetime  # by with_clock()

    objects = ClockedQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.failures} at {self.at}"


class LoginSession(AbstractBaseSession):
    """A browser's session. Django's, and what its person needs to know it again in a list."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True, related_name="+"
    )
    agent = models.CharField(max_length=200, blank=True)  # what the browser calls itself
    address = models.CharField(max_length=45, blank=True)
    began_at = models.DateTimeField(null=True)
    used_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"session of {self.user_id}"

    @classmethod
    def get_session_store_class(cls) -> type[SessionBase]:
        store: type[SessionBase] = import_string(f"{settings.SESSION_ENGINE}.SessionStore")
        return store
