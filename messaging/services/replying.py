"""
What we say to users: passive replies (被动回复), and customer-service messages (客服消息).

A customer-service message cannot be taken back or asked about, and the user sees it twice if it is
sent twice: it counts as perhaps sent from before the call until WeChat's answer is written.
"""

import json
import time
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from datetime import timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Exists, F, OuterRef, Q
from django.db.models.functions import Greatest, Now
from django.utils import timezone

from messaging.models import Conversation, Reply, Rule
from miniprograms.tokens import call_as, prolonged_lease
from platform_auth import heartbeats
from platform_auth.fields import Unreadable
from platform_auth.leases import release_db_connection
from platform_auth.models import Push, is_free
from platform_auth.operations import Actor, record_operation
from wechat import replies
from wechat.errors import (
    BackingOff,
    Busy,
    CountUsed,
    NotReady,
    NotSent,
    QuotaMinute,
    Refused,
    TokenExpired,
    WeChatError,
    WindowClosed,
)
from wechat.replies import BadContent, Content

THREADS = 32
BUDGET = 20.0  # seconds; the next run goes on
PAUSE = 0.25  # seconds, between two looks for work while all is under way
RUNNING = "sending"  # the heartbeat of a run that looks for work
RUNNING_WITHIN = timedelta(seconds=3)
GIVE_UP = timedelta(hours=1)  # by then the user has long turned elsewhere

State = Reply.State


def content_of(reply: Reply) -> Content:
    """What REPLY says. Raises Unreadable if its key is lost."""
    return replies.parse_content(json.loads(reply.content))


# ── answering a push ────────────────────────────────────────────────────────────────────────────


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
    is_waited_for = row.attempts == 1 and not is_late
    is_passive = is_waited_for and replies.can_be_passive(content, conversation.authorizer.kind)
    try:
        with transaction.atomic():
            return _write(conversation, content, is_passive, reply_to=row, rule=rule)
    except IntegrityError:
        return None


def reply_at_once(row: Push, content: Content, *, is_late: bool = False) -> Reply | None:
    """The same for what a forward target has answered while WeChat still waits."""
    rows = Conversation.objects.select_related("authorizer")
    conversation = rows.filter(authorizer__appid=row.appid, openid=row.openid).first()
    return reply_to(row, conversation, content, is_late=is_late) if conversation else None


def send_later(row: Push, content: Content) -> Reply | None:
    """The same for what it has answered too late for that."""
    return reply_at_once(row, content, is_late=True)


def _write(conversation: Conversation, content: Content, is_passive: bool, **more: Any) -> Reply:
    said = json.dumps(replies.as_data(content), ensure_ascii=False)
    state, due_at = (State.PASSIVE, None) if is_passive else (State.DUE, timezone.now())
    reply: Reply = Reply.objects.create(
        conversation=conversation, content=said, state=state, due_at=due_at, **more
    )
    return reply


def passive(reply: Reply, user_name: str) -> str:
    """The XML of REPLY as the account USER_NAME says it."""
    content, openid = content_of(reply), reply.conversation.openid
    now = int(time.time())
    return replies.passive_xml(content, to_user=openid, from_user=user_name, at=now)


def said_before(row: Push, user_name: str) -> str | None:
    """
    What ROW was answered passively, if it was: WeChat asks again where it did not hear it. From
    then on it is ours to say; whoever wrote it, and is late with it, does not send it besides.
    """
    rows = Reply.objects.filter(reply_to=row, state=State.PASSIVE)
    if not rows.update(epoch=F("epoch") + 1):
        return None
    reply: Reply | None = rows.select_related("conversation").first()
    return passive(reply, user_name) if reply else None


def send_instead(reply: Reply) -> None:
    """It is too late for a passive REPLY: it is sent, unless WeChat's repeat was given it."""
    rows = Reply.objects.filter(pk=reply.pk, state=State.PASSIVE, epoch=reply.epoch)
    rows.update(state=State.DUE, due_at=Now())


# ── customer-service messages ───────────────────────────────────────────────────────────────────


def send_message(conversation: Conversation, content: Content, *, by: Actor) -> Reply:
    """Send CONTENT now, because BY wrote it. The reply tells what came of it."""
    with transaction.atomic():
        reply = _write(conversation, content, False, by=by)
        record_operation("answer_user", by=by, appid=conversation.authorizer.appid)
    return _send_now(reply)


