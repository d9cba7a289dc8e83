"""What users write and do: the conversation it belongs to, and what the rules have to say."""

from dataclasses import dataclass
from datetime import timedelta

from django.utils import timezone

from messaging.models import Conversation, Reply, new_reference
from messaging.services import passive_replies, rules
from messaging.services.customer_service import GIVE_UP_AFTER
from messaging.services.rules import is_written
from miniprograms.models import Authorizer
from platform_auth.fields import seal
from platform_auth.models import Push
from platform_auth.statements import run_statement
from wechat import messages
from wechat.messages import EVENTS, USER_MESSAGES, Message, Unsubscribe, text_of
from wechat.replies import can_be_custom
from wechat.reply_windows import window_of

PREVIEW = 60  # characters

# What users write, and what they do in an account's chat and menu; all else is WeChat's news.
_ACTS = (
    messages.EnterSession,
    messages.Subscribe,
    Unsubscribe,
    messages.Scan,
    messages.UserLocation,
)
_MENU_ACTS = (messages.Click, messages.MenuLink, messages.MenuScan, messages.MenuPictures)
_ACT_TYPES = (*_ACTS, *_MENU_ACTS, messages.MenuLocation, messages.Subscriptions)
CONVERSATION_KINDS = USER_MESSAGES | {kind for kind, event in EVENTS.items() if event in _ACT_TYPES}


def receive_message(row: Push, message: Message) -> Reply | None:
    """Write MESSAGE, which came with ROW, into its conversation; what a rule replies to it."""
    state = _find_or_begin(row)
    update_conversation(state, row, message)
    is_late = timezone.now() - row.received_at > GIVE_UP_AFTER
    if is_late or not state.has_rules:
        return None
    conversation = Conversation.objects.select_related("authorizer").get(pk=state.pk)
    return _reply_by_rule(row, conversation, message)


def _reply_by_rule(row: Push, conversation: Conversation, message: Message) -> Reply | None:
    authorizer = conversation.authorizer
    result = rules.find_speaking_rule(
        rules.active_rules(authorizer), message, authorizer.kind, timezone.now()
    )
    if result is None or result.content is None:
        return None
    if row.attempts > 1 and not can_be_custom(result.content, authorizer.kind):
        return None  # nobody waits for the only answer that could hold it
    return passive_replies.reply_to(row, conversation, result.content, rule=result.rule)


@dataclass(frozen=True, slots=True)
class ConversationState:
    """A conversation, as far as a message needs to know it."""

    pk: int
    reference: str
    account_kind: str
    has_rules: bool


def _find_or_begin(row: Push) -> ConversationState:
    """The conversation with whoever sent ROW, which begins with this where there is none."""
    values = {"openid": row.openid, "appid": row.appid, "component": row.component_id}
    rows = run_statement(_FIND, values)
    if not rows:
        raise Authorizer.DoesNotExist(row.appid)
    pk, reference, kind, account, has_rules = rows[0]
    if pk is None:
        reference = new_reference()
        values |= {"account": account, "reference": reference, "at": row.received_at}
        inserted = run_statement(_BEGIN, values)
        if not inserted:
            return _find_or_begin(row)  # somebody else has begun it
        [(pk,)] = inserted
    return ConversationState(pk, reference, kind, bool(has_rules))


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


def update_conversation(state: ConversationState, row: Push, message: Message) -> None:
    """
    MESSAGE, which came with ROW, in the conversation of STATE. What comes late counts as unread all
    the same; what is tried again does not where it was the last to be heard, and what staff replay
    changes nothing if something newer was heard since.

    WeChat's window opens anew with it, but not where it gives less than is left from before; a
    user who stops following closes it.
    """
    seconds, count = window_of(state.account_kind, message) or (0, 0)
    run_statement(
        _UPDATE,
        {
            "pk": state.pk,
            "created": int(row.created.timestamp()),
            "received": row.received_at,
            "unread": int(is_written(message)),
            "until": row.created + timedelta(seconds=seconds),
            "count": count,
            "opens": bool(count),
            "closes": isinstance(message, Unsubscribe),
            "preview": _preview(state, message),
            "is_first": row.attempts == 1,
            "is_done_again": row.is_done_again,
        },
    )


def _preview(state: ConversationState, message: Message) -> str:
    """The beginning of what was written; of anything else its kind, for a page to put in words."""
    if not is_written(message):
        return ""
    text = text_of(message).replace("\n", " ")[:PREVIEW] or f"[{message.kind}]"
    return str(seal(Conversation, state.reference, preview=text)["preview"])


# A message opens WeChat's window anew unless the present one lasts longer and has messages left.
_OPENS = """
%(opens)s AND (window_until IS NULL OR window_until <= %(until)s
    OR ("left" = 0 AND heard <= %(created)s))
"""
# Time goes forward only; the preview is the newest message's; `left` is as many as the new window
# gives, or 0 for a user who has stopped following since; `heard` is the newest CreateTime. WHERE:
# what is tried again does nothing if it was the last, what staff replay not if a newer one came.
_UPDATE = f"""
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
