"""Pushes that came for an account before anybody here had it."""

from platform_auth.models import Component, DuePush, Push


def make_due(component: Component, appid: str) -> int:
    """What came for APPID before it was given to somebody is to be worked out now: how many."""
    rows = Push.objects.filter(component=component, appid=appid, state=Push.State.UNCLAIMED)
    pks = list(rows.order_by("pk").values_list("pk", flat=True))
    DuePush.objects.bulk_create([DuePush(push_id=pk) for pk in pks], ignore_conflicts=True)
    Push.objects.filter(pk__in=pks).update(state=Push.State.DONE)
    return len(pks)
