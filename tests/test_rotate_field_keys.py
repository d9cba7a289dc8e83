"""manage.py rotate_field_keys, while the system runs."""

import io
import os
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import connection, models

from miniprograms.models import Authorizer, Binding
from platform_auth import rotation
from platform_auth.fields import Sealed, seal, secret_fields
from platform_auth.models import Component, Push
from tests.conftest import Bound

OURS = "wxaaaaaaaaaaaaaaaa"

pytestmark = pytest.mark.django_db


def new_key() -> str:
    return urlsafe_b64encode(os.urandom(32)).decode()


def run() -> str:
    out = io.StringIO()
    call_command("rotate_field_keys", stdout=out, stderr=out)
    return out.getvalue()


def with_secrets() -> list[type[models.Model]]:
    return [model for model in apps.get_models() if secret_fields(model)]


def plain() -> dict[tuple[str, Any, str], str]:
    """Every secret of every row, in the clear."""
    return {
        (model.__name__, row.pk, field.name): getattr(row, field.name)
        for model in with_secrets()
        for row in model._base_manager.all()
        for field in secret_fields(model)
    }


@pytest.fixture
def world(bound: Bound) -> dict[tuple[str, Any, str], str]:
    """A component, pushes, a binding and an account: every model that has secrets has rows."""
    bound(OURS)
    assert {name for name, _, _ in plain()} == {"Component", "Push", "Authorizer", "Binding"}
    return plain()


@pytest.fixture
def rotated(settings: Any, world: object) -> Callable[[], None]:
    """Puts a new key in front; calling it takes the old ones away."""
    fresh = new_key()
    settings.FIELD_ENCRYPTION_KEYS = [fresh, *settings.FIELD_ENCRYPTION_KEYS]

    def forget_the_old() -> None:
        settings.FIELD_ENCRYPTION_KEYS = [fresh]

    return forget_the_old


def test_every_secret_of_every_model_moves_to_the_new_key(
    world: dict[Any, str], rotated: Callable[[], None]
) -> None:
    said = run()
    rotated()
    assert plain() == world
    for model in with_secrets():
        assert f"{model._meta.label}: {model._base_manager.count()} rows, " in said
    assert "platform_auth.Component: 1 rows, 5 secrets encrypted anew, 0 unreadable" in said


def test_no_secret_is_printed(world: dict[Any, str], rotated: Callable[[], None]) -> None:
    said = run()
    assert not [name for name, secret in world.items() if secret and secret in said]


def test_a_second_run_changes_nothing(rotated: Callable[[], None]) -> None:
    run()
    before = [list(model._base_manager.order_by("pk").values()) for model in with_secrets()]
    assert "Component: 1 rows, 0 secrets encrypted anew, 0 unreadable" in run()
    assert [list(m._base_manager.order_by("pk").values()) for m in with_secrets()] == before


def test_nothing_but_the_secrets_changes(rotated: Callable[[], None]) -> None:
    names = {field.name for field in secret_fields(Authorizer)}

    def others() -> list[tuple[str, Any]]:
        row = Authorizer.objects.values().get()
        return [(name, value) for name, value in row.items() if name not in names]

    before = others()
    run()
    assert others() == before


def test_more_rows_than_a_batch(
    component: Component, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rotation, "BATCH_SIZE", 3)
    for number in range(10):
        Component.objects.create(appid=f"wx{number:016}", app_secret=f"secret {number}")
    settings.FIELD_ENCRYPTION_KEYS = [new_key(), *settings.FIELD_ENCRYPTION_KEYS]
    assert "Component: 11 rows, 13 secrets encrypted anew, 0 unreadable" in run()


def test_what_no_key_opens_is_named_and_the_rest_is_done(
    world: dict[Any, str], rotated: Callable[[], None]
) -> None:
    lost = Sealed("sealed:00000000:AAAA")
    Authorizer.objects.update(access_token=lost)
    out = io.StringIO()
    with pytest.raises(CommandError, match="1 secrets could not be read"):
        call_command("rotate_field_keys", stdout=out, stderr=out)
    assert "wxminiprograms.authorizer_access_token of wxaaaaaaaaaaaaaaaa: its key is not in " in (
        out.getvalue()
    )
    rotated()
    row = Authorizer.objects.get()
    assert row.refresh_token == world["Authorizer", row.pk, "refresh_token"]
    assert Authorizer.objects.values_list("access_token", flat=True).get() == lost
    assert Component.objects.get().app_secret
    assert Binding.objects.get().state


class Meddling:
    """Writes to a row between its being read and its being written by the command."""

    def __init__(self, act: Callable[[], None]) -> None:
        self.act = act
        self.done = False

    def __call__(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if not self.done and sql.startswith('UPDATE "wxminiprograms"'):
            self.done = True
            self.act()
        return execute(sql, params, many, context)


@pytest.fixture
def meddling() -> Iterator[Callable[[Callable[[], None]], Any]]:
    def meddle(act: Callable[[], None]) -> Any:
        return connection.execute_wrapper(Meddling(act))

    return meddle  # type: ignore[return-value]


def test_a_token_written_meanwhile_is_not_overwritten(
    world: object, rotated: Callable[[], None], meddling: Callable[[Callable[[], None]], Any]
) -> None:
    fresh = seal(Authorizer, OURS, access_token="a token that came meanwhile")
    with meddling(lambda: _write(Authorizer, **fresh)):
        run()
    rotated()
    row = Authorizer.objects.get()
    assert row.access_token == "a token that came meanwhile"
    assert row.refresh_token


def _write(model: type[models.Model], **values: Any) -> None:
    model._base_manager.update(**values)


def test_a_row_deleted_meanwhile_is_no_trouble(
    world: object, rotated: Callable[[], None], meddling: Callable[[Callable[[], None]], Any]
) -> None:
    def forget() -> None:
        Binding.objects.all().delete()
        Authorizer.objects.all().delete()

    with meddling(forget):
        run()
    assert not Authorizer.objects.exists()
    assert Push.objects.exists()
