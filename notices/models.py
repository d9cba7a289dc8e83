"""
Who is told what: notices (the outbox: what happened), channels with their rules, and the messages
that carry notices to a channel.
"""

from datetime import datetime, timedelta
from typing import Any, Self

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from messaging.models import new_reference
from messaging.standard_webhooks import new_secret
from miniprograms.models import Tag
from notices.kinds import KINDS, Severity
from platform_auth.fields import SecretField, SecretModel
from platform_auth.models import Leased, LeasedQuerySet


def give_up_time() -> datetime:
    """When we stop trying to send."""
    return timezone.now() + timedelta(days=1)


class Notice(models.Model):
    """
    The outbox: something happened that people may be told of, written with it. FACTS are what the
    domain event was published with; PLANNED_AT is when it was decided who is told.
    """

    kind = models.CharField(_("kind"), max_length=40)
    appid = models.CharField(_("appid"), max_length=32, blank=True)
    once = models.CharField(max_length=150, null=True, unique=True, editable=False)  # noqa: DJ001 -- NULLs are all different
    facts = models.JSONField(_("facts"), default=dict)
    created_at = models.DateTimeField(_("time"), default=timezone.now, db_index=True)
    planned_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        verbose_name = _("notice")
        verbose_name_plural = _("notices")
        indexes = [
            models.Index(fields=["id"], condition=Q(planned_at=None), name="notice_unplanned"),
            models.Index(fields=["appid", "-id"], name="notice_appid"),
        ]

    def __str__(self) -> str:
        label = KINDS[self.kind].label if self.kind in KINDS else self.kind
        return f"{label} {self.appid}".strip()


class ChannelQuerySet(models.QuerySet["Channel"]):
    def of_staff(self) -> Self:
        """Channels of the platform's own people."""
        return self.filter(owner=None)


class Channel(SecretModel):
    """
    A way to somebody: an e-mail address, the bot of a group, or another program.

    One with an OWNER is a merchant's and is told of their accounts alone. Its e-mail address, if
    empty, is that of the owner's login. ADDRESS and SECRET are never shown again.
    """

    class Type(models.TextChoices):
        EMAIL = "email", _("e-mail")
        WECOM = "wecom", _("WeCom group bot (企业微信)")
        DINGTALK = "dingtalk", _("DingTalk group bot (钉钉)")
        FEISHU = "feishu", _("Feishu group bot (飞书)")
        WEBHOOK = "webhook", _("signed webhook")

    BOTS = (Type.WECOM, Type.DINGTALK, Type.FEISHU)

    sealed_to = "reference"

    reference = models.CharField(max_length=32, unique=True, default=new_reference, editable=False)
    name = models.CharField(_("name"), max_length=100)
    type = models.CharField(_("type"), max_length=10, choices=Type.choices)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.CASCADE,
        null=True,
        blank=True,
        related_name="notice_channels",
        verbose_name=_("merchant"),
    )
    is_on = models.BooleanField(_("on"), default=True)
    address = SecretField(_("address"))
    secret = SecretField(_("signing secret"))
    language = models.CharField(
        _("language"),
        max_length=10,
        choices=settings.LANGUAGES,
        default=settings.LANGUAGE_CODE,
    )
    quiet_from = models.TimeField(_("quiet from"), null=True, blank=True)
    quiet_until = models.TimeField(_("quiet until"), null=True, blank=True)
    failures = models.PositiveIntegerField(_("failures in a row"), default=0, editable=False)
    paused_until = models.DateTimeField(_("left alone until"), null=True, editable=False)
    last_error = models.TextField(_("last error"), blank=True, editable=False)
    tested_at = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    objects = ChannelQuerySet.as_manager()

    class Meta:
        verbose_name = _("notice channel")
        verbose_name_plural = _("notice channels")
        constraints = [
            # What a merchant is told by who has never chosen; planning makes it.
            models.UniqueConstraint(
                fields=["owner"], condition=Q(type="email"), name="one_email_an_owner"
            )
        ]
        permissions = [("resend_message", _("Can send notices again"))]

    def __str__(self) -> str:
        return self.name

    def sign_with_new_secret(self) -> str:
        """Give a webhook the secret that it is signed with; it is to be shown this once."""
        self.secret = new_secret()
        return self.secret


