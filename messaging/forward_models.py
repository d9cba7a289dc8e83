"""Who is told of messages and events by HTTP, of which ones, and each on its way."""

from datetime import datetime, timedelta
from typing import Any, Self

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from messaging.references import new_reference
from messaging.standard_webhooks import new_secret
from miniprograms.models import Authorizer, Tag
from platform_auth.fields import SecretField, SecretModel
from platform_auth.models import Leased, LeasedQuerySet, PlatformEvent, Push, is_free


class Target(SecretModel):
    """A back end, of the company or of a merchant, that is told of messages and events by HTTP."""

    sealed_to = "reference"

    reference = models.CharField(max_length=32, unique=True, default=new_reference, editable=False)
    name = models.CharField(_("name"), max_length=100)
    url = models.CharField(_("address"), max_length=500)
    is_on = models.BooleanField(_("on"), default=True)
    answers = models.BooleanField(
        _("answers"), default=False, help_text=_("What it answers becomes the reply to the user.")
    )
    concurrency = models.PositiveSmallIntegerField(
        _("at once"), default=4, validators=[MinValueValidator(1), MaxValueValidator(64)]
    )
    secret = SecretField(_("signing secret"), default=new_secret)
    previous_secret = SecretField(_("previous signing secret"))
    previous_until = models.DateTimeField(_("previous secret until"), null=True, editable=False)
    failures = models.PositiveIntegerField(_("failures in a row"), default=0, editable=False)
    paused_until = models.DateTimeField(_("left alone until"), null=True, editable=False)
    last_error = models.TextField(_("last error"), blank=True, editable=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("forward target")
        verbose_name_plural = _("forward targets")
        permissions = [("resend_delivery", _("Can send forwarded messages again"))]

    def __str__(self) -> str:
        return self.name


class ForwardRule(models.Model):
    """What a target is told of. What is empty says nothing: all accounts, all kinds."""

    target = models.ForeignKey(
        Target, models.CASCADE, related_name="rules", verbose_name=_("target")
    )
    authorizer = models.ForeignKey(
        Authorizer,
        models.CASCADE,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("account"),
    )
    tag = models.ForeignKey(
        Tag, models.CASCADE, null=True, blank=True, related_name="+", verbose_name=_("tag")
    )
    kind = models.CharField(_("kind"), max_length=64, blank=True)

    class Meta:
        verbose_name = _("forward rule")
        verbose_name_plural = _("forward rules")

    def __str__(self) -> str:
        parts = (self.authorizer, self.tag, self.kind or "*")
        return " · ".join(str(part) for part in parts if part)


def in_a_day() -> datetime:
    """When we stop trying to deliver."""
    return timezone.now() + timedelta(days=1)


class DeliveryQuerySet(LeasedQuerySet):
    def waiting(self) -> Self:
        """What is not delivered yet, nor given up."""
        return self.filter(state=Delivery.State.DUE)

    def stuck(self) -> Self:
        """What was given up, or has failed, and nobody is sending just now."""
        has_failed = Q(is_free(), state=Delivery.State.DUE, failures__gt=0)
        return self.filter(Q(state=Delivery.State.DEAD) | has_failed)

    def give_up(self, **values: Any) -> int:
        """Make dead letters of these, with VALUES. `make_oldest_due` must follow. How many."""
        return self.update(state=Delivery.State.DEAD, due_at=None, epoch=F("epoch") + 1, **values)


class Delivery(Leased):
    """
    The outbox to targets: one push, or one event of ours, on its way to one of them, which gets
    older ones of the same user, or of the same account, first.

    `log` is a list of attempts: [Unix seconds, HTTP status or 0, milliseconds, why].
    """

    class State(models.TextChoices):
        DUE = "due", _("on its way")
        DONE = "done", _("delivered")
        DEAD = "dead", _("given up")

    sealed_to = "pk"

    push = models.ForeignKey(
        Push, models.CASCADE, null=True, related_name="deliveries", verbose_name=_("push")
    )
    # Without an index of its own: `one_delivery_of_an_event` begins with it.
    event = models.ForeignKey(
        PlatformEvent,
        models.CASCADE,
        null=True,
        related_name="deliveries",
        verbose_name=_("event"),
        db_index=False,
    )
    # Without an index of its own: `one_delivery_a_target` begins with it.
    target = models.ForeignKey(
        Target, models.CASCADE, related_name="deliveries", verbose_name=_("target"), db_index=False
    )
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.DUE)
    appid = models.CharField(_("appid"), max_length=32, editable=False)
    # Whose order is kept: appid and openid, or the appid alone where it is about the account.
    user = models.CharField(max_length=97, editable=False)
    log = models.JSONField(_("attempts"), default=list, editable=False)
    created_at = models.DateTimeField(_("created"), default=timezone.now)
    give_up_at = models.DateTimeField(_("given up"), default=in_a_day, editable=False)
    done_at = models.DateTimeField(_("delivered"), null=True)

    objects = DeliveryQuerySet.as_manager()

    class Meta:
        verbose_name = _("delivery")
        verbose_name_plural = _("deliveries")
        constraints = [
            models.UniqueConstraint(fields=["target", "push"], name="one_delivery_a_target"),
            models.UniqueConstraint(
                fields=["event", "target"],
                condition=Q(event__isnull=False),
                name="one_delivery_of_an_event",
            ),
        ]
        indexes = [
            models.Index(
                fields=["target", "due_at", "id"], condition=Q(state="due"), name="delivery_due"
            ),
            models.Index(
                fields=["target", "user", "id"], condition=Q(state="due"), name="delivery_order"
            ),
            models.Index(
                fields=["target"], condition=Q(lease_until__isnull=False), name="delivery_leased"
            ),
            # Lists of deliveries show the newest first.
            models.Index(fields=["target", "-id"], name="delivery_newest"),
            models.Index(
                fields=["target", "state", "-id"],
                condition=~Q(state="done"),
                name="delivery_not_done_to",
            ),
            models.Index(fields=["appid", "-id"], name="delivery_newest_of"),
            # How many of an account were given up stands on each of its pages.
            models.Index(fields=["appid"], condition=Q(state="dead"), name="delivery_dead_of"),
            models.Index(
                fields=["state", "-id"], condition=~Q(state="done"), name="delivery_not_done"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.target}: {self.event or self.push}"

    @property
    def kind(self) -> str:
        """The kind of the push or the event."""
        subject = self.event or self.push
        return subject.kind if subject else ""

    @property
    def openid(self) -> str:
        """Of the user who wrote it; "" where nobody did."""
        return self.push.openid if self.push else ""
