"""An account stops trusting us, or we stop acting for it."""

from datetime import timedelta

from django.db import transaction
from django.db.models import Case, DateTimeField, F, When
from django.db.models.functions import Now

from miniprograms.models import Authorizer, Binding
from miniprograms.tokens import unbound_values
from platform_auth.models import Component
from platform_auth.operations import Actor, record_operation

DOUBT = timedelta(seconds=5)


def note_cancellation(component: Component, appid: str, created: int) -> bool:
    """
    An `unauthorized` push for APPID, made at CREATED by WeChat's clock. Whether it was believed.

    It is ignored only when strictly older than the authorisation itself by WeChat's own clock. In
    doubt (the same second, or a time we were never told) it is believed and WeChat is asked soon.
    """
    rows = Authorizer.objects.filter(component=component, appid=appid)
    doubt = When(auth_time__in=[0, created], then=Now() + DOUBT)
    values = unbound_values() | {"due_at": Case(doubt, output_field=DateTimeField())}
    known = rows.exclude(auth_time__gt=created).update(
        **values, auth_time=created, epoch=F("epoch") + 1
    )
    if known:
        record_operation("cancelled in WeChat", by=None, appid=appid)
    parked = Binding.objects.parked().filter(component=component, appid=appid)
    parked = parked.exclude(auth_time__gt=created)
    withdrawn = parked.update(
        status=Binding.Status.FAILED, refresh_token="", finished_at=Now(), due_at=None
    )
    return bool(known or withdrawn)


def unbind_locally(authorizer: Authorizer, *, by: Actor) -> None:
    """
    Forget the tokens of AUTHORIZER. In WeChat it stays authorised, since only its owner can cancel
    there; it comes back when they authorise again, later than now and than what WeChat told.
    """
    with transaction.atomic():
        row = Authorizer.objects.with_clock().select_for_update().get(pk=authorizer.pk)
        told = max(row.auth_time, int(row.now.timestamp())) + 1
        Authorizer.objects.filter(pk=row.pk).update(
            **unbound_values(), auth_time=told, epoch=F("epoch") + 1
        )
        record_operation("unbind_locally", by=by, appid=row.appid)
    authorizer.refresh_from_db()
