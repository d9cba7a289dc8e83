"""
Customer-service messages (客服消息): what we send to users by the API.

One cannot be taken back or asked about, and the user sees it twice if it is sent twice: it counts
as perhaps sent from before the call until WeChat's answer is written.
"""

import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Greatest, Now
from django.utils import timezone
from django.utils.translation import gettext as _

from messaging.models import Conversation, Reply
from miniprograms.tokens import call_as, prolonged_lease
from platform_auth.counters import Counter
from platform_auth.due_work import Runner
from platform_auth.fields import Unreadable
from platform_auth.leases import release_db_connection
from platform_auth.models import is_free
from platform_auth.operations import Actor, record_operation
from platform_auth.rights import may_still
from wechat import custom_message, errors, replies
from wechat.errors import CountUsed, Refused, WeChatError, WindowClosed
from wechat.replies import BadContent, Content

REPLIES_SENT = Counter(
    "wechat_replies",
    "Messages to users that went to WeChat, by what came of them; unknown: perhaps sent.",
    ("result",),
    first=tuple((state.value,) for state in (Reply.State.SENT, *Reply.RESENDABLE)),
)


class RightEnded(Exception):
    """Whoever wrote it may not answer this user any more."""


GIVE_UP_AFTER = timedelta(hours=1)  # by then the user has long turned elsewhere

# After these nothing was sent, and another try may do better.
_NOT_ASKED = (errors.NotReady, errors.BackingOff, errors.NotSent)
_NOT_TAKEN = (errors.Busy, errors.QuotaMinute, errors.TokenExpired)


def read_content(reply: Reply) -> Content:
    """What REPLY says. Raises Unreadable if its key is lost."""
    return replies.parse_content(json.loads(reply.content))


def create_reply(
    conversation: Conversation, content: Content, *, is_passive: bool = False, **values: Any
) -> Reply:
    """CONTENT as a row of its own: due to be sent, unless IS_PASSIVE."""
    reply = new_reply(conversation, content, is_passive=is_passive, **values)
    reply.save(force_insert=True)
    return reply


def new_reply(
    conversation: Conversation, content: Content, *, is_passive: bool, **values: Any
) -> Reply:
    """The row that `create_reply` makes, not saved yet."""
    return Reply(
        conversation=conversation,
        content=json.dumps(replies.as_data(content), ensure_ascii=False),
        state=Reply.State.PASSIVE if is_passive else Reply.State.DUE,
        due_at=None if is_passive else timezone.now(),
        **values,
    )


def send_message(conversation: Conversation, content: Content, *, by: Actor) -> Reply:
    """Send CONTENT now, because BY wrote it. The reply's state is what came of it."""
    with transaction.atomic():
        reply = create_reply(conversation, content, by=by)
        record_operation("answer_user", by=by, appid=conversation.authorizer.appid)
    return _send_now(reply)


def resend_message(reply: Reply, *, by: Actor) -> Reply:
    """Send once more what was not sent, or perhaps not."""
    with transaction.atomic():
        # One that is being sent just now counts as perhaps sent, too.
        rows = Reply.objects.filter(is_free(), pk=reply.pk, state__in=Reply.RESENDABLE)
        values = {"due_at": Now(), "failures": 0, "at": Now(), "by": by.pk}
        if rows.update(state=Reply.State.DUE, **values):
            appid = reply.conversation.authorizer.appid
            record_operation("answer_user_again", by=by, appid=appid)
    return _send_now(reply)


def _send_now(reply: Reply) -> Reply:
    row = _replies().get(pk=reply.pk)
    if row.state == Reply.State.DUE:
        send_reply(row)
    sent: Reply = _replies().get(pk=reply.pk)
    return sent


def show_typing(conversation: Conversation, *, on: bool = True) -> None:
    """Let the user see that somebody is writing. Raises what WeChat answered."""
    release_db_connection()
    call_as(conversation.authorizer.appid, custom_message.send_typing, conversation.openid, on=on)


def _replies() -> Any:
    return Reply.objects.with_clock().select_related("conversation__authorizer")


def _find_due(places: int, in_flight: Sequence[Reply]) -> list[Reply]:
    """The longest due, of each user only what has nothing older before it."""
    older = Reply.objects.filter(conversation=OuterRef("conversation"), pk__lt=OuterRef("pk"))
    unsent = older.filter(Q(state=Reply.State.DUE) | Q(lease_until__gt=Now()))
    due = _replies().due().filter(~Exists(unsent)).exclude(pk__in=[reply.pk for reply in in_flight])
    return list(due.order_by("due_at")[:places])


def send_reply(reply: Reply) -> None:
    """Send REPLY, read `with_clock()`, unless somebody else does. The row tells what came of it."""
    if not reply.take_lease() or not reply.write(
        state=Reply.State.UNKNOWN, due_at=None, **prolonged_lease()
    ):
        return
    conversation = reply.conversation
    if not _may_send(reply):
        _mark_failed(reply, RightEnded(_("Its writer may not answer any more.")))
        return
    try:
        content = read_content(reply)
        replies.check_custom(content, conversation.authorizer.kind)
        release_db_connection()
        call_as(
            conversation.authorizer.appid, custom_message.send_custom, conversation.openid, content
        )
    except (*_NOT_ASKED, *_NOT_TAKEN) as error:
        _retry(reply, error)
    except (Refused, Unreadable, BadContent) as error:
        _mark_failed(reply, error)
    except WeChatError as error:
        reply.write(last_error=str(error))
        REPLIES_SENT.add(Reply.State.UNKNOWN)
    else:
        reply.write(state=Reply.State.SENT, last_error="", errcode=None)
        REPLIES_SENT.add(Reply.State.SENT)
        _count_sent(conversation)


def _may_send(reply: Reply) -> bool:
    """What a person wrote is sent while they may answer; a rule's or a target's answer always."""
    if reply.rule_id or reply.reply_to_id:
        return True
    is_owner = reply.conversation.authorizer.owner_id == reply.by_id
    return may_still(reply.by_id, ["messaging.answer_conversation"]) or (
        is_owner and may_still(reply.by_id, ["messaging.own_conversations"])
    )


def _retry(reply: Reply, error: WeChatError) -> None:
    """Nothing was sent; it is tried again, but not for ever."""
    if reply.now - reply.at > GIVE_UP_AFTER:
        _mark_failed(reply, error)
    else:
        reply.back_off(error, state=Reply.State.DUE)


def _mark_failed(reply: Reply, error: Exception) -> None:
    errcode = error.errcode if isinstance(error, Refused) else None
    with transaction.atomic():
        is_ours = reply.write(state=Reply.State.FAILED, last_error=str(error), errcode=errcode)
        if is_ours and reply.by:
            appid = reply.conversation.authorizer.appid
            record_operation(
                "answer_user", by=reply.by, appid=appid, result=str(error), has_failed=True
            )
    REPLIES_SENT.add(Reply.State.FAILED)
    conversation = Conversation.objects.filter(pk=reply.conversation_id)
    if isinstance(error, WindowClosed):
        conversation.update(left=0, window_until=Now())
    elif isinstance(error, CountUsed):
        conversation.update(left=0)


def _count_sent(conversation: Conversation) -> None:
    """One message less is left of those that the user's last act allows."""
    Conversation.objects.filter(pk=conversation.pk).update(
        left=Greatest("left", 1) - 1, touched_at=Now()
    )


# One run at a time, so that a slow WeChat does not take all workers from other work.
REPLIES = Runner("sending", find=_find_due, work=send_reply, threads=32, is_alone=True)
