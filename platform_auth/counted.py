"""What is counted, a row for each number."""

from django.db import models
from django.db.models.functions import Now
from django.utils import timezone


class PushRefusal(models.Model):
    """How many requests at the push URLs were refused, for which reason, and when the last was."""

    door = models.CharField(max_length=10)  # "component" or "message"
    reason = models.CharField(max_length=20)
    count = models.BigIntegerField(default=0)
    newest_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["door", "reason"], name="one_refusal_a_reason")
        ]

    def __str__(self) -> str:
        return f"{self.door}: {self.reason}"


class OddRows(models.Model):
    """How many rows of an endpoint's lists made no sense and were left out, and when the last."""

    endpoint = models.CharField(max_length=100, primary_key=True)
    count = models.BigIntegerField(default=0)
    newest_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return self.endpoint


class OldKeyUse(models.Model):
    """
    How often a field key that is no longer the first was needed, and when last: see
    `platform_auth.old_keys`.
    """

    key_id = models.CharField(max_length=8, primary_key=True)
    count = models.BigIntegerField(default=0)
    newest_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return self.key_id


class Count(models.Model):
    """How often something happened: see `platform_auth.counters`. LABELS are a list in JSON."""

    name = models.CharField(max_length=60)
    labels = models.CharField(max_length=200)
    value = models.FloatField(default=0)
    since = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["name", "labels"], name="one_count")]

    def __str__(self) -> str:
        return f"{self.name} {self.labels}"
