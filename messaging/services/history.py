"""A conversation as people read it: what the inbox holds of the user, and our replies, by time."""

from dataclasses import dataclass
from datetime import datetime

from django.db import models
from django.utils.translation import gettext as _

from messaging.models import Conversation, Reply
from messaging.services.describing import NOTE, Told, describe, describe_content
from messaging.services.replying import content_of
from platform_auth.fields import Unreadable
from platform_auth.models import Push
from wechat.errors import Untrusted
from wechat.messages import read_message
from wechat.push import read
from wechat.replies import BadContent

PAGE = 50


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
    def told(self) -> Told:
        """What it says."""
        if self.push:
            return told_by_push(self.push)
        return told_by_reply(self.reply) if self.reply else Told(NOTE)


def told_by_push(push: Push) -> Told:
    """What PUSH says, in words; that it cannot be read, where it cannot."""
    try:
        return describe(read_message(read(push.body.encode())))
    except Unreadable:
        return Told(
            NOTE, label=_("It cannot be decrypted: its key is not in FIELD_ENCRYPTION_KEYS.")
        )
    except Untrusted:
        return Told(NOTE, label=_("It is not kept any more."))


def told_by_reply(reply: Reply) -> Told:
    """The same for REPLY."""
    try:
        return describe_content(content_of(reply))
    except Unreadable:
        return Told(
            NOTE, label=_("It cannot be decrypted: its key is not in FIELD_ENCRYPTION_KEYS.")
        )
    except (BadContent, ValueError):
        return Told(NOTE, label=_("It cannot be read."))


def pushes_of(conversation: Conversation) -> models.QuerySet[Push]:
    """What came from the user. Needs its authorizer."""
    appid = conversation.authorizer.appid
    return Push.objects.filter(openid=conversation.openid, appid=appid)


def replies_of(conversation: Conversation) -> models.QuerySet[Reply]:
    """What we said to them, with whoever wrote it."""
    rows: models.QuerySet[Reply] = conversation.replies.select_related("by", "rule")
    return rows


def page_of(
    conversation: Conversation, *, before: datetime | None = None
) -> tuple[list[Entry], bool]:
    """The last entries BEFORE a time, the oldest first; and whether there are older ones."""
    pushes, replies = pushes_of(conversation), replies_of(conversation)
    if before:
        pushes, replies = pushes.filter(received_at__lt=before), replies.filter(at__lt=before)
    found = [
        Entry(push.received_at, push=push) for push in pushes.order_by("-received_at")[: PAGE + 1]
    ]
    found += [Entry(reply.at, reply=reply) for reply in replies.order_by("-at")[: PAGE + 1]]
    found.sort(key=lambda entry: entry.at)
    return found[-PAGE:], len(found) > PAGE
