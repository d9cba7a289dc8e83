"""What Prometheus reads of /metrics."""

from datetime import timedelta

from django.db.models import F
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families

from platform_auth.models import Count

Measures = dict[tuple[str, str], float]


def measured() -> Measures:
    """Every sample by its name and its labels, which are joined by slashes."""
    answer = Client().get("/metrics")
    assert answer.status_code == 200
    return {
        (sample.name, "/".join(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(answer.content.decode())
        for sample in family.samples
    }


def let_series_grow_old() -> None:
    """Two minutes later, as far as new series are concerned."""
    Count.objects.update(since=F("since") - timedelta(minutes=2))


def risen(before: Measures) -> Measures:
    """By how much each sample is above what it was BEFORE."""
    measured()
    let_series_grow_old()
    return {key: value - before.get(key, 0) for key, value in measured().items()}
