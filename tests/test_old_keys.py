"""Keys that are being changed: whether the old ones are still needed, and whether they can go."""

import html
import io
import os
import re
from base64 import urlsafe_b64encode
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import DatabaseError
from django.test import Client
from django.utils import timezone

from platform_auth import old_keys
from platform_auth.fields import key_ids
from platform_auth.models import Component, OldKeyUse, Operation
from platform_auth.registration import register_component
from sandbox.world import WeChat
from tests.conftest import AES_KEY, APPID, SECRET, TOKEN
from tests.knocking import FORBIDDEN, SUCCESS, ticket_push

pytestmark = [pytest.mark.django_db]

HOUR = timedelta(hours=1)
GUIDE = "/admin/set-up/"
NEW = {"token": "anewmessagetoken", "aes_key": "B" * 42 + "A"}
OLD = {"token": TOKEN, "aes_key": AES_KEY}


@pytest.fixture
def boss(client: Client, db: None) -> Client:
    client.force_login(User.objects.create_superuser("boss", password="boss-password"))
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    return client


@pytest.fixture
def changed(component: Component) -> Component:
    """Our token and key are others now."""
    return register_component(
        appid=APPID, secret=SECRET, token=NEW["token"], aes_key=NEW["aes_key"]
    )


def page_of(component: Component, act: str = "change") -> str:
    return f"/admin/platform_auth/component/{component.pk}/{act}/"


def words_of(boss: Client, path: str) -> str:
    text = html.unescape(boss.get(path).content.decode()).replace("\N{NO-BREAK SPACE}", " ")
    return " ".join(re.sub(r"<[^>]+>", "", text).split())


def says(boss: Client, component: Component, sentence: str) -> bool:
    """Whether the component's page and the guide both say SENTENCE."""
    pages = [words_of(boss, path) for path in (page_of(component), GUIDE)]
    assert len({sentence in page for page in pages}) == 1
    return sentence in pages[0]


def pass_time(**times: timedelta) -> None:
    Component.objects.update(**{name: timezone.now() - ago for name, ago in times.items()})


# The message token and the EncodingAESKey


def test_without_a_change_nothing_is_said(boss: Client, component: Component) -> None:
    assert "Keys that are being changed" not in words_of(boss, GUIDE)
    page = boss.get(page_of(component)).content.decode()
    assert "drop-previous-keys" not in page
    assert "previous keys" not in words_of(boss, page_of(component))


def test_before_the_console_has_the_new_ones(boss: Client, changed: Component) -> None:
    assert says(boss, changed, "No ticket has come by the new keys since the change just now")
    assert "Keys that are being changed" in words_of(boss, GUIDE)


def test_while_the_old_ones_are_needed(boss: Client, changed: Component, wechat: WeChat) -> None:
    assert ticket_push(wechat, **OLD).answer() == SUCCESS
    assert says(
        boss, changed, "were last needed just now (pushes since the change: 1). They can go once"
    )
    # However long ago: nothing has come by the new ones.
    day = timedelta(days=1)
    pass_time(keys_changed_at=2 * day, previous_key_used_at=day, ticket_received_at=day + HOUR)
    assert says(boss, changed, "were last needed 1 day ago (pushes since the change: 1).")


def test_once_the_new_ones_are_in_use(boss: Client, changed: Component, wechat: WeChat) -> None:
    assert ticket_push(wechat, **NEW).answer() == SUCCESS
    assert says(boss, changed, "has not needed the previous ones since the change just now.")
    pass_time(keys_changed_at=timedelta(hours=2))
    assert says(boss, changed, "have not been needed since 2 hours ago: they can go.")


def test_an_hour_after_the_last_use_they_can_go(
    boss: Client, changed: Component, wechat: WeChat
) -> None:
    assert ticket_push(wechat, **OLD).answer() == SUCCESS
    pass_time(previous_key_used_at=timedelta(minutes=50))
    assert ticket_push(wechat, **NEW).answer() == SUCCESS
    assert says(boss, changed, "were last needed 50 minutes ago")
    pass_time(previous_key_used_at=timedelta(minutes=70))
    assert says(boss, changed, "have not been needed since 1 hour ago: they can go.")


def test_the_old_ones_are_dropped_by_a_button(
    boss: Client, changed: Component, wechat: WeChat
) -> None:
    drop = page_of(changed, "drop-previous-keys")
    assert drop in boss.get(page_of(changed)).content.decode()
    assert "are refused then" in words_of(boss, drop)
    assert ticket_push(wechat, **OLD).answer() == SUCCESS
    answer = boss.post(drop, follow=True)
    assert "the previous keys are dropped." in answer.content.decode()
    assert ticket_push(wechat, **OLD).answer() == FORBIDDEN
    assert ticket_push(wechat, **NEW).answer() == SUCCESS
    row = Operation.objects.get(action="drop_previous_keys")
    assert (row.actor_name, row.appid) == ("boss", APPID)
    assert "Keys that are being changed" not in words_of(boss, GUIDE)
    changed.refresh_from_db()
    assert (changed.previous_key_uses, changed.previous_key_used_at) == (0, None)


