"""How long what users wrote, what we said, and what happened to accounts is kept."""

import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from django.db.models.functions import Now

from messaging.models import Conversation, Delivery, Reply
from miniprograms.models import Authorizer
from platform_auth.models import PlatformEvent, Push

AFTER_UNBINDING = timedelta(days=7)  # an owner may cancel by mistake
CHUNK_SIZE = 1_000  # rows, in one transaction
MAX_SECONDS = 60  # seconds; the next hour goes on where it ended


def delete_old_conversations() -> None:
    """
    Delete replies, conversations at rest, and events older than PUSH_RETENTION_DAYS, which is how
    long the inbox keeps what users wrote; of a user of whom staff noted something that alone stays.
    Of accounts that have been unbound for a week all that users wrote goes; the inbox keeps empty
    rows, by which it knows a replay.
    """
    until = time.monotonic() + MAX_SECONDS
    retention = timedelta(days=settings.PUSH_RETENTION_DAYS)
    for authorizer in _unbound_accounts(retention):
        _delete_account_data(authorizer, until)
    _delete(Reply.objects.filter(at__lt=Now() - retention), until)
    old = Conversation.objects.filter(touched_at__lt=Now() - retention)
    _delete(old.exclude(pk__in=old.noted().values("pk")), until)
    _forget_words(old.noted().exclude(preview=""), until)
    _delete(PlatformEvent.objects.filter(at__lt=Now() - retention), until)


def _unbound_accounts(retention: timedelta) -> list[Authorizer]:
    """Those that have left; of any that left longer ago all is as old, and deleted for that."""
    days = [Now() - retention - 2 * AFTER_UNBINDING, Now() - AFTER_UNBINDING]
    rows = Authorizer.objects.filter(state=Authorizer.State.UNBOUND, unauthorized_at__range=days)
    return list(rows.only("appid"))


def _delete_account_data(authorizer: Authorizer, until: float) -> None:
    """Whatever the users of AUTHORIZER wrote, and who they were."""
    _delete(Conversation.objects.filter(authorizer=authorizer), until)
    pushes = Push.objects.filter(appid=authorizer.appid).exclude(openid="")
    for pks in _chunks(pushes, until):
        Delivery.objects.filter(push__in=pks).delete()
        Push.objects.filter(pk__in=pks).update(body="", openid="", retry_at=None)


def _forget_words(rows: QuerySet[Any], until: float) -> None:
    for pks in _chunks(rows, until):
        Conversation.objects.filter(pk__in=pks).update(preview="", unread=0)


def _delete(rows: QuerySet[Any], until: float) -> None:
    for pks in _chunks(rows, until):
        rows.model._default_manager.filter(pk__in=pks).delete()


def _chunks(rows: QuerySet[Any], until: float) -> Iterator[list[int]]:
    """The keys of ROWS, of which the taker leaves none, a thousand at a time."""
    while time.monotonic() < until:
        pks = list(rows.order_by().values_list("pk", flat=True)[:CHUNK_SIZE])
        if not pks:
            return
        yield pks
