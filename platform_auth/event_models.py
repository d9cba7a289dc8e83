"""What happened to an account, for those who are to be told of it."""

import secrets

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


def new_event_reference() -> str:
    """What an event is known by outside, however often it is sent."""
    return secrets.token_hex(16)


class PlatformEvent(models.Model):
    """
    The outbox of what happened: an account was bound, a review decided, a version released. Written
    in the transaction of the act itself; due until somebody has worked out who is to be told.
    """

    reference = models.CharField(
        max_length=32, unique=True, default=new_event_reference, editable=False
    )
    kind = models.CharField(_("kind"), max_length=64)
    appid = models.CharField(_("appid"), max_length=32)
    data = models.JSONField(_("event"), default=dict)
    at = models.DateTimeField(_("time"), default=timezone.now, db_index=True)
    due_at = models.DateTimeField(null=True, db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("event")
        verbose_name_plural = _("events")
        indexes = [
            models.Index(fields=["id"], condition=Q(due_at__isnull=False), name="event_due"),
            models.Index(fields=["appid", "-id"], name="event_of"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.appid}"
