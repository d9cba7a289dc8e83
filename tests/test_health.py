"""/healthz, /readyz and /metrics: for operators, without a login, a session or a redirect."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db.models.functions import Now
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families

from miniprograms.models import Authorizer, Binding
from platform_auth import heartbeats
from platform_auth.fields import key_ids
from platform_auth.models import Component, Heartbeat, OldKeyUse, Push
from sandbox.world import WeChat
from tests.conftest import APPID, Bound
from tests.knocking import without_database
from webhooks import tasks

pytestmark = pytest.mark.django_db


def get(path: str, **headers: str) -> tuple[int, Any]:
    answer = Client().get(path, **headers)  # type: ignore[arg-type]
    assert not answer.cookies
    return answer.status_code, answer.json()


def test_alive_asks_nobody(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        assert get("/healthz") == (200, {"status": "ok"})


def test_alive_without_a_database() -> None:
    assert without_database(lambda: get("/healthz")) == (200, {"status": "ok"})


def test_ready_with_a_ticket(ticket: str) -> None:
    assert get("/readyz") == (200, {"status": "ok", "problems": []})


def test_ready_before_there_is_a_component() -> None:
    assert get("/readyz") == (200, {"status": "ok", "problems": []})


def test_a_component_is_given_its_twelve_hours(component: Component) -> None:
    assert get("/readyz")[0] == 200
    Component.objects.update(created_at=Now() - timedelta(hours=13))
    assert get("/readyz")[0] == 503


@pytest.mark.parametrize(("hours", "status"), [(11, 200), (13, 503)])
def test_not_ready_once_the_ticket_has_run_out(ticket: str, hours: int, status: int) -> None:
    Component.objects.update(ticket_received_at=Now() - timedelta(hours=hours))
    assert get("/readyz")[0] == status
    if status == 503:
        problems = [f"ticket of {APPID}"]
        assert get("/readyz")[1] == {"status": "unavailable", "problems": problems}


def test_not_ready_without_a_database() -> None:
    told = without_database(lambda: get("/readyz"))
    assert told == (503, {"status": "unavailable", "problems": ["database"]})


def test_not_ready_without_the_keys_of_what_is_there(ticket: str, settings: Any) -> None:
    [key] = key_ids()
    right, other = settings.FIELD_ENCRYPTION_KEYS, "b3RoZXIta2V5cy1vdGhlci1rZXlzLW90aGVyLWtleXM="
    settings.FIELD_ENCRYPTION_KEYS = [other]
    problems = [f"secrets of {APPID}: FIELD_ENCRYPTION_KEYS lacks {key}"]
    assert get("/readyz") == (503, {"status": "unavailable", "problems": problems})
    settings.FIELD_ENCRYPTION_KEYS = [other, *right]
    assert get("/readyz")[0] == 200
    assert OldKeyUse.objects.count() == 0  # to look is no use of it


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
def test_no_redirect_and_no_name_of_a_host_is_minded(settings: Any, path: str) -> None:
    settings.SECURE_SSL_REDIRECT = True
    answer = Client().get(path, headers={"host": "10.1.2.3:8000"})
    assert answer.status_code == 200


# Measures


def measured() -> dict[tuple[str, str], float]:
    """Every sample of ours by its name and its label."""
    answer = Client().get("/metrics")
    assert answer.status_code == 200
    assert answer["Content-Type"].startswith("text/plain; version=")
    return {
        (sample.name, "".join(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(answer.content.decode())
        for sample in family.samples
        if sample.name.startswith(("wechat_", "bell_"))
    }


def test_nothing_is_measured_of_nothing() -> None:
    told = measured()
    assert told["wechat_pushes_failed", ""] == 0
    assert told["wechat_refresh_overdue", ""] == 0
    assert told["wechat_bindings_parked", ""] == 0
    assert ("bell_missed_total", "") in told


def test_the_age_of_the_ticket(ticket: str) -> None:
    Component.objects.update(ticket_received_at=Now() - timedelta(minutes=30))
    assert 1800 <= measured()["wechat_ticket_age_seconds", APPID] < 1860


def test_accounts_by_state_and_what_is_overdue(bound: Bound) -> None:
    bound("wxaaaaaaaaaaaaaaaa")
    bound("wxbbbbbbbbbbbbbbbb")
    Authorizer.objects.filter(appid="wxaaaaaaaaaaaaaaaa").update(
        state=Authorizer.State.NEEDS_REAUTHORIZATION, due_at=Now() - timedelta(minutes=1)
    )
    told = measured()
    assert told["wechat_authorizers", "bound"] == 1
    assert told["wechat_authorizers", "needs_reauthorization"] == 1
    assert told["wechat_refresh_overdue", ""] == 1


def test_failed_pushes_and_parked_bindings(
    wechat: WeChat, ticket: str, merchant: User, component: Component
) -> None:
    Push.objects.update(state=Push.State.FAILED)
    Binding.objects.create(component=component, user=merchant, status=Binding.Status.UNCLAIMED)
    told = measured()
    assert told["wechat_pushes_failed", ""] == 1
    assert told["wechat_bindings_parked", ""] == 1


def test_a_job_that_has_not_run_for_long_is_seen(component: Component) -> None:
    tasks.forget_old_pushes()
    Heartbeat.objects.update(at=Now() - timedelta(hours=3))
    assert 3 * 3600 <= measured()["wechat_job_age_seconds", "forget_old_pushes"] < 3 * 3600 + 60
    assert not heartbeats.is_alive("forget_old_pushes", timedelta(hours=1))
    tasks.forget_old_pushes()
    assert measured()["wechat_job_age_seconds", "forget_old_pushes"] < 60
    assert heartbeats.is_alive("forget_old_pushes", timedelta(hours=1))


def test_no_secret_is_measured(bound: Bound) -> None:
    bound("wxaaaaaaaaaaaaaaaa")
    text = Client().get("/metrics").content.decode()
    row, component = Authorizer.objects.get(), Component.objects.get()
    for secret in (row.access_token, row.refresh_token, component.access_token):
        assert secret not in text


def test_without_a_database_there_are_no_measures() -> None:
    answer: Any = without_database(lambda: Client().get("/metrics"))
    assert answer.status_code == 503
