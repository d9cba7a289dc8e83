"""A push is kept once, its handler has one effect, and what failed is kept and tried again."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from importlib import import_module

import pytest
from django.apps import apps
from django.db import OperationalError, connection
from django.db.models.functions import Now
from django.utils import timezone

from platform_auth.fields import Sealed
from platform_auth.models import Component, DuePush, Operation, Push
from platform_auth.operations import record_operation
from sandbox.world import WeChat
from tests.conftest import APPID, Bound
from tests.databases import empty_operation_log
from tests.knocking import SUCCESS, Knock, at_the_door, message_push, ticket_push
from tests.threads import together
from webhooks import handlers, processing, routing, tasks
from wechat import push as wire

OURS = "wxaaaaaaaaaaaaaaaa"
KIND = "notify_3rd_wxa_auth"
State = Push.State

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.both_databases("the inbox is written by an INSERT of our own"),
]


def component_push(wechat: WeChat, kind: str = KIND, **fields: str) -> Knock:
    push = wechat.push(kind, fields)
    wechat.outbox.clear()
    return at_the_door(push.sealed)


class Handling:
    """A handler of the test's own: counts its calls, leaves a mark, and may fail."""

    def __init__(self) -> None:
        self.calls = 0
        self.problem: BaseException | None = None

    def __call__(self, row: Push, push: wire.Push) -> None:
        self.calls += 1
        record_operation("handled", by=None)
        if self.problem:
            raise self.problem


@pytest.fixture
def handling(monkeypatch: pytest.MonkeyPatch, wechat: WeChat, ticket: str) -> Handling:
    """What happens to a push of KIND; the inbox is empty."""
    handler = Handling()
    monkeypatch.setitem(routing.COMPONENT_PUSHES, KIND, handler)
    Push.objects.all().delete()
    empty_operation_log()
    return handler


def mark_due() -> None:
    Push.objects.exclude(retry_at=None).update(retry_at=Now())


# Repeats


def test_the_same_push_again_has_one_effect(wechat: WeChat, handling: Handling) -> None:
    push = component_push(wechat)
    assert [push.answer() for _ in range(3)] == [SUCCESS] * 3
    assert handling.calls == 1
    assert Push.objects.get().state == State.DONE


def test_the_same_push_sealed_anew_has_one_effect(wechat: WeChat, handling: Handling) -> None:
    first = wechat.push(KIND, {"appid": OURS})
    again = wechat.seal(first.inner)
    assert again.body != first.sealed.body
    assert at_the_door(first.sealed).answer() == SUCCESS
    assert at_the_door(again).answer() == SUCCESS
    assert handling.calls == 1
    assert Push.objects.count() == 1


def test_a_push_from_before_the_upgrade_is_known_when_it_comes_again(
    wechat: WeChat, handling: Handling
) -> None:
    push = wechat.push(KIND, {"appid": OURS})
    assert at_the_door(push.sealed).answer() == SUCCESS
    Push.objects.update(business_key="f" * 64)  # as it was made of some fields
    migration = import_module("platform_auth.migrations.0004_acknowledge_first")
    migration.renew_business_keys(apps, None)
    assert at_the_door(wechat.seal(push.inner)).answer() == SUCCESS
    assert (handling.calls, Push.objects.count()) == (1, 1)


@pytest.mark.django_db(transaction=True)
def test_copies_at_the_same_moment_have_one_effect(wechat: WeChat, ticket: str) -> None:
    push = ticket_push(wechat, create_time=int(wechat.clock()) + 60)
    assert together([push.answer] * 8) == [SUCCESS] * 8
    assert Push.objects.filter(kind="component_verify_ticket").count() == 2
    assert Component.objects.get().verify_ticket == f"ticket@@@{'t' * 86}"


Fields = dict[str, str | int]


