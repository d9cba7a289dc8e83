"""What is known of logins: how many have failed, of whom and from where."""

from datetime import datetime
from typing import Any, Self

from django.db import models
from django.db.models.functions import Now


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
