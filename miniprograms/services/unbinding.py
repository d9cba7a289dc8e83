"""An account stops trusting us, or we stop acting for it."""

from datetime import timedelta

from django.db import transaction
from django.db.models import Case, DateTimeField, F, When
from django.db.models.functions import Now

from miniprograms.account_events import UNBOUND, publish_account_event
from miniprograms.models import Authorizer, Binding
from miniprograms.tokens import unbound_values
from platform_auth.models import Component
from platform_auth.operations import Actor, record_operation

DOUBT_DELAY = timedelta(seconds=5)  # before WeChat is asked about a cancellation in doubt


def record_cancellation(component: Component, appid: str, created: int) -> bool:
    """
    An `unauthorized` push for APPID, made at CREATED by WeChat's clock. Whether it was believed.

    It is ignored only when strictly older than the authorisation itself by WeChat's own clock. In
    doubt (the same second, or a time we were never told) it is believed and WeChat is asked soon.
    """
    with transaction.atomic():
        is_unbound = _unbind(component, appid, created)
        unclaimed = Binding.objects.unclaimed().filter(component=component, appid=appid)
        withdrawn = unclaimed.exclude(auth_time__gt=created).update(
            status=Binding.Status.FAILED, refresh_token="", finished_at=Now(), due_at=None
        )
    return bool(is_unbound or withdrawn)


def _unbind(component: Component, appid: str, created: int) -> bool:
    rows = Authorizer.objects.filter(component=component, appid=appid)
    before = rows.select_for_update().values_list("state", flat=True).first()
    # In doubt it is due, so that WeChat is asked; certain, it is due no more (NULL).
    in_doubt = When(auth_time__in=[0, created], then=Now() + DOUBT_DELAY)
    values = unbound_values() | {"due_at": Case(in_doubt, output_field=DateTimeField())}
    unbound = rows.exclude(auth_time__gt=created).update(
        **values, auth_time=created, epoch=F("epoch") + 1
    )
    if unbound:
        record_operation("cancelled in WeChat", by=None, appid=appid)
    if unbound and before != Authorizer.State.UNBOUND:
        publish_account_event(UNBOUND, appid, reason="cancelled")
    return bool(unbound)


def unbind_locally(authorizer: Authorizer, *, by: Actor) -> None:
    """
    Forget the tokens of AUTHORIZER. In WeChat it stays authorised, since only its owner can cancel
    there; it comes back when they authorise again, later than now and than what WeChat told.
    """
    with transaction.atomic():
        row = Authorizer.objects.with_clock().select_for_update().get(pk=authorizer.pk)
        auth_time = max(row.auth_time, int(row.now.timestamp())) + 1
        Authorizer.objects.filter(pk=row.pk).update(
            **unbound_values(), auth_time=auth_time, epoch=F("epoch") + 1
        )
        record_operation("unbind_locally", by=by, appid=row.appid)
        if row.state != Authorizer.State.UNBOUND:
            publish_account_event(UNBOUND, row.appid, reason="unbound_locally")
    authorizer.refresh_from_db()
