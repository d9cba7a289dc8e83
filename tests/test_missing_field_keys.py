"""Field keys that are missing, as after an old backup was restored: said, and nothing is lost."""

import os
from base64 import urlsafe_b64encode
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.core.management.base import SystemCheckError
from django.test import Client

from messaging.models import Target
from miniprograms.models import Authorizer
from platform_auth.fields import Sealed, key_ids
from platform_auth.models import Component, Operation
from tests.conftest import APPID, Bound

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]


@pytest.fixture
def other_key() -> str:
    return urlsafe_b64encode(os.urandom(32)).decode()


def check() -> str:
    out = StringIO()
    call_command("check", databases=["default"], stdout=out, stderr=out)
    return out.getvalue()


def test_the_check_before_each_migration_names_the_keys_that_are_missing(
    component: Component, settings: Any, other_key: str
) -> None:
    [key], right = key_ids(), settings.FIELD_ENCRYPTION_KEYS
    settings.FIELD_ENCRYPTION_KEYS = [other_key]
    sentence = (
        rf"platform_auth\.E002\) FIELD_ENCRYPTION_KEYS lacks {key}, by which secrets of {APPID} "
        "are encrypted: put back what is missing, after the first key and a comma"
    )
    with pytest.raises(SystemCheckError, match=sentence):
        check()
    with pytest.raises(SystemCheckError, match=sentence):
        call_command("migrate", skip_checks=False, stdout=StringIO())
    settings.FIELD_ENCRYPTION_KEYS = [other_key, *right]
    assert "E002" not in check()


def test_accounts_whose_key_is_missing_are_a_warning(bound: Bound) -> None:
    bound("wxaaaaaaaaaaaaaaaa")
    assert "W006" not in check()
    Authorizer.objects.update(refresh_token=Sealed("sealed:00000000:AAAA"))
    assert "FIELD_ENCRYPTION_KEYS lacks 00000000, by which refresh tokens of accounts" in check()


def test_a_targets_secret_is_not_changed_where_the_present_one_cannot_be_read(
    settings: Any, client: Client, other_key: str
) -> None:
    """For a day both would have to sign."""
    client.force_login(User.objects.create_superuser("boss", password="boss-password"))
    target = Target.objects.create(name="theirs", url="https://hooks.example.com/", secret="one")
    [key], right = key_ids(), settings.FIELD_ENCRYPTION_KEYS
    settings.FIELD_ENCRYPTION_KEYS = [other_key]
    url = f"/admin/messaging/target/{target.pk}/rotate-secret/"
    page = client.post(url, follow=True, headers={"accept-language": "en"}).content.decode()
    assert f"Nothing was changed: FIELD_ENCRYPTION_KEYS lacks {key}" in page
    settings.FIELD_ENCRYPTION_KEYS = right
    target.refresh_from_db()
    assert (target.secret, target.previous_secret) == ("one", "")
    assert not Operation.objects.filter(action="rotate_target_secret").exists()


def test_rotation_names_the_keys_that_are_missing(component: Component, settings: Any) -> None:
    Component.objects.update(app_secret=Sealed("sealed:00000000:AAAA"))
    out = StringIO()
    with pytest.raises(CommandError, match="1 secrets could not be read"):
        call_command("rotate_field_keys", stdout=out, stderr=out)
    assert "its key is not in FIELD_ENCRYPTION_KEYS: 00000000" in out.getvalue()
