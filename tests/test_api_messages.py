"""REST: other back ends, and merchants' own, write to users."""

import json
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from knox.models import AuthToken

from messaging.models import Conversation, Reply
from platform_auth.models import Operation
from platform_auth.roles import ANSWERERS
from tests.chatting import USER, Chat
from tests.conftest import Bound

pytestmark = pytest.mark.django_db
SEND = "/cgi-bin/message/custom/send"


@pytest.fixture
def chat(bound: Bound, wechat: Any, deliver: Any) -> Chat:
    """A user who has written to a mini program."""
    chat = Chat(wechat, bound(), deliver)
    chat.say("hello")
    return chat


def key(user: User) -> str:
    _row, token = AuthToken.objects.create(user)
    return f"Token {token}"


def post(
    chat: Chat, user: User, said: Any = "good day", touser: str = USER, **headers: str
) -> tuple[int, Any]:
    """USER's program says something to the user of CHAT: status and JSON of the answer."""
    kinds = {"msgtype": "text", "text": {"content": said}} if isinstance(said, str) else said
    answer = Client(headers={"accept-language": "en"}).post(
        f"/api/v1/authorizers/{chat.account.appid}/messages/",
        json.dumps({"touser": touser, **kinds}),
        content_type="application/json",
        headers={"authorization": key(user), **headers},
    )
    return answer.status_code, answer.json()


def test_a_message_reaches_the_user(chat: Chat, staff: User) -> None:
    status, told = post(chat, staff)
    row = Reply.objects.get()
    assert (status, told) == (201, {"id": row.pk, "state": "sent"})
    assert (row.by, row.conversation) == (staff, Conversation.objects.get())
    assert [line.text for line in chat.lines("api")] == ["good day"]
    assert Operation.objects.filter(action="answer_user", actor=staff).count() == 1


def test_a_merchant_writes_to_users_of_their_own_if_they_may(
    chat: Chat, merchant: User, other_merchant: User
) -> None:
    assert post(chat, merchant)[0] == 403
    for person in (merchant, other_merchant):
        person.groups.add(Group.objects.get(name=ANSWERERS))
    assert post(chat, merchant)[0] == 201
    assert post(chat, other_merchant)[0] == 404


def test_somebody_who_never_wrote_is_not_found(chat: Chat, staff: User) -> None:
    assert post(chat, staff, touser="o-nobody")[0] == 404
    assert not chat.lines("api")


@pytest.mark.parametrize(
    ("said", "member"),
    [
        ({}, "msgtype"),
        ({"msgtype": "song"}, "msgtype"),
        ({"msgtype": "text"}, "text.content"),
        ({"msgtype": "text", "text": {"content": " "}}, "text.content"),
        ({"msgtype": "text", "text": {"content": "x", "colour": "red"}}, "text.colour"),
        ({"msgtype": "text", "text": {"content": "x"}, "song": {}}, "song"),
        # Official accounts only.
        ({"msgtype": "voice", "voice": {"media_id": "m"}}, "msgtype"),
    ],
)
def test_what_cannot_be_sent_is_told_by_its_member(
    chat: Chat, staff: User, said: Any, member: str
) -> None:
    status, told = post(chat, staff, said)
    assert (status, told["code"], list(told["fields"])) == (400, "invalid", [member])
    assert not Reply.objects.exists()


def test_wechats_refusal_is_told_in_plain_words(chat: Chat, staff: User) -> None:
    for _ in range(5):
        assert post(chat, staff)[0] == 201
    status, told = post(chat, staff)
    assert (status, told["code"], told["wechat"]["errcode"]) == (422, "wechat_refused", 45047)
    assert told["wechat"]["errmsg"].startswith("out of response count limit")
    assert "As many messages are sent" in told["wechat"]["explanation"]


def test_a_lost_answer_is_not_taken_for_either(chat: Chat, staff: User) -> None:
    chat.wechat.fault(SEND, drop="after", effect=True)
    status, told = post(chat, staff)
    assert (status, told["state"]) == (202, "unknown")


def test_what_could_not_go_out_waits(chat: Chat, staff: User) -> None:
    chat.wechat.fault(SEND, errcode=-1)
    assert post(chat, staff)[0] == 202
    assert Reply.objects.get().state == "due"


def test_the_same_key_says_it_once(chat: Chat, staff: User) -> None:
    first = post(chat, staff, **{"Idempotency-Key": "k1"})
    assert post(chat, staff, **{"Idempotency-Key": "k1"}) == first
    assert len(chat.lines("api")) == 1
