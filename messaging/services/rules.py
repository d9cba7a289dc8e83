"""
Automatic replies: which rule speaks, and what it says.

The door and the page on which staff try the rules ask the same `judge`.
"""

import logging
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from math import prod

import regex
from django.db.models import Q, QuerySet
from django.utils import timezone

from messaging.models import Rule
from miniprograms.models import Authorizer
from wechat.messages import USER_MESSAGES, Message, Subscribe, event_key, text_of
from wechat.replies import BadContent, Content, can_be_passive, check_custom, parse_content

logger = logging.getLogger(__name__)

PATIENCE = 0.05  # seconds, for one regular expression
PATIENCE_FOR_ALL = 0.3  # and for all that one message is tried with: WeChat waits
MOST_COPIES = 1000  # `regex` writes a{1000} out: a million would take all memory

_COPIES = regex.compile(r"\{\s*([0-9]+)")

Trigger, Match = Rule.Trigger, Rule.Match


class Why(Enum):
    """What becomes of a rule when a message comes."""

    SPEAKS = "speaks"
    OTHER = "other"  # it waits for something else
    SLOW = "slow"  # its regular expression took too long
    QUIET = "quiet"  # its hours
    UNSAYABLE = "unsayable"  # the account cannot be made to say that


@dataclass(frozen=True, slots=True)
class Verdict:
    """WHY a rule speaks or not; what it says, and whether passively; or what is wrong with that."""

    rule: Rule
    why: Why
    content: Content | None = None
    is_passive: bool = False
    problem: BadContent | None = None


class Slow(Exception):
    """A regular expression took longer than a message may be held up."""


class Patience:
    """How long the regular expressions may still take that one message is tried with."""

    def __init__(self) -> None:
        self.left = PATIENCE_FOR_ALL

    def finds(self, pattern: str, text: str) -> bool:
        """Whether PATTERN is found in TEXT. Raises Slow, or regex.error."""
        if self.left <= 0:
            raise Slow
        began = time.monotonic()
        try:
            found = regex.search(pattern, text, timeout=min(PATIENCE, self.left))
        except TimeoutError:
            raise Slow from None
        finally:
            self.left -= time.monotonic() - began
        return found is not None


def of_account(rules: QuerySet[Rule], authorizer: Authorizer | None) -> QuerySet[Rule]:
    """Those of RULES that are for all, and AUTHORIZER's own."""
    return rules.filter(Q(authorizer=None) | (Q(authorizer=authorizer) if authorizer else Q()))


def rules_for(authorizer: Authorizer) -> list[Rule]:
    """The rules that AUTHORIZER's users may hear."""
    return list(of_account(Rule.objects.filter(is_on=True), authorizer))


def in_order(rules: Iterable[Rule]) -> list[Rule]:
    """RULES by position, an account's own before those for all; what is said by default last."""
    return sorted(
        rules,
        key=lambda rule: (
            rule.trigger == Trigger.DEFAULT,
            rule.position,
            rule.authorizer_id is None,
            rule.pk,
        ),
    )


def judge(
    rules: Iterable[Rule], message: Message, account_kind: str, at: datetime
) -> Iterator[Verdict]:
    """
    What each of RULES makes of MESSAGE, which comes to an account of ACCOUNT_KIND at the time AT:
    in their order, and up to the first that speaks.
    """
    patience = Patience()
    for rule in in_order(rules):
        verdict = _verdict(rule, message, account_kind, at, patience)
        yield verdict
        if verdict.why is Why.SPEAKS:
            return


def choose(
    rules: Iterable[Rule], message: Message, account_kind: str, at: datetime
) -> Verdict | None:
    """Which of RULES speaks, if one does."""
    verdicts = judge(rules, message, account_kind, at)
    return next((one for one in verdicts if one.why is Why.SPEAKS), None)


def _verdict(
    rule: Rule, message: Message, account_kind: str, at: datetime, patience: Patience
) -> Verdict:
    try:
        is_it = fits(rule, message, patience)
    except (Slow, regex.error) as error:
        logger.warning("rule %s does not work: %s", rule.pk, type(error).__name__)
        return Verdict(rule, Why.SLOW)
    if not is_it:
        return Verdict(rule, Why.OTHER)
    if is_quiet(rule, at):
        return Verdict(rule, Why.QUIET)
    try:
        content = parse_content(rule.content)
        is_passive = can_be_said_at_once(content, account_kind)
    except BadContent as problem:
        return Verdict(rule, Why.UNSAYABLE, problem=problem)
    return Verdict(rule, Why.SPEAKS, content, is_passive)


def can_be_said_at_once(content: Content, account_kind: str) -> bool:
    """
    Whether an account of ACCOUNT_KIND says CONTENT as a passive reply, or else sends it as a
    customer-service message. Raises BadContent if it can do neither.
    """
    if can_be_passive(content, account_kind):
        return True
    check_custom(content, account_kind)
    return False


def is_quiet(rule: Rule, at: datetime) -> bool:
    """Whether AT lies in the quiet hours of RULE, which may go beyond midnight."""
    start, end = rule.quiet_from, rule.quiet_until
    if start is None or end is None:
        return False
    now = timezone.localtime(at).time()
    return start <= now < end if start <= end else now >= start or now < end


def fits(rule: Rule, message: Message, patience: Patience) -> bool:
    """Whether MESSAGE is what RULE waits for. Raises Slow or regex.error where it never knows."""
    match rule.trigger:
        case Trigger.KEYWORD:
            return _is_keyword(rule, text_of(message), patience)
        case Trigger.EVENT:
            return _is_event(rule, message)
        case _default:
            return is_written(message)


def is_written(message: Message) -> bool:
    """Whether a user wrote MESSAGE, in whatever form, and waits for an answer."""
    return not message.is_event and message.kind in USER_MESSAGES


def _is_event(rule: Rule, message: Message) -> bool:
    if not message.is_event or message.kind != rule.event:
        return False
    keys = {event_key(message)}
    if isinstance(message, Subscribe):
        keys.add(message.scene)  # as the QR code's parameter was given to WeChat
    return not rule.event_key or rule.event_key in keys


def _is_keyword(rule: Rule, text: str, patience: Patience) -> bool:
    text, pattern = text.strip(), rule.pattern
    if not text:
        return False
    match rule.match:
        case Match.EXACT:
            return text.casefold() == pattern.casefold()
        case Match.CONTAINS:
            return pattern.casefold() in text.casefold()
        case _regex:
            return patience.finds(pattern, text)


# ── before a regular expression is kept ─────────────────────────────────────────────────────────


def try_pattern(pattern: str) -> None:
    """
    Raises regex.error if PATTERN is no regular expression, Slow if it is one that takes too long
    for some long text.
    """
    # Only what repeats a number of times is written out; what is nested multiplies.
    if prod(int(number) or 1 for number in _COPIES.findall(pattern)) > MOST_COPIES:
        raise Slow
    regex.compile(pattern)
    for text in _hard_texts(pattern):
        Patience().finds(pattern, text)


def _hard_texts(pattern: str) -> Iterator[str]:
    """Long texts of the letters in PATTERN, which end as it does not expect: those take longest."""
    letters = dict.fromkeys(one for one in pattern if one.isalnum())
    words = regex.findall(r"\w+", pattern)
    for part in dict.fromkeys(["a", "1", " ", "一", *list(letters)[:12], *words[:4]]):
        yield part * (1000 // len(part)) + "\0"
