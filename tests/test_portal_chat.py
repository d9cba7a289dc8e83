"""A merchant whom staff let answer their own users, in the portal."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

from messaging.models import Conversation, Reply
from miniprograms.models import Authorizer
from miniprograms.services import unbinding
from platform_auth.models import Operation, Push
from platform_auth.roles import ANSWERERS
from sandbox.wire.pushes import Deliver
from sandbox.world import WeChat
from tests.chatting import Chat
from tests.conftest import Bound

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]


@pytest.fixture
def chat(bound: Bound, wechat: WeChat, deliver: Deliver) -> Chat:
    """A user who has written to the merchant's mini program."""
    chat = Chat(wechat, bound(nick_name="Tea & Cake"), deliver)
    chat.say("Do you have oolong?")
    return chat


@pytest.fixture
def foreign(bound: Bound, wechat: WeChat, deliver: Deliver, other_merchant: User) -> Chat:
    """The same of another merchant's."""
    chat = Chat(wechat, bound(nick_name="Zanzibar", owner=other_merchant), deliver)
    chat.say("A secret of theirs")
    return chat


@pytest.fixture
def portal(merchant: User) -> Client:
    """The merchant's browser; they may answer."""
    merchant.groups.add(Group.objects.get(name=ANSWERERS))
    client = Client(headers={"accept-language": "en"})
    client.force_login(merchant)
    return client


def inbox(chat: Chat) -> str:
    return f"/portal/{chat.account.appid}/messages/"


def room(chat: Chat) -> str:
    row = Conversation.objects.get(authorizer=chat.account)
    return f"{inbox(chat)}{row.pk}/"


def test_a_merchant_finds_the_messages_of_their_account(chat: Chat, portal: Client) -> None:
    home = portal.get("/portal/").content.decode()
    assert inbox(chat) in home
    assert '1<span class="hidden"> unread' in home
    shown = portal.get(inbox(chat)).content.decode()
    assert "Do you have oolong?" in shown
    assert room(chat) in shown
    opened = portal.get(room(chat))
    assert "Do you have oolong?" in opened.content.decode()
    assert "no-cache" in opened["Cache-Control"]
    assert Conversation.objects.get().unread == 0
    assert "unread" not in portal.get("/portal/").content.decode()


def test_where_messages_are_not_allowed_the_list_says_so(chat: Chat, portal: Client) -> None:
    Conversation.objects.all().delete()
    assert "Nobody has written yet." in portal.get(inbox(chat)).content.decode()
    Authorizer.objects.update(func_info=[17, 18])
    page = portal.get(inbox(chat)).content.decode()
    assert "What users write does not reach us." in page
    assert "Customer service (小程序客服管理)" in page
    assert "Authorise again" in page
    assert "Nobody has written yet." not in page


def test_of_an_account_that_is_not_bound_nothing_is_sent_again(chat: Chat, portal: Client) -> None:
    portal.post(f"{room(chat)}say/text/", {"text": "Yes."}, headers={"hx-request": "true"})
    Reply.objects.update(state="failed")
    assert "Send again" in portal.get(room(chat)).content.decode()
    unbinding.unbind_locally(chat.account, by=User.objects.create_user("boss", is_staff=True))
    assert "Send again" not in portal.get(room(chat)).content.decode()


def test_a_merchant_answers(chat: Chat, portal: Client, merchant: User) -> None:
    answer = portal.post(
        f"{room(chat)}say/text/", {"text": "Yes, we do."}, headers={"hx-request": "true"}
    )
    assert "Yes, we do." in answer.content.decode()
    assert [line.text for line in chat.lines("api")] == ["Yes, we do."]
    assert Reply.objects.get().by == merchant
    assert Operation.objects.get(action="answer_user").actor == merchant


def test_what_one_wrote_oneself_is_signed_you(chat: Chat, portal: Client) -> None:
    portal.post(f"{room(chat)}say/text/", {"text": "Yes."}, headers={"hx-request": "true"})
    shown = portal.get(room(chat)).content.decode()
    assert "· You ·" in shown
    assert "merchant ·" not in shown


def last_words(page: str) -> tuple[str, str]:
    """What the list shows of the one conversation: whose words and which, and their time."""
    [words] = re.findall('<span class="chat-preview">(.*?)</span>\n', page, re.DOTALL)
    [time] = re.findall('<time datetime="(.*?)"', page.partition("chat-inbox")[2])
    return re.sub("<.*?>", "", words), time


