"""What lists are narrowed by: each choice is one phrase that says what it means, none is twice."""

import html
import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from messaging.services.event_types.catalogue import EVENT_TYPES
from messaging.services.kind_names import KIND_NAMES, name_of_kind
from platform_auth.models import Operation
from webhooks.routing import COMPONENT_PUSHES
from wechat.messages import PUSH_KINDS

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]

LANGUAGES = pytest.mark.parametrize("language", ["en", "zh-hans"])


def read(client: Client, language: str, path: str) -> Any:
    client.cookies["django_language"] = language
    return client.get(path)


@pytest.fixture
def boss(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("boss"))
    return client


@LANGUAGES
def test_kinds_of_pushes(boss: Client, language: str) -> None:
    answer = read(boss, language, "/admin/platform_auth/push/")
    page = html.unescape(answer.content.decode())
    offered = dict(re.findall(r'<option value="(\w+)">([^<]*)</option>', page.split("datalist")[1]))
    assert offered.keys() == {*PUSH_KINDS, *COMPONENT_PUSHES}
    assert len(set(offered.values())) == len(offered)
    assert not [words for words in offered.values() if re.search(r"[\d“”]|^$", words)]


@LANGUAGES
def test_acts_of_the_operation_log(boss: Client, language: str) -> None:
    page = read(boss, language, "/admin/platform_auth/operation/")
    filters = page.context_data["cl"].filter_specs
    actions = next(one for one in filters if getattr(one, "parameter_name", "") == "action")
    words = [str(text) for _value, text in actions.lookup_choices]
    assert len(set(words)) == len(words)


def test_what_is_forwarded_has_a_name_each() -> None:
    kinds = {name.removeprefix("message.").removeprefix("event.").removeprefix("component.")
             for name in EVENT_TYPES}  # fmt: skip
    assert kinds <= KIND_NAMES.keys()
    assert name_of_kind("not_in_any_document") == ""


def test_one_kind_of_schedule_is_told_from_another(boss: Client) -> None:
    for action in ("add_intervalschedule", "add_crontabschedule"):
        Operation.objects.create(actor_name="boss", action=action)
    page = read(boss, "en", "/admin/platform_auth/operation/?action=add_crontabschedule")
    [row] = page.context_data["cl"].result_list
    assert row.action == "add_crontabschedule"
    assert "added a schedule: at times of the day" in page.content.decode()
