"""What merchants do with their own channels. Whoever looks after somebody else's is staff."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import time

from django.contrib.auth.models import User
from django.db import transaction
from django.utils.translation import gettext as _

from notices.kinds import MERCHANT_KINDS
from notices.models import Channel, Message, NoticeRule
from notices.services.planning import ensure_own_email
from platform_auth.logins.languages import language_of
from platform_auth.operations import record_operation

MAX_CHANNELS = 5  # of one merchant


class TooManyChannels(Exception):
    """A merchant has as many as they may."""

    def __init__(self) -> None:
        super().__init__(
            _("You have %(most)d channels, which is the most.") % {"most": MAX_CHANNELS}
        )


@dataclass(frozen=True, slots=True)
class Choice:
    """What a merchant chooses for a channel."""

    kinds: Iterable[str]
    is_on: bool
    language: str
    quiet_from: time | None = None
    quiet_until: time | None = None


def save_choice(channel: Channel, choice: Choice, *, by: User) -> None:
    """CHANNEL, one of BY's own, is told of what CHOICE says from now on."""
    kinds = [kind for kind in choice.kinds if kind in MERCHANT_KINDS]
    with transaction.atomic():
        channel.is_on, channel.language = choice.is_on, choice.language
        channel.quiet_from, channel.quiet_until = choice.quiet_from, choice.quiet_until
        fields = ["is_on", "language", "quiet_from", "quiet_until"]
        channel.save(update_fields=fields)
        channel.rules.all().delete()
        NoticeRule.objects.bulk_create([NoticeRule(channel=channel, kind=kind) for kind in kinds])
        record_operation("change_channel", by=by, result=str(channel))


def save_email_choice(owner: User, choice: Choice) -> bool:
    """As `save_choice` for the e-mail address of OWNER's login; False if they have none."""
    channel = ensure_own_email(owner)
    if channel is None:
        return False
    save_choice(channel, choice, by=owner)
    return True


def add_bot(owner: User, *, type_: str, name: str, address: str, secret: str) -> Channel:
    """The bot of a group of OWNER's, told of all kinds. Raises TooManyChannels."""
    with transaction.atomic():
        User.objects.select_for_update().get(pk=owner.pk)  # one at a time
        if Channel.objects.filter(owner=owner).count() >= MAX_CHANNELS:
            raise TooManyChannels
        channel = Channel.objects.create(
            owner=owner,
            type=type_,
            name=name,
            address=address,
            secret=secret,
            language=language_of(owner),
        )
        NoticeRule.objects.bulk_create(
            [NoticeRule(channel=channel, kind=kind) for kind in MERCHANT_KINDS]
        )
        record_operation("add_channel", by=owner, result=str(channel))
    return channel


def remove_bot(channel: Channel, *, by: User) -> None:
    """CHANNEL, a bot of BY's own, and what waits for it."""
    with transaction.atomic():
        record_operation("delete_channel", by=by, result=str(channel))
        channel.delete()


def newest_messages(channel: Channel, number: int = 5) -> list[Message]:
    """What was sent to CHANNEL last."""
    return list(channel.messages.order_by("-created_at")[:number])