@pytest.mark.parametrize(
    "other",
    [
        {"MsgId": 2},
        {"FromUserName": "oSomebodyElse"},
    ],
)
def test_messages_differ_by_id_and_sender(wechat: WeChat, bound: Bound, other: Fields) -> None:
    bound(OURS)
    Push.objects.all().delete()
    text: Fields = {"MsgType": "text", "Content": "hi", "MsgId": 1, "FromUserName": "oSomebody"}
    for fields in (text, text | other, text):
        assert at_the_door(wechat.push_message(OURS, fields).sealed).answer() == SUCCESS
    assert Push.objects.count() == 2


@pytest.mark.parametrize(
    "other",
    [
        {"Event": "unsubscribe"},
        {"EventKey": "two"},
        {"CreateTime": 2_000_000_001},
        {"FromUserName": "oSomebodyElse"},
    ],
)
def test_events_differ_by_sender_time_and_kind(wechat: WeChat, bound: Bound, other: Fields) -> None:
    bound(OURS)
    Push.objects.all().delete()
    event: Fields = {"Event": "subscribe", "EventKey": "one", "CreateTime": 2_000_000_000}
    for fields in (event, event | other, event):
        assert at_the_door(wechat.push_message(OURS, fields).sealed).answer() == SUCCESS
    assert Push.objects.count() == 2


def test_one_message_to_two_accounts_is_two(wechat: WeChat, bound: Bound) -> None:
    bound(OURS)
    bound("wxbbbbbbbbbbbbbbbb")
    Push.objects.all().delete()
    for appid in (OURS, "wxbbbbbbbbbbbbbbbb"):
        sealed = wechat.push_message(appid, {"MsgType": "text", "MsgId": 7}).sealed
        assert at_the_door(sealed).answer() == SUCCESS
    assert sorted(Push.objects.values_list("appid", flat=True)) == [OURS, "wxbbbbbbbbbbbbbbbb"]


# What is kept


def test_a_row_tells_what_came_and_its_body_is_sealed(wechat: WeChat, bound: Bound) -> None:
    bound(OURS)
    Push.objects.all().delete()
    assert message_push(wechat, OURS, create_time=2_000_000_000).answer() == SUCCESS
    row = Push.objects.get()
    assert (row.kind, row.appid, row.state, row.attempts) == ("text", OURS, State.DONE, 1)
    assert row.openid == wire.read_push(row.message).get("FromUserName") != ""
    assert row.created.timestamp() == 2_000_000_000
    assert "<Content><![CDATA[hello]]></Content>" in row.body
    with connection.cursor() as cursor:
        cursor.execute("SELECT body FROM platform_auth_push")
        [kept] = cursor.fetchone()
    assert kept.startswith("sealed:")
    assert "hello" not in kept


@pytest.mark.parametrize("kind", ["something_new", "component_verify_ticket_2", "票"])
def test_an_unknown_kind_is_kept_and_ignored(wechat: WeChat, handling: Handling, kind: str) -> None:
    assert component_push(wechat, kind, New="field").answer() == SUCCESS
    row = Push.objects.get()
    assert (row.kind, row.state) == (kind, State.IGNORED)
    processing.replay(row)
    assert Push.objects.get().state == State.IGNORED


def test_a_push_without_a_kind_is_kept_and_ignored(wechat: WeChat, handling: Handling) -> None:
    assert component_push(wechat, "").answer() == SUCCESS
    assert Push.objects.get().state == State.IGNORED


@pytest.mark.parametrize("kind", sorted(set(routing.COMPONENT_PUSHES) - {KIND}))
def test_every_kind_that_wechat_documents_is_known(wechat: WeChat, ticket: str, kind: str) -> None:
    Push.objects.all().delete()
    fields = {
        "AuthorizerAppid": OURS,
        "AuthorizationCode": "queryauthcode@@@x",
        "ComponentVerifyTicket": "ticket@@@newer",
    }
    push = at_the_door(wechat.push(kind, fields, create_time=int(wechat.clock()) + 60).sealed)
    assert push.answer() == SUCCESS
    row = Push.objects.get()
    # The one is about an account that is nobody's, the other without the code of an account.
    is_news = kind not in ("unauthorized", "notify_third_fasteregister")
    assert row.state == (State.DONE if is_news else State.IGNORED), row.error