# The field keys


@pytest.fixture
def older(settings: Any, component: Component) -> str:
    """A new key is first; the name of the one before, which has encrypted everything."""
    [old] = key_ids()
    fresh = urlsafe_b64encode(os.urandom(32)).decode()
    settings.FIELD_ENCRYPTION_KEYS = [fresh, *settings.FIELD_ENCRYPTION_KEYS]
    return old


def rotate() -> None:
    out = io.StringIO()
    call_command("rotate_field_keys", stdout=out, stderr=out)


@pytest.mark.usefixtures("older")
def test_an_old_field_key_that_nobody_has_needed(boss: Client) -> None:
    words = words_of(boss, GUIDE)
    assert f"The old field key {key_ids()[1]} has not been needed yet. Run manage.py" in words


def test_an_old_field_key_that_is_needed(boss: Client, component: Component, older: str) -> None:
    for _again in range(3):
        assert Component.objects.get().app_secret == SECRET
    needed = f"The old field key {older} was last needed just now (uses in all: 3)."
    assert needed in words_of(boss, GUIDE)
    assert f"Their fingerprints: {', '.join(key_ids())}." in words_of(boss, page_of(component))


def test_once_everything_is_encrypted_anew_it_can_go(
    boss: Client, component: Component, older: str
) -> None:
    rotate()
    row = Operation.objects.get(action="rotate_field_keys")
    assert (row.actor_name, row.result) == ("system", f"{key_ids()[0]}: 3")
    sentence = (
        f"Everything has been encrypted by {key_ids()[0]} (just now), and the old field key "
        f"{older} has not been needed since. Backups from before need it: it can go once none of "
        "them is kept any more (BACKUP_KEEP_DAYS: 14 unless it is set)."
    )
    assert says(boss, component, sentence)
    assert Component.objects.get().app_secret == SECRET
    assert says(boss, component, sentence)


def test_a_process_that_writes_with_the_old_key_is_noticed(
    boss: Client, component: Component, older: str, settings: Any
) -> None:
    rotate()
    before = settings.FIELD_ENCRYPTION_KEYS
    settings.FIELD_ENCRYPTION_KEYS = before[1:]  # as that process has it
    component.app_secret = "anothersecret"
    component.save()
    settings.FIELD_ENCRYPTION_KEYS = before
    assert Component.objects.get().app_secret == "anothersecret"
    sentence = f"The old field key {older} was needed just now, after everything had been"
    assert says(boss, component, sentence)
    rotate()
    assert says(boss, component, f"{older} has not been needed since. Backups from before need it:")


def test_another_key_in_front_wants_another_rotation(
    boss: Client, older: str, settings: Any
) -> None:
    rotate()
    fresh = urlsafe_b64encode(os.urandom(32)).decode()
    settings.FIELD_ENCRYPTION_KEYS = [fresh, *settings.FIELD_ENCRYPTION_KEYS]
    words = words_of(boss, GUIDE)
    assert "has not been needed since" not in words
    assert words.count("Run manage.py rotate_field_keys") == 2


def test_with_one_key_nothing_is_said_and_nothing_counted(
    boss: Client, component: Component
) -> None:
    assert Component.objects.get().app_secret == SECRET
    assert "The old field key" not in words_of(boss, GUIDE)
    assert not OldKeyUse.objects.exists()


@pytest.mark.both_databases("SQL of our own")
def test_what_several_processes_count_is_added_up(db: None) -> None:
    for _process in range(2):
        for key in ("aaaaaaaa", "aaaaaaaa", "bbbbbbbb"):
            old_keys.note_old_key(key)
        old_keys.write_uses()
    old_keys.write_uses()
    assert dict(OldKeyUse.objects.values_list("key_id", "count")) == {"aaaaaaaa": 4, "bbbbbbbb": 2}
    assert timezone.now() - OldKeyUse.objects.get(pk="aaaaaaaa").newest_at < timedelta(minutes=1)


def test_without_a_database_nothing_is_lost(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object) -> None:
        raise DatabaseError

    old_keys.note_old_key("aaaaaaaa")
    with monkeypatch.context() as patch:
        patch.setattr(old_keys, "run_many", fail)
        with pytest.raises(DatabaseError):
            old_keys.write_uses()
    old_keys.note_old_key("aaaaaaaa")
    old_keys.write_uses()
    assert OldKeyUse.objects.get().count == 2


def test_prometheus_sees_both_kinds(changed: Component, wechat: WeChat, older: str) -> None:
    assert ticket_push(wechat, **OLD).answer() == SUCCESS
    old_keys.write_uses()
    metrics = Client().get("/metrics").content.decode()
    assert f'wechat_old_key_uses_total{{key="{APPID}",kind="message"}} 1.0' in metrics
    assert re.search(rf'wechat_old_key_uses_total{{key="{older}",kind="field"}} [1-9]', metrics)
