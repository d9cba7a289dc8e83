"""What a person may do at this moment, asked for an act of theirs that has waited."""

from collections.abc import Iterable

from django.contrib.auth.models import User


def may_still(person_id: int | None, permissions: Iterable[str]) -> bool:
    """Whether the person is there, active, and holds PERMISSIONS, by the database as it is now."""
    person = User.objects.filter(pk=person_id or 0, is_active=True).first()
    return person is not None and person.has_perms(list(permissions))
