"""What a message says, in the language of its channel."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from django.conf import settings
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from audits.models import CodeAudit
from audits.services.reasons import is_for_merchant
from miniprograms.models import Authorizer, Binding
from notices.kinds import KINDS, Place
from notices.models import Channel, Message, Notice
from notices.services.planning import severity_of

MAX_LINES = 20  # of a message that tells of many


@dataclass(frozen=True, slots=True)
class Content:
    """A message: PAYLOAD is what programs get, of the type TYPE; the rest is for people."""

    reference: str
    title: str
    text: str
    url: str
    type: str
    payload: dict[str, Any] = field(default_factory=dict)


class _Facts(dict[str, object]):
    """Facts by name; one that an event was published without is a dash."""

    def __missing__(self, name: str) -> str:
        return "–"


@dataclass(frozen=True, slots=True)
class _Subjects:
    """The accounts by appid, and the reviews by appid and auditid, that notices are about."""

    accounts: dict[str, Authorizer]
    audits: dict[tuple[str, str], CodeAudit]

    @classmethod
    def of(cls, notices: Iterable[Notice]) -> Self:
        rows = list(notices)
        appids = {row.appid for row in rows}
        accounts = Authorizer.objects.filter(appid__in=appids)
        auditids = {
            str(row.facts["auditid"])
            for row in rows
            if KINDS[row.kind].place == Place.AUDIT and row.facts.get("auditid")
        }
        audits: Iterable[CodeAudit] = ()
        if auditids:
            audits = CodeAudit.objects.filter(appid__in=appids, auditid__in=auditids)
            audits = audits.only("pk", "appid", "auditid", "screenshot_ids")
        return cls(
            {row.appid: row for row in accounts.only("appid", "nick_name", "kind")},
            {(row.appid, row.auditid): row for row in audits},
        )


def content_of(message: Message) -> Content:
    """What MESSAGE says."""
    channel = message.channel
    rows = message.addressings.select_related("notice").order_by("notice")
    notices = [row.notice for row in rows if row.notice.kind in KINDS]
    subjects = _Subjects.of(notices)
    with translation.override(channel.language):
        is_staffs = channel.owner_id is None
        described = [_describe(notice, subjects, is_staffs=is_staffs) for notice in notices]
        if len(described) == 1:
            return _single(message.reference, described[0])
        return _digest(message.reference, channel, described)


def describe_for_staff(notices: Iterable[Notice], language: str) -> dict[int, dict[str, Any]]:
    """NOTICES, all in two statements, in LANGUAGE, by their keys; of the kinds that there are."""
    rows = [notice for notice in notices if notice.kind in KINDS]
    subjects = _Subjects.of(rows)
    with translation.override(language):
        return {notice.pk: _describe(notice, subjects, is_staffs=True) for notice in rows}


def test_content(channel: Channel, reference: str) -> Content:
    """What a test says."""
    with translation.override(channel.language):
        title = _("Test: notices arrive here")
        text = _("Somebody has tried the channel %(channel)s. Nothing has happened.")
        text %= {"channel": channel.name}
        url = settings.PUBLIC_URL + _front_page(channel)
        return Content(reference, title, text, url, "test", {"title": title})


def _next_step(reason: str) -> str:
    """Whose turn it is after a rejection for REASON."""
    if is_for_merchant(reason):
        return _(
            "Please have the account's administrator mend this at mp.weixin.qq.com, and tell us "
            "when it is done: we hand it in again."
        )
    return _("Our staff see to it; they get in touch if they need something from you.")


def _describe(notice: Notice, subjects: _Subjects, *, is_staffs: bool) -> dict[str, Any]:
    """NOTICE as programs get it; people get parts of it."""
    kind, account = KINDS[notice.kind], subjects.accounts.get(notice.appid)
    audit = subjects.audits.get((notice.appid, str(notice.facts.get("auditid") or "")))
    details = notice.facts.get("details") or {}
    facts = _Facts(notice.facts | details, account=_name(notice, account))
    if notice.kind == "binding.unclaimed" and facts["reason"] in Binding.UnclaimedReason.values:
        facts["reason"] = Binding.UnclaimedReason(facts["reason"]).label
    text = str(kind.text) % facts
    if notice.kind == "audit.rejected" and not is_staffs:
        text += "\n" + _next_step(str(facts["reason"]))
    if audit is not None and audit.screenshot_ids:
        text += "\n" + _("WeChat has sent pictures of it: they are on the page.")
    return {
        "kind": notice.kind,
        "appid": notice.appid,
        "severity": severity_of(notice).name.lower(),
        "title": " ".join((str(kind.title) % facts).split()),
        "text": text.strip(),
        "url": settings.PUBLIC_URL + _path_of(notice, account, audit, is_staffs=is_staffs),
        "at": timezone.localtime(notice.created_at).isoformat(timespec="seconds"),
        "facts": notice.facts,
    }


def _name(notice: Notice, account: Authorizer | None) -> str:
    name = account.nick_name if account else ""
    return f"{name} ({notice.appid})" if name else notice.appid or "–"


def _single(reference: str, notice: dict[str, Any]) -> Content:
    return Content(
        reference, notice["title"], notice["text"], notice["url"], notice["kind"], notice
    )


def _digest(reference: str, channel: Channel, notices: Sequence[dict[str, Any]]) -> Content:
    number = len(notices)
    title = ngettext("%(number)d notice", "%(number)d notices", number) % {"number": number}
    order = {"urgent": 0, "attention": 1, "news": 2}
    titles = [row["title"] for row in sorted(notices, key=lambda row: order[row["severity"]])]
    lines = [f"· {title}" for title in titles[:MAX_LINES]]
    if number > MAX_LINES:
        lines.append(_("and %(number)d more") % {"number": number - MAX_LINES})
    url = settings.PUBLIC_URL + _front_page(channel)
    return Content(reference, title, "\n".join(lines), url, "digest", {"notices": list(notices)})


def _front_page(channel: Channel) -> str:
    is_staffs = channel.owner_id is None
    return reverse("admin:notices_notice_changelist" if is_staffs else "portal:home")


# The page of a place, and the fact that names its row; without one it is a list.
_PAGES = {
    Place.CAMPAIGN: ("admin:audits_campaign_change", "pk"),
    Place.BINDING: ("admin:miniprograms_binding_change", "binding"),
    Place.TARGET: ("admin:messaging_target_change", "pk"),
    Place.COMPONENT: ("admin:platform_auth_component_changelist", ""),
    Place.QUOTA: ("admin:audits_quotaentry_changelist", ""),
}


def _path_of(
    notice: Notice, account: Authorizer | None, audit: CodeAudit | None, *, is_staffs: bool
) -> str:
    """Where NOTICE leads its reader."""
    if not is_staffs:
        is_program = account is not None and account.kind == Authorizer.Kind.MINI_PROGRAM
        return (
            reverse("portal:program", args=[notice.appid]) if is_program else reverse("portal:home")
        )
    name, fact = _PAGES.get(KINDS[notice.kind].place, ("", ""))
    if name and not fact:
        return reverse(name)
    if fact in notice.facts:
        return reverse(name, args=[notice.facts[fact]])
    if audit is not None:
        return reverse("admin:audits_codeaudit_change", args=[audit.pk])
    if account is not None:
        return reverse("admin:miniprograms_authorizer_change", args=[account.pk])
    return reverse("admin:notices_notice_changelist")
