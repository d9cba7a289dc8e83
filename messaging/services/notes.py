"""What staff note of a user: a remark, labels, and which colleague is in charge."""

from collections.abc import Sequence

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from messaging.models import Conversation, ConversationLabel
from platform_auth.operations import Actor, record_operation

MOST_LABELS = 200  # of all users together
MOST_LABELS_OF_ONE = 10


class TooManyLabels(Exception):
    """There are as many as may be, so no new one is made."""


def list_colleagues() -> QuerySet[User]:
    """Who may be in charge of a user: staff that may answer."""
    people = User.objects.with_perm("messaging.answer_conversation")
    return people.filter(is_staff=True, is_active=True).order_by("username")


def list_labels(conversation: Conversation) -> list[ConversationLabel]:
    """All labels there are, each with `is_set`: whether the user of CONVERSATION has it."""
    pairs = Conversation.labels.through._default_manager.filter(
        conversation=conversation, conversationlabel=OuterRef("pk")
    )
    return list(ConversationLabel.objects.annotate(is_set=Exists(pairs)))


def ensure_label(name: str) -> ConversationLabel:
    """The label called NAME, a new one if there is none. Raises TooManyLabels."""
    label = ConversationLabel.objects.filter(name=name).first()
    if label is None and ConversationLabel.objects.count() >= MOST_LABELS:
        raise TooManyLabels
    return label or ConversationLabel.objects.get_or_create(name=name)[0]


def save_notes(
    conversation: Conversation,
    *,
    remark: str,
    labels: Sequence[ConversationLabel],
    in_charge: User | None,
    by: Actor,
) -> bool:
    """
    Note REMARK, LABELS and who is IN CHARGE of the user of CONVERSATION; whether that changes
    anything. The operation log names what was changed, never the words: they are about a person.
    """
    with transaction.atomic():
        row = Conversation.objects.select_for_update(of=("self",)).get(pk=conversation.pk)
        before = set(row.labels.all())
        changed: list[str] = []
        if row.remark != remark:
            changed.append("remark")
        if before != set(labels):
            changed.append("labels")
            row.labels.set(labels)
        if row.in_charge_id != (in_charge.pk if in_charge else None):
            changed.append(f"in charge: {in_charge or '–'}")
        if not changed:
            return False
        Conversation.objects.filter(pk=row.pk).update(remark=remark, in_charge=in_charge)
        _record(conversation, changed, by)
    return True


def put_in_charge(conversation: Conversation, person: User | None, *, by: Actor) -> None:
    """PERSON is in charge of the user of CONVERSATION from now on; None: nobody."""
    with transaction.atomic():
        Conversation.objects.filter(pk=conversation.pk).update(in_charge=person)
        _record(conversation, [f"in charge: {person or '–'}"], by)


def _record(conversation: Conversation, changed: list[str], by: Actor) -> None:
    record_operation(
        "note_user",
        by=by,
        appid=conversation.authorizer.appid,
        result=f"…{conversation.openid[-6:]}: {', '.join(changed)}",
    )
