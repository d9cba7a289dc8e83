"""The inbox as staff see it, and replaying."""

import re
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import Permission, User
from django.test import Client

from platform_auth.admin.operations import ACTIONS
from platform_auth.admin.redaction import redact
from platform_auth.models import Component, Operation, Push

pytestmark = pytest.mark.django_db

LIST = "/admin/platform_auth/push/"
APPS = ("platform_auth", "miniprograms", "messaging", "audits", "webhooks", "portal", "api")


@pytest.fixture
def operator(client: Client, staff: User) -> Client:
    client.force_login(staff)
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    return client


@pytest.fixture
def push(ticket: str) -> Push:
    return Push.objects.get()


def replay(client: Client, push: Push) -> str:
    response = client.post(f"{LIST}{push.pk}/replay/", follow=True)
    assert response.status_code == 200
    return str(response.content.decode())


def recorded() -> list[tuple[str, str]]:
    rows = Operation.objects.filter(action="replay_push").order_by("id")
    return [(row.actor_name, row.result) for row in rows]


def test_a_failed_push_is_run_again(operator: Client, push: Push) -> None:
    Push.objects.update(state="failed", error="KeyError: 'x'", retry_at=None)
    Component.objects.update(ticket_created=0, verify_ticket="")
    assert "done." in replay(operator, push)
    push.refresh_from_db()
    assert (push.state, push.error, push.attempts) == ("done", "", 2)
    assert Component.objects.get().verify_ticket
    assert recorded() == [("operator", "component_verify_ticket: done")]


def test_what_is_not_needed_any_more_is_told(operator: Client, push: Push) -> None:
    assert "A newer ticket is kept already." in replay(operator, push)
    push.refresh_from_db()
    assert push.state == "ignored"


def test_failing_again_is_told_and_kept(operator: Client, push: Push) -> None:
    push.kind = "component_verify_ticket"
    push.body = (
        "<xml><CreateTime>1700000000</CreateTime><InfoType>component_verify_ticket</InfoType></xml>"
    )
    push.state = "failed"
    push.save()
    assert "it failed again: ValueError" in replay(operator, push)
    push.refresh_from_db()
    assert (push.state, push.attempts) == ("failed", 2)


def test_a_push_we_do_not_know_has_nothing_to_replay(operator: Client, push: Push) -> None:
    Push.objects.update(state="ignored", kind="something_new")
    assert "there is nothing to do" in replay(operator, push)
    assert recorded() == []


def test_asking_for_the_page_replays_nothing(operator: Client, push: Push) -> None:
    assert operator.get(f"{LIST}{push.pk}/replay/").status_code == 200
    push.refresh_from_db()
    assert push.attempts == 1


def test_several_are_replayed_from_the_list(operator: Client, push: Push) -> None:
    data = {"action": "replay", "_selected_action": [push.pk], "index": "0"}
    assert operator.post(LIST, data, follow=True).status_code == 200
    push.refresh_from_db()
    assert push.attempts == 2


def test_looking_is_not_replaying(client: Client, push: Push) -> None:
    user = User.objects.create_user("looker", password="looker-password", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_push"))
    client.force_login(user)
    assert client.get(f"{LIST}{push.pk}/change/").status_code == 200
    assert client.post(f"{LIST}{push.pk}/replay/").status_code == 403
    client.post(LIST, {"action": "replay", "_selected_action": [push.pk], "index": "0"})
    push.refresh_from_db()
    assert push.attempts == 1


def test_nothing_is_added_changed_or_deleted(client: Client, push: Push) -> None:
    client.force_login(User.objects.create_superuser("boss", password="boss-password"))
    assert client.get(f"{LIST}add/").status_code == 403
    for act in ("change", "delete"):
        assert client.post(f"{LIST}{push.pk}/{act}/", {"post": "yes"}).status_code == 403
    data = {"action": "delete_selected", "_selected_action": [push.pk], "index": "0", "post": "yes"}
    client.post(LIST, data)
    assert Push.objects.exists()


def test_the_log_is_only_read(client: Client, push: Push, component: Component) -> None:
    boss = User.objects.create_superuser("boss", password="boss-password")
    client.force_login(boss)
    row = Operation.objects.first()
    assert row is not None
    base = "/admin/platform_auth/operation/"
    assert client.get(f"{base}add/").status_code == 403
    assert client.get(f"{base}{row.pk}/change/").status_code == 200
    for act in ("change", "delete"):
        assert client.post(f"{base}{row.pk}/{act}/", {"post": "yes"}).status_code == 403
    shown = client.get(f"{base}?action=register_component").context["cl"].result_list
    assert [one.action for one in shown] == ["register_component"]
    assert not client.get(f"{base}?q=nobody").context["cl"].result_list
    assert client.get(f"{base}?q={component.appid}").context["cl"].result_list


def test_every_act_has_a_name_in_the_log() -> None:
    """What services record, read from their source; an act without a name would stay English."""
    sources = [path.read_text() for app in APPS for path in (settings.ROOT / app).rglob("*.py")]
    call = re.compile(r'record(?:_operation|ed_call)\(\s*"([^"{]+)"')
    recorded = {name for text in sources for name in call.findall(text)}
    assert {"refresh_token", "replay_push"} <= recorded
    assert recorded <= ACTIONS.keys()


@pytest.mark.parametrize(
    ("fields", "shown"),
    [
        ({"ComponentVerifyTicket": "x"}, {"ComponentVerifyTicket": "***"}),
        ({"AuthorizationCode": "x"}, {"AuthorizationCode": "***"}),
        ({"PreAuthCode": "x"}, {"PreAuthCode": "***"}),
        (
            {"info": {"auth_code": "x", "code": "911"}},
            {"info": {"auth_code": "***", "code": "911"}},
        ),
        ({"List": [{"access_token": "x"}]}, {"List": [{"access_token": "***"}]}),
        ({"Content": "my ticket@@@abc"}, {"Content": "my ***"}),
        ({"AuthorizationCodeExpiredTime": "1"}, {"AuthorizationCodeExpiredTime": "1"}),
    ],
)
def test_credentials_are_redacted_wherever_they_are(fields: Any, shown: Any) -> None:
    assert redact(fields) == shown


def test_a_push_is_found_by_appid_or_kind(operator: Client, push: Push) -> None:
    assert list(operator.get(f"{LIST}?kind=component_verify_ticket").context["cl"].result_list) == [
        push
    ]
    assert not operator.get(f"{LIST}?account=wx0000000000000000").context["cl"].result_list
