"""Whether a merchant finds an account in the portal: the original system's `is_show`."""

from django.db import transaction

from miniprograms.models import Authorizer
from platform_auth.operations import Actor, record_operation

SHOWN, HIDDEN = 0, 1


def show_to_merchant(authorizer: Authorizer, *, by: Actor) -> None:
    _set_shown(authorizer, SHOWN, "show_to_merchant", by)


def hide_from_merchant(authorizer: Authorizer, *, by: Actor) -> None:
    """Its merchant does not find it in the portal's list any more; all else goes on."""
    _set_shown(authorizer, HIDDEN, "hide_from_merchant", by)


def _set_shown(authorizer: Authorizer, value: int, action: str, by: Actor) -> None:
    with transaction.atomic():
        changed = Authorizer.objects.filter(pk=authorizer.pk).exclude(is_show=value)
        if changed.update(is_show=value):
            record_operation(action, by=by, appid=authorizer.appid)
