"""manage.py register_component, and the service below it."""

import io
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command

from platform_auth.models import Component, Operation
from platform_auth.registration import change, register_component

APPID = "wx1234567890abcdef"
SECRET = "app-secret-that-nobody-may-see"
TOKEN = "firstMessageToken"
AES_KEY = "a" * 43
OTHER_AES_KEY = "B" * 42 + "A"

pytestmark = pytest.mark.django_db


@pytest.fixture
def environment(settings: Any) -> Any:
    settings.WECHAT_COMPONENT_APPID = APPID
    settings.WECHAT_COMPONENT_SECRET = SECRET
    settings.WECHAT_TOKEN = TOKEN
    settings.WECHAT_AES_KEY = AES_KEY
    return settings


def run() -> str:
    out = io.StringIO()
    call_command("register_component", stdout=out, stderr=out)
    return out.getvalue()


def operations() -> list[tuple[str, str, str]]:
    rows = Operation.objects.order_by("id")
    return [(row.actor_name, row.action, row.result) for row in rows]


def test_it_makes_a_component_that_is_due_as_soon_as_a_ticket_comes(environment: Any) -> None:
    said = run()
    component = Component.objects.get()
    assert component.appid == APPID
    assert [component.app_secret, component.message_token, component.aes_key] == [
        SECRET, TOKEN, AES_KEY,
    ]  # fmt: skip
    assert component.due_at is not None
    assert APPID in said
    assert not any(secret in said for secret in (SECRET, TOKEN, AES_KEY))
    assert operations() == [("system", "register_component", "")]


def test_a_second_run_changes_nothing(environment: Any) -> None:
    run()
    before = Component.objects.values().get()
    run()
    assert Component.objects.values().get() == before
    assert len(operations()) == 1


def test_a_changed_key_and_token_move_the_old_ones_to_previous(environment: Any) -> None:
    run()
    Component.objects.update(previous_key_uses=7)
    environment.WECHAT_TOKEN, environment.WECHAT_AES_KEY = "secondToken", OTHER_AES_KEY
    run()
    component = Component.objects.get()
    assert (component.message_token, component.previous_message_token) == ("secondToken", TOKEN)
    assert (component.aes_key, component.previous_aes_key) == (OTHER_AES_KEY, AES_KEY)
    assert component.previous_key_uses == 0
    assert len(component.keys) == 4
    assert operations()[1:] == [("system", "change_component", "message_token, aes_key")]


def test_a_changed_app_secret_is_tried_at_once(environment: Any) -> None:
    run()
    Component.objects.update(due_at=None, failures=3, last_error="40125")
    environment.WECHAT_COMPONENT_SECRET = "another-secret"
    run()
    component = Component.objects.get()
    assert component.app_secret == "another-secret"
    assert component.due_at is not None
    assert (component.failures, component.last_error) == (0, "")


def test_missing_settings_are_named(environment: Any) -> None:
    environment.WECHAT_TOKEN = environment.WECHAT_AES_KEY = ""
    with pytest.raises(CommandError) as caught:
        run()
    assert caught.value.returncode == 1
    assert "WECHAT_TOKEN, WECHAT_AES_KEY" in str(caught.value)
    assert not Component.objects.exists()


def test_a_bad_aes_key_is_told_and_not_repeated(environment: Any) -> None:
    environment.WECHAT_AES_KEY = "plantedBadKey" * 2
    with pytest.raises(CommandError, match="WECHAT_AES_KEY: ") as caught:
        run()
    assert "plantedBadKey" not in repr(caught.value)
    assert not Component.objects.exists()


def test_errors_do_not_carry_the_values() -> None:
    with pytest.raises(ValidationError) as caught:
        register_component(appid="gh_no", secret="two words", token="no!", aes_key="planted")
    error = caught.value
    assert set(error.message_dict) == {"appid", "app_secret", "message_token", "aes_key"}
    leaves = [leaf for leaves in error.error_dict.values() for leaf in leaves]
    assert not any(leaf.params for leaf in leaves)
    assert error.__cause__ is None


def test_an_unreadable_secret_can_be_replaced(environment: Any) -> None:
    run()
    environment.FIELD_ENCRYPTION_KEYS = ["b3RoZXIta2V5cy1vdGhlci1rZXlzLW90aGVyLWtleXM="]
    run()
    component = Component.objects.get()
    assert [component.app_secret, component.message_token, component.aes_key] == [
        SECRET, TOKEN, AES_KEY,
    ]  # fmt: skip
    assert component.previous_aes_key == ""


def test_what_is_not_given_is_kept(environment: Any) -> None:
    run()
    component = Component.objects.get()
    assert change(component, name="Ours", aes_key=OTHER_AES_KEY, by=None) == ["aes_key", "name"]
    assert (component.name, component.app_secret) == ("Ours", SECRET)
    assert component.previous_aes_key == AES_KEY
    assert component.previous_message_token == ""
