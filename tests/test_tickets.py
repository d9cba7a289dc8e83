"""The component_verify_ticket: the newest is kept, the one before tried once, none begged for."""

import random
from datetime import timedelta

import pytest
from django.db.models.functions import Now

from platform_auth import tasks, tokens
from platform_auth.fields import Sealed
from platform_auth.models import Component, Push
from sandbox.world import WeChat
from tests.conftest import Deliver
from tests.knocking import SUCCESS, at_the_door
from wechat.errors import NotReady, TicketExpired, WeChatError

TOKEN_PATH = "/cgi-bin/component/api_component_token"
ASK_PATH = "/cgi-bin/component/api_start_push_ticket"
State = Push.State


def push_ticket(wechat: WeChat, ticket: str, created: int) -> str:
    """Push TICKET as made at CREATED; what became of the row."""
    fields = {"ComponentVerifyTicket": ticket}
    push = wechat.push("component_verify_ticket", fields, create_time=created)
    wechat.outbox.clear()
    assert at_the_door(push.sealed).answer() == SUCCESS
    row = Push.objects.order_by("-pk").first()
    assert row
    return row.state


def kept() -> tuple[str, str, int]:
    row = Component.objects.get()
    return row.verify_ticket, row.previous_ticket, row.ticket_created


def test_a_ticket_is_kept_with_its_time(wechat: WeChat, component: Component) -> None:
    now = int(wechat.clock())
    assert push_ticket(wechat, "ticket@@@a", now) == State.DONE
    assert kept() == ("ticket@@@a", "", now)
    assert Component.objects.get().ticket_received_at is not None


def test_the_newest_wins_in_whatever_order_they_come(wechat: WeChat, component: Component) -> None:
    now = int(wechat.clock())
    times = [now - 600 * age for age in range(40)]
    random.Random(3).shuffle(times)
    highest = 0
    for created in times:
        state = push_ticket(wechat, f"ticket@@@{created}", created)
        assert state == (State.DONE if created > highest else State.IGNORED)
        highest = max(highest, created)
    assert kept()[0] == f"ticket@@@{now}"
    assert kept()[2] == now


def test_an_older_ticket_is_ignored_and_says_so(wechat: WeChat, component: Component) -> None:
    now = int(wechat.clock())
    push_ticket(wechat, "ticket@@@new", now)
    assert push_ticket(wechat, "ticket@@@old", now - 600) == State.IGNORED
    assert kept() == ("ticket@@@new", "", now)
    assert Push.objects.order_by("-pk")[0].error


@pytest.mark.parametrize(("ahead", "state"), [(540, State.DONE), (660, State.IGNORED)])
def test_a_ticket_far_from_the_future_would_lock_later_ones_out(
    wechat: WeChat, component: Component, ahead: int, state: str
) -> None:
    now = int(wechat.clock())
    assert push_ticket(wechat, "ticket@@@ahead", now + ahead) == state
    push_ticket(wechat, "ticket@@@later", now + 541)
    assert kept()[0] == "ticket@@@later"


def test_the_one_before_is_kept_too_and_never_the_same_twice(
    wechat: WeChat, component: Component
) -> None:
    now = int(wechat.clock())
    for number, value in enumerate("abb"):
        push_ticket(wechat, f"ticket@@@{value}", now + number)
    assert kept() == ("ticket@@@b", "ticket@@@a", now + 2)


def test_a_ticket_push_without_a_ticket_fails_and_is_kept(
    wechat: WeChat, component: Component
) -> None:
    assert push_ticket(wechat, "", int(wechat.clock())) == State.FAILED
    assert kept() == ("", "", 0)


# What WeChat does not like


def make_due() -> None:
    Component.objects.update(due_at=Now())


def ask() -> str:
    return tokens.component_token(Component.objects.get())


def test_the_previous_ticket_is_tried_once(wechat: WeChat, ticket: str) -> None:
    now = int(wechat.clock())
    push_ticket(wechat, "ticket@@@wechat-does-not-know", now + 1)
    assert ask()
    assert wechat.count(TOKEN_PATH) == 2
    assert [entry.errcode for entry in wechat.ledger] == [61006, 0]


@pytest.mark.parametrize("errcode", [61005, 61006])
def test_when_no_ticket_works_wechat_is_left_alone_for_a_minute(
    wechat: WeChat, ticket: str, errcode: int
) -> None:
    push_ticket(wechat, "ticket@@@another", int(wechat.clock()) + 1)
    wechat.fault(TOKEN_PATH, times=None, errcode=errcode)
    with pytest.raises(TicketExpired):
        ask()
    for _ in range(20):
        with pytest.raises(WeChatError):
            ask()
        tasks.keep_component_tokens()
    assert wechat.count(TOKEN_PATH) == 2
    row = Component.objects.with_clock().get()
    assert row.due_at is not None
    assert timedelta(seconds=55) < row.due_at - row.now <= timedelta(seconds=60)


