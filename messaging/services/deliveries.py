"""Finding deliveries by when they were made, without an index that every one of them would cost."""

from datetime import datetime, timedelta

from messaging.models import Delivery

OVERLAP = timedelta(minutes=5)  # by which ids and times may differ, of transactions at once


def first_delivery_since(at: datetime) -> int:
    """
    The id of the first delivery that was made at AT or later, by halves, since ids and times rise
    together; beyond the last one where there is none.
    """
    ids = Delivery.objects.order_by("pk").values_list("pk", "created_at")
    newest = Delivery.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    low, high = 0, newest + 1
    while low < high:
        middle = (low + high) // 2
        pk, created_at = ids.filter(pk__gte=middle).first() or (high, at)
        if created_at < at:
            low = pk + 1
        else:
            high = middle
    return low
