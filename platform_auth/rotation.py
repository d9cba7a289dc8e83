"""Encrypting what older keys have sealed with the key that seals today."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from django.db.models import QuerySet

from platform_auth.fields import Sealed, SecretModel, Unreadable, secret_fields

BATCH_SIZE = 500


@dataclass
class Rotation:
    """What became of a model's rows; `unreadable` names columns and rows, never values."""

    rows: int = 0
    sealed: int = 0
    unreadable: list[str] = field(default_factory=list)


def rotate_secrets(model: type[SecretModel]) -> Rotation:
    """Seal every secret of MODEL with the current key, row by row, while others write."""
    rotation = Rotation()
    for row in _read_all(model):
        rotation.rows += 1
        _rotate_row(row, rotation)
    return rotation


def _read_all(model: type[SecretModel]) -> Iterator[SecretModel]:
    """All rows, in batches by primary key, with no more columns than are needed."""
    columns = ["pk", model.sealed_to, *(field.name for field in secret_fields(model))]
    rows: QuerySet[SecretModel] = model._base_manager.only(*columns).order_by("pk")
    last = 0
    while batch := list(rows.filter(pk__gt=last)[:BATCH_SIZE]):
        yield from batch
        last = batch[-1].pk


def _rotate_row(row: SecretModel, rotation: Rotation) -> None:
    """
    Compare and set: a row that somebody has written meanwhile is read again. What is written
    while we run is sealed with the current key, so this ends.
    """
    rows: QuerySet[SecretModel] = type(row)._base_manager.filter(pk=row.pk)
    present: SecretModel | None = row
    while present is not None:
        held = {field.name: present.__dict__[field.name] for field in secret_fields(type(row))}
        fresh, unreadable = _sealed_anew(present, held)
        old = {name: held[name] for name in fresh}
        if not fresh or rows.filter(**old).update(**fresh):
            rotation.sealed += len(fresh)
            rotation.unreadable += unreadable
            return
        present = rows.first()


def _sealed_anew(
    row: SecretModel, held: dict[str, Sealed | str]
) -> tuple[dict[str, Sealed | str], list[str]]:
    """What is sealed by an older key, sealed by today's; and what cannot be read."""
    fresh: dict[str, Sealed | str] = {}
    unreadable = []
    for secret in secret_fields(type(row)):
        value, owner = held[secret.name], secret.owner_of(row)
        if not isinstance(value, Sealed):
            continue
        try:
            plain = secret.unseal(value, owner)
        except Unreadable as error:
            unreadable.append(str(error))
            continue
        if not value.is_current:
            fresh[secret.name] = secret.seal(plain, owner)
    return fresh, unreadable
