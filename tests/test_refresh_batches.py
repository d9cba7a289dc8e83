"""A sweep's statements for a whole batch do to each row what is done to a row by itself."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import transaction
from django.db.models import F
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from miniprograms.models import Authorizer, DueRefresh, overdue_refreshes
from miniprograms.services.refresh_batches import lease_due, save_all
from miniprograms.tokens import LeasedRow, Refreshed, remember_refresh_token, save_refreshed
from platform_auth.models import Component
from wechat.component import Token

pytestmark = pytest.mark.django_db

ASKED_AT = datetime(2030, 1, 1, tzinfo=UTC)
STATES = [state for state in Authorizer.State if state != Authorizer.State.UNBOUND]
TOKENS = st.sampled_from([f"refreshtoken@@@{number}" for number in range(8)])


@dataclass(frozen=True)
class Case:
    """A row as it is before its refresh, and what WeChat answers; IS_FENCED: another took over."""

    state: str
    failures: int
    held: str
    history: list[str]
    answered: str
    life: int
    is_fenced: bool


CASES = st.builds(
    Case,
    state=st.sampled_from(STATES),
    failures=st.integers(0, 100),
    held=TOKENS,
    history=st.lists(TOKENS, max_size=5, unique=True),
    answered=TOKENS,
    life=st.integers(1, 7200),
    is_fenced=st.booleans(),
)
Rows = list[dict[str, Any]]
# One set of rows for each example, which is rolled back: the fixtures may stay as they are.
EXAMPLES = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def make_rows(component: Component, cases: list[Case]) -> None:
    now = timezone.now()
    for number, case in enumerate(cases):
        Authorizer.objects.create(
            component=component,
            appid=f"wx{number:016x}",
            kind=Authorizer.Kind.MINI_PROGRAM,
            state=case.state,
            failures=case.failures,
            last_error="the last time" if case.failures else "",
            access_token="an old one",
            refresh_token=case.held,
            refresh_token_history=" ".join(case.history),
            due_at=now,
            updated_at=now,
        )


def lease_singly() -> list[Authorizer]:
    rows = list(Authorizer.objects.due().with_clock().select_related("component"))
    assert all(row.take_lease() for row in rows)
    return rows


def lease_together() -> Sequence[LeasedRow]:
    return lease_due(100)


def save_singly(refreshed: list[Refreshed]) -> None:
    for item in refreshed:
        save_refreshed(item)


def save_together(refreshed: list[Refreshed]) -> None:
    for item in save_all(refreshed):
        remember_refresh_token(item.row.pk, item.refresh_token)


def refresh(
    cases: list[Case],
    seed: int,
    lease: Callable[[], Sequence[LeasedRow]],
    save: Callable[[list[Refreshed]], None],
) -> Rows:
    """All rows, secrets included, once LEASE and SAVE were done; the table is as before then."""
    random.seed(seed)  # for the due time, which is spread
    with transaction.atomic():
        rows = sorted(lease(), key=lambda row: row.pk)
        refreshed = [
            Refreshed(row, Token(f"token {row.pk}", case.life), case.answered, ASKED_AT)
            for row, case in zip(rows, cases, strict=True)
        ]
        for row, case in zip(rows, cases, strict=True):
            if case.is_fenced:
                taken = Authorizer.objects.filter(pk=row.pk)
                taken.update(epoch=F("epoch") + 1, lease_until=None)
        save(refreshed)
        names = [field.attname for field in Authorizer._meta.concrete_fields]
        after = Authorizer.objects.order_by("pk")
        result = [{name: getattr(row, name) for name in names} for row in after]
        transaction.set_rollback(True)
    return result


@EXAMPLES
@given(cases=st.lists(CASES, min_size=1, max_size=6), seed=st.integers(0, 1000))
def test_rows_saved_together_are_as_if_saved_singly(
    component: Component, cases: list[Case], seed: int
) -> None:
    with transaction.atomic():
        make_rows(component, cases)
        singly = refresh(cases, seed, lease_singly, save_singly)
        together = refresh(cases, seed, lease_together, save_together)
        transaction.set_rollback(True)
    assert together == singly
    for row, case in zip(together, cases, strict=True):
        assert (row["access_token"] == "an old one") == case.is_fenced
        assert case.answered in [row["refresh_token"], *row["refresh_token_history"].split()]


@EXAMPLES
@given(cases=st.lists(CASES, min_size=1, max_size=6))
def test_rows_leased_together_are_as_if_leased_singly(
    component: Component, cases: list[Case]
) -> None:
    with transaction.atomic():
        make_rows(component, cases)
        leases = []
        for lease in (lease_singly, lease_together):
            with transaction.atomic():
                rows = sorted(lease(), key=lambda row: row.pk)
                stored = Authorizer.objects.order_by("pk").values_list("pk", "epoch")
                leases.append(list(stored))
                assert [(row.pk, row.epoch) for row in rows] == leases[-1]
                assert not Authorizer.objects.due().exists()
                assert lease() == []
                transaction.set_rollback(True)
        transaction.set_rollback(True)
    assert leases[0] == leases[1]


@pytest.mark.postgres
def test_what_is_due_is_found_by_its_own_table(component: Component) -> None:
    def both() -> tuple[list[object], list[object]]:
        due = DueRefresh.objects.order_by("pk").values_list("pk", "due_at")
        return list(Authorizer.objects.order_by("pk").values_list("pk", "due_at")), list(due)

    case = Case(Authorizer.State.BOUND, 0, "refreshtoken@@@1", [], "", 7200, is_fenced=False)
    make_rows(component, [case] * 3)
    first, second, third = Authorizer.objects.order_by("pk")
    Authorizer.objects.filter(pk=first.pk).update(due_at=None)
    second.due_at = timezone.now() + timedelta(hours=1)
    second.save()
    assert len(both()[0]) == 3
    assert both()[0] == both()[1]
    assert [row.pk for row in overdue_refreshes()] == [third.pk]
    assert [row.pk for row in lease_due(100)] == [third.pk]
    assert not Authorizer.objects.due().exists()
    first.delete()
    Authorizer.objects.bulk_create([Authorizer(component=component, appid="wx" + "f" * 16)])
    assert len(both()[0]) == 3
    assert both()[0] == both()[1]
