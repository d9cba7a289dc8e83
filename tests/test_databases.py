"""What a test with real transactions leaves behind is taken away, and no more."""

import pytest
from django.contrib.auth.models import Group, Permission, User

from tests.databases import Database

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.both_databases("each is restored in a way of its own"),
]


def rows_of_migrations() -> list[tuple[int, str, int]]:
    groups = Group.objects.order_by("pk", "permissions")
    return list(groups.values_list("pk", "name", "permissions"))


def test_what_was_committed_is_taken_away(django_db_setup: Database) -> None:
    User.objects.create_user("somebody").groups.add(Group.objects.get(name="operators"))
    django_db_setup.restore()
    assert not User.objects.exists()


def test_what_migrations_made_is_put_back(django_db_setup: Database) -> None:
    before = rows_of_migrations()
    Group.objects.get(name="operators").delete()
    Group.objects.filter(name="releasers").update(name="others")
    Permission.objects.order_by("pk")[0].delete()
    permissions = Permission.objects.count()
    django_db_setup.restore()
    assert rows_of_migrations() == before
    assert Permission.objects.count() == permissions + 1


def test_nothing_to_take_away_is_no_trouble(django_db_setup: Database) -> None:
    before = rows_of_migrations()
    django_db_setup.restore()
    assert rows_of_migrations() == before
