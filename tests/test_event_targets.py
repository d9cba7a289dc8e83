"""Events reach the targets that have asked, in order, and none is lost; the words about them."""

import re
from datetime import timedelta
from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from django.db import transaction
from django.utils import timezone

from devtools.imports import ROOT
from messaging import tasks
from messaging.models import Delivery, ForwardRule
from messaging.services.event_types.catalogue import EVENT_TYPES
from messaging.services.forwarding.planning import plan_events
from messaging.services.retention import delete_old_conversations
from miniprograms import tasks as miniprogram_tasks
from miniprograms.models import Tag
from platform_auth.models import PlatformEvent
from platform_auth.platform_events import EVENT_KINDS, publish_event
from tests.conftest import Bound
from tests.forwards import IS_DOWN, TAKES, Backend, Town, pass_time
from tests.forwards import town as town
from tests.test_events import kinds, listener, told
from tests.threads import together

# Deliveries are carried out in threads of their own.
pytestmark = pytest.mark.django_db(transaction=True)


def test_a_target_gets_what_it_has_asked_for(town: Town, bound: Bound) -> None:
    other = bound()
    other.tags.add(Tag.objects.create(name="north"))
    tagged = listener(town, {"kind": "authorizer", "tag": Tag.objects.get()})
    single = listener(town, {"kind": "authorizer.unbound"})
    own = listener(town, {"authorizer": town.shop})
    everything = listener(town, {})
    messages = listener(town, {"kind": "message"}, {"kind": "event"})
    off = listener(town, is_on=False)
    for appid in (town.shop.appid, other.appid):
        town.wechat.rename(appid, "新名字")
        town.deliver()
        miniprogram_tasks.fetch_profiles()
        town.wechat.cancel(appid)
        town.deliver()
    tasks.forward()
    assert [data["appid"] for _kind, data in told(tagged)] == [other.appid] * 2
    assert kinds(single) == ["authorizer.unbound"] * 2
    news = ["event.wxa_nickname_audit", "component.unauthorized"]
    changes = ["authorizer.changed", "authorizer.unbound"]
    assert sorted(kinds(own)) == sorted([*changes, *news])
    assert sorted(kinds(everything)) == sorted([*changes, *news] * 2)
    assert kinds(messages) == ["event.wxa_nickname_audit"] * 2
    assert told(off) == []


def test_a_target_hears_nothing_from_before_its_time(town: Town, bound: Bound) -> None:
    bound()
    assert told(listener(town)) == []
    assert not PlatformEvent.objects.filter(due_at__isnull=False).exists()


def test_events_of_an_account_wait_for_each_other(town: Town, bound: Bound) -> None:
    backend = listener(town)
    backend.answer = IS_DOWN
    publish_event("audit.passed", appid=town.shop.appid, data={"number": 1})
    publish_event("release.published", appid=town.shop.appid, data={"number": 2})
    publish_event("audit.passed", appid="wx00000000000000b2", data={"number": 3})
    tasks.forward()
    assert sorted(payload["data"]["number"] for payload in backend.told) == [1, 3]
    backend.answer = TAKES
    pass_time(minutes=5)
    tasks.forward()
    tasks.forward()
    numbers = [payload["data"]["number"] for payload in backend.told]
    assert [number for number in numbers if number != 3] == [1, 1, 2]
    same = [identity for identity, number in zip(backend.ids, numbers, strict=True) if number == 1]
    assert len(set(same)) == 1
    assert backend.states() == ["done"] * 3


def test_what_did_not_happen_is_not_told(town: Town) -> None:
    backend = listener(town)
    with transaction.atomic():
        publish_event("audit.passed", appid=town.shop.appid, data={})
        transaction.set_rollback(True)
    tasks.forward()
    assert backend.requests == []
    with pytest.raises(ValueError, match="made.up"):
        publish_event("made.up", appid=town.shop.appid, data={})


@pytest.mark.both_databases("who plans second waits for the first by a lock of the database's")
def test_two_who_plan_at_once_tell_it_once(town: Town) -> None:
    backend = listener(town)
    for number in range(30):
        publish_event("audit.passed", appid=town.shop.appid, data={"number": number})
    together([plan_events] * 4)
    assert Delivery.objects.filter(target=backend.target).count() == 30
    while "due" in backend.states():
        tasks.forward()
    assert [payload["data"]["number"] for payload in backend.told] == list(range(30))