class NoticeRule(models.Model):
    """What a channel is told of. What is empty says nothing: all kinds, all accounts."""

    channel = models.ForeignKey(
        Channel, models.CASCADE, related_name="rules", verbose_name=_("channel")
    )
    kind = models.CharField(_("kind"), max_length=40, blank=True)
    tag = models.ForeignKey(
        Tag, models.CASCADE, null=True, blank=True, related_name="+", verbose_name=_("tag")
    )
    least_severity = models.PositiveSmallIntegerField(
        _("at least"), choices=Severity.choices, default=Severity.NEWS
    )

    class Meta:
        verbose_name = _("notice rule")
        verbose_name_plural = _("notice rules")

    def __str__(self) -> str:
        kind = KINDS[self.kind].label if self.kind in KINDS else "*"
        parts = (kind, self.tag, self.get_least_severity_display())
        return " · ".join(str(part) for part in parts if part)


class MessageQuerySet(LeasedQuerySet):
    def waiting(self) -> Self:
        """What has not arrived yet, nor was given up."""
        return self.filter(state=Message.State.DUE)

    def give_up(self, **values: Any) -> int:
        """Make dead letters of these, with VALUES. How many."""
        return self.update(state=Message.State.DEAD, due_at=None, epoch=F("epoch") + 1, **values)


class Message(Leased):
    """
    A message on its way to a channel, with one notice or, where there are many, with all of them.
    Its reference stays the same however often it is sent: by it the receiver deduplicates.

    `log` is a list of attempts: [Unix seconds, milliseconds, why; "" if it arrived].
    """

    class State(models.TextChoices):
        DUE = "due", _("on its way")
        DONE = "done", _("delivered")
        DEAD = "dead", _("given up")

    sealed_to = "reference"
    # Longer than a post takes; and short, so that what a worker had in hand when it died goes out
    # within the minute, were it to happen twice.
    lease_time = timedelta(seconds=15)

    reference = models.CharField(max_length=32, unique=True, default=new_reference, editable=False)
    channel = models.ForeignKey(
        Channel, models.CASCADE, related_name="messages", verbose_name=_("channel"), db_index=False
    )
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.DUE)
    log = models.JSONField(_("attempts"), default=list, editable=False)
    created_at = models.DateTimeField(_("created"), default=timezone.now)
    give_up_at = models.DateTimeField(_("given up"), default=give_up_time, editable=False)
    done_at = models.DateTimeField(_("delivered"), null=True)

    objects = MessageQuerySet.as_manager()

    class Meta:
        verbose_name = _("sent notice")
        verbose_name_plural = _("sent notices")
        indexes = [
            models.Index(fields=["due_at"], condition=Q(state="due"), name="message_due"),
            models.Index(fields=["channel", "-created_at"], name="message_channel"),
            models.Index(fields=["channel", "state", "-id"], name="message_channel_state"),
            models.Index(fields=["state", "-id"], condition=~Q(state="done"), name="message_state"),
        ]

    def __str__(self) -> str:
        return f"{self.channel}: {self.reference[:8]}"


class Addressing(models.Model):
    """That a channel is told of a notice, from `due_at` on, once; MESSAGE is what carries it."""

    notice = models.ForeignKey(Notice, models.CASCADE, related_name="addressings")
    channel = models.ForeignKey(Channel, models.CASCADE, related_name="addressings", db_index=False)
    message = models.ForeignKey(Message, models.CASCADE, null=True, related_name="addressings")
    due_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["notice", "channel"], name="one_addressing_a_channel")
        ]
        indexes = [
            models.Index(
                fields=["channel", "due_at"],
                condition=Q(message=None),
                name="addressing_waiting",
            )
        ]

    def __str__(self) -> str:
        return f"{self.notice_id} → {self.channel_id}"


class Threshold(models.Model):
    """What a count was when it was last looked at: that it rises is seen by comparing."""

    name = models.CharField(max_length=100, primary_key=True)
    value = models.BigIntegerField(default=0)
    at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"{self.name}: {self.value}"
