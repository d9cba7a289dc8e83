"""
SecretField: a text column that is encrypted at rest and decrypted when it is read.

AES-256-GCM. The associated data names the table, the column and the row's owner (the attribute a
model names in `sealed_to`), so a ciphertext moved to another row or column does not open.
Only this module touches the cipher.
"""

import logging
import os
from base64 import urlsafe_b64decode
from binascii import a2b_base64, b2a_base64
from collections.abc import Callable, Iterable
from functools import cache, lru_cache
from hashlib import sha256
from typing import Any, ClassVar, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.db import models
from django.db.models.query_utils import DeferredAttribute

logger = logging.getLogger(__name__)

_on_old_key: Callable[[str], object] | None = None


def tell_of_old_keys(on_old_key: Callable[[str], object] | None) -> None:
    """Whom to tell, by its name, of each key that is not the first and was needed to decrypt."""
    global _on_old_key
    _on_old_key = on_old_key


PREFIX = "sealed"
NONCE_SIZE = 12


class Unreadable(Exception):
    """This one value cannot be decrypted: its key is gone, or it was moved or changed."""


class Sealed(str):
    """The ciphertext of a secret, as it is in the database."""

    __slots__ = ()

    @property
    def key_id(self) -> str:
        """What the key that has sealed it is known by."""
        return self.partition(":")[2].partition(":")[0]

    @property
    def is_current(self) -> bool:
        """Whether the key that seals today has sealed it."""
        return self.key_id == key_ring().current


class Loaded(Sealed):
    """A ciphertext from a fixture: Django saves what it reads, so it is not opened before that."""

    __slots__ = ()


class _KeyRing:
    """The keys by id; the first one seals."""

    def __init__(self, keys: tuple[str, ...]) -> None:
        raw = [urlsafe_b64decode(key) for key in keys]
        self.ciphers = {sha256(key).hexdigest()[:8]: AESGCM(key) for key in raw}
        self.current = next(iter(self.ciphers))


@lru_cache(maxsize=4)
def _make_key_ring(keys: tuple[str, ...]) -> _KeyRing:
    return _KeyRing(keys)


def key_ring() -> _KeyRing:
    """The keys of FIELD_ENCRYPTION_KEYS."""
    return _make_key_ring(tuple(settings.FIELD_ENCRYPTION_KEYS))


def key_ids() -> list[str]:
    """What the keys of FIELD_ENCRYPTION_KEYS are known by: they tell nothing of the keys."""
    return list(key_ring().ciphers)


class SecretAttribute(DeferredAttribute):
    """Decrypts on access; the plain text is never kept on an instance loaded from the database."""

    field: "SecretField"

    def __get__(self, instance: Any, cls: Any = None) -> Any:
        value = None if instance is None else instance.__dict__.get(self.field.attname)
        if value is None:
            value = super().__get__(instance, cls)  # of the class, or of a row without it as yet
        if type(value) is Sealed:
            return self.field.unseal(value, self.field.owner_of(instance))
        return value

    def __set__(self, instance: Any, value: Any) -> None:
        # Defined so that reading goes through __get__ although the instance holds the value.
        instance.__dict__[self.field.attname] = value


