"""What this app tells on the tabs of an account: its conversations, replies and deliveries."""

from typing import Any

from django.db.models import OuterRef
from django.http import HttpRequest
from django.utils.text import Truncator
from django.utils.translation import gettext_lazy as _

from messaging.admin.console import VIEW_PERMISSION
from messaging.admin.deliveries import DELIVERY_COLOURS
from messaging.admin.last_words import show_last_words
from messaging.chat.site import user_label
from messaging.models import Delivery, Rule
from messaging.services import rules
from messaging.services.history import with_replies
from messaging.services.kind_names import name_of_kind
from miniprograms.admin.account_parts import LOG, MESSAGES, Part, add_parts
from miniprograms.admin.concerns import Concern, Watch, add_watches
from miniprograms.admin.facts import count_few, say_few
from miniprograms.admin.own_parts import MOST, list_url
from miniprograms.models import Authorizer
from platform_auth.admin.columns import link_to
from platform_auth.admin.pages import ago, label, table

_MAY_SEE_DELIVERIES = "messaging.view_delivery"


def _conversations(request: HttpRequest, row: Authorizer) -> object:
    conversations = with_replies(row.conversations.order_by("-touched_at"))[:MOST]
    headers = [_("user"), _("unread"), _("last message"), _("last activity")]
    cells = [
        (
            link_to(one, user_label(one)),
            label(one.unread, "warning") if one.unread else "–",
            show_last_words(one, 60),
            ago(one.touched_at),
        )
        for one in conversations
    ]
    return table(headers, cells)


def _rules(request: HttpRequest, row: Authorizer) -> object:
    own = rules.rules_for_account(Rule.objects.filter(is_on=True), row)[:MOST]
    headers = [_("rule"), _("account")]
    cells = [
        (link_to(rule), _("of one account") if rule.authorizer_id else _("for all accounts"))
        for rule in own
    ]
    return table(headers, cells)


def _deliveries(request: HttpRequest, row: Authorizer) -> object:
    rows = Delivery.objects.filter(appid=row.appid).order_by("-id").select_related("target", "push")
    headers = [_("kind"), _("target"), _("state"), _("last error")]
    cells = [
        (
            link_to(one, name_of_kind(one.kind) or one.kind),
            one.target,
            label(one.get_state_display(), DELIVERY_COLOURS[one.state]),
            Truncator(one.last_error).chars(60) or "–",
        )
        for one in rows[:MOST]
    ]
    return table(headers, cells)


def _count_given_up(rows: Any) -> Any:
    dead: Any = Delivery.objects.filter(appid=OuterRef("appid"), state=Delivery.State.DEAD)
    return rows.annotate(given_up=count_few(dead))


def _given_up(row: Any, user: Any) -> list[Concern]:
    if not row.given_up:
        return []
    text = _("Forwarded messages that were given up: %(number)s.") % {
        "number": say_few(row.given_up)
    }
    url = list_url("messaging_delivery", q=row.appid, state__exact=Delivery.State.DEAD)
    return [Concern(text, _("Look, and send them again"), url)]


add_watches(Watch(_MAY_SEE_DELIVERIES, _given_up, _count_given_up))
add_parts(
    Part(
        MESSAGES,
        10,
        _("Conversations"),
        VIEW_PERMISSION,
        _conversations,
        lambda row: list_url("messaging_conversation", q=row.appid),
    ),
    Part(
        MESSAGES,
        20,
        _("Automatic replies"),
        "messaging.view_rule",
        _rules,
        lambda row: list_url("messaging_rule", q=row.appid),
    ),
    Part(
        LOG,
        40,
        _("Deliveries"),
        _MAY_SEE_DELIVERIES,
        _deliveries,
        lambda row: list_url("messaging_delivery", q=row.appid),
    ),
)