def test_without_an_older_ticket_there_is_one_call(wechat: WeChat, ticket: str) -> None:
    wechat.fault(TOKEN_PATH, times=None, errcode=61006)
    with pytest.raises(TicketExpired):
        ask()
    assert wechat.count(TOKEN_PATH) == 1


def test_a_new_ticket_cures_it_at_once(wechat: WeChat, ticket: str, deliver: Deliver) -> None:
    wechat.fault(TOKEN_PATH, errcode=61005)
    with pytest.raises(TicketExpired):
        ask()
    with wechat.lock:
        wechat.component.tickets.clear()
    push_ticket(wechat, _new_ticket(wechat), int(wechat.clock()) + 60)
    assert ask()
    assert [entry.errcode for entry in wechat.ledger] == [61005, 0]


def _new_ticket(wechat: WeChat) -> str:
    value = wechat.new_ticket(wechat.component)
    wechat.outbox.clear()
    return value


def test_a_ticket_that_cannot_be_read_asks_wechat_nothing(wechat: WeChat, ticket: str) -> None:
    Component.objects.update(verify_ticket=Sealed("sealed:00000000:eA=="))
    with pytest.raises(NotReady):
        ask()
    tasks.keep_component_tokens()
    assert wechat.count(TOKEN_PATH) == 0


def test_without_a_ticket_wechat_is_asked_nothing(wechat: WeChat, component: Component) -> None:
    for _ in range(3):
        with pytest.raises(NotReady):
            tokens.component_token(component)
        tasks.keep_component_tokens()
    assert not wechat.ledger


# When they stop coming


def age(**columns: int) -> None:
    """Move times of the component's so many minutes into the past."""
    for column, minutes in columns.items():
        Component.objects.update(**{column: Now() - timedelta(minutes=minutes)})


@pytest.mark.parametrize(("minutes", "asked"), [(24, 0), (26, 1)])
def test_after_25_minutes_wechat_is_asked_to_push_again(
    wechat: WeChat, ticket: str, minutes: int, asked: int
) -> None:
    age(ticket_received_at=minutes)
    wechat.component.pushing = False
    tasks.keep_component_tokens()
    assert wechat.count(ASK_PATH) == asked
    assert wechat.component.pushing == bool(asked)


@pytest.mark.parametrize(("minutes", "asked"), [(24, 0), (26, 1)])
def test_a_new_component_is_given_25_minutes_too(
    wechat: WeChat, component: Component, minutes: int, asked: int
) -> None:
    age(created_at=minutes)
    tasks.keep_component_tokens()
    assert wechat.count(ASK_PATH) == asked


def test_it_is_asked_at_most_once_in_ten_minutes(wechat: WeChat, ticket: str) -> None:
    age(ticket_received_at=60)
    for _ in range(30):
        tasks.keep_component_tokens()
    assert wechat.count(ASK_PATH) == 1
    age(push_asked_at=9)
    tasks.keep_component_tokens()
    assert wechat.count(ASK_PATH) == 1
    age(push_asked_at=11)
    tasks.keep_component_tokens()
    assert wechat.count(ASK_PATH) == 2


def test_a_failing_question_is_not_repeated_either(wechat: WeChat, ticket: str) -> None:
    age(ticket_received_at=60)
    wechat.fault(ASK_PATH, times=None, errcode=40125)
    for _ in range(10):
        tasks.keep_component_tokens()
    assert wechat.count(ASK_PATH) == 1


def test_the_push_that_follows_ends_it(wechat: WeChat, ticket: str, deliver: Deliver) -> None:
    age(ticket_received_at=60, push_asked_at=60)
    Component.objects.update(ticket_created=1)
    wechat.component.pushing = False
    tasks.keep_component_tokens()
    [delivery] = wechat.deliver_all(deliver)
    assert delivery.accepted
    age(push_asked_at=60)
    tasks.keep_component_tokens()
    assert wechat.count(ASK_PATH) == 1


def test_meanwhile_the_last_ticket_goes_on_working(wechat: WeChat, ticket: str) -> None:
    age(ticket_received_at=11 * 60)
    tasks.keep_component_tokens()
    make_due()
    assert ask()


def test_one_component_in_trouble_does_not_hold_up_another(
    wechat: WeChat, ticket: str, component: Component
) -> None:
    Component.objects.create(
        appid="wx0000000000000000",
        due_at=component.created_at,
        ticket_created=1,
        verify_ticket="ticket@@@of-an-unknown-component",
        app_secret="x",
    )
    Component.objects.filter(appid="wx0000000000000000").update(
        app_secret=Sealed("sealed:00000000:eA==")
    )
    tasks.keep_component_tokens()
    assert Component.objects.get(pk=component.pk).access_token
