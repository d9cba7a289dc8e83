"""Rows as they lie in the database, for tests of what is made of them."""

from typing import Any

from django.contrib.auth.models import User

from miniprograms.models import Authorizer
from platform_auth.models import Component


def make_authorizer(
    component: Component, owner: User | None, appid: str = "wx00000000000000a1", **values: Any
) -> Authorizer:
    """An account that is bound, unless VALUES say otherwise."""
    values.setdefault("state", Authorizer.State.BOUND)
    if values["state"] != Authorizer.State.UNBOUND:
        values.setdefault("refresh_token", "refreshtoken@@@of-" + appid)
    values.setdefault("kind", Authorizer.Kind.MINI_PROGRAM)
    row: Authorizer = Authorizer.objects.create(
        component=component, owner=owner, appid=appid, **values
    )
    return row
