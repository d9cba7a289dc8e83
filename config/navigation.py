"""The sidebar of the staff pages. What a person may not look at is not named there."""

from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from messaging.models import Conversation
from miniprograms.models import Binding
from platform_auth.admin.components import ticket_health, token_health
from platform_auth.admin.pages import table
from platform_auth.models import Component

BADGE_MOST = 99


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    """unfold's SIDEBAR["navigation"]."""
    groups = [
        (
            _("Accounts"),
            [
                _item(request, _("Mini programs"), "apps", "miniprograms.authorizer"),
                _item(request, _("Bindings"), "link", "miniprograms.binding", _parked),
                _item(request, _("Tags"), "sell", "miniprograms.tag"),
            ],
        ),
        (
            _("Messages"),
            [
                _item(request, _("Conversations"), "forum", "messaging.conversation", _unread),
                _item(request, _("Message log"), "inbox", "platform_auth.push"),
                _item(request, _("Automatic replies"), "smart_toy", "messaging.rule"),
                _item(request, _("Canned replies"), "quickreply", "messaging.cannedreply"),
                _item(request, _("Forward targets"), "alt_route", "messaging.target"),
                _item(request, _("Deliveries"), "local_shipping", "messaging.delivery"),
                _item(request, _("Release test"), "verified", "messaging.releasetest"),
            ],
        ),
        (
            _("Code"),
            [
                _item(request, _("Campaigns"), "campaign", "audits.campaign"),
                _item(request, _("Audits"), "rule", "audits.codeaudit"),
                _item(request, _("Versions"), "upload", "audits.codeversion"),
                _item(request, _("Releases"), "rocket_launch", "audits.release"),
                _item(request, _("Templates"), "widgets", "audits.codetemplate"),
            ],
        ),
        (
            _("Platform"),
            [
                _item(request, _("Component"), "hub", "platform_auth.component"),
                _item(request, _("Operation log"), "history", "platform_auth.operation"),
            ],
        ),
        (
            _("People"),
            [
                _item(request, _("Merchants and staff"), "group", "auth.user"),
                _item(request, _("Groups"), "shield_person", "auth.group"),
            ],
        ),
        (
            _("Jobs"),
            [_item(request, _("Periodic jobs"), "schedule", "django_celery_beat.periodictask")],
        ),
    ]
    found = [(title, [item for item in items if item]) for title, items in groups]
    return [{"title": title, "items": items} for title, items in found if items]


def environment(request: HttpRequest) -> list[str] | None:
    """unfold's ENVIRONMENT: a word of warning where WeChat is not WeChat."""
    if settings.WECHAT_API_URL == "https://api.weixin.qq.com":
        return None
    return [str(_("not WeChat itself")), "warning"]


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """unfold's DASHBOARD_CALLBACK: the first page shows the sidebar's groups, and our health."""
    if request.user.has_perm("platform_auth.view_component"):
        headers = [_("component"), _("ticket"), _("component token"), _("last error")]
        rows = [
            (one, ticket_health(one), token_health(one), one.last_error or "–")
            for one in Component.objects.order_by("appid")
        ]
        context["health"] = table(headers, rows)
    return context


def _item(request: HttpRequest, title: Any, icon: str, model: str, badge: Any = None) -> Any:
    app, name = model.split(".")
    user = request.user
    if not (user.has_perm(f"{app}.view_{name}") or user.has_perm(f"{app}.change_{name}")):
        return None
    item = {"title": title, "icon": icon, "link": reverse(f"admin:{app}_{name}_changelist")}
    count = badge() if badge else ""
    return {**item, "badge": count, "badge_variant": "warning"} if count else item


def _parked() -> str:
    """How many bindings wait for staff; "" for none."""
    return _count(Binding.objects.parked())


def _unread() -> str:
    """The same of conversations that nobody has read."""
    return _count(Conversation.objects.filter(unread__gt=0))


def _count(rows: QuerySet[Any]) -> str:
    count = rows.order_by()[: BADGE_MOST + 1].count()
    return f"{BADGE_MOST}+" if count > BADGE_MOST else str(count or "")
