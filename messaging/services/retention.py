"""How long what users wrote, and what we said, is kept."""

from datetime import timedelta

from django.conf import settings
from django.db.models import Q
from django.db.models.functions import Now

from messaging.models import Conversation, Reply
from miniprograms.models import Authorizer
from platform_auth.models import Push

AFTER_UNBINDING = timedelta(days=7)  # an owner may cancel by mistake
AT_ONCE = 10_000


def forget_old() -> None:
    """
    Delete replies, and conversations at rest, older than PUSH_RETENTION_DAYS, which is how long
    the inbox keeps what users wrote. Of accounts that have been unbound for a week all of it goes;
    the inbox keeps empty rows, by which it knows a replay.
    """
    oldest = Now() - timedelta(days=settings.PUSH_RETENTION_DAYS)
    Reply.objects.filter(at__lt=oldest).delete()
    gone = Authorizer.objects.filter(
        state=Authorizer.State.UNBOUND, unauthorized_at__lt=Now() - AFTER_UNBINDING
    )
    Conversation.objects.filter(Q(touched_at__lt=oldest) | Q(authorizer__in=gone)).delete()
    written = Push.objects.filter(appid__in=gone.values("appid")).exclude(openid="")
    ids = list(written.values_list("pk", flat=True)[:AT_ONCE])
    Push.objects.filter(pk__in=ids).update(body="", openid="")
