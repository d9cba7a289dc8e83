"""Secrets at rest: sealed by today's key, tied to row and column, never left in the open."""

import io
import json
import os
import pickle
from base64 import urlsafe_b64encode
from typing import Any

import pytest
from django.core import serializers
from django.core.management import call_command
from django.db import connection, transaction
from django.db.models import F

from platform_auth.fields import Sealed, Unreadable, read_or_empty, seal
from platform_auth.models import Component

SECRET = "a-secret-that-nobody-may-see"
OTHER = "another-secret-nobody-may-see"
NAMES = ["app_secret", "message_token", "aes_key", "verify_ticket", "access_token"]

pytestmark = pytest.mark.django_db


def new_key() -> str:
    return urlsafe_b64encode(os.urandom(32)).decode()


def make(appid: str = "wx0000000000000001", **secrets: str) -> Component:
    return Component.objects.create(appid=appid, **{"app_secret": SECRET, **secrets})


def kept(pk: int, column: str = "app_secret") -> str:
    """The column as it is in the database."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {column} FROM platform_auth_component WHERE id = %s", [pk])  # noqa: S608
        value: str = cursor.fetchone()[0]
    return value


def put(pk: int, value: str, column: str = "app_secret") -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE platform_auth_component SET {column} = %s WHERE id = %s",  # noqa: S608
            [value, pk],
        )


@pytest.mark.parametrize("value", [SECRET, "?", "密码 🔑", "sealed:not:really", "a\nb", " " * 5000])
def test_what_is_written_is_read_again_and_sealed_in_between(value: str) -> None:
    row = make(app_secret=value)
    assert kept(row.pk).startswith("sealed:")
    assert value not in kept(row.pk)
    assert Component.objects.get().app_secret == value


def test_nothing_is_nothing() -> None:
    row = make(app_secret="")
    assert kept(row.pk) == ""
    assert Component.objects.filter(app_secret="").exists()
    assert Component.objects.get().app_secret == ""


def test_the_same_secret_is_never_sealed_alike() -> None:
    rows = [make(f"wx{number:016}") for number in range(5)]
    assert len({kept(row.pk) for row in rows}) == 5


def test_a_ciphertext_moved_to_another_row_does_not_open() -> None:
    one, two = make("wx0000000000000001"), make("wx0000000000000002")
    put(two.pk, kept(one.pk))
    assert Component.objects.get(pk=one.pk).app_secret == SECRET
    with pytest.raises(Unreadable):
        _ = Component.objects.get(pk=two.pk).app_secret


def test_a_ciphertext_moved_to_another_column_does_not_open() -> None:
    row = make(message_token=OTHER)
    put(row.pk, kept(row.pk), "message_token")
    again = Component.objects.get()
    assert again.app_secret == SECRET
    with pytest.raises(Unreadable):
        _ = again.message_token


def test_a_row_that_changes_its_owner_does_not_open() -> None:
    row = make()
    Component.objects.filter(pk=row.pk).update(appid="wx0000000000000009")
    with pytest.raises(Unreadable):
        _ = Component.objects.get().app_secret


@pytest.mark.parametrize("at", [-1, -10, 30, 20])
def test_a_changed_ciphertext_does_not_open(at: int) -> None:
    row = make()
    text = list(kept(row.pk))
    text[at] = "A" if text[at] != "A" else "B"
    put(row.pk, "".join(text))
    with pytest.raises(Unreadable):
        _ = Component.objects.get().app_secret


@pytest.mark.parametrize(
    "text",
    [
        SECRET,
        "sealed:",
        "sealed:x",
        "sealed:x:",
        "sealed:00000000:AAAA",
        "sealed:00000000:%%%",
        "{ring}:",
        "{ring}:A",
        "{ring}:AAAA",
        "{ring}:é",
        "{ring}:" + "A" * 400,
    ],
)
def test_what_we_did_not_seal_is_unreadable_and_not_a_crash(text: str) -> None:
    row = make()
    text = text.replace("{ring}", kept(row.pk).rsplit(":", 1)[0])
    put(row.pk, text)
    with pytest.raises(Unreadable) as caught:
        _ = Component.objects.get().app_secret
    assert str(caught.value).startswith("platform_auth_component.app_secret of wx0000000000000001")
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_lost_key_is_felt_by_its_row_alone(settings: Any) -> None:
    one = make("wx0000000000000001")
    old = list(settings.FIELD_ENCRYPTION_KEYS)
    settings.FIELD_ENCRYPTION_KEYS = [new_key()]
    two = make("wx0000000000000002", app_secret=OTHER)
    assert Component.objects.get(pk=two.pk).app_secret == OTHER
    with pytest.raises(Unreadable, match="wx0000000000000001: its key is not in"):
        _ = Component.objects.get(pk=one.pk).app_secret
    settings.FIELD_ENCRYPTION_KEYS += old
    assert Component.objects.get(pk=one.pk).app_secret == SECRET


def test_rows_load_save_and_refresh_though_a_secret_cannot_be_read() -> None:
    row = make(message_token=OTHER)
    put(row.pk, "sealed:00000000:AAAA")
    found = Component.objects.get()
    found.name = "still here"
    found.save()
    found.refresh_from_db()
    assert (found.name, found.message_token) == ("still here", OTHER)
    assert kept(row.pk) == "sealed:00000000:AAAA"
    assert read_or_empty(found, "app_secret") == ""
    assert read_or_empty(found, "message_token") == OTHER


def test_an_update_takes_no_plain_text() -> None:
    make()
    with pytest.raises(TypeError) as caught, transaction.atomic():
        Component.objects.update(app_secret=OTHER)
    assert OTHER not in str(caught.value)
    row = Component.objects.get()
    row.app_secret = OTHER
    with pytest.raises(TypeError), transaction.atomic():
        Component.objects.bulk_update([row], ["app_secret"])
    assert Component.objects.get().app_secret == SECRET


def test_an_update_takes_what_is_sealed_for_its_row() -> None:
    row = make()
    Component.objects.update(**seal(Component, row.appid, app_secret=OTHER, message_token=""))
    found = Component.objects.get()
    assert (found.app_secret, found.message_token) == (OTHER, "")


def test_nobody_searches_by_a_secret() -> None:
    make()
    with pytest.raises(TypeError):
        Component.objects.filter(app_secret=SECRET).exists()


def test_columns_copied_by_the_database_do_not_open() -> None:
    make()
    Component.objects.update(message_token=F("app_secret"))
    with pytest.raises(Unreadable):
        _ = Component.objects.get().message_token


# The plain text is nowhere but in the hands of whoever asked for it


def everywhere(row: Component) -> str:
    return repr(row) + str(row) + repr(row.__dict__) + repr(pickle.dumps(row))


def test_an_instance_never_keeps_the_plain_text() -> None:
    row = make()
    assert SECRET not in everywhere(row)
    row.app_secret = OTHER
    row.save()
    assert OTHER not in everywhere(row)
    row.refresh_from_db()
    assert row.app_secret == OTHER
    assert OTHER not in everywhere(row)
    row.refresh_from_db(fields=["app_secret", "name"])
    assert OTHER not in everywhere(row)
    found = Component.objects.get()
    assert found.app_secret == OTHER
    assert OTHER not in everywhere(found)


def test_a_deferred_secret_is_loaded_sealed() -> None:
    make()
    found = Component.objects.defer("app_secret").get()
    assert "app_secret" not in found.__dict__
    assert found.app_secret == SECRET
    assert SECRET not in everywhere(found)


def test_a_refresh_takes_over_what_changed() -> None:
    row = make()
    Component.objects.update(name="new", **seal(Component, row.appid, app_secret=OTHER))
    row.refresh_from_db(fields=["name"])
    assert (row.name, row.app_secret) == ("new", SECRET)
    row.refresh_from_db()
    assert row.app_secret == OTHER
    other = make("wx0000000000000002")
    other.refresh_from_db(from_queryset=Component.objects.filter(name=""))
    with pytest.raises(Component.DoesNotExist):
        row.refresh_from_db(from_queryset=Component.objects.filter(name=""))


def test_values_are_ciphertexts() -> None:
    make()
    [value] = Component.objects.values_list("app_secret", flat=True)
    assert isinstance(value, Sealed)


def test_a_dump_holds_ciphertexts_and_can_be_loaded() -> None:
    row = make(**dict.fromkeys(NAMES, SECRET))
    put(row.pk, "sealed:00000000:AAAA", "access_token")
    out = io.StringIO()
    call_command("dumpdata", "platform_auth.Component", stdout=out)
    assert SECRET not in out.getvalue()
    fields = json.loads(out.getvalue())[0]["fields"]
    assert all(fields[name].startswith("sealed:") for name in NAMES)
    Component.objects.all().delete()
    for loaded in serializers.deserialize("json", out.getvalue()):
        loaded.save()
    again = Component.objects.get()
    assert again.app_secret == SECRET
    assert kept(again.pk, "access_token") == "sealed:00000000:AAAA"
