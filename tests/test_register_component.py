"""manage.py register_component, and the service below it."""

import io
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command

from platform_auth.fields import Sealed, key_ids
from platform_auth.models import Component, Operation
from platform_auth.registration import change_component, register_component

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


def run(*words: str) -> str:
    out = io.StringIO()
    call_command("register_component", *words, stdout=out, stderr=out)
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


OTHER_FIELD_KEY = "b3RoZXIta2V5cy1vdGhlci1rZXlzLW90aGVyLWtleXM="


@pytest.mark.parametrize("changed", [False, True])
def test_what_cannot_be_read_is_not_written_over(environment: Any, changed: bool) -> None:
    """Started with another's field key: the right one comes back, and everything is as it was."""
    run()
    environment.WECHAT_TOKEN, environment.WECHAT_AES_KEY = "secondToken", OTHER_AES_KEY
    run()
    before, [key] = Component.objects.values().get(), key_ids()
    right, environment.FIELD_ENCRYPTION_KEYS = environment.FIELD_ENCRYPTION_KEYS, [OTHER_FIELD_KEY]
    if changed:
        environment.WECHAT_TOKEN = "thirdToken"
    with pytest.raises(CommandError, match=f"FIELD_ENCRYPTION_KEYS lacks {key}, by") as caught:
        run()
    assert str(caught.value).startswith("Nothing was changed: ")
    assert "--replace-unreadable" in str(caught.value)
    assert Component.objects.values().get() == before
    assert len(operations()) == 2
    environment.FIELD_ENCRYPTION_KEYS = right
    component = Component.objects.get()
    assert (component.previous_message_token, component.previous_aes_key) == (TOKEN, AES_KEY)


def test_one_that_is_spoiled_is_not_written_over_either(environment: Any) -> None:
    run()
    [key] = key_ids()
    Component.objects.update(aes_key=Sealed(f"sealed:{key}:AAAA"))
    with pytest.raises(CommandError, match="platform_auth_component.aes_key of wx1.*: changed, or"):
        run()
    assert Component.objects.values_list("aes_key", flat=True).get() == f"sealed:{key}:AAAA"


def test_a_key_that_is_lost_for_good(environment: Any) -> None:
    run()
    component = Component.objects.get()
    component.verify_ticket, component.access_token = "ticket@@@one", "a-token"
    component.access_token_expires = 2**33
    component.save()
    environment.FIELD_ENCRYPTION_KEYS = [OTHER_FIELD_KEY]
    run("--replace-unreadable")
    component = Component.objects.get()
    assert [component.app_secret, component.message_token, component.aes_key] == [
        SECRET, TOKEN, AES_KEY,
    ]  # fmt: skip
    assert component.previous_aes_key == component.verify_ticket == component.access_token == ""
    assert component.access_token_expires == 0
    lost = "app_secret, message_token, aes_key, verify_ticket, access_token"
    assert operations()[1:] == [
        ("system", "give_up_secrets", lost),
        ("system", "change_component", "app_secret, message_token, aes_key"),
    ]
    run("--replace-unreadable")
    assert len(operations()) == 3


def test_what_is_not_given_is_kept(environment: Any) -> None:
    run()
    component = Component.objects.get()
    assert change_component(component, name="Ours", aes_key=OTHER_AES_KEY, by=None) == [
        "aes_key",
        "name",
    ]
    assert (component.name, component.app_secret) == ("Ours", SECRET)
    assert component.previous_aes_key == AES_KEY
    assert component.previous_message_token == ""