def test_nested_and_repeated_elements_are_taken_inside(wechat: WeChat, handling: Handling) -> None:
    seen: list[wire.Push] = []
    routing.COMPONENT_PUSHES[KIND] = lambda row, push: seen.append(push)
    inner = (
        f"<xml><AppId>{APPID}</AppId><CreateTime>2000000000</CreateTime>"
        f"<InfoType>{KIND}</InfoType><appid>{OURS}</appid>"
        "<list><item>a</item><item>b</item><item><c>3</c></item></list>"
        "<info><name>甲 &amp; 乙</name><empty></empty></info></xml>"
    )
    assert at_the_door(wechat.seal(inner)).answer() == SUCCESS
    [push] = seen
    assert push.fields["list"] == {"item": ["a", "b", {"c": "3"}]}
    assert push.fields["info"] == {"name": "甲 & 乙", "empty": ""}
    assert Push.objects.get().appid == OURS


def test_eight_levels_inside_are_taken(wechat: WeChat, handling: Handling) -> None:
    head = f"<AppId>{APPID}</AppId><CreateTime>2000000000</CreateTime><InfoType>{KIND}</InfoType>"
    inner = f"<xml>{head}{'<a>' * 8}x{'</a>' * 8}</xml>"
    assert at_the_door(wechat.seal(inner)).answer() == SUCCESS
    assert handling.calls == 1


# What fails


def test_a_failing_handler_leaves_a_failed_row_and_nothing_else(
    wechat: WeChat, handling: Handling
) -> None:
    handling.problem = ValueError("no such ticket@@@secret-looking")
    assert component_push(wechat).answer() == SUCCESS
    row = Push.objects.get()
    assert (row.state, row.attempts) == (State.FAILED, 1)
    assert row.error == "ValueError: no such ***"
    assert row.retry_at is not None
    assert not Operation.objects.exists(), "its transaction was rolled back"


def test_a_failed_push_is_not_run_again_by_wechats_repeat(
    wechat: WeChat, handling: Handling
) -> None:
    handling.problem = ValueError()
    push = component_push(wechat)
    assert [push.answer(), push.answer()] == [SUCCESS, SUCCESS]
    assert handling.calls == 1


def test_a_replay_of_a_failed_push_can_succeed(wechat: WeChat, handling: Handling) -> None:
    handling.problem = ValueError()
    component_push(wechat).answer()
    handling.problem = None
    row = Push.objects.get()
    processing.replay(row)
    assert (row.state, row.error) == (State.DONE, "")
    row.refresh_from_db()
    assert (row.state, row.error, row.attempts, row.retry_at) == (State.DONE, "", 2, None)
    assert Operation.objects.count() == 1


def test_two_replays_at_once_run_it_once(wechat: WeChat, handling: Handling) -> None:
    component_push(wechat).answer()
    first, second = Push.objects.get(), Push.objects.get()
    processing.replay(first)
    processing.replay(second)
    assert handling.calls == 2


def test_a_failing_push_is_tried_five_times_in_longer_and_longer_pauses(
    wechat: WeChat, handling: Handling
) -> None:
    handling.problem = ValueError()
    component_push(wechat).answer()
    pauses = []
    for _ in range(10):
        for due, now in Push.objects.annotate(now=Now()).values_list("retry_at", "now"):
            pauses += [round((due - now).total_seconds())] if due else []
        tasks.retry_failed_pushes()  # not yet due
        mark_due()
        tasks.retry_failed_pushes()
    assert handling.calls == 5
    assert pauses == [30, 120, 480, 1920]
    row = Push.objects.get()
    assert (row.state, row.attempts, row.retry_at) == (State.FAILED, 5, None)


def test_staff_may_replay_what_was_given_up(wechat: WeChat, handling: Handling) -> None:
    handling.problem = ValueError()
    component_push(wechat).answer()
    Push.objects.update(attempts=5, retry_at=None)
    handling.problem = None
    processing.replay(Push.objects.get())
    assert Push.objects.get().state == State.DONE


