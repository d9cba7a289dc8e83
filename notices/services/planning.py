"""
Who is told of what is new, and in which message.

Two steps, each in a transaction of its own that can be done again: a notice is addressed to each
channel with a rule for it, once; then what a channel is to be told of by now is put into messages.
Few notices have a message each; of many at once one message tells all.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from miniprograms.models import Authorizer
from notices.kinds import KINDS, MERCHANT_DEFAULTS, MERCHANT_KINDS, Severity
from notices.models import Addressing, Channel, Message, Notice, NoticeRule
from platform_auth.logins.languages import language_of

BATCH = 200
MAX_DIGEST = 200  # notices that one message tells of

MAX_SINGLE = 3  # notices at once that have a message each
# A group's bot takes twenty messages a minute, and people read fewer.
BURST, BURST_WINDOW = 5, timedelta(seconds=30)
# After so many in an hour, what is not urgent is told every ten minutes.
MANY, MANY_WINDOW, DIGEST_EVERY = 20, timedelta(hours=1), timedelta(minutes=10)


def plan_notices() -> None:
    """Address all notices that are new, and make messages of what is due."""
    while _plan_batch() == BATCH:
        pass
    waiting = Addressing.objects.filter(message=None, due_at__lte=Now(), channel__is_on=True)
    for pk in list(waiting.order_by().values_list("channel", flat=True).distinct()):
        make_messages(pk)


def _plan_batch() -> int:
    rows = Notice.objects.filter(planned_at=None).order_by("id")
    if not rows.exists():  # nearly always: without a transaction
        return 0
    with transaction.atomic():
        notices = list(rows.select_for_update(skip_locked=True)[:BATCH])
        accounts = _accounts_of(notices)
        for notice in notices:
            _address(notice, accounts.get(notice.appid))
        Notice.objects.filter(pk__in=[notice.pk for notice in notices]).update(planned_at=Now())
    return len(notices)


def _accounts_of(notices: Iterable[Notice]) -> dict[str, Authorizer]:
    appids = {notice.appid for notice in notices if notice.appid}
    rows = Authorizer.objects.filter(appid__in=appids).select_related("owner")
    columns = ("appid", "owner__email", "owner__is_active", "owner__username")
    return {row.appid: row for row in rows.only(*columns).prefetch_related("tags")}


def _address(notice: Notice, account: Authorizer | None) -> None:
    if notice.kind not in KINDS:  # of a version that has been rolled back
        return
    if account and account.owner:
        ensure_own_email(account.owner)
    rules = _fitting_rules(notice, account).select_related("channel__owner")
    channels = {rule.channel_id: rule.channel for rule in rules if _has_address(rule.channel)}
    now = timezone.now()
    addressings = [
        Addressing(notice=notice, channel=channel, due_at=_due_at(notice, channel, now))
        for channel in channels.values()
    ]
    Addressing.objects.bulk_create(addressings, ignore_conflicts=True)


def _due_at(notice: Notice, channel: Channel, now: datetime) -> Any:
    """When CHANNEL is told of NOTICE: at once by the database's clock, or after quiet hours."""
    end = None if severity_of(notice) == Severity.URGENT else end_of_quiet(channel, now)
    return end or Now()


def severity_of(notice: Notice) -> Severity:
    """How much NOTICE hurts; of a kind that there is no more, nothing."""
    return KINDS[notice.kind].severity if notice.kind in KINDS else Severity.NEWS


def _has_address(channel: Channel) -> bool:
    """Not that of a merchant's mail, once their login has no address any more."""
    owner = channel.owner if channel.type == Channel.Type.EMAIL else None
    return owner is None or bool(owner.email)


def _fitting_rules(notice: Notice, account: Authorizer | None) -> QuerySet[NoticeRule]:
    """The rules of channels that are on and whose people may know of NOTICE."""
    tags = [tag.pk for tag in account.tags.all()] if account else []
    whose = Q(channel__owner=None)
    if account and account.owner and account.owner.is_active and notice.kind in MERCHANT_KINDS:
        whose |= Q(channel__owner=account.owner)
    return NoticeRule.objects.filter(
        whose,
        Q(tag=None) | Q(tag__in=tags),
        kind__in=["", notice.kind],
        least_severity__lte=KINDS[notice.kind].severity,
        channel__is_on=True,
    )


def ensure_own_email(owner: User) -> Channel | None:
    """
    The channel to the e-mail address of OWNER's login, made with its default kinds where there is
    none yet; None for somebody without an address.
    """
    channel = Channel.objects.filter(owner=owner, type=Channel.Type.EMAIL).first()
    if channel is not None or not owner.email:
        return channel
    with transaction.atomic():
        made = Channel(
            owner=owner,
            type=Channel.Type.EMAIL,
            name=owner.get_username()[:100],
            language=language_of(owner),
        )
        Channel.objects.bulk_create([made], ignore_conflicts=True)
        channel = Channel.objects.select_for_update().get(owner=owner, type=Channel.Type.EMAIL)
        if not channel.rules.exists():
            NoticeRule.objects.bulk_create(
                [NoticeRule(channel=channel, kind=kind) for kind in MERCHANT_DEFAULTS]
            )
    return channel


def end_of_quiet(channel: Channel, now: datetime) -> datetime | None:
    """When the quiet hours of CHANNEL end that NOW lies in; None if it lies in none."""
    begin, end = channel.quiet_from, channel.quiet_until
    if begin is None or end is None or begin == end:
        return None
    local = timezone.localtime(now)
    at = local.time()
    is_quiet = begin <= at < end if begin < end else at >= begin or at < end
    if not is_quiet:
        return None
    day = local.date() + timedelta(days=1 if at >= end else 0)
    return timezone.make_aware(datetime.combine(day, end))


def make_messages(channel_pk: int) -> None:
    """Put what the channel is to be told of by now into messages, unless it had many just now."""
    with transaction.atomic():
        channel = Channel.objects.select_for_update().filter(pk=channel_pk, is_on=True).first()
        if channel is None:
            return
        waiting = channel.addressings.filter(message=None, due_at__lte=Now())
        rows = list(waiting.select_related("notice").order_by("notice")[:MAX_DIGEST])
        if rows and not _must_wait(channel, is_urgent=any(map(_is_urgent, rows))):
            _write_messages(channel, rows)


def _is_urgent(row: Addressing) -> bool:
    return severity_of(row.notice) == Severity.URGENT


def _must_wait(channel: Channel, *, is_urgent: bool) -> bool:
    """Whether CHANNEL has had so many that the next ones come together, in a while."""
    sent = channel.messages.order_by("-created_at")
    if sent.filter(created_at__gt=Now() - BURST_WINDOW)[:BURST].count() == BURST:
        return True
    if is_urgent or sent.filter(created_at__gt=Now() - MANY_WINDOW)[:MANY].count() < MANY:
        return False
    return sent.filter(created_at__gt=Now() - DIGEST_EVERY).exists()


def _write_messages(channel: Channel, rows: list[Addressing]) -> None:
    batches = [[row] for row in rows] if len(rows) <= MAX_SINGLE else [rows]
    for batch in batches:
        message = Message.objects.create(channel=channel, due_at=Now())
        Addressing.objects.filter(pk__in=[row.pk for row in batch]).update(message=message)
