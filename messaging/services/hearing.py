"""What users write and do: the conversation it belongs to, and what the rules have to say."""

from datetime import UTC, datetime, timedelta

from django.db.models import Case, F, Value, When
from django.db.models.functions import Greatest
from django.utils import timezone

from messaging.models import Conversation, Reply, new_reference
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
from platform_auth.wechat.replies import parse_content

PREVIEW = 60  # characters

# What users write, and what they do at an account's door; the rest is WeChat's own news.
_ACTS = (
    *(EnterSession, Subscribe, Unsubscribe, Scan, Click, View, MenuScan, MenuPictures),
    *(MenuLocation, Located, Subscriptions),
)
HEARD = USER_MESSAGES | {kind for kind, event in EVENTS.items() if event in _ACTS}


def hear(row: Push, message: Message) -> Reply | None:
    """Note MESSAGE, which came with ROW, in its conversation; what a rule replies to it."""
    authorizer: Authorizer = Authorizer.objects.get(appid=row.appid, component=row.component_id)
    conversation = note(authorizer, row, message)
    found = rules.rules_for(authorizer)
    rule = rules.choose(found, message, authorizer.kind, timezone.now()) if found else None
    if rule is None:
        return None
    return replying.reply_to(row, conversation, parse_content(rule.content), rule=rule)


def note(authorizer: Authorizer, row: Push, message: Message) -> Conversation:
    """
    The conversation of AUTHORIZER with whoever sent ROW, MESSAGE being the last that was heard.

    It opens WeChat's window, or opens it anew; what comes late, or again, does neither.
    """
    created = int(row.created.timestamp())
    rows = Conversation.objects.filter(authorizer=authorizer, openid=row.openid)
    conversation = rows.first() or _begin(authorizer, row.openid)
    conversation.authorizer = authorizer
    news = {
        **_window(authorizer, conversation, message, row.created),
        **_preview(conversation, message),
    }
    Conversation.objects.filter(pk=conversation.pk).update(
        heard=Greatest("heard", created),
        unread=F("unread") + int(is_written(message)),
        touched_at=Greatest("touched_at", row.received_at),
        **{name: _if_newest(created, name, value) for name, value in news.items()},
    )
    return conversation


def _if_newest(created: int, name: str, value: object) -> Case:
    """VALUE for the field NAME, unless something that came before told of a later time."""
    field = Conversation._meta.get_field(name)
    newest = When(heard__lte=created, then=Value(value, field))
    return Case(newest, default=name, output_field=field)


def _begin(authorizer: Authorizer, openid: str) -> Conversation:
    new = Conversation(authorizer=authorizer, openid=openid, reference=new_reference())
    Conversation.objects.bulk_create([new], ignore_conflicts=True)
    return Conversation.objects.get(authorizer=authorizer, openid=openid)


def _window(
    authorizer: Authorizer, conversation: Conversation, message: Message, at: datetime
) -> dict[str, object]:
    """What we may send after MESSAGE; nothing where it gives less than is left from before."""
    seconds, count = window_of(authorizer.kind, message) or (0, 0)
    until = at + timedelta(seconds=seconds)
    before = conversation.window_until or datetime.fromtimestamp(0, UTC)
    if not count or (until < before and conversation.left):
        return {}
    return {"window_until": until, "left": count}


def _preview(conversation: Conversation, message: Message) -> dict[str, object]:
    """The beginning of what was written; of anything else its kind, for a page to put in words."""
    if not is_written(message):
        return {}
    text = text_of(message).replace("\n", " ")[:PREVIEW] or f"[{message.kind}]"
    return dict(seal(Conversation, conversation.reference, preview=text))
