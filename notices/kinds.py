"""
What people can be told of: each kind with its weight, its words and where it leads.

TITLE and TEXT may name %(account)s and the facts that the event is published with (see
`platform_auth.domain_events`). They are read in the language of whoever is told.
"""

from dataclasses import dataclass

from django.db import models
from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrOrPromise


class Severity(models.IntegerChoices):
    """How much it hurts to hear of it later. URGENT breaks through quiet hours."""

    NEWS = 1, _("news")
    ATTENTION = 2, _("needs attention")
    URGENT = 3, _("urgent")


class Place(models.TextChoices):
    """What a notice links to, for staff; merchants are led to the page of their account."""

    ACCOUNT = "account"
    AUDIT = "audit"
    CAMPAIGN = "campaign"
    BINDING = "binding"
    TARGET = "target"
    COMPONENT = "component"
    QUOTA = "quota"


@dataclass(frozen=True, slots=True)
class NoticeKind:
    """LABEL is what rules call it; FOR_MERCHANTS: the owner of the account may be told as well."""

    label: StrOrPromise
    severity: Severity
    title: StrOrPromise
    text: StrOrPromise
    place: Place
    for_merchants: bool = False


KINDS: dict[str, NoticeKind] = {
    "audit.passed": NoticeKind(
        _("review passed"),
        Severity.NEWS,
        _("%(account)s: version %(user_version)s passed the review"),
        _("WeChat has approved it. It goes online once it is released."),
        Place.AUDIT,
        for_merchants=True,
    ),
    "audit.rejected": NoticeKind(
        _("review rejected"),
        Severity.ATTENTION,
        _("%(account)s: version %(user_version)s was rejected in review"),
        _("WeChat's reason: %(reason)s"),
        Place.AUDIT,
        for_merchants=True,
    ),
    "audit.delayed": NoticeKind(
        _("review delayed"),
        Severity.NEWS,
        _("%(account)s: the review of version %(user_version)s takes longer"),
        _("WeChat has put it off: %(reason)s Nothing needs to be done; it goes on by itself."),
        Place.AUDIT,
        for_merchants=True,
    ),
    "release.published": NoticeKind(
        _("released"),
        Severity.NEWS,
        _("%(account)s: version %(user_version)s is online"),
        _("All users get it from now on."),
        Place.ACCOUNT,
        for_merchants=True,
    ),
    "release.reverted": NoticeKind(
        _("rolled back"),
        Severity.ATTENTION,
        _("%(account)s was rolled back"),
        _("Users get the version that was online before."),
        Place.ACCOUNT,
        for_merchants=True,
    ),
    "campaign.paused": NoticeKind(
        _("campaign paused"),
        Severity.ATTENTION,
        _("The campaign %(campaign)s is paused"),
        _("%(reason)s Nothing new is begun until somebody lets it go on."),
        Place.CAMPAIGN,
    ),
    "campaign.done": NoticeKind(
        _("campaign done"),
        Severity.NEWS,
        _("The campaign %(campaign)s is done"),
        _("Nothing of it is under way any more. Its page tells what became of each mini program."),
        Place.CAMPAIGN,
    ),
    "authorizer.unbound": NoticeKind(
        _("authorisation cancelled"),
        Severity.ATTENTION,
        _("%(account)s has cancelled its authorisation"),
        _("We can do nothing for it until its owner authorises us again."),
        Place.ACCOUNT,
        for_merchants=True,
    ),
    "authorizer.needs_reauthorization": NoticeKind(
        _("must be authorised again"),
        Severity.URGENT,
        _("%(account)s must be authorised again"),
        _("WeChat does not accept our credentials for it any more. Its owner clicks bind once."),
        Place.ACCOUNT,
        for_merchants=True,
    ),
    "account.banned": NoticeKind(
        _("account banned"),
        Severity.URGENT,
        _("WeChat has banned %(account)s"),
        _("Its owner finds the reason, and how to appeal, in WeChat's console."),
        Place.ACCOUNT,
        for_merchants=True,
    ),
    "account.frozen": NoticeKind(
        _("account frozen"),
        Severity.URGENT,
        _("WeChat has frozen %(account)s"),
        _("Its owner finds the reason, and how to end it, in WeChat's console."),
        Place.ACCOUNT,
        for_merchants=True,
    ),
    "account.cancelled": NoticeKind(
        _("account closed"),
        Severity.URGENT,
        _("%(account)s was closed at WeChat"),
        _("The account is cancelled for good. If that was not meant, ask WeChat at once."),
        Place.ACCOUNT,
        for_merchants=True,
    ),
    "account.alerted": NoticeKind(
        _("account warned"),
        Severity.URGENT,
        _("WeChat has warned %(account)s"),
        _("If what it warns of stays, the account is frozen. See WeChat's console."),
        Place.ACCOUNT,
        for_merchants=True,
    ),
    "account.violation": NoticeKind(
        _("violation"),
        Severity.URGENT,
        _("WeChat reports a violation by %(account)s"),
        _("%(illegal_reason)s Its owner finds it, and how to appeal, in WeChat's console."),
        Place.ACCOUNT,
        for_merchants=True,
    ),
    "account.expiring": NoticeKind(
        _("verification runs out"),
        Severity.ATTENTION,
        _("The verification of %(account)s runs out"),
        _("Its owner renews it in WeChat's console; without it some functions end."),
        Place.ACCOUNT,
        for_merchants=True,
    ),
    "binding.unclaimed": NoticeKind(
        _("binding parked"),
        Severity.ATTENTION,
        _("A binding of %(account)s waits for staff"),
        _("%(reason)s Somebody has to say whose it is, or refuse it."),
        Place.BINDING,
    ),
    "ticket.late": NoticeKind(
        _("ticket late"),
        Severity.URGENT,
        _("WeChat's ticket for %(component)s is late"),
        _("None came for 25 minutes. After twelve hours without one every token runs out."),
        Place.COMPONENT,
    ),
    "tokens.failing": NoticeKind(
        _("refreshing of tokens fails"),
        Severity.URGENT,
        _("Tokens cannot be refreshed: %(name)s"),
        _("It has failed several times in a row: %(reason)s"),
        Place.ACCOUNT,
    ),
    "pushes.refused": NoticeKind(
        _("refused pushes rise"),
        Severity.URGENT,
        _("Pushes are being refused: %(number)s in five minutes"),
        _(
            "Reason: %(reason)s. If they are WeChat's own, token or key here differ from those in "
            "WeChat's console, and what WeChat tells us is lost."
        ),
        Place.COMPONENT,
    ),
    "quota.low": NoticeKind(
        _("quota low"),
        Severity.ATTENTION,
        _("%(rest)s of %(limit)s reviews are left this month"),
        _("Once they are used up WeChat takes no submission until the next month."),
        Place.QUOTA,
    ),
    "target.paused": NoticeKind(
        _("forward target down"),
        Severity.ATTENTION,
        _("The forward target %(target)s does not take messages"),
        _("It failed several times in a row and is only probed now: %(reason)s"),
        Place.TARGET,
    ),
}

# What the owner of an account is told by e-mail, as long as they have not chosen for themselves.
MERCHANT_DEFAULTS = (
    "audit.rejected",
    "authorizer.unbound",
    "authorizer.needs_reauthorization",
    "account.banned",
    "account.frozen",
    "account.cancelled",
    "account.alerted",
    "account.violation",
    "account.expiring",
)
MERCHANT_KINDS = [name for name, kind in KINDS.items() if kind.for_merchants]
