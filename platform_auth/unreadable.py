"""
Secrets that no key of FIELD_ENCRYPTION_KEYS opens: an old key was taken out too early, a backup
from before was restored, or the settings are another platform's.

It goes by the name of the key in each ciphertext: nothing is decrypted, so no use is counted.
"""

from collections.abc import Iterable

from django.db.models.functions import Substr
from django.utils.translation import gettext as _

from platform_auth.fields import PREFIX, Sealed, SecretModel, Unreadable, key_ids, secret_fields
from platform_auth.models import Component

KEY_ID_LENGTH = 8


def components_without_keys() -> dict[str, list[str]]:
    """The appids of components with such secrets, each with the names of the keys it lacks."""
    present = set(key_ids())
    names = [field.name for field in secret_fields(Component)]
    found = {}
    for appid, *secrets in Component.objects.order_by("appid").values_list("appid", *names):
        used = {secret.key_id for secret in secrets if isinstance(secret, Sealed)}
        if used - present:
            found[appid] = sorted(used - present)
    return found


def describe_unreadable() -> str:
    """A sentence for operators about the components' secrets that cannot be read; or ""."""
    lacking = components_without_keys()
    if not lacking:
        return ""
    keys = ", ".join(sorted({key for missing in lacking.values() for key in missing}))
    return (
        f"FIELD_ENCRYPTION_KEYS lacks {keys}, by which secrets of {', '.join(lacking)} are "
        "encrypted: put back what is missing, after the first key and a comma."
    )


def key_ids_in(model: type[SecretModel], name: str) -> set[str]:
    """By which keys the field NAME of all rows of MODEL is encrypted."""
    key = Substr(name, len(PREFIX) + 2, KEY_ID_LENGTH)
    rows = model._base_manager.filter(**{f"{name}__gt": ""})
    return set(rows.order_by().annotate(key=key).values_list("key", flat=True).distinct())


def demand_readable(row: SecretModel, names: Iterable[str]) -> None:
    """
    Raise Unreadable, with a sentence, if one of the secrets NAMES of ROW cannot be read: whoever
    writes another in its place would lose it, though its key may only be missing for now.
    """
    sealed = {name: row.__dict__[name] for name in names if row.__dict__[name]}
    lacking = sorted({value.key_id for value in sealed.values()} - set(key_ids()))
    if lacking:
        text = _(
            "Nothing was changed: FIELD_ENCRYPTION_KEYS lacks %(keys)s, by which present secrets "
            "of %(row)s are encrypted. Put back what is missing, after the first key and a comma."
        )
        owner = getattr(row, row.sealed_to)
        raise Unreadable(text % {"keys": ", ".join(lacking), "row": owner})
    for name in sealed:
        getattr(row, name)
