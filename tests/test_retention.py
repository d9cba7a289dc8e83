"""How long it is kept what users wrote: by age, and after an account has left."""

from datetime import timedelta

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import AnonymousUser
from django.db import connection
from django.db.models import F
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from messaging import tasks
from messaging.models import Conversation, Delivery, Reply, Target
from messaging.services import retention
from miniprograms.models import Authorizer
from miniprograms.services import unbinding
from platform_auth.models import Push
from tests.chatting import USER, Chat, newest, rule
from tests.chatting import readers as readers
from tests.chatting import shop as shop
from webhooks import tasks as webhook_tasks

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.both_databases("what is old is told by the database's own clock"),
]

DAYS = 30


def grow_old(days: float) -> None:
    """So many days pass."""
    by = timedelta(days=days)
    Push.objects.update(received_at=F("received_at") - by, created=F("created") - by)
    Reply.objects.update(at=F("at") - by)
    Conversation.objects.update(touched_at=F("touched_at") - by)


def leave(chat: Chat, days: float) -> None:
    """The account was unbound so many days ago."""
    unbinding.unbind_locally(chat.account, by=AnonymousUser())
    at = timezone.now() - timedelta(days=days)
    Authorizer.objects.filter(pk=chat.account.pk).update(unauthorized_at=at)


def forget() -> None:
    tasks.forget_old_conversations()
    webhook_tasks.forget_old_pushes()


def kept() -> dict[str, int]:
    return {model.__name__: model.objects.count() for model in (Conversation, Reply)}


def chat_with(readers: Chat) -> None:
    rule("We open at nine.")
    readers.say("when do you open?")


def test_what_is_young_stays(readers: Chat) -> None:
    chat_with(readers)
    grow_old(DAYS - 1)
    forget()
    assert kept() == {"Conversation": 1, "Reply": 1}
    assert "when do you open?" in newest().body


def test_all_goes_with_age(readers: Chat) -> None:
    chat_with(readers)
    grow_old(DAYS + 2)
    forget()
    assert kept() == {"Conversation": 0, "Reply": 0}
    assert not Push.objects.filter(kind="text").exists()


def test_the_setting_says_how_long(readers: Chat, settings: LazySettings) -> None:
    chat_with(readers)
    grow_old(5)
    settings.PUSH_RETENTION_DAYS = 7
    forget()
    assert kept() == {"Conversation": 1, "Reply": 1}
    settings.PUSH_RETENTION_DAYS = 3
    forget()
    assert kept() == {"Conversation": 0, "Reply": 0}
    assert not Push.objects.filter(kind="text").exists()


def test_a_conversation_that_goes_on_loses_its_old_replies_only(readers: Chat) -> None:
    chat_with(readers)
    grow_old(DAYS + 2)
    readers.say("and today?")
    forget()
    assert kept() == {"Conversation": 1, "Reply": 1}
    assert Push.objects.filter(kind="text").count() == 1
    assert readers.conversation.preview == "and today?"


def test_of_who_has_left_all_goes_after_a_week(shop: Chat, readers: Chat) -> None:
    shop.say("my address is 1 Main Street")
    chat_with(readers)
    pushes = {push.digest for push in Push.objects.all()}
    leave(shop, 6.9)
    forget()
    assert kept()["Conversation"] == 2
    leave(shop, 7.1)
    forget()
    assert not Conversation.objects.filter(authorizer=shop.account).exists()
    left = Push.objects.get(appid=shop.account.appid, kind="text")
    assert (left.body, left.openid) == ("", "")
    # Others keep theirs; and each row stays, by which a replay is known.
    assert Conversation.objects.filter(authorizer=readers.account).exists()
    assert newest().body
    assert {push.digest for push in Push.objects.all()} == pushes


def test_a_replay_after_that_brings_nothing_back(shop: Chat) -> None:
    delivery = shop.say("my address is 1 Main Street")
    leave(shop, 8)
    forget()
    for sealed_anew in (False, True):
        shop.again(delivery, sealed_anew=sealed_anew)
    assert Push.objects.filter(kind="text", body="").count() == 1
    assert kept() == {"Conversation": 0, "Reply": 0}


def test_who_came_back_within_the_week_keeps_all(shop: Chat) -> None:
    shop.say("hello")
    leave(shop, 8)
    again = Authorizer.objects.get(pk=shop.account.pk)
    again.state, again.refresh_token = Authorizer.State.BOUND, "refreshtoken@@@again"
    again.save()
    forget()
    assert shop.conversation.preview == "hello"
    assert newest().openid == USER


def test_who_was_told_of_a_user_forgets_them_too(shop: Chat) -> None:
    shop.say("hello")
    target = Target.objects.create(name="shop", url="https://shop.example/hook")
    Delivery.objects.create(
        push=newest(), target=target, user=f"{shop.account.appid} {USER}", state="done"
    )
    leave(shop, 8)
    forget()
    assert not Delivery.objects.exists()


def test_what_goes_by_age_takes_its_deliveries_and_frees_replies(readers: Chat) -> None:
    chat_with(readers)
    target = Target.objects.create(name="shop", url="https://shop.example/hook")
    Delivery.objects.create(push=newest(), target=target, user="x", state="dead")
    pushes = timezone.now() - timedelta(days=DAYS + 2)
    Push.objects.update(received_at=pushes, created=pushes)
    forget()
    assert not Delivery.objects.exists()
    [reply] = Reply.objects.all()
    assert reply.reply_to is None


def test_much_goes_in_small_steps(readers: Chat) -> None:
    chat_with(readers)
    conversation, example = readers.conversation, newest()
    at = timezone.now() - timedelta(days=DAYS + 2)
    Reply.objects.bulk_create(
        Reply(conversation=conversation, reference=f"{n:032}", state="sent", at=at)
        for n in range(2500)
    )
    Push.objects.bulk_create(
        Push(
            digest=f"{n:064}",
            business_key=f"{n:064}",
            component=example.component,
            kind="text",
            state="done",
            created=at,
            received_at=at,
        )
        for n in range(2500)
    )
    with CaptureQueriesContext(connection) as context:
        forget()
    assert kept() == {"Conversation": 1, "Reply": 1}
    assert Push.objects.filter(kind="text").count() == 1
    deletes = [one["sql"] for one in context if one["sql"].startswith("DELETE")]
    assert len(deletes) >= 6
    assert all(sql.count(",") <= retention.CHUNK_SIZE for sql in deletes)