class SecretField(models.TextField[str, str]):
    """
    A secret text. "" stays "" in the database, so that emptiness can be queried; nothing else can.

    `save()` and `create()` seal it by themselves; `update()` takes only what `seal()` made.
    """

    descriptor_class = SecretAttribute

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("default", "")
        kwargs["blank"] = True
        kwargs["editable"] = False
        super().__init__(*args, **kwargs)

    def owner_of(self, instance: models.Model) -> str:
        """What ties a value to its row: the attribute that the model names in `sealed_to`."""
        return str(getattr(instance, instance.sealed_to))  # type: ignore[attr-defined]

    def seal(self, value: str, owner: str) -> Sealed | str:
        """VALUE encrypted for the row of OWNER; "" stays ""."""
        if not value:
            return ""
        keys, nonce = key_ring(), os.urandom(NONCE_SIZE)
        plain = value.encode(errors="surrogateescape")  # bytes that are no UTF-8 stay what they are
        data = keys.ciphers[keys.current].encrypt(nonce, plain, self._context(owner))
        text = b2a_base64(nonce + data, newline=False).decode()
        return Sealed(f"{PREFIX}:{keys.current}:{text}")

    def unseal(self, sealed: Sealed, owner: str) -> str:
        """The plain text. Raises Unreadable, naming the column and never the value."""
        try:
            _, key_id, text = sealed.split(":", 2)
            ring = key_ring()
            cipher, data = ring.ciphers[key_id], a2b_base64(text)
            plain = cipher.decrypt(data[:NONCE_SIZE], data[NONCE_SIZE:], self._context(owner))
            if _on_old_key and key_id != ring.current:
                _on_old_key(key_id)
        except KeyError:
            problem = f"its key is not in FIELD_ENCRYPTION_KEYS: {key_id}"
        except (InvalidTag, ValueError):
            problem = "changed, or not this row's own"
        else:
            return plain.decode(errors="surrogateescape")
        raise Unreadable(f"{self.model._meta.db_table}.{self.column} of {owner}: {problem}")

    def _context(self, owner: str) -> bytes:
        return f"{self.model._meta.db_table}\0{self.column}\0{owner}".encode()

    def from_db_value(self, value: str | None, *args: Any) -> str | None:
        return Sealed(value) if value else value

    def to_python(self, value: Any) -> Any:
        """A fixture's text is the ciphertext that `value_to_string` wrote."""
        is_sealed = isinstance(value, str) and value.startswith(f"{PREFIX}:")
        return Loaded(value) if is_sealed else value

    def value_from_object(self, obj: models.Model) -> Any:
        """What serializers and forms get: the ciphertext, readable or not."""
        return self.pre_save(obj, add=False)

    def value_to_string(self, obj: models.Model) -> str:
        return str(self.pre_save(obj, add=False))

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        value = model_instance.__dict__.get(self.attname, "")
        if isinstance(value, Sealed) or not value:
            return value
        sealed = self.seal(value, self.owner_of(model_instance))
        model_instance.__dict__[self.attname] = sealed
        return sealed

    def get_prep_value(self, value: Any) -> Any:
        if value and not isinstance(value, Sealed):
            raise TypeError(f"{self.name}: a secret is written by save() or as seal() made it")
        return value and str(value)


class SecretModel(models.Model):
    """A model with SecretFields. `sealed_to` names the attribute that tells its rows apart."""

    sealed_to: ClassVar[str]

    class Meta:
        abstract = True

    def refresh_from_db(
        self,
        using: str | None = None,
        fields: Iterable[str] | None = None,
        from_queryset: models.QuerySet[Self] | None = None,
    ) -> None:
        """Django copies what it reads, which would be plain text: ciphertexts come as they are."""
        rows = from_queryset or type(self)._base_manager.using(using or self._state.db)
        names = self.__dict__ if fields is None else list(fields)
        secrets = [field.name for field in secret_fields(type(self)) if field.name in names]
        others = None if fields is None else [name for name in names if name not in secrets]
        if others != []:
            super().refresh_from_db(using, others, rows.defer(*secrets))
        if secrets:
            self.__dict__ |= rows.filter(pk=self.pk).values(*secrets).get()


@cache
def _fields_by_name(model: type[models.Model]) -> dict[str, SecretField]:
    return {field.name: field for field in secret_fields(model)}


def secret_fields(model: type[models.Model]) -> list[SecretField]:
    return [field for field in model._meta.concrete_fields if isinstance(field, SecretField)]


def read_or_empty(instance: object, name: str) -> str:
    """The secret NAME of INSTANCE; "" for one that cannot be read, where a new one is at hand."""
    try:
        value: str = getattr(instance, name)
    except Unreadable as error:
        logger.error("%s", error)
        return ""
    return value


def seal(model: type[models.Model], owner: str, **values: str) -> dict[str, Sealed | str]:
    """VALUES by field name, sealed for the row of OWNER: what `update()` takes."""
    fields = _fields_by_name(model)
    return {name: fields[name].seal(value, owner) for name, value in values.items()}
