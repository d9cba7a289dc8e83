"""An account stops trusting us, or we stop acting for it."""

from datetime import timedelta

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now
from django.utils import timezone

from miniprograms.models import Authorizer, Binding
from miniprograms.tokens import unbound_values
from platform_auth.models import Component
from platform_auth.operations import record

DOUBT = timedelta(seconds=5)


def note_cancellation(component: Component, appid: str, created: int) -> bool:
    """
    An `unauthorized` push for APPID, made at CREATED by WeChat's clock. Whether it was believed.

    It is ignored only when strictly older than the authorisation itself by WeChat's own clock. In
    doubt (the same second, or a time we were never told) it is believed and WeChat is asked soon.
    """
    rows = Authorizer.objects.filter(component=component, appid=appid)
    believed = rows.exclude(auth_time__gt=created)
    in_doubt = rows.filter(auth_time__in=[0, created])
    doubtful = list(in_doubt.values_list("pk", flat=True))
    known = believed.update(**unbound_values(), auth_time=created, epoch=F("epoch") + 1)
    if known:
        Authorizer.objects.filter(pk__in=doubtful).update(due_at=Now() + DOUBT)
        record("cancelled in WeChat", by=None, appid=appid)
    parked = Binding.objects.parked().filter(component=component, appid=appid)
    parked = parked.exclude(auth_time__gt=created)
    withdrawn = parked.update(
        status=Binding.Status.FAILED, refresh_token="", finished_at=Now(), due_at=None
    )
    return bool(known or withdrawn)


def unbind_locally(authorizer: Authorizer, *, by: AbstractBaseUser | AnonymousUser) -> None:
    """
    Forget the tokens of AUTHORIZER. In WeChat it stays authorised, since only its owner can cancel
    there; it comes back when they authorise again, later than now.
    """
    now = int(timezone.now().timestamp())
    with transaction.atomic():
        rows = Authorizer.objects.filter(pk=authorizer.pk)
        rows.update(**unbound_values(), auth_time=now, epoch=F("epoch") + 1)
        record("unbind_locally", by=by, appid=authorizer.appid)
    authorizer.refresh_from_db()
