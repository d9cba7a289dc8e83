"""
Automatic replies: which rule speaks, and what it says.

The webhook and the page on which staff try the rules ask the same `evaluate_rules`.
"""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

import regex
from django.db.models import Q, QuerySet
from django.utils import timezone

from messaging.models import Rule
from messaging.services.patterns import RegexBudget, TooSlow
from miniprograms.models import Authorizer
from wechat.messages import USER_MESSAGES, Message, Subscribe, event_key, text_of
from wechat.replies import BadContent, Content, can_be_passive, check_custom, parse_content

logger = logging.getLogger(__name__)


class RuleOutcome(Enum):
    """What becomes of a rule when a message comes."""

    SPEAKS = "speaks"
    OTHER = "other"  # it waits for something else
    SLOW = "slow"  # its regular expression took too long
    QUIET = "quiet"  # its hours
    UNSAYABLE = "unsayable"  # the account cannot be made to say that


@dataclass(frozen=True, slots=True)
class RuleResult:
    """Whether a rule speaks; what it says, and whether passively; or what is wrong with that."""

    rule: Rule
    outcome: RuleOutcome
    content: Content | None = None
    is_passive: bool = False
    problem: BadContent | None = None


def rules_for_account(rules: QuerySet[Rule], authorizer: Authorizer | None) -> QuerySet[Rule]:
    """Those of RULES that are for all, and AUTHORIZER's own."""
    return rules.filter(Q(authorizer=None) | (Q(authorizer=authorizer) if authorizer else Q()))


def active_rules(authorizer: Authorizer) -> list[Rule]:
    return list(rules_for_account(Rule.objects.filter(is_on=True), authorizer))


def sort_rules(rules: Iterable[Rule]) -> list[Rule]:
    """RULES by position, an account's own before those for all; what is said by default last."""
    return sorted(
        rules,
        key=lambda rule: (
            rule.trigger == Rule.Trigger.DEFAULT,
            rule.position,
            rule.authorizer_id is None,
            rule.pk,
        ),
    )


def evaluate_rules(
    rules: Iterable[Rule], message: Message, account_kind: str, at: datetime
) -> Iterator[RuleResult]:
    """
    What each of RULES makes of MESSAGE, which comes to an account of ACCOUNT_KIND at the time AT:
    in their order, and up to the first that speaks.
    """
    budget = RegexBudget()
    for rule in sort_rules(rules):
        result = _evaluate_rule(rule, message, account_kind, at, budget)
        yield result
        if result.outcome is RuleOutcome.SPEAKS:
            return


def find_speaking_rule(
    rules: Iterable[Rule], message: Message, account_kind: str, at: datetime
) -> RuleResult | None:
    results = evaluate_rules(rules, message, account_kind, at)
    return next((result for result in results if result.outcome is RuleOutcome.SPEAKS), None)


def _evaluate_rule(
    rule: Rule, message: Message, account_kind: str, at: datetime, budget: RegexBudget
) -> RuleResult:
    try:
        does_fit = fits(rule, message, budget)
    except (TooSlow, regex.error) as error:
        logger.warning("rule %s does not work: %s", rule.pk, type(error).__name__)
        return RuleResult(rule, RuleOutcome.SLOW)
    if not does_fit:
        return RuleResult(rule, RuleOutcome.OTHER)
    if is_quiet(rule, at):
        return RuleResult(rule, RuleOutcome.QUIET)
    try:
        content = parse_content(rule.content)
        is_passive = is_sent_passively(content, account_kind)
    except BadContent as problem:
        return RuleResult(rule, RuleOutcome.UNSAYABLE, problem=problem)
    return RuleResult(rule, RuleOutcome.SPEAKS, content, is_passive)


def is_sent_passively(content: Content, account_kind: str) -> bool:
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


def fits(rule: Rule, message: Message, budget: RegexBudget) -> bool:
    """Whether MESSAGE is what RULE waits for. Raises TooSlow or regex.error if it cannot know."""
    match rule.trigger:
        case Rule.Trigger.KEYWORD:
            return _is_keyword(rule, text_of(message), budget)
        case Rule.Trigger.EVENT:
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


def _is_keyword(rule: Rule, text: str, budget: RegexBudget) -> bool:
    text, pattern = text.strip(), rule.pattern
    if not text:
        return False
    match rule.match:
        case Rule.Match.EXACT:
            return text.casefold() == pattern.casefold()
        case Rule.Match.CONTAINS:
            return pattern.casefold() in text.casefold()
        case _regex:
            return budget.finds(pattern, text)
