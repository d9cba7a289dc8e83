"""A row about which one process at a time asks WeChat."""

from datetime import timedelta

import pytest
from django.db.models.functions import Now

from platform_auth.models import Component

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.both_databases("leases run out by the database's own clock"),
]


def read(component: Component) -> Component:
    row: Component = Component.objects.with_clock().get(pk=component.pk)
    return row


def let_time_pass(component: Component) -> None:
    """Until the lease that is held has run out."""
    Component.objects.filter(pk=component.pk).update(lease_until=Now() - timedelta(seconds=1))


def test_one_of_two_gets_the_lease(component: Component) -> None:
    first, second = read(component), read(component)
    assert first.take_lease()
    assert not second.take_lease()
    assert not read(component).take_lease()


def test_who_read_the_row_before_it_was_given_back_does_not_get_the_lease(
    component: Component,
) -> None:
    """Else they would ask WeChat again for what has just been written."""
    holder = read(component)
    assert holder.take_lease()
    waiting = read(component)
    assert holder.write(name="new")
    assert not waiting.take_lease()
    assert read(component).take_lease()


def test_a_lease_runs_out_under_a_holder_that_died(component: Component) -> None:
    assert read(component).take_lease()
    let_time_pass(component)
    assert read(component).take_lease()


def test_a_late_holder_writes_nothing(component: Component) -> None:
    late = read(component)
    assert late.take_lease()
    let_time_pass(component)
    other = read(component)
    assert other.take_lease()
    assert not late.write(name="late")
    assert other.write(name="other")
    assert not late.write(name="late")
    assert read(component).name == "other"


def test_a_long_walk_keeps_its_lease(component: Component) -> None:
    holder = read(component)
    assert holder.take_lease()
    assert holder.write(name="half way", lease_until=Now() + timedelta(seconds=60))
    assert not read(component).take_lease()
    assert holder.write(name="done")
    assert read(component).name == "done"
