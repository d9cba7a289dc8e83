"""The staff page of our own platform: health, what WeChat's console wants, its secrets."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from platform_auth.fields import key_ids
from platform_auth.models import Component, Operation, Push
from sandbox.world import WeChat
from tests.conftest import AES_KEY, APPID, SECRET, TOKEN

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]

LIST = "/admin/platform_auth/component/"
NEW_KEY = "N" * 42 + "A"
SECRETS = {"secret": "", "token": "", "key": ""}


@pytest.fixture
def boss(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("boss", password="boss-password"))
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    return client


def page_of(component: Component, act: str = "change") -> str:
    return f"{LIST}{component.pk}/{act}/"


def text_of(response: Any) -> str:
    return str(response.content.decode())


def operations() -> list[tuple[str, str, str, str]]:
    rows = Operation.objects.exclude(actor_name="system").order_by("id")
    return [(row.actor_name, row.action, row.appid, row.result) for row in rows]


def test_a_component_is_registered_by_form(boss: Client, unregistered: None) -> None:
    data = {"appid": APPID, "name": "Ours", "secret": SECRET, "token": TOKEN, "key": AES_KEY}
    response = boss.post(f"{LIST}add/", data)
    assert response.status_code == 302
    component = Component.objects.get()
    assert (component.app_secret, component.message_token) == (SECRET, TOKEN)
    assert component.aes_key == AES_KEY
    assert component.due_at is not None
    assert operations() == [("boss", "register_component", APPID, "")]


def test_a_new_component_needs_all_its_secrets(boss: Client, unregistered: None) -> None:
    response = boss.post(f"{LIST}add/", {"appid": "gh_wrong", **SECRETS})
    errors = response.context["adminform"].form.errors
    assert errors.keys() == {"appid", "secret", "token", "key"}
    assert not Component.objects.exists()


def test_empty_fields_keep_what_is_there(boss: Client, component: Component) -> None:
    boss.post(page_of(component), {"name": "Renamed", **SECRETS})
    component.refresh_from_db()
    assert (component.name, component.app_secret, component.aes_key) == ("Renamed", SECRET, AES_KEY)
    assert component.previous_aes_key == ""
    assert operations() == [("boss", "change_component", APPID, "name")]


def test_a_new_key_and_token_keep_the_old_ones(boss: Client, component: Component) -> None:
    data = {"name": "", "secret": "", "token": "anotherToken", "key": NEW_KEY}
    boss.post(page_of(component), data)
    component.refresh_from_db()
    assert (component.aes_key, component.previous_aes_key) == (NEW_KEY, AES_KEY)
    assert (component.message_token, component.previous_message_token) == ("anotherToken", TOKEN)
    assert operations() == [("boss", "change_component", APPID, "message_token, aes_key")]


def test_a_wrong_key_changes_nothing(boss: Client, component: Component) -> None:
    response = boss.post(page_of(component), {"name": "x", **SECRETS, "key": "too-short"})
    assert response.context["adminform"].form.errors.keys() == {"key"}
    component.refresh_from_db()
    assert (component.name, component.aes_key) == ("", AES_KEY)
    assert operations() == []


def test_what_cannot_be_read_is_not_written_over(
    boss: Client, component: Component, settings: Any
) -> None:
    [key] = key_ids()
    right = settings.FIELD_ENCRYPTION_KEYS
    settings.FIELD_ENCRYPTION_KEYS = ["b3RoZXIta2V5cy1vdGhlci1rZXlzLW90aGVyLWtleXM="]
    data = {"name": "", "secret": "", "token": "anotherToken", "key": NEW_KEY}
    page = text_of(boss.post(page_of(component), data))
    assert f"Nothing was changed: FIELD_ENCRYPTION_KEYS lacks {key}" in page
    boss.post(page_of(component), {"name": "Renamed", **SECRETS})
    settings.FIELD_ENCRYPTION_KEYS = right
    component.refresh_from_db()
    assert (component.message_token, component.aes_key) == (TOKEN, AES_KEY)
    assert component.name == "Renamed"


def test_the_appid_stays(boss: Client, component: Component) -> None:
    boss.post(page_of(component), {"appid": "wx9999999999999999", "name": "", **SECRETS})
    component.refresh_from_db()
    assert component.appid == APPID
    assert component.app_secret == SECRET


def test_it_shows_what_to_paste_into_the_console(
    boss: Client, component: Component, settings: Any
) -> None:
    settings.PUBLIC_URL = "https://platform.example.com"
    page = text_of(boss.get(page_of(component)))
    assert 'value="https://platform.example.com/wechat/component/push/"' in page
    assert 'value="https://platform.example.com/wechat/$APPID$/push/"' in page
    assert 'value="platform.example.com"' in page


@pytest.mark.parametrize(
    ("age", "word"),
    [
        (None, "never came"),
        (timedelta(minutes=29), "fresh"),
        (timedelta(minutes=31), "late"),
        (timedelta(hours=13), "lost"),
    ],
)
def test_the_list_tells_how_the_ticket_is(
    boss: Client, component: Component, age: timedelta | None, word: str
) -> None:
    at = None if age is None else timezone.now() - age
    Component.objects.update(ticket_received_at=at, access_token_expires=0)
    page = text_of(boss.get(LIST))
    assert word in page
    assert word in text_of(boss.get("/admin/"))


def test_asking_for_tickets_asks_wechat(boss: Client, component: Component, wechat: WeChat) -> None:
    path = "/cgi-bin/component/api_start_push_ticket"
    boss.get(page_of(component, "ask-for-tickets"))
    assert wechat.count(path) == 0
    page = text_of(boss.post(page_of(component, "ask-for-tickets"), follow=True))
    assert wechat.count(path) == 1
    assert "WeChat was asked to push tickets" in page
    component.refresh_from_db()
    assert component.push_asked_at is not None
    assert operations() == [("boss", "start_push_ticket", APPID, "")]


def test_a_new_token_is_had_on_demand(
    boss: Client, component: Component, wechat: WeChat, ticket: str
) -> None:
    for count in (1, 2):
        page = text_of(boss.post(page_of(component, "refresh-token"), follow=True))
        assert "there is a new component token" in page
        assert wechat.count("/cgi-bin/component/api_component_token") == count
    component.refresh_from_db()
    assert component.access_token
    assert component.access_token not in page


def test_without_a_ticket_the_trouble_is_told(
    boss: Client, component: Component, wechat: WeChat
) -> None:
    response = boss.post(page_of(component, "refresh-token"), follow=True)
    assert "No component_verify_ticket has arrived" in text_of(response)


def test_an_old_token_that_is_still_good_does_not_hide_the_trouble(
    boss: Client, component: Component, wechat: WeChat, ticket: str
) -> None:
    boss.post(page_of(component, "refresh-token"))
    wechat.fault("/cgi-bin/component/api_component_token", errcode=45009)
    response = boss.post(page_of(component, "refresh-token"), follow=True)
    assert "45009" in text_of(response)


def test_operators_look_and_change_nothing(
    client: Client, staff: User, component: Component, wechat: WeChat
) -> None:
    client.force_login(staff)
    page = client.get(page_of(component))
    assert page.status_code == 200
    assert 'type="password"' not in text_of(page)
    assert "ask-for-tickets" not in text_of(page)
    assert client.get(f"{LIST}add/").status_code == 403
    for act in ("change", "delete", "ask-for-tickets", "refresh-token"):
        assert client.post(page_of(component, act), {"name": "x", **SECRETS}).status_code == 403
    component.refresh_from_db()
    assert component.name == ""
    assert operations() == []


def test_only_an_unused_component_can_be_deleted(boss: Client, component: Component) -> None:
    values = {"digest": "1", "business_key": "1", "kind": "x", "state": "done"}
    push = Push.objects.create(component=component, created=timezone.now(), **values)
    assert boss.post(page_of(component, "delete"), {"post": "yes"}).status_code == 403
    push.delete()
    boss.post(page_of(component, "delete"), {"post": "yes"})
    assert not Component.objects.exists()
    assert operations() == [("boss", "delete_component", APPID, APPID)]
