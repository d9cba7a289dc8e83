"""A push's log lines, at the door and in the worker, carry the id of its request."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from messaging.models import Target
from miniprograms.models import Authorizer
from platform_auth.models import Push
from sandbox.world import WeChat
from tests.doors import OURS, Plain
from tests.doors import door as door
from tests.doors import plain as plain
from tests.knocking import SUCCESS, Answer, Knock, message_push, ticket_push, without_database
from tests.lines import Written
from tests.lines import written as written
from tests.test_push_inbox import Handling, component_push
from tests.test_push_inbox import handling as handling

pytestmark = pytest.mark.django_db(transaction=True)

ID = "0123456789abcdef0123456789abcdef"  # as nginx makes it


def with_id(knock: Knock, request_id: str = ID) -> Knock:
    return replace(knock, environ={"HTTP_X_REQUEST_ID": request_id})


def test_a_push_that_cannot_be_kept(wechat: WeChat, component: object, written: Written) -> None:
    """One line, not one of the door's and one of Django's."""
    push = with_id(ticket_push(wechat))
    answer: Any = without_database(push.answer)
    assert answer.status == 503
    [line] = written.lines(logger="webhooks.views")
    assert line["request_id"] == ID
    assert not written.lines(logger="django.request")


def test_a_push_that_the_worker_cannot_work_out(
    wechat: WeChat, handling: Handling, written: Written
) -> None:
    handling.problem = ValueError("broken")
    assert with_id(component_push(wechat)).answer() == SUCCESS
    row = Push.objects.get()
    [line] = written.lines(logger="webhooks.processing")
    assert (line["request_id"], line["push"]) == (ID, row.pk)
    assert "ValueError" in line["exception"]


@pytest.mark.parametrize("header", ["", "x" * 65, "a b", "\u00e9", "line\nbreak"])
def test_an_id_that_is_none_is_replaced(wechat: WeChat, plain: Plain, header: str) -> None:
    assert with_id(message_push(wechat, OURS), header).answer() == SUCCESS
    request_id = Push.objects.get().request_id
    assert len(request_id) == 32
    assert request_id.isalnum()


@pytest.mark.postgres
def test_through_the_door_before_django(
    wechat: WeChat, plain: Plain, door: Callable[[Knock], Answer]
) -> None:
    assert door(with_id(message_push(wechat, OURS))) == SUCCESS
    assert plain.calls == 0
    assert Push.objects.get().request_id == ID


@pytest.mark.postgres
def test_what_that_door_leaves_to_django_keeps_its_id(
    wechat: WeChat, plain: Plain, door: Callable[[Knock], Answer]
) -> None:
    Authorizer.objects.update(kind=Authorizer.Kind.OFFICIAL_ACCOUNT)
    Target.objects.create(name="bot", url="https://bot.example/hook", answers=True)
    assert door(with_id(message_push(wechat, OURS))) == SUCCESS
    assert plain.calls == 1
    assert Push.objects.get().request_id == ID