def resend_message(reply: Reply, *, by: Actor) -> Reply:
    """Send once more what was not sent, or perhaps not."""
    with transaction.atomic():
        states = [State.FAILED, State.UNKNOWN]
        # One that is being sent just now counts as perhaps sent, too.
        rows = Reply.objects.filter(is_free(), pk=reply.pk, state__in=states)
        if rows.update(state=State.DUE, due_at=Now(), failures=0, at=Now()):
            appid = reply.conversation.authorizer.appid
            record_operation("answer_user_again", by=by, appid=appid)
    return _send_now(reply)


def _send_now(reply: Reply) -> Reply:
    row = _rows().get(pk=reply.pk)
    if row.state == State.DUE:
        send(row)
    done: Reply = _rows().get(pk=reply.pk)
    return done


def show_typing(conversation: Conversation, *, on: bool = True) -> None:
    """Let the user see that somebody is writing. Raises what WeChat answered."""
    release_db_connection()
    call_as(conversation.authorizer.appid, replies.typing, conversation.openid, on=on)


def send_due() -> None:
    """
    Send what is due and look for more: side by side, but one user's messages one after the other.
    One run at a time does, so that a slow WeChat does not take all workers from other work.
    """
    give_up = time.monotonic() + BUDGET
    while not heartbeats.is_alive(RUNNING, RUNNING_WITHIN):
        # Again: something may have come between the last look and the end of the heartbeat.
        if not _send_until(give_up):
            break
    release_db_connection()


def _send_until(give_up: float) -> bool:
    """Whether there was anything to send."""
    busy: dict[Future[None], int] = {}  # with the reply's id
    beaten = 0.0
    with ThreadPoolExecutor(THREADS, "replies") as pool:
        while time.monotonic() < give_up:
            free = _rows().due().filter(~_has_older()).exclude(pk__in=list(busy.values()))
            for row in free.order_by("due_at")[: THREADS - len(busy)]:
                busy[pool.submit(_send_in_thread, row)] = row.pk
            if not busy:
                break
            if time.monotonic() > beaten + 1:
                beaten = time.monotonic()
                heartbeats.beat(RUNNING)
            release_db_connection()
            for one in wait(busy, timeout=PAUSE, return_when=FIRST_COMPLETED).done:
                del busy[one]
                one.result()
        if beaten:
            heartbeats.stop(RUNNING)
            release_db_connection()  # the last may take their time
    for one in busy:
        one.result()
    return bool(beaten)


def _rows() -> Any:
    return Reply.objects.with_clock().select_related("conversation__authorizer")


def _has_older() -> Exists:
    older = Reply.objects.filter(conversation=OuterRef("conversation"), pk__lt=OuterRef("pk"))
    return Exists(older.filter(Q(state=State.DUE) | Q(lease_until__gt=Now())))


def _send_in_thread(reply: Reply) -> None:
    try:
        send(reply)
    finally:
        release_db_connection()


def send(reply: Reply) -> None:
    """Send REPLY, read `with_clock()`, unless somebody else does. The row tells what came of it."""
    if not reply.take_lease() or not reply.write(
        state=State.UNKNOWN, due_at=None, **prolonged_lease()
    ):
        return
    conversation = reply.conversation
    try:
        content = content_of(reply)
        replies.check_custom(content, conversation.authorizer.kind)
        release_db_connection()
        call_as(conversation.authorizer.appid, replies.send_custom, conversation.openid, content)
    except (NotReady, BackingOff, NotSent, Busy, QuotaMinute, TokenExpired) as error:
        _wait(reply, error)
    except (Refused, Unreadable, BadContent) as error:
        _fail(reply, error)
    except WeChatError as error:
        reply.write(last_error=str(error))
    else:
        reply.write(state=State.SENT, last_error="", errcode=None)
        _note_sent(conversation)


def _wait(reply: Reply, error: WeChatError) -> None:
    """Nothing was sent; it is tried again, but not for ever."""
    if reply.now - reply.at > GIVE_UP:
        _fail(reply, error)
    else:
        reply.back_off(error, state=State.DUE)


def _fail(reply: Reply, error: Exception) -> None:
    errcode = error.errcode if isinstance(error, Refused) else None
    reply.write(state=State.FAILED, last_error=str(error), errcode=errcode)
    conversation = Conversation.objects.filter(pk=reply.conversation_id)
    if isinstance(error, WindowClosed):
        conversation.update(left=0, window_until=Now())
    elif isinstance(error, CountUsed):
        conversation.update(left=0)


def _note_sent(conversation: Conversation) -> None:
    """One message less is left of those that the user's last act allows."""
    Conversation.objects.filter(pk=conversation.pk).update(
        left=Greatest("left", 1) - 1, touched_at=Now()
    )
