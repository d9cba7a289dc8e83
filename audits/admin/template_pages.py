"""Pieces of the template library's pages: drafts and their age, and who uses which template."""

from typing import Any

from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from audits.admin.live import wechat_time
from audits.models import CodeTemplate
from audits.services.template_use import count_live, count_uploaded, in_campaigns, live_programs
from platform_auth.admin.account_links import link_account, reader_of
from platform_auth.admin.columns import link_to
from platform_auth.admin.pages import ago, label, table
from platform_auth.models import Component
from wechat.code_templates import LIBRARY_LIMIT, Draft

MAX_USERS = 20  # that have one template live, on its page
NEARLY_FULL = LIBRARY_LIMIT - 10


def count_templates(component: Component) -> int:
    """How many there are, by our mirror."""
    return CodeTemplate.objects.filter(component=component, gone_at=None).count()


def fill_label(component: Component) -> SafeString:
    """How full the library of COMPONENT is."""
    number = count_templates(component)
    text = _("%(number)d of %(limit)d templates") % {"number": number, "limit": LIBRARY_LIMIT}
    is_full = number >= LIBRARY_LIMIT
    return label(text, "danger" if is_full else "warning" if number >= NEARLY_FULL else "")


def draft_context(component: Component, drafts: list[Draft]) -> dict[str, Any]:
    """The DRAFTS, newest first, each with the template that was made of it, or how to make one."""
    rows = CodeTemplate.objects.filter(component=component, gone_at=None)
    templates = {row.draft_id: row for row in rows.filter(draft_id__gt=0)}
    newest_first = sorted(drafts, key=lambda draft: draft.create_time, reverse=True)
    return {
        "drafts": [_draft_row(component, draft, templates) for draft in newest_first],
        "is_full": count_templates(component) >= LIBRARY_LIMIT,
        "fill": fill_label(component),
    }


def _draft_row(
    component: Component, draft: Draft, templates: dict[int | None, CodeTemplate]
) -> dict[str, object]:
    template = templates.get(draft.draft_id)
    if template is not None and template.user_version != draft.user_version[:64]:
        template = None
    return {
        "draft": draft,
        "age": ago(wechat_time(draft.create_time)),
        "template": link_to(template) if template else "",
        "url": reverse("admin:code-draft-keep", args=[component.pk, draft.draft_id]),
    }


def use_table(component: Component) -> SafeString | str:
    """Which templates of COMPONENT are used how much, and which by nobody."""
    live, uploaded = count_live(component), count_uploaded(component)
    busy = in_campaigns(component)
    headers = [_("template"), _("source"), _("made"), _("live on"), _("uploaded last to"), ""]
    rows = CodeTemplate.objects.filter(component=component, gone_at=None).order_by("-template_id")
    return table(
        headers,
        [
            (
                link_to(row),
                row.source_name or "–",
                ago(row.created_at),
                live[row.pk] or "–",
                uploaded[row.pk] or "–",
                _use_label(is_used=bool(live[row.pk] or uploaded[row.pk]), is_busy=row.pk in busy),
            )
            for row in rows
        ],
    )


def _use_label(*, is_used: bool, is_busy: bool) -> SafeString | str:
    if is_busy:
        return label(_("in a campaign"), "info")
    return "" if is_used else label(_("used by nobody"), "warning")


def programs_table(template: Any) -> SafeString | str:
    """The newest of the mini programs that have TEMPLATE live, and how many more."""
    programs = live_programs(template).order_by("-id")
    shown, reader = list(programs[:MAX_USERS]), reader_of(template)
    rows: list[tuple[object, ...]] = [
        (link_account(row.appid, reader, row, tab="code"), link_account(row.appid, reader))
        for row in shown
    ]
    if len(shown) == MAX_USERS and (more := programs.count() - MAX_USERS):
        rows.append((_("and %(number)d more") % {"number": more}, ""))
    return table([_("mini program"), _("appid")], rows)
