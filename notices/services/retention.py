"""Notices are kept as long as pushes are."""

from datetime import timedelta

from django.conf import settings
from django.db.models.functions import Now

from notices.models import Message, Notice

_BATCH = 1000


def forget_old_notices() -> None:
    """Delete notices, and messages that nobody waits for, after PUSH_RETENTION_DAYS."""
    before = Now() - timedelta(days=settings.PUSH_RETENTION_DAYS)
    for rows in (
        Message.objects.filter(created_at__lt=before).exclude(state=Message.State.DUE),
        Notice.objects.filter(created_at__lt=before),
    ):
        while pks := list(rows.order_by("pk").values_list("pk", flat=True)[:_BATCH]):
            rows.filter(pk__in=pks).delete()
