"""What staff note of the users who write: a remark, labels, and who of them is in charge."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.utils import timezone

from messaging import tasks
from messaging.models import Conversation, ConversationLabel
from messaging.services import notes
from platform_auth.models import Operation
from tests.chatting import Chat
from tests.test_console import LIST, row_of
from tests.test_console import chat as chat
from tests.test_console import desk as desk

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]


@pytest.fixture
def colleague(db: None) -> User:
    person = User.objects.create_user("wang", first_name="Fang", last_name="Wang", is_staff=True)
    person.groups.add(Group.objects.get(name="operators"))
    return person


def note(desk: Client, chat: Chat, **values: Any) -> Any:
    return desk.post(f"{LIST}{row_of(chat).pk}/notes/?show=unread", values)


def listed(desk: Client, query: str) -> list[Conversation]:
    return list(desk.get(f"{LIST}?{query}").context["cl"].result_list)


def test_a_user_gets_a_remark_labels_and_a_colleague(
    desk: Client, chat: Chat, colleague: User
) -> None:
    old = ConversationLabel.objects.create(name="wholesale")
    values = {"remark": " Mrs Li, 2nd floor ", "labels": [old.pk], "new_label": "late payer"}
    answer = note(desk, chat, **values, in_charge=colleague.pk)
    row = row_of(chat)
    assert answer["Location"] == f"{LIST}{row.pk}/change/?show=unread"
    assert (row.remark, row.in_charge) == ("Mrs Li, 2nd floor", colleague)
    assert [label.name for label in row.labels.all()] == ["late payer", "wholesale"]
    page = desk.get(answer["Location"]).content.decode()
    assert "<h2>Mrs Li, 2nd floor</h2>" in page
    assert '<span class="chat-label">late payer</span>' in page
    assert "<strong>wang</strong>" in page
    assert "The notes are saved." in page
    log = Operation.objects.get(action="note_user")
    assert (log.actor_name, log.appid) == ("operator", chat.account.appid)
    assert log.result == f"…{chat.openid[-6:]}: remark, labels, in charge: wang"


def test_a_user_without_a_colleague_is_not_assigned(desk: Client, chat: Chat) -> None:
    pages = (f"{LIST}{row_of(chat).pk}/change/", LIST)
    for page in pages:
        answer = desk.get(page, headers={"accept-language": "zh-hans"})
        assert "未指派" in answer.content.decode()
        assert "都不可用" not in answer.content.decode()


def test_what_stays_as_it_is_is_no_operation(desk: Client, chat: Chat) -> None:
    note(desk, chat, remark="Mrs Li")
    note(desk, chat, remark="Mrs Li")
    assert Operation.objects.filter(action="note_user").count() == 1


def test_users_are_found_by_remark_label_and_colleague(
    desk: Client, chat: Chat, staff: User, colleague: User
) -> None:
    other = Conversation.objects.create(authorizer=chat.account, openid="o-other")
    label = ConversationLabel.objects.create(name="wholesale")
    note(desk, chat, remark="Mrs Li, 2nd floor", labels=[label.pk], in_charge=staff.pk)
    for query in ("q=2nd", f"label={label.pk}", "in_charge=me", f"in_charge={staff.pk}"):
        assert listed(desk, query) == [row_of(chat)], query
    assert listed(desk, "in_charge=nobody") == [other]
    assert listed(desk, f"in_charge={colleague.pk}") == []
    for query in ("label=x", "in_charge=x"):
        assert listed(desk, query) == [], query
    page = desk.get(LIST).content.decode()
    assert "Mrs Li, 2nd floor" in page
    assert "wholesale" in page


def test_many_users_get_one_colleague(desk: Client, chat: Chat, staff: User) -> None:
    row = row_of(chat)
    desk.post(LIST, {"action": "take_charge", "_selected_action": [row.pk]})
    assert row_of(chat).in_charge == staff
    desk.post(LIST, {"action": "leave_charge", "_selected_action": [row.pk]})
    assert row_of(chat).in_charge is None
    results = (
        Operation.objects.filter(action="note_user").order_by("pk").values_list("result", flat=True)
    )
    assert [text.partition(": ")[2] for text in results] == ["in charge: operator", "in charge: –"]


def test_only_staff_who_may_answer_can_be_in_charge(
    desk: Client, chat: Chat, merchant: User, colleague: User
) -> None:
    answer = note(desk, chat, in_charge=merchant.pk)
    assert answer.status_code == 200
    assert '<details class="chat-notes" open>' in answer.content.decode()
    assert row_of(chat).in_charge is None
    note(desk, chat, in_charge=colleague.pk)
    colleague.groups.clear()  # who is in charge stays so until somebody says otherwise
    note(desk, chat, in_charge=colleague.pk, remark="x")
    assert row_of(chat).in_charge == colleague


def test_who_may_only_read_notes_nothing(chat: Chat, colleague: User) -> None:
    Group.objects.get(name="releasers").user_set.add(colleague)
    colleague.groups.remove(Group.objects.get(name="operators"))
    reader = Client(headers={"accept-language": "en"})
    reader.force_login(colleague)
    page = reader.get(f"{LIST}{row_of(chat).pk}/change/").content.decode()
    assert "In charge:" in page
    assert "Edit notes" not in page
    assert note(reader, chat, remark="x").status_code == 403


def test_merchants_do_not_see_what_staff_noted(
    desk: Client, chat: Chat, merchant: User, client: Client
) -> None:
    note(desk, chat, remark="Mrs Li", new_label="late payer")
    merchant.groups.add(Group.objects.get(name="merchants who answer"))
    client.force_login(merchant)
    page = client.get(f"/portal/{chat.account.appid}/messages/{row_of(chat).pk}/").content.decode()
    assert "oolong" in page
    assert "Mrs Li" not in page
    assert "late payer" not in page


def test_labels_are_bounded(desk: Client, chat: Chat) -> None:
    many = [ConversationLabel.objects.create(name=f"label {n}") for n in range(11)]
    answer = note(desk, chat, labels=[label.pk for label in many])
    assert "At most 10 labels for one user." in answer.content.decode()
    ConversationLabel.objects.bulk_create(
        ConversationLabel(name=f"more {n}") for n in range(notes.MOST_LABELS - 11)
    )
    answer = note(desk, chat, new_label="one too many")
    assert "There are 200 labels already: use one of them." in answer.content.decode()
    assert not row_of(chat).labels.exists()


def test_what_is_noted_outlives_what_the_user_wrote(desk: Client, chat: Chat) -> None:
    plain = Conversation.objects.create(authorizer=chat.account, openid="o-plain")
    note(desk, chat, remark="Mrs Li")
    Conversation.objects.update(touched_at=timezone.now() - timedelta(days=31))
    tasks.forget_old_conversations()
    row = row_of(chat)
    assert (row.remark, row.preview, row.unread) == ("Mrs Li", "", 0)
    assert not Conversation.objects.filter(pk=plain.pk).exists()
