"""Automatic replies: which rule speaks, and what it says."""

import logging
from collections.abc import Iterable
from datetime import datetime, time

import regex
from django.db.models import F, Q
from django.utils import timezone

from messaging.models import Rule
from miniprograms.models import Authorizer
from platform_auth.wechat.messages import USER_MESSAGES, Message, event_key, text_of
from platform_auth.wechat.replies import (
    BadContent,
    can_be_custom,
    can_be_passive,
    parse_content,
)

logger = logging.getLogger(__name__)

PATIENCE = 0.05  # seconds, for one regular expression

Trigger, Match = Rule.Trigger, Rule.Match


def rules_for(authorizer: Authorizer) -> list[Rule]:
    """The rules of AUTHORIZER and those for all, in the order in which they are tried."""
    rules = Rule.objects.filter(Q(authorizer=authorizer) | Q(authorizer=None), is_on=True)
    return list(rules.order_by("position", F("authorizer").asc(nulls_last=True), "id"))


def choose(rules: Iterable[Rule], message: Message, account_kind: str, at: datetime) -> Rule | None:
    """Which of RULES speaks when MESSAGE comes to an account of ACCOUNT_KIND at the time AT."""
    awake = [rule for rule in rules if not is_quiet(rule, at)]
    others = [rule for rule in awake if rule.trigger == Trigger.DEFAULT]
    first = [rule for rule in awake if rule.trigger != Trigger.DEFAULT]
    fitting = (rule for rule in [*first, *others] if fits(rule, message))
    return next((rule for rule in fitting if may_say(rule, account_kind)), None)


def may_say(rule: Rule, account_kind: str) -> bool:
    """Whether an account of ACCOUNT_KIND can say what RULE has it say, in one way or the other."""
    try:
        content = parse_content(rule.content)
    except BadContent as error:
        logger.error("rule %s has no reply: %s", rule.pk, error)
        return False
    return can_be_passive(content, account_kind) or can_be_custom(content, account_kind)


def is_quiet(rule: Rule, at: datetime) -> bool:
    """Whether AT lies in the quiet hours of RULE, which may go beyond midnight."""
    start, end = rule.quiet_from, rule.quiet_until
    if start is None or end is None:
        return False
    now: time = timezone.localtime(at).time()
    return start <= now < end if start <= end else now >= start or now < end


def fits(rule: Rule, message: Message) -> bool:
    """Whether MESSAGE is what RULE waits for, quiet hours aside."""
    match rule.trigger:
        case Trigger.KEYWORD:
            return _is_keyword(rule, text_of(message))
        case Trigger.EVENT:
            key = rule.event_key
            is_it = message.is_event and message.kind == rule.event
            return is_it and (not key or event_key(message) == key)
        case _default:
            return is_written(message)


def is_written(message: Message) -> bool:
    """Whether a user wrote MESSAGE, in whatever form, and waits for an answer."""
    return not message.is_event and message.kind in USER_MESSAGES


def _is_keyword(rule: Rule, text: str) -> bool:
    text, pattern = text.strip(), rule.pattern
    if not text:
        return False
    match rule.match:
        case Match.EXACT:
            return text.casefold() == pattern.casefold()
        case Match.CONTAINS:
            return pattern.casefold() in text.casefold()
        case _regex:
            return _is_found(rule, text)


def _is_found(rule: Rule, text: str) -> bool:
    """A regular expression that takes too long does not fit: a message must not hold up others."""
    try:
        return bool(regex.search(rule.pattern, text, timeout=PATIENCE))
    except (TimeoutError, regex.error) as error:
        logger.warning("rule %s does not work: %s", rule.pk, type(error).__name__)
        return False
