"""Whether keys that were changed are still needed, in a sentence each, and whether they can go."""

from contextlib import suppress
from datetime import datetime, timedelta

from django.db import DatabaseError, InterfaceError
from django.utils import timezone
from django.utils.translation import gettext as _

from platform_auth import old_keys
from platform_auth.admin.pages import ago, say
from platform_auth.fields import key_ids
from platform_auth.models import Component, OldKeyUse, Operation

QUIET = timedelta(hours=1)  # WeChat pushes six tickets in it


def describe_message_keys(component: Component) -> str:
    """Of the message token and the EncodingAESKey before; "" where there are none."""
    if not has_previous_keys(component):
        return ""
    changed_at, used_at = component.keys_changed_at, component.previous_key_used_at
    needed_at, ticket_at = used_at or changed_at, component.ticket_received_at
    is_new_in_use = bool(ticket_at and (needed_at is None or ticket_at > needed_at))
    is_quiet = needed_at is None or timezone.now() - needed_at > QUIET
    words = {"time": ago(needed_at), "count": component.previous_key_uses}
    if is_new_in_use and is_quiet:
        text = _("The previous keys have not been needed since %(time)s: they can go.")
    elif used_at:
        text = _(
            "The previous keys were last needed %(time)s (pushes since the change: %(count)s). "
            "They can go once WeChat has used the new ones alone for an hour."
        )
    elif is_new_in_use:
        text = _(
            "WeChat uses the new keys, and has not needed the previous ones since the change "
            "%(time)s. They can go an hour after it."
        )
    else:
        text = _(
            "No ticket has come by the new keys since the change %(time)s: enter them in WeChat's "
            "console. Until then the previous ones are needed."
        )
    return say(text, **words)


def has_previous_keys(component: Component) -> bool:
    """By their ciphertexts, which may be unreadable."""
    return any(component.__dict__[name] for name in ("previous_message_token", "previous_aes_key"))


def describe_field_keys() -> list[str]:
    """A sentence about each old key of FIELD_ENCRYPTION_KEYS."""
    first, *others = key_ids()
    if not others:
        return []
    with suppress(DatabaseError, InterfaceError):  # its writer tries again, and says so
        old_keys.write_uses()
    uses = OldKeyUse.objects.in_bulk(others)
    rotations = Operation.objects.filter(action=old_keys.ROTATE).order_by("-pk")
    row = rotations.first()
    rotated_at = row.at if row and row.result.startswith(f"{first}:") else None
    return [_describe_field_key(key, uses.get(key), first, rotated_at) for key in others]


def _describe_field_key(
    key: str, use: OldKeyUse | None, first: str, rotated_at: datetime | None
) -> str:
    words: dict[str, object] = {"key": key, "first": first, "count": use.count if use else 0}
    words |= {"time": ago(use.newest_at) if use else "", "rotated": ago(rotated_at)}
    if rotated_at is None and use is None:
        text = _(
            "The old field key %(key)s has not been needed yet. Run manage.py rotate_field_keys "
            "before it goes: what it has encrypted could not be read any more."
        )
    elif rotated_at is None:
        text = _(
            "The old field key %(key)s was last needed %(time)s (uses in all: %(count)s). Run "
            "manage.py rotate_field_keys: it can go once that has come to its end, and no backup "
            "from before is kept."
        )
    elif use and use.newest_at > rotated_at:
        text = _(
            "The old field key %(key)s was needed %(time)s, after everything had been encrypted "
            "by %(first)s (%(rotated)s): some process still has the old settings. Restart them "
            "all, and run manage.py rotate_field_keys again."
        )
    else:
        text = _(
            "Everything has been encrypted by %(first)s (%(rotated)s), and the old field key "
            "%(key)s has not been needed since. Backups from before need it: it can go once none "
            "of them is kept any more (BACKUP_KEEP_DAYS: 14 unless it is set)."
        )
    return say(text, **words)
