"""What users write and do: conversations, what is unread, and how long they may be answered."""

from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from messaging.models import Conversation, Reply, Rule
from platform_auth.models import Push
from tests.chatting import Chat, newest, rule
from tests.chatting import readers as readers
from tests.chatting import shop as shop
from tests.conftest import Bound
from webhooks import processing

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.both_databases("a conversation is written by an INSERT of our own"),
]

DAY = 86_400
AT = int(datetime.now(UTC).timestamp()) - 3600


def window(chat: Chat) -> tuple[int, int]:
    """For how many seconds after now, roughly, and how many messages are left."""
    row = chat.conversation
    assert row.window_until is not None
    return round((row.window_until - datetime.now(UTC)).total_seconds() / 10) * 10, row.left


def until(chat: Chat) -> tuple[int, int]:
    row = chat.conversation
    assert row.window_until is not None
    return int(row.window_until.timestamp()), row.left


def replay(push: Push) -> None:
    processing.replay(push)
    push.refresh_from_db()
    assert push.state == Push.State.DONE, push.error


# Conversations


def test_a_message_begins_a_conversation(shop: Chat) -> None:
    assert shop.say("在吗\n我想问一下").answer == b"success"
    row = shop.conversation
    assert (row.unread, row.preview, row.is_open) == (1, "在吗 我想问一下", True)
    shop.say("还在吗")
    assert (shop.conversation.unread, shop.conversation.preview) == (2, "还在吗")
    assert Conversation.objects.count() == 1


def test_users_and_accounts_have_conversations_of_their_own(shop: Chat, readers: Chat) -> None:
    shop.say("one")
    readers.say("two")
    other = Chat(shop.wechat, shop.account, shop.carry, "oSandboxUser0000000000000002")
    other.say("three")
    assert [one.conversation.preview for one in (shop, readers, other)] == ["one", "two", "three"]


@pytest.mark.parametrize(
    "kind", ["image", "voice", "video", "shortvideo", "location", "link", "miniprogrampage"]
)
def test_every_kind_a_user_writes_is_unread(shop: Chat, kind: str) -> None:
    shop.say(kind=kind, fields={"Recognition": ""} if kind == "voice" else None)
    assert (shop.conversation.unread, shop.conversation.preview) == (1, f"[{kind}]")


def test_what_wechat_heard_in_a_voice_message_is_read(shop: Chat) -> None:
    shop.say(kind="voice", fields={"Recognition": "多少钱"})
    assert shop.conversation.preview == "多少钱"


def test_a_visit_is_nothing_to_read(shop: Chat) -> None:
    shop.say("在吗")
    shop.happen("user_enter_tempsession")
    assert (shop.conversation.unread, shop.conversation.preview) == (1, "在吗")


@pytest.mark.parametrize("event", ["weapp_audit_delay", "user_info_modified", "something_new"])
def test_wechats_own_news_is_no_conversation(shop: Chat, event: str) -> None:
    assert shop.happen(event).answer == b"success"
    assert not Conversation.objects.exists()


def test_an_unknown_kind_is_kept_and_ignored(shop: Chat) -> None:
    rule()
    for fields in ({"MsgType": "hologram"}, {"MsgType": "event", "Event": "hologram"}):
        shop.wechat.push_message(shop.account.appid, fields)
        assert shop.deliver().answer == b"success"
        assert newest().state == Push.State.IGNORED
    assert not Conversation.objects.exists()


def test_a_rest_leaves_the_last_words_sealed(shop: Chat) -> None:
    shop.say("my address is 1 Main Street")
    with connection.cursor() as cursor:
        cursor.execute("SELECT preview FROM messaging_conversation")
        [(stored,)] = cursor.fetchall()
    assert "Main Street" not in stored
    assert stored


# The window


def test_a_message_opens_two_days_and_five_messages(shop: Chat, readers: Chat) -> None:
    for chat in (shop, readers):
        chat.say("在吗")
        assert window(chat) == (2 * DAY, 5)


def test_a_visit_opens_a_minute_and_two_messages(shop: Chat) -> None:
    shop.happen("user_enter_tempsession", create_time=AT)
    assert until(shop) == (AT + 60, 2)


@pytest.mark.parametrize(
    "event", ["subscribe", "SCAN", "CLICK", "scancode_push", "scancode_waitmsg"]
)
def test_an_official_accounts_acts_open_a_minute_and_three(readers: Chat, event: str) -> None:
    readers.happen(event, create_time=AT)
    assert until(readers) == (AT + 60, 3)


@pytest.mark.parametrize("event", ["VIEW", "LOCATION", "pic_weixin"])
def test_other_acts_open_nothing(readers: Chat, event: str) -> None:
    readers.happen(event)
    row = readers.conversation
    assert (row.window_until, row.left, row.is_open) == (None, 0, False)


def test_a_choice_of_a_menu_counts_as_a_click(readers: Chat) -> None:
    readers.say("是", fields={"bizmsgmenuid": "1"}, create_time=AT)
    assert until(readers) == (AT + 60, 3)


def test_the_count_starts_anew_with_every_message(shop: Chat) -> None:
    shop.say("在吗")
    Conversation.objects.update(left=0)
    shop.say("喂")
    assert window(shop) == (2 * DAY, 5)


def test_a_visit_takes_nothing_from_a_longer_window(shop: Chat) -> None:
    shop.say("在吗")
    Conversation.objects.update(left=3)
    shop.happen("user_enter_tempsession")
    assert window(shop) == (2 * DAY, 3)


