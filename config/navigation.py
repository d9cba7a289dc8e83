"""The sidebar of the staff pages. What a person may not look at is not named there."""

from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from config.counting import count_together
from messaging.models import Conversation
from miniprograms.models import Binding
from notices.models import Message

MAX_BADGE = 99
# Pages that are no list of rows, by the name of their address: who may look.
PAGES = {"setup-guide": "platform_auth.change_component"}


def _unread() -> QuerySet[Any]:
    return Conversation.objects.filter(unread__gt=0)


def _given_up() -> QuerySet[Any]:
    return Message.objects.filter(state=Message.State.DEAD)


# A group's title and entries: of each title, icon, model or page, which rows wait for somebody.
GROUPS: list[tuple[Any, ...]] = [
    (
        _("Accounts"),
        (_("Mini programs"), "apps", "miniprograms.authorizer"),
        (_("Bindings"), "link", "miniprograms.binding", Binding.objects.unclaimed),
        (_("Bind links"), "add_link", "miniprograms.bindlink"),
        (_("Tags"), "sell", "miniprograms.tag"),
        (_("Profiles of settings"), "tune", "miniprograms.settingprofile"),
        (_("Permissions that are missing"), "key_off", "miniprograms.permissionrequest"),
    ),
    (
        _("Messages"),
        (_("Conversations"), "forum", "messaging.conversation", _unread),
        (_("Message log"), "inbox", "platform_auth.push"),
        (_("Automatic replies"), "smart_toy", "messaging.rule"),
        (_("Canned replies"), "quickreply", "messaging.cannedreply"),
        (_("Forward targets"), "alt_route", "messaging.target"),
        (_("Deliveries"), "local_shipping", "messaging.delivery"),
        (_("Release test"), "verified", "messaging.releasetest"),
    ),
    (
        _("Code"),
        (_("Campaigns"), "campaign", "audits.campaign"),
        (_("Audits"), "rule", "audits.codeaudit"),
        (_("Versions"), "upload", "audits.codeversion"),
        (_("Releases"), "rocket_launch", "audits.release"),
        (_("Templates"), "widgets", "audits.codetemplate"),
        (_("Why reviews fail"), "troubleshoot", "audits.reviewoutcome"),
        (_("Speed-up rules"), "bolt", "audits.speeduprule"),
        (_("Quota log"), "data_usage", "audits.quotaentry"),
        (_("Who runs which version"), "stacks", "audits.codesummary"),
    ),
    (
        _("Platform"),
        (_("Set-up guide"), "checklist", "setup-guide"),
        (_("Component"), "hub", "platform_auth.component"),
        (_("Operation log"), "history", "platform_auth.operation"),
        (_("Calls to WeChat"), "swap_calls", "platform_auth.wechatcall"),
    ),
    (
        _("Notices"),
        (_("Notices"), "notifications", "notices.notice"),
        (_("Notice channels"), "outgoing_mail", "notices.channel"),
        (_("Sent notices"), "mark_email_read", "notices.message", _given_up),
    ),
    (
        _("People"),
        (_("Merchants and staff"), "group", "auth.user"),
        (_("Groups"), "shield_person", "auth.group"),
        (_("API clients"), "key", "platform_auth.apiclient"),
    ),
    (_("Jobs"), (_("Periodic jobs"), "schedule", "django_celery_beat.periodictask")),
]


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    """unfold's SIDEBAR["navigation"]."""
    groups = [
        (title, [entry for entry in entries if _may_look(request.user, entry[2])])
        for title, *entries in GROUPS
    ]
    badges = _badges([entry for _title, entries in groups for entry in entries])
    return [
        {
            "title": title,
            "items": [_item(*entry[:3], count=badges.get(entry[2], 0)) for entry in entries],
        }
        for title, entries in groups
        if entries
    ]


def _may_look(user: Any, model: str) -> bool:
    if model in PAGES:
        return bool(user.has_perm(PAGES[model]))
    app, name = model.split(".")
    return bool(user.has_perm(f"{app}.view_{name}") or user.has_perm(f"{app}.change_{name}"))


def _badges(entries: list[tuple[Any, ...]]) -> dict[str, int]:
    """How many rows of each model wait for somebody."""
    waiting = {entry[2]: entry[3]() for entry in entries if entry[3:]}
    counts = count_together([(rows, "") for rows in waiting.values()], MAX_BADGE)
    return {model: count for model, (count, _since) in zip(waiting, counts, strict=True)}


def _item(title: Any, icon: str, model: str, *, count: int) -> dict[str, Any]:
    is_page = model in PAGES
    url = reverse(model if is_page else f"admin:{model.replace('.', '_')}_changelist")
    item = {"title": title, "icon": icon, "link": url}
    badge = f"{MAX_BADGE}+" if count > MAX_BADGE else str(count)
    return {**item, "badge": badge, "badge_variant": "warning"} if count else item


def account(request: HttpRequest) -> list[dict[str, Any]]:
    """unfold's ACCOUNT["navigation"]: the menu behind the person's name."""
    return [
        {"title": _("Change password"), "link": reverse("admin:password_change")},
        {"title": _("Two-step login"), "link": reverse("two-steps")},
        {"title": _("Sessions"), "link": reverse("staff-sessions")},
        {"title": _("API keys"), "link": reverse("staff-keys")},
    ]


def environment(request: HttpRequest) -> list[str] | None:
    """unfold's ENVIRONMENT: a word of warning where WeChat is not WeChat."""
    if settings.WECHAT_API_URL == "https://api.weixin.qq.com":
        return None
    return [str(_("not WeChat itself")), "warning"]