def test_an_event_wakes_the_workers(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    woken: list[Any] = []
    monkeypatch.setattr("platform_auth.platform_events.enqueue", woken.append)
    publish_event("audit.passed", appid=town.shop.appid, data={})
    assert woken == [tasks.forward]


def test_old_events_go_with_their_deliveries(town: Town, settings: Any) -> None:
    backend = listener(town)
    publish_event("audit.passed", appid=town.shop.appid, data={})
    tasks.forward()
    PlatformEvent.objects.update(at=timezone.now() - timedelta(days=settings.PUSH_RETENTION_DAYS))
    delete_old_conversations()
    assert not PlatformEvent.objects.exists()
    assert backend.states() == []


# What WeChat tells the platform of accounts


def test_news_of_accounts_reach_targets_without_their_codes(town: Town, bound: Bound) -> None:
    backend = listener(town, {"kind": "component"})
    town.wechat.push_ticket()
    town.wechat.update_authorization(town.shop.appid, [18])
    icp = {"authorizer_appid": town.shop.appid, "beian_status": 6}
    town.wechat.push("notify_apply_icpfiling_result", icp)
    town.wechat.push("brand_new_news", {"appid": town.shop.appid})
    town.deliver()
    first, second, third = told_raw(backend)
    assert first["type"] == "component.updateauthorized"
    assert first["data"]["message"]["AuthorizerAppid"] == town.shop.appid
    assert not {"AuthorizationCode", "PreAuthCode"} & set(first["data"]["message"])
    assert second["data"]["message"]["beian_status"] == "6"
    assert {data["appid"] for data in (first["data"], second["data"])} == {town.shop.appid}
    assert third["type"] == "component.brand_new_news"


def told_raw(backend: Backend) -> list[dict[str, Any]]:
    tasks.forward()
    return backend.told


def test_news_of_an_account_go_to_its_own_targets(town: Town, bound: Bound) -> None:
    other = bound()
    backend = listener(town, {"kind": "component", "authorizer": other})
    for appid in (town.shop.appid, other.appid):
        town.wechat.push("notify_3rd_wxa_auth", {"appid": appid, "taskid": "1"})
    town.deliver()
    [payload] = told_raw(backend)
    assert payload["data"]["appid"] == other.appid


def test_a_target_that_answers_answers_no_event(town: Town) -> None:
    backend = listener(town, answers=True)
    town.wechat.cancel(town.shop.appid)
    town.deliver()
    pass_time(minutes=1)
    assert kinds(backend) == ["authorizer.unbound"]
    assert backend.states() == ["done"]


def test_every_type_of_ours_is_in_the_catalogue() -> None:
    groups = {"authorizer", "account", "audit", "release"}
    listed = {name for name in EVENT_TYPES if EVENT_TYPES[name].group in groups}
    assert listed == set(EVENT_KINDS)


def test_targets_of_all_messages_are_told_of_these_alone_after_the_upgrade(town: Town) -> None:
    backend = listener(town, {}, {"authorizer": town.shop}, {"kind": "message.text"})
    migration = import_module("messaging.migrations.0004_events_to_targets")
    migration.keep_to_messages(apps, None)
    rules = ForwardRule.objects.filter(target=backend.target).order_by("authorizer", "kind")
    assert sorted((rule.kind, rule.authorizer_id or 0) for rule in rules) == [
        ("event", 0),
        ("event", town.shop.pk),
        ("message", 0),
        ("message", town.shop.pk),
        ("message.text", 0),
    ]


# The documentation


def snippets() -> list[str]:
    """The functions in the section on events."""
    text = (ROOT / "docs" / "api.md").read_text().partition("\n## Events\n")[2]
    snippets = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    return [snippet for snippet in snippets if "def " in snippet]


def test_the_code_of_the_documentation_verifies_an_event(town: Town) -> None:
    backend = listener(town)
    binding_of = {**EVENT_TYPES["authorizer.bound"].example["data"], "user_ref": "customer 4711"}
    publish_event("authorizer.bound", appid=town.shop.appid, data=binding_of)
    tasks.forward()
    [(headers, body)] = backend.requests
    by_library, by_hand = snippets()
    remembered: list[Any] = []
    names: dict[str, Any] = {
        "SECRET": backend.fresh.secret,
        "is_new": lambda identity: True,
        "remember": lambda *what: remembered.append(what),
    }
    exec(by_library, names)  # noqa: S102 -- what readers are told to run
    assert names["receive"](headers, body) == 200
    assert remembered == [(binding_of["appid"], "customer 4711")]
    exec(by_hand, names)  # noqa: S102
    assert names["is_ours"](backend.fresh.secret, headers, body)
    assert not names["is_ours"](backend.fresh.secret, headers, body + b" ")