def test_a_visit_gives_two_where_nothing_is_left(shop: Chat) -> None:
    shop.say("在吗", create_time=AT)
    Conversation.objects.update(left=0)
    shop.happen("user_enter_tempsession", create_time=AT + 10)
    assert until(shop) == (AT + 70, 2)


def test_a_late_visit_does_not_give_anew_what_was_used(shop: Chat) -> None:
    shop.say("在吗", create_time=AT)
    Conversation.objects.update(left=0)
    shop.happen("user_enter_tempsession", create_time=AT - 10)
    assert until(shop) == (AT + 2 * DAY, 0)


def test_who_unsubscribes_cannot_be_written_to(readers: Chat) -> None:
    readers.say("你好", create_time=AT)
    readers.happen("unsubscribe", create_time=AT + 1)
    assert not readers.conversation.is_open
    readers.happen("subscribe", create_time=AT + 2)
    assert until(readers) == (AT + 62, 3)


def test_a_late_message_opens_the_window_that_a_visit_did_not(shop: Chat) -> None:
    shop.happen("user_enter_tempsession", create_time=AT + 5)
    shop.say("在吗", create_time=AT)
    assert until(shop) == (AT + 2 * DAY, 5)
    assert shop.conversation.preview == "在吗"
    assert shop.conversation.unread == 1


# Order, repeats and replays


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_the_order_of_arrival_changes_nothing(shop: Chat, order: tuple[int, ...]) -> None:
    for place in order:
        shop.say(f"line {place}", create_time=AT + place)
    row = shop.conversation
    assert (row.heard, row.unread, row.preview) == (AT + 2, 3, "line 2")
    assert until(shop) == (AT + 2 + 2 * DAY, 5)


@pytest.mark.parametrize("sealed_anew", [False, True])
def test_a_repeat_of_wechats_changes_nothing(shop: Chat, sealed_anew: bool) -> None:
    delivery = shop.say("在吗")
    Conversation.objects.update(left=1)
    assert shop.again(delivery, sealed_anew=sealed_anew).answer == b"success"
    assert (shop.conversation.unread, shop.conversation.left) == (1, 1)


def test_a_repeat_whose_reply_is_spoilt_is_answered_all_the_same(readers: Chat) -> None:
    rule()
    delivery = readers.say("在吗")
    reply = Reply.objects.get()
    reply.content = "nonsense"
    reply.save()
    assert readers.again(delivery, sealed_anew=True).answer == b"success"


def test_a_replay_by_staff_changes_nothing(shop: Chat) -> None:
    for text in ("one", "two"):
        shop.say(text)
    Conversation.objects.update(unread=0, left=2)
    before = Conversation.objects.values().get()
    for push in Push.objects.filter(kind="text"):
        replay(push)
        replay(push)
    assert Conversation.objects.values().get() == before


def test_what_failed_is_heard_when_it_is_tried_again(shop: Chat) -> None:
    shop.say("one", create_time=AT)
    row = newest()
    Conversation.objects.all().delete()
    Push.objects.filter(pk=row.pk).update(state=Push.State.FAILED)
    replay(Push.objects.get(pk=row.pk))
    assert (shop.conversation.unread, until(shop)) == (1, (AT + 2 * DAY, 5))


def test_staff_who_replay_never_answer_twice(readers: Chat) -> None:
    rule()
    readers.say("在吗")
    replay(newest())
    assert (readers.replied(), readers.sent()) == (["您好"], [])
    assert Reply.objects.count() == 1


def test_what_is_answered_by_staffs_replay_is_sent(readers: Chat) -> None:
    readers.say("在吗")
    rule()
    replay(newest())
    replay(newest())
    assert (readers.replied(), readers.sent()) == ([], ["您好"])


def test_nobody_waits_for_an_answer_after_an_hour(readers: Chat) -> None:
    readers.say("在吗")
    rule()
    Push.objects.update(received_at=datetime.now(UTC) - timedelta(hours=2))
    replay(newest())
    assert not Reply.objects.exists()


def test_what_can_only_be_passive_is_not_said_by_a_replay(readers: Chat) -> None:
    readers.say("在吗")
    rule(content={"msgtype": "transfer_customer_service", "transfer_customer_service": {}})
    replay(newest())
    assert not Reply.objects.exists()


# Cost


def statements(chat: Chat) -> list[str]:
    chat.wechat.say(chat.account.appid, chat.openid, "在吗")
    with CaptureQueriesContext(connection) as context:
        chat.deliver()
    return [one["sql"] for one in context]


def test_a_plain_message_costs_few_statements(shop: Chat, bound: Bound) -> None:
    """At the door and in the worker together, BEGIN and COMMIT among them."""
    assert len(statements(shop)) <= 18  # the first of a user
    assert len(statements(shop)) <= 18
    Rule.objects.create(name="off", trigger="default", is_on=False, content={})
    Rule.objects.create(name="other's", trigger="default", authorizer=bound(), content={})
    assert len(statements(shop)) <= 18


def test_what_was_heard_is_not_heard_again_because_forwarding_failed(shop: Chat) -> None:
    """Each part of the work is done for itself, and all of it again where one has failed."""
    shop.say("hello")
    Conversation.objects.update(left=2)
    failed = Push.objects.filter(pk=newest().pk)
    # SQLite's clock knows no microseconds: just now would be too late for it now and then.
    a_moment_ago = datetime.now(UTC) - timedelta(seconds=1)
    failed.update(state=Push.State.FAILED, retry_at=a_moment_ago)
    assert processing.retry_failed() == 1
    assert newest().state == Push.State.DONE
    assert (shop.conversation.unread, shop.conversation.left) == (1, 2)
