"""Many attempts at the same moment get no more tries than one after the other."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from platform_auth.login_models import LoginCounter
from tests.threads import together

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.both_databases("locks of our own, and the database's clock"),
]

DOOR = "/api/v1/auth/token/"


def attempt(name: str, password: str, address: str) -> int:
    fields: Any = {"username": name, "password": password}
    headers = {"x-forwarded-for": address}
    answer = Client().post(DOOR, fields, content_type="application/json", headers=headers)
    return int(answer.status_code)


def at_once(number: int, attempt_number: Any) -> list[int]:
    jobs = [lambda number=number: attempt_number(number) for number in range(number)]
    statuses = together(jobs)
    assert all(isinstance(status, int) for status in statuses), statuses
    return [status for status in statuses if isinstance(status, int)]


def until_tried(attempt_once: Any) -> int:
    """Its status, once there was a place for it."""
    while (status := int(attempt_once())) == 503:
        pass
    return status


def test_of_one_pair_ten_are_tried(staff: User, settings: Any) -> None:
    settings.NUM_PROXIES = 1
    statuses = at_once(
        16, lambda number: until_tried(lambda: attempt("operator", f"x{number}", "203.0.113.7"))
    )
    assert sorted(statuses) == [401] * 10 + [429] * 6


def test_many_users_from_many_addresses_do_not_stand_in_each_others_way(
    staff: User, settings: Any
) -> None:
    settings.NUM_PROXIES = 1

    def of(number: int) -> int:
        name, address = f"user-{number % 4}", f"203.0.113.{number % 3}"
        return until_tried(lambda: attempt(name, "x", address))

    assert at_once(12, of) == [401] * 12
    assert LoginCounter.objects.count() == 12 + 4 + 3


def test_the_right_password_many_times_at_once(staff: User, settings: Any) -> None:
    settings.NUM_PROXIES = 1
    statuses = at_once(
        6,
        lambda number: until_tried(lambda: attempt("operator", "operator-password", "203.0.113.7")),
    )
    assert statuses == [200] * 6
    assert not LoginCounter.objects.filter(failures__gt=0).exists()
