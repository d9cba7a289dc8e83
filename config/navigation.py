"""The sidebar of the staff pages. What a person may not look at is not named there."""

from typing import Any

from django.apps import apps
from django.conf import settings
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from config.counting import count_together
from messaging.models import Conversation
from miniprograms.models import Binding
from notices.models import Message

MAX_BADGE = 99
# Pages that are no list of rows, by the name of their address: the title, and who may look.
PAGES = {"setup-guide": (_("Set-up guide"), "platform_auth.change_component")}


def _unread() -> QuerySet[Any]:
    return Conversation.objects.filter(unread__gt=0)


def _given_up() -> QuerySet[Any]:
    return Message.objects.filter(state=Message.State.DEAD)


# A group's title and entries: of each icon, model or page, which rows wait for somebody. A model's
# page says what it is called.
GROUPS: list[tuple[Any, ...]] = [
    (
        _("Accounts"),
        ("apps", "miniprograms.authorizer"),
        ("link", "miniprograms.binding", Binding.objects.unclaimed),
        ("add_link", "miniprograms.bindlink"),
        ("sell", "miniprograms.tag"),
        ("tune", "miniprograms.settingprofile"),
        ("key_off", "miniprograms.permissionrequest"),
    ),
    (
        _("Messages"),
        ("forum", "messaging.conversation", _unread),
        ("label", "messaging.conversationlabel"),
        ("inbox", "platform_auth.push"),
        ("smart_toy", "messaging.rule"),
        ("quickreply", "messaging.cannedreply"),
        ("alt_route", "messaging.target"),
        ("local_shipping", "messaging.delivery"),
        ("verified", "messaging.releasetest"),
    ),
    (
        _("Code"),
        ("campaign", "audits.campaign"),
        ("rule", "audits.codeaudit"),
        ("upload", "audits.codeversion"),
        ("rocket_launch", "audits.release"),
        ("widgets", "audits.codetemplate"),
        ("troubleshoot", "audits.reviewoutcome"),
        ("bolt", "audits.speeduprule"),
        ("data_usage", "audits.quotaentry"),
        ("stacks", "audits.codesummary"),
    ),
    (
        _("Platform"),
        ("checklist", "setup-guide"),
        ("hub", "platform_auth.component"),
        ("history", "platform_auth.operation"),
        ("swap_calls", "platform_auth.wechatcall"),
    ),
    (
        _("Notices"),
        ("notifications", "notices.notice"),
        ("outgoing_mail", "notices.channel"),
        ("mark_email_read", "notices.message", _given_up),
    ),
    (
        _("People"),
        ("group", "auth.user"),
        ("shield_person", "auth.group"),
        ("key", "platform_auth.apiclient"),
    ),
    (_("Jobs"), ("schedule", "django_celery_beat.periodictask")),
]


def group_of(*models: str) -> str:
    """The title of the group that has one of MODELS, "" if none has."""
    for title, *entries in GROUPS:
        if any(entry[1] in models for entry in entries):
            return str(title)
    return ""


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    """unfold's SIDEBAR["navigation"]."""
    groups = [
        (title, [entry for entry in entries if _may_look(request.user, entry[1])])
        for title, *entries in GROUPS
    ]
    badges = _badges([entry for _title, entries in groups for entry in entries])
    return [
        {
            "title": title,
            "items": [_item(*entry[:2], count=badges.get(entry[1], 0)) for entry in entries],
        }
        for title, entries in groups
        if entries
    ]


def _may_look(user: Any, model: str) -> bool:
    if model in PAGES:
        return bool(user.has_perm(PAGES[model][1]))
    app, name = model.split(".")
    return bool(user.has_perm(f"{app}.view_{name}") or user.has_perm(f"{app}.change_{name}"))


def _badges(entries: list[tuple[Any, ...]]) -> dict[str, int]:
    """How many rows of each model wait for somebody."""
    waiting = {entry[1]: entry[2]() for entry in entries if entry[2:]}
    counts = count_together([(rows, "") for rows in waiting.values()], MAX_BADGE)
    return {model: count for model, (count, _since) in zip(waiting, counts, strict=True)}


def _item(icon: str, model: str, *, count: int) -> dict[str, Any]:
    if model in PAGES:
        title, url = PAGES[model][0], reverse(model)
    else:
        page: Any = admin.site.get_model_admin(apps.get_model(model))
        title, url = page.title_of_list(), reverse(f"admin:{model.replace('.', '_')}_changelist")
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
        {"title": _("What you may do"), "link": reverse("staff-rights")},
    ]


def environment(request: HttpRequest) -> list[str] | None:
    """unfold's ENVIRONMENT: a word of warning where WeChat is not WeChat."""
    if settings.WECHAT_API_URL == "https://api.weixin.qq.com":
        return None
    return [str(_("not WeChat itself")), "warning"]