def test_a_handler_that_kills_its_process_is_counted_and_tried_again(
    wechat: WeChat, handling: Handling
) -> None:
    handling.problem = ValueError()
    component_push(wechat).answer()
    handling.problem = SystemExit()
    for attempt in range(2, 6):
        mark_due()
        with pytest.raises(SystemExit):
            tasks.retry_failed_pushes()
        row = Push.objects.get()
        assert (row.state, row.attempts) == (State.FAILED, attempt)
        assert (row.retry_at is None) == (attempt == 5)
    tasks.retry_failed_pushes()
    assert handling.calls == 5


def test_a_row_that_cannot_be_read_does_not_stop_the_others(
    wechat: WeChat, handling: Handling
) -> None:
    handling.problem = ValueError()
    for number in range(3):
        component_push(wechat, appid=f"wx{number:016}").answer()
    handling.problem = None
    spoiled = Push.objects.order_by("pk").first()
    assert spoiled
    Push.objects.filter(pk=spoiled.pk).update(body=Sealed("sealed:00000000:eA=="))
    mark_due()
    tasks.retry_failed_pushes()
    assert list(Push.objects.order_by("pk").values_list("state", flat=True)) == [
        State.FAILED,
        State.DONE,
        State.DONE,
    ]
    spoiled.refresh_from_db()
    assert spoiled.error.startswith("Unreadable: platform_auth_push.body of ")


def test_a_handler_that_ignores_says_why(wechat: WeChat, handling: Handling) -> None:
    handling.problem = handlers.Ignored("too old")
    assert component_push(wechat).answer() == SUCCESS
    row = Push.objects.get()
    assert (row.state, row.error, row.retry_at) == (State.IGNORED, "too old", None)


def test_a_database_in_trouble_is_not_the_pushs_fault(wechat: WeChat, handling: Handling) -> None:
    handling.problem = OperationalError("deadlock detected")
    for number in "12":
        assert component_push(wechat, New=number).answer() == SUCCESS
    assert DuePush.objects.count() == 2, "kept, and still to be worked out"
    handling.problem = None
    DuePush.objects.update(due_at=timezone.now() - timedelta(seconds=1))
    assert processing.process_due() == 2
    assert not DuePush.objects.exists()
    assert {row.state for row in Push.objects.all()} == {State.DONE}


# Cost and age


def test_a_push_costs_few_queries(
    wechat: WeChat, bound: Bound, django_assert_max_num_queries: Callable[..., object]
) -> None:
    """At the door and in the worker together; the way of most messages is in test_fast_door."""
    bound(OURS)
    for push, most in ((message_push(wechat, OURS), 16), (ticket_push(wechat), 11)):
        with django_assert_max_num_queries(most):  # type: ignore[attr-defined]
            assert push.answer() == SUCCESS
        with django_assert_max_num_queries(12):  # type: ignore[attr-defined]
            assert push.answer() == SUCCESS
        with django_assert_max_num_queries(4):  # type: ignore[attr-defined]
            replace(push, query={}).answer()  # refused, and counted


def test_old_pushes_are_forgotten_once_their_replay_would_be_refused(
    wechat: WeChat, handling: Handling
) -> None:
    day = 86_400
    now = int(wechat.clock())
    kept = [now - 29 * day, now]
    for created in kept:
        at_the_door(wechat.push(KIND, {}, create_time=created).sealed).answer()
    tasks.forget_old_pushes()
    assert Push.objects.count() == 2, "received just now"
    long_ago = Push.objects.order_by("created").first()
    assert long_ago
    before = long_ago.created.replace(year=long_ago.created.year - 1)
    Push.objects.filter(pk=long_ago.pk).update(received_at=before)
    tasks.forget_old_pushes()
    assert Push.objects.count() == 2, "its replay would still be believed"
    Push.objects.filter(pk=long_ago.pk).update(created=before)
    tasks.forget_old_pushes()
    assert Push.objects.count() == 1
