"""What is answered to a user at once: whether an account has something to say, and which rule."""

from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from messaging.models import Conversation, Reply, Rule, Target
from messaging.services import passive_replies, rules
from messaging.services.customer_service import GIVE_UP_AFTER
from messaging.services.receiving import Received, receive
from miniprograms.models import Authorizer
from platform_auth.models import Component, Push
from wechat.messages import Message
from wechat.replies import can_be_custom


def may_answer(component: Component, appid: str) -> bool:
    """
    Whether the account APPID may have something to say at once: a rule that is on, or, as an
    official account, a forward target that answers.
    """
    accounts = Authorizer.objects.filter(appid=appid, component=component)
    has_rule = Exists(
        Rule.objects.filter(Q(authorizer=None) | Q(authorizer=OuterRef("pk")), is_on=True)
    )
    is_official = Q(kind=Authorizer.Kind.OFFICIAL_ACCOUNT)
    is_asking = is_official & Exists(Target.objects.filter(is_on=True, answers=True))
    return accounts.filter(has_rule | is_asking).exists()


def receive_and_answer(row: Push, message: Message) -> Reply | None:
    """Note MESSAGE, which came with ROW, in its conversation; what a rule replies to it."""
    account = Authorizer.objects.filter(component=row.component_id).get(appid=row.appid)
    receive([Received(row, message, account.pk, account.kind)])
    is_late = timezone.now() - row.received_at > GIVE_UP_AFTER
    account_rules = [] if is_late else rules.active_rules(account)
    if not account_rules:
        return None
    verdict = rules.find_speaking_rule(account_rules, message, account.kind, timezone.now())
    if verdict is None or verdict.content is None:
        return None
    if not row.is_awaited and not can_be_custom(verdict.content, account.kind):
        return None  # nobody waits for the only answer that could hold it
    conversation = Conversation.objects.select_related("authorizer").get(
        authorizer=account, openid=row.openid
    )
    return passive_replies.reply_to(row, conversation, verdict.content, rule=verdict.rule)
