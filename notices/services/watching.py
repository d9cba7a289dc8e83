"""What nobody says aloud: counts that rise."""

from datetime import timedelta

from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone

from notices.models import Threshold
from platform_auth.domain_events import DomainEvent, publish
from platform_auth.models import PushRefusal

LOOK_EVERY = timedelta(minutes=5)
WATCHING = "refusals are watched"
MANY_REFUSALS = 20  # of one door and reason between two looks; fewer are strangers who knock


def watch_refusals() -> None:
    """Tell if pushes are being refused, more than strangers would cause; once an hour."""
    if not Threshold.objects.filter(name=WATCHING).exists():  # what was refused before we looked
        before = [
            Threshold(name=_name_of(refusal), value=refusal.count)
            for refusal in PushRefusal.objects.all()
        ]
        Threshold.objects.bulk_create([*before, Threshold(name=WATCHING)], ignore_conflicts=True)
    for refusal in PushRefusal.objects.filter(newest_at__gt=Now() - 2 * LOOK_EVERY):
        _compare(refusal)


def _name_of(refusal: PushRefusal) -> str:
    return f"refused {refusal.door} {refusal.reason}"


def _compare(refusal: PushRefusal) -> None:
    name = _name_of(refusal)
    new = Threshold(name=name, at=timezone.now() - 2 * LOOK_EVERY)
    Threshold.objects.bulk_create([new], ignore_conflicts=True)
    looked = Threshold.objects.filter(name=name, at__lte=Now() - LOOK_EVERY)
    with transaction.atomic():
        row = looked.select_for_update().first()
        if row is None:
            return
        Threshold.objects.filter(pk=row.pk).update(value=refusal.count, at=Now())
        number = refusal.count - row.value
        if number < MANY_REFUSALS:
            return
        hour = f"{refusal.newest_at:%Y-%m-%d %H}"
        once = f"{refusal.door} {refusal.reason} {hour}"
        facts = {"number": number, "reason": f"{refusal.door}: {refusal.reason}"}
        publish(DomainEvent("pushes.refused", once=once, facts=facts))
