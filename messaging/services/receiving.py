"""What users write and do: the conversation it belongs to, and what the rules have to say."""

from dataclasses import dataclass
from datetime import timedelta

from django.utils import timezone

from messaging.models import Conversation, Reply, new_reference
from messaging.services import replying, rules
from messaging.services.rules import is_written
from miniprograms.models import Authorizer
from platform_auth.fields import seal
from platform_auth.models import Push
from platform_auth.statements import run
from wechat.messages import (
    EVENTS,
    USER_MESSAGES,
    Click,
    EnterSession,
    Located,
    MenuLocation,
    MenuPictures,
    MenuScan,
    Message,
    Scan,
    Subscribe,
    Subscriptions,
    Unsubscribe,
    View,
    text_of,
    window_of,
)
from wechat.replies import can_be_custom

PREVIEW = 60  # characters

# What users write, and what they do at an account's door; the rest is WeChat's own news.
_ACTS = (
    *(EnterSession, Subscribe, Unsubscribe, Scan, Click, View, MenuScan, MenuPictures),
    *(MenuLocation, Located, Subscriptions),
)
CONVERSATION_KINDS = USER_MESSAGES | {kind for kind, event in EVENTS.items() if event in _ACTS}


def receive_message(row: Push, message: Message) -> Reply | None:
    """Note MESSAGE, which came with ROW, in its conversation; what a rule replies to it."""
    found = _find(row)
    update_conversation(found, row, message)
    is_late = timezone.now() - row.received_at > replying.GIVE_UP
    if is_late or not found.has_rules:
        return None
    conversation = Conversation.objects.select_related("authorizer").get(pk=found.pk)
    return _let_rules_speak(row, conversation, message)


def _let_rules_speak(row: Push, conversation: Conversation, message: Message) -> Reply | None:
    authorizer = conversation.authorizer
    found = rules.rules_for(authorizer)
    verdict = rules.choose(found, message, authorizer.kind, timezone.now())
    if verdict is None or verdict.content is None:
        return None
    if row.attempts > 1 and not can_be_custom(verdict.content, authorizer.kind):
        return None  # nobody waits for the only answer that could hold it
    return replying.reply_to(row, conversation, verdict.content, rule=verdict.rule)


@dataclass(frozen=True, slots=True)
class Found:
    """A conversation, as far as a message needs to know it."""

    pk: int
    reference: str
    account_kind: str
    has_rules: bool


def _find(row: Push) -> Found:
    """The conversation with whoever sent ROW, which begins with this where there is none."""
    whom = {"openid": row.openid, "appid": row.appid, "component": row.component_id}
    rows = run(_FIND, whom)
    if not rows:
        raise Authorizer.DoesNotExist(row.appid)
    pk, reference, kind, account, has_rules = rows[0]
    if pk is None:
        reference = new_reference()
        begun = run(
            _BEGIN, {**whom, "account": account, "reference": reference, "at": row.received_at}
        )
        if not begun:
            return _find(row)  # somebody else has begun it
        [(pk,)] = begun
    return Found(pk, reference, kind, bool(has_rules))


_FIND = """
SELECT conversation.id, conversation.reference, account.kind, account.id,
    EXISTS (SELECT 1 FROM messaging_rule
            WHERE is_on AND (authorizer_id = account.id OR authorizer_id IS NULL))
FROM wxminiprograms account LEFT JOIN messaging_conversation conversation
    ON conversation.authorizer_id = account.id AND conversation.openid = %(openid)s
WHERE account.authorizer_appid = %(appid)s AND account.component_id = %(component)s
"""


_BEGIN = """
INSERT INTO messaging_conversation
    (reference, authorizer_id, openid, heard, preview, unread, "left", touched_at)
VALUES (%(reference)s, %(account)s, %(openid)s, 0, '', 0, 0, %(at)s)
ON CONFLICT DO NOTHING RETURNING id
"""


def update_conversation(found: Found, row: Push, message: Message) -> None:
    """
    MESSAGE, which came with ROW, in the conversation FOUND. What comes late counts as unread all
    the same; what is tried again does not where it was the last to be heard, and what staff replay
    changes nothing if something newer was heard since.

    WeChat's window opens anew with it, but not where it gives less than is left from before; a
    user who stops following closes it.
    """
    seconds, count = window_of(found.account_kind, message) or (0, 0)
    run(
        _NOTE,
        {
            "pk": found.pk,
            "created": int(row.created.timestamp()),
            "received": row.received_at,
            "unread": int(is_written(message)),
            "until": row.created + timedelta(seconds=seconds),
            "count": count,
            "opens": bool(count),
            "closes": isinstance(message, Unsubscribe),
            "preview": _preview(found, message),
            "is_first": row.attempts == 1,
            "is_done_again": row.is_done_again,
        },
    )


def _preview(found: Found, message: Message) -> str:
    """The beginning of what was written; of anything else its kind, for a page to put in words."""
    if not is_written(message):
        return ""
    text = text_of(message).replace("\n", " ")[:PREVIEW] or f"[{message.kind}]"
    return str(seal(Conversation, found.reference, preview=text)["preview"])


_OPENS = """
%(opens)s AND (window_until IS NULL OR window_until <= %(until)s
    OR ("left" = 0 AND heard <= %(created)s))
"""
_NOTE = f"""
UPDATE messaging_conversation SET
    unread = unread + %(unread)s,
    touched_at = CASE WHEN touched_at < %(received)s THEN %(received)s ELSE touched_at END,
    preview = CASE WHEN heard <= %(created)s AND %(preview)s <> '' THEN %(preview)s
        ELSE preview END,
    window_until = CASE WHEN {_OPENS} THEN %(until)s ELSE window_until END,
    "left" = CASE WHEN {_OPENS} THEN %(count)s
        WHEN %(closes)s AND heard <= %(created)s THEN 0 ELSE "left" END,
    heard = CASE WHEN heard < %(created)s THEN %(created)s ELSE heard END
WHERE id = %(pk)s AND (%(is_first)s OR heard < %(created)s
    OR (NOT %(is_done_again)s AND heard > %(created)s))
"""  # noqa: S608
