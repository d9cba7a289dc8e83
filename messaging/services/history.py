"""A conversation as people read it: what the inbox holds of the user, and our replies, by time."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db import models
from django.utils.translation import gettext as _

from messaging.models import Conversation, Reply
from messaging.services.customer_service import read_content
from messaging.services.descriptions import NOTE, Description, describe_content, describe_message
from platform_auth.fields import Unreadable
from platform_auth.models import Push
from wechat.messages import read_message
from wechat.push import Malformed, read_push
from wechat.replies import BadContent

MAX_ENTRIES = 50
# Of one conversation. Its index is named whole, or PostgreSQL may read all replies backwards by the
# index of their time, for one that has none.
NEWEST_FIRST = ("conversation_id", "-at")


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a conversation: a push of the user's, or a reply of ours."""

    at: datetime
    push: Push | None = None
    reply: Reply | None = None

    @property
    def key(self) -> str:
        """What tells it apart from the others, on the page too."""
        return f"u{self.push.pk}" if self.push else f"r{self.reply.pk if self.reply else ''}"

    @property
    def description(self) -> Description:
        if self.push:
            return describe_push(self.push)
        return describe_reply(self.reply) if self.reply else Description(NOTE)


def describe_push(push: Push) -> Description:
    """What PUSH says, in words; that it cannot be read, where it cannot."""
    try:
        return describe_message(read_message(read_push(push.message)))
    except Unreadable:
        return _undecryptable()
    except Malformed:
        return Description(NOTE, label=_("It is not kept any more."))


def describe_reply(reply: Reply) -> Description:
    """What REPLY says, in words; that it cannot be read, where it cannot."""
    try:
        return describe_content(read_content(reply))
    except Unreadable:
        return _undecryptable()
    except (BadContent, ValueError):
        return Description(NOTE, label=_("It cannot be read."))


def _undecryptable() -> Description:
    label = _("It cannot be decrypted: its key is not in FIELD_ENCRYPTION_KEYS.")
    return Description(NOTE, label=label)


def pushes_of(conversation: Conversation) -> models.QuerySet[Push]:
    """What came from the user. Needs its authorizer."""
    appid = conversation.authorizer.appid
    return Push.objects.filter(openid=conversation.openid, appid=appid)


def replies_of(conversation: Conversation) -> models.QuerySet[Reply]:
    """What we said to them, with whoever wrote it."""
    rows: models.QuerySet[Reply] = conversation.replies.select_related("by", "rule")
    return rows


def with_replies(rows: models.QuerySet[Conversation]) -> models.QuerySet[Conversation]:
    """Conversations with when we said something last, and what became of that."""
    newest = Reply.objects.filter(conversation=models.OuterRef("pk")).order_by(*NEWEST_FIRST)
    return rows.annotate(
        replied_at=models.Subquery(newest.values("at")[:1]),
        reply_state=models.Subquery(newest.values("state")[:1]),
    )


def newest_replies(rows: Iterable[Conversation]) -> dict[int, Reply]:
    """The last that we said in each of ROWS, by the ids of these: one step in an index each."""
    own = Reply.objects.filter(conversation=models.OuterRef("pk"))
    newest = own.order_by(*NEWEST_FIRST).values("pk")
    conversations = Conversation.objects.filter(pk__in=[row.pk for row in rows])
    pks = conversations.annotate(newest=models.Subquery(newest[:1])).values("newest")
    replies = Reply.objects.filter(pk__in=pks).select_related("by")
    return {reply.conversation_id: reply for reply in replies}


def read_page(
    conversation: Conversation, *, before: datetime | None = None
) -> tuple[list[Entry], bool]:
    """The last entries BEFORE a time, the oldest first; and whether there are older ones."""
    pushes, replies = pushes_of(conversation), replies_of(conversation)
    if before:
        pushes, replies = pushes.filter(received_at__lt=before), replies.filter(at__lt=before)
    newest = pushes.order_by("-received_at")[: MAX_ENTRIES + 1]
    entries = [Entry(push.received_at, push=push) for push in newest]
    entries += [
        Entry(reply.at, reply=reply) for reply in replies.order_by(*NEWEST_FIRST)[: MAX_ENTRIES + 1]
    ]
    entries.sort(key=lambda entry: entry.at)
    return entries[-MAX_ENTRIES:], len(entries) > MAX_ENTRIES
