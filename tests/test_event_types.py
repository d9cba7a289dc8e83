"""The catalogue of events: by REST, and on the pages of a target; its examples are what it says."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from jsonschema import Draft202012Validator

from messaging import tasks
from messaging.models import Delivery
from messaging.services import targets
from messaging.services.event_types.catalogue import EVENT_TYPES, GROUPS
from platform_auth.models import Operation
from platform_auth.platform_events import publish_event
from tests.forwards import IS_DOWN, TAKES, Town
from tests.forwards import town as town
from tests.test_admin_forwarding import browser as browser
from tests.test_admin_forwarding import form, page_of, text_of
from tests.test_api_authorizers import client_of
from wechat import push as wire
from wechat.messages import Unknown, read_message

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.any_database]

LIST = "/api/v1/event-types/"


def test_anybody_with_a_key_reads_the_catalogue(merchant: User) -> None:
    api = client_of(merchant)
    answer = api.get(LIST)
    assert answer.status_code == 200
    rows = answer.json()["results"]
    assert [row["name"] for row in rows] == list(EVENT_TYPES)
    assert {"audit.passed", "message.text", "event.subscribe", "component.unauthorized"} <= {
        row["name"] for row in rows
    }
    assert {row["group"] for row in rows} == set(GROUPS)
    assert all(row["description"] for row in rows)
    [listed] = [row for row in rows if row["name"] == "audit.passed"]
    assert api.get(f"{LIST}audit.passed/").json() == listed
    missing = api.get(f"{LIST}audit.exploded/")
    assert (missing.status_code, missing.json()["code"]) == (404, "not_found")
    assert Client().get(LIST).status_code == 401


@pytest.mark.parametrize("name", EVENT_TYPES)
def test_an_example_is_as_its_schema_says(name: str) -> None:
    entry = EVENT_TYPES[name]
    Draft202012Validator.check_schema(entry.schema)
    Draft202012Validator(entry.schema).validate(entry.example)
    problem = {**entry.example, "type": "other"}
    assert not Draft202012Validator(entry.schema).is_valid(problem)


@pytest.mark.parametrize("name", [n for n in EVENT_TYPES if n.startswith(("message.", "event."))])
def test_an_example_of_a_message_is_one(name: str) -> None:
    group, kind = name.split(".", 1)
    fields = EVENT_TYPES[name].example["data"]["message"]
    message = read_message(wire.Push(kind, fields))
    assert not isinstance(message, Unknown)
    assert (message.kind, message.is_event) == (kind, group == "event")


@pytest.mark.parametrize("kind", wire.REPEATABLE_IN)
def test_what_repeats_is_a_list_in_its_schema(kind: str) -> None:
    name = next(name for name in EVENT_TYPES if name.endswith(f".{kind}"))
    schema = EVENT_TYPES[name].schema["properties"]["data"]["properties"]["message"]
    shown = [
        path for path in wire.REPEATABLE_IN[kind] if path.split(".")[0] in schema["properties"]
    ]
    assert shown
    for path in shown:
        found = schema
        for step in path.split("."):
            found = found["properties"][step]
        assert found["type"] == "array"


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("audit.passed", "audit.passed"),
        ("Release", "release"),
        ("authorizer.bound", "authorizer.bound"),
        ("component", "component"),
        ("component.unauthorized", "component.unauthorized"),
        ("component.brand_new", "component.brand_new"),
    ],
)
def test_types_are_chosen_for_a_target(
    browser: Client, town: Town, written: str, kept: str
) -> None:
    target = town.backend().target
    [rule] = target.rules.all()
    line = {"id": rule.pk, "target": target.pk, "kind": written}
    assert browser.post(page_of(target), form(target.url, line, old=1)).status_code == 302
    rule.refresh_from_db()
    assert rule.kind == kept
    page = text_of(browser.get(page_of(target)))
    words = "The review has passed: it can be released. · audit.passed"
    assert f'<option value="audit.passed">{words}</option>' in page


@pytest.mark.parametrize("written", ["audit.exploded", "release.", "authorizer.x y"])
def test_types_that_there_are_none_of_are_refused(
    browser: Client, town: Town, written: str
) -> None:
    target = town.backend().target
    line = {"kind": written}
    page = browser.post(page_of(target), form(target.url, line))
    assert "Write a kind such as message.text" in text_of(page)


def test_staff_send_an_example(browser: Client, town: Town) -> None:
    backend = town.backend()
    address = page_of(backend.target, "example")
    page = text_of(browser.get(address))
    assert '<option value="audit.rejected">audit.rejected</option>' in page
    done = browser.post(address, {"confirmed": "yes", "kind": "audit.rejected"}, follow=True)
    assert "It took the message (HTTP 200)" in text_of(done)
    [payload] = backend.told
    assert payload["type"] == "audit.rejected"
    assert payload["data"] == EVENT_TYPES["audit.rejected"].example["data"]
    assert backend.ids[0].startswith("example_")
    operation = Operation.objects.get(action="send_example")
    assert operation.result == f"{backend.target}: audit.rejected"
    page = text_of(browser.post(address, {"confirmed": "yes", "kind": "audit.exploded"}))
    assert "is not one of the available choices" in page
    assert len(backend.requests) == 1


def test_an_example_that_is_not_taken_is_said_to_be(browser: Client, town: Town) -> None:
    backend = town.backend(IS_DOWN)
    values = {"confirmed": "yes", "kind": "message.text"}
    page = browser.post(page_of(backend.target, "example"), values, follow=True)
    assert "It answered HTTP 503." in text_of(page)


def days_ago(days: float) -> str:
    """A time as a browser writes it."""
    return f"{timezone.localtime() - timedelta(days=days):%Y-%m-%dT%H:%M}"


def since(browser: Client, town: Town, target: Any, at: str) -> str:
    values = {"confirmed": "yes", "since": at}
    return text_of(browser.post(page_of(target, "resend-since"), values, follow=True))


def test_all_since_a_time_is_sent_again_in_its_order(browser: Client, town: Town) -> None:
    backend = town.backend()
    town.say(("openid1", "a"), ("openid1", "b"))
    publish_event("audit.passed", appid=town.shop.appid, data={})
    tasks.forward()
    tasks.forward()
    first = backend.ids
    assert len(first) == 3
    Delivery.objects.filter(pk=Delivery.objects.order_by("pk")[0].pk).update(
        created_at=timezone.now() - timedelta(days=3)
    )
    assert "Sent again: 2." in since(browser, town, backend.target, days_ago(2))
    while "due" in backend.states():
        tasks.forward()
    again = backend.ids[3:]
    assert len(again) == len(set(again)) == 2
    assert set(again) < set(first)
    assert backend.states() == ["done"] * 3
    operation = Operation.objects.get(action="resend_since")
    assert operation.result.startswith(f"{backend.target}: 20")
    assert operation.result.endswith(", 2")


def test_what_waits_is_not_sent_twice(browser: Client, town: Town) -> None:
    backend = town.backend(IS_DOWN)
    town.say(("openid1", "a"))
    assert "Sent again: 0." in since(browser, town, backend.target, days_ago(2))
    backend.answer = TAKES
    tasks.forward()
    assert len(backend.requests) == 1


def test_no_more_are_sent_again_than_so_many(
    browser: Client, town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(targets, "MAX_RESENT", 2)
    backend = town.backend()
    town.say(("openid1", "a"), ("openid2", "b"), ("openid3", "c"))
    tasks.forward()
    page = since(browser, town, backend.target, days_ago(2))
    assert "Sent again: 2. There is more, from" in page
    tasks.forward()
    assert len(backend.requests) == 5


@pytest.mark.parametrize(
    ("at", "problem"),
    [
        ("2099-01-01T00:00", "This time has not come yet."),
        ("2020-01-01T00:00", "Nothing is kept for longer than 30 days."),
        ("yesterday", "Enter a valid date/time."),
        ("", "This field is required."),
    ],
)
def test_a_time_that_makes_no_sense_is_refused(
    browser: Client, town: Town, at: str, problem: str
) -> None:
    target = town.backend().target
    assert problem in since(browser, town, target, at)
    assert not Operation.objects.filter(action="resend_since").exists()


def test_whoever_may_not_resend_may_not_since(client: Client, town: Town) -> None:
    viewer = User.objects.create_user("viewer", is_staff=True)
    client.force_login(viewer)
    target = town.backend().target
    for act in ("resend-since", "example"):
        assert client.post(page_of(target, act), {"confirmed": "yes"}).status_code in (403, 404)


def test_a_delivery_of_an_event_has_its_page(browser: Client, town: Town) -> None:
    backend = town.backend(IS_DOWN)
    for number in (1, 2):
        publish_event("audit.passed", appid=town.shop.appid, data={"number": number})
    tasks.forward()
    first, second = Delivery.objects.filter(target=backend.target).order_by("pk")
    page = text_of(browser.get(page_of(first)))
    assert '"type": "audit.passed"' in page
    assert f"evt_{first.event.reference}" in page
    assert "once what came before has arrived" in text_of(browser.get(page_of(second)))
    listed = text_of(browser.get("/admin/messaging/delivery/"))
    assert listed.count("audit.passed") >= 2
    assert json.loads(backend.requests[0][1])["data"] == {"number": 1}
