"""
Answering a push: by a passive reply (被动回复) where WeChat waits for it and the account may give
it so, else by a customer-service message. One answer at most for each push.
"""

import time

from django.db import IntegrityError, transaction
from django.db.models import F
from django.db.models.functions import Now

from messaging.models import Conversation, Reply, Rule
from messaging.services.customer_service import create_reply, read_content
from platform_auth.models import Push
from wechat.passive_reply import passive_xml
from wechat.replies import Content, can_be_passive


def reply_to(
    row: Push,
    conversation: Conversation,
    content: Content,
    *,
    rule: Rule | None = None,
    is_late: bool = False,
) -> Reply | None:
    """
    Our answer to ROW: a passive reply if the account may give CONTENT so and WeChat waits for it,
    which it does not where IS_LATE; else a customer-service message. None if ROW has been answered.
    """
    is_waited_for = row.is_awaited and not is_late
    is_passive = is_waited_for and can_be_passive(content, conversation.authorizer.kind)
    try:
        with transaction.atomic():
            return create_reply(
                conversation, content, is_passive=is_passive, reply_to=row, rule=rule
            )
    except IntegrityError:
        return None


def reply_for_target(row: Push, content: Content, *, is_late: bool = False) -> Reply | None:
    """
    The answer to ROW that a forward target has given, as `reply_to` makes it. None also where the
    conversation is there no more.
    """
    rows = Conversation.objects.select_related("authorizer")
    conversation = rows.filter(authorizer__appid=row.appid, openid=row.openid).first()
    return reply_to(row, conversation, content, is_late=is_late) if conversation else None


def write_reply_xml(reply: Reply, user_name: str) -> str:
    """The XML of REPLY as the account USER_NAME says it."""
    content, openid = read_content(reply), reply.conversation.openid
    return passive_xml(content, to_user=openid, from_user=user_name, at=int(time.time()))


def repeat_reply(row: Push, user_name: str) -> str | None:
    """
    The XML by which ROW was answered, if it was passively: WeChat asks again where it did not get
    it. From then on it is ours to say; whoever wrote it, and is late with it, does not send it
    besides.
    """
    rows = Reply.objects.filter(reply_to=row, state=Reply.State.PASSIVE)
    if not rows.update(epoch=F("epoch") + 1):
        return None
    reply: Reply | None = rows.select_related("conversation").first()
    return write_reply_xml(reply, user_name) if reply else None


def send_as_message(reply: Reply) -> None:
    """It is too late for a passive REPLY: it is sent, unless WeChat's repeat was given it."""
    rows = Reply.objects.filter(pk=reply.pk, state=Reply.State.PASSIVE, epoch=reply.epoch)
    rows.update(state=Reply.State.DUE, due_at=Now())
