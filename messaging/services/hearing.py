"""What users write and do: the conversation it belongs to, and what the rules have to say."""

from datetime import timedelta
from typing import Any

from django.db.models import Case, Exists, F, OuterRef, Q, Value, When
from django.db.models.functions import Greatest
from django.utils import timezone

from messaging.models import Conversation, Reply, Rule, new_reference
from messaging.services import replying, rules
from messaging.services.rules import is_written
from miniprograms.models import Authorizer
from platform_auth.fields import seal
from platform_auth.models import Push
from platform_auth.wechat.messages import (
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
from platform_auth.wechat.replies import can_be_custom

PREVIEW = 60  # characters
_HEAVY = [f"authorizer__{name}" for name in ("miniprograminfo", "business_info", "func_info")]

# What users write, and what they do at an account's door; the rest is WeChat's own news.
_ACTS = (
    *(EnterSession, Subscribe, Unsubscribe, Scan, Click, View, MenuScan, MenuPictures),
    *(MenuLocation, Located, Subscriptions),
)
HEARD = USER_MESSAGES | {kind for kind, event in EVENTS.items() if event in _ACTS}


def hear(row: Push, message: Message) -> Reply | None:
    """Note MESSAGE, which came with ROW, in its conversation; what a rule replies to it."""
    conversation = _find(row) or _begin(row)
    note(conversation, row, message)
    is_late = timezone.now() - row.received_at > replying.GIVE_UP
    if is_late or not conversation.has_rules:  # type: ignore[attr-defined]
        return None
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


def _find(row: Push) -> Conversation | None:
    """The conversation with whoever sent ROW, its account, and whether that has any rules."""
    theirs = Q(authorizer=OuterRef("authorizer")) | Q(authorizer=None)
    rows = Conversation.objects.select_related("authorizer").defer(*_HEAVY)
    rows = rows.annotate(has_rules=Exists(Rule.objects.filter(theirs, is_on=True)))
    account = {"authorizer__appid": row.appid, "authorizer__component": row.component_id}
    return rows.filter(openid=row.openid, **account).first()


def _begin(row: Push) -> Conversation:
    authorizer = Authorizer.objects.get(appid=row.appid, component=row.component_id)
    new = Conversation(authorizer=authorizer, openid=row.openid, reference=new_reference())
    Conversation.objects.bulk_create([new], ignore_conflicts=True)
    begun = _find(row)
    if begun is None:
        raise Conversation.DoesNotExist
    return begun


def note(conversation: Conversation, row: Push, message: Message) -> None:
    """
    MESSAGE, which came with ROW, in CONVERSATION. What comes late counts as unread all the same;
    what is done again, by staff or after a failure, does so only if nothing newer was heard.
    """
    created = int(row.created.timestamp())
    rows = Conversation.objects.filter(pk=conversation.pk)
    if row.attempts > 1:
        rows = rows.filter(heard__lt=created)
    rows.update(
        heard=Greatest("heard", created),
        unread=F("unread") + int(is_written(message)),
        touched_at=Greatest("touched_at", row.received_at),
        **_window(conversation, message, row),
        **_preview(conversation, message, created),
    )


def _window(conversation: Conversation, message: Message, row: Push) -> dict[str, Any]:
    """What we may send after MESSAGE; nothing where it gives less than is left from before."""
    is_newest = Q(heard__lte=int(row.created.timestamp()))
    if isinstance(message, Unsubscribe):
        return _where(is_newest, left=0)
    allowed = window_of(conversation.authorizer.kind, message)
    if allowed is None:
        return {}
    until = row.created + timedelta(seconds=allowed[0])
    is_later = Q(window_until=None) | Q(window_until__lte=until)
    is_used = is_newest & Q(left=0)
    return _where(is_later | is_used, window_until=until, left=allowed[1])


def _preview(conversation: Conversation, message: Message, created: int) -> dict[str, Any]:
    """The beginning of what was written; of anything else its kind, for a page to put in words."""
    if not is_written(message):
        return {}
    text = text_of(message).replace("\n", " ")[:PREVIEW] or f"[{message.kind}]"
    sealed = seal(Conversation, conversation.reference, preview=text)
    return _where(Q(heard__lte=created), **sealed)


def _where(condition: Q, **values: Any) -> dict[str, Case]:
    """For `update()`: VALUES in the rows for which CONDITION holds, in others what is there."""
    fields: dict[str, Any] = {name: Conversation._meta.get_field(name) for name in values}
    return {
        name: Case(
            When(condition, then=Value(value, fields[name])),
            default=F(name),
            output_field=fields[name],
        )
        for name, value in values.items()
    }