def test_the_list_shows_who_said_the_last_words_and_when(
    chat: Chat, portal: Client, staff: User, merchant: User
) -> None:
    row = Conversation.objects.get()
    at = datetime.fromtimestamp(row.written, UTC)
    words, time = last_words(portal.get(inbox(chat)).content.decode())
    assert (words, datetime.fromisoformat(time)) == ("User: Do you have oolong?", at)
    portal.post(f"{room(chat)}say/text/", {"text": "Yes."}, headers={"hx-request": "true"})
    reply = Reply.objects.get()
    words, time = last_words(portal.get(inbox(chat)).content.decode())
    assert (words, datetime.fromisoformat(time)) == ("You: Yes.", reply.at)
    for values, sentence in (
        ({"by": staff}, "the platform&#x27;s staff: Yes."),
        ({"by": None, "reply_to": Push.objects.latest("id")}, "Automatic reply: Yes."),
        ({"by": merchant, "reply_to": None, "state": "failed"}, "You (not sent): Yes."),
        ({"at": at - timedelta(minutes=1)}, "User: Do you have oolong?"),
    ):
        Reply.objects.update(**values)
        words, _time = last_words(portal.get(inbox(chat)).content.decode())
        assert words == sentence


def test_the_list_asks_no_more_for_many(
    chat: Chat, portal: Client, django_assert_max_num_queries: Any
) -> None:
    portal.get(inbox(chat))
    row = Conversation.objects.get()
    many = [Conversation(authorizer=row.authorizer, openid=f"o{number}") for number in range(25)]
    Conversation.objects.bulk_create(many)
    with django_assert_max_num_queries(12):
        portal.get(inbox(chat))


def test_news_come_to_the_portal_too(chat: Chat, portal: Client) -> None:
    shown = portal.get(room(chat)).content.decode()
    [seen] = re.findall(r'name="seen" value="([^"]*)"', shown)
    assert portal.get(f"{room(chat)}news/?seen={quote(seen)}").status_code == 204
    chat.say("Hello?")
    assert "Hello?" in portal.get(f"{room(chat)}news/?seen={quote(seen)}").content.decode()


def test_nobody_sees_the_messages_of_others(chat: Chat, foreign: Chat, portal: Client) -> None:
    assert portal.get(inbox(foreign)).status_code == 404
    there = room(foreign)
    # Another's conversation, by its own address and by one's own account's.
    for base in (there, inbox(chat) + there.split("/")[-2] + "/"):
        for end in ("", "news/", "older/", "file/u1/"):
            assert portal.get(f"{base}{end}").status_code == 404, base + end
        for end in ("say/text/", "typing/", "again/1/"):
            assert portal.post(f"{base}{end}", {"text": "x"}).status_code == 404, base + end
    assert "A secret" not in portal.get(room(chat)).content.decode()
    assert not foreign.lines("api")


def test_a_merchant_without_the_permission_sees_none(chat: Chat, merchant: User) -> None:
    client = Client()
    client.force_login(merchant)
    assert "/messages/" not in client.get("/portal/").content.decode()
    assert client.get(inbox(chat)).status_code == 404
    assert client.get(room(chat)).status_code == 404


def test_staff_are_not_named_to_merchants(chat: Chat, portal: Client, staff: User) -> None:
    desk = Client()
    desk.force_login(staff)
    pk = Conversation.objects.get().pk
    desk.post(f"/admin/messaging/conversation/{pk}/say/text/", {"text": "Good day."})
    shown = portal.get(room(chat)).content.decode()
    assert "Good day." in shown
    assert "the platform&#x27;s staff" in shown
    assert staff.username not in shown


def test_the_pages_hold_no_script_or_style_of_their_own(chat: Chat, portal: Client) -> None:
    answer = portal.get(room(chat))
    assert "default-src 'self'" in answer["Content-Security-Policy"]
    shown = answer.content.decode()
    assert not re.findall(r"<script(?![^>]*\bsrc=)|<style|\son\w+=|\sstyle=|hx-on", shown)


# Who may, as operators say


def act(staff: User, merchant: User, name: str) -> Any:
    desk = Client(headers={"accept-language": "en"})
    desk.force_login(staff)
    return desk.post(f"/admin/auth/user/{merchant.pk}/{name}/", follow=True)


def test_operators_let_a_merchant_answer_and_no_longer(
    chat: Chat, staff: User, merchant: User
) -> None:
    portal = Client()
    portal.force_login(merchant)
    shown = act(staff, merchant, "let-answer").content.decode()
    assert "they may answer now." in shown
    assert "No longer let them answer" in shown
    assert "/let-answer/" not in shown
    assert portal.get(room(chat)).status_code == 200
    act(staff, merchant, "stop-answering")
    assert portal.get(room(chat)).status_code == 404
    recorded = Operation.objects.filter(actor=staff).order_by("pk").values_list("action", "result")
    assert list(recorded) == [
        ("let_merchant_answer", "merchant"),
        ("stop_merchant_answering", "merchant"),
    ]


def test_staff_are_not_put_among_merchants(staff: User, db: None) -> None:
    other = User.objects.create_user("colleague", is_staff=True)
    assert act(staff, other, "let-answer").status_code == 403
    assert not other.groups.exists()
    boss = User.objects.create_superuser("boss")
    assert act(boss, other, "let-answer").status_code == 403
