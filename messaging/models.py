"""
Conversations with users, our replies, and the rules that write some of them; who else is told is in
`forward_models`. What was received is kept in the inbox alone (`Push`).
"""

from typing import Any, Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from messaging.forward_models import Delivery as Delivery
from messaging.forward_models import ForwardRule as ForwardRule
from messaging.forward_models import Target as Target
from messaging.forward_models import in_a_day as in_a_day
from messaging.references import new_reference as new_reference
from miniprograms.models import Authorizer
from platform_auth.fields import SecretField, SecretModel
from platform_auth.models import (
    TESTER_OPENID_PREFIX,
    Component,
    Leased,
    LeasedQuerySet,
    Push,
    person_field,
)


class ConversationQuerySet(models.QuerySet["Conversation"]):
    def visible_to(self, user: Any) -> Self:
        """All for staff who may read conversations; merchants' own, if they were given that."""
        if user.is_staff and user.has_perm("messaging.view_conversation"):
            return self
        if user.has_perm("messaging.own_conversations"):
            return self.filter(authorizer__owner=user)
        return self.none()

    def noted(self) -> Self:
        """Those that staff have written something about, or that somebody is in charge of."""
        about = ~Q(remark="") | Q(in_charge__isnull=False) | Q(pk__in=_labelled())
        return self.filter(about)


def _labelled() -> models.QuerySet[Any]:
    return Conversation.labels.through._default_manager.values("conversation_id")


class ConversationLabel(models.Model):
    """A word that staff sort users by; a tag is one for accounts."""

    name = models.CharField(_("name"), max_length=20, unique=True)

    class Meta:
        verbose_name = _("label of users")
        verbose_name_plural = _("labels of users")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Conversation(SecretModel):
    """
    One user of one account.

    The window is WeChat's: after a user's act we may send `left` messages until `window_until`.
    """

    sealed_to = "reference"

    reference = models.CharField(max_length=32, unique=True, default=new_reference, editable=False)
    authorizer = models.ForeignKey(
        Authorizer, models.CASCADE, related_name="conversations", verbose_name=_("account")
    )
    openid = models.CharField(_("user"), max_length=64)
    heard = models.BigIntegerField(default=0, editable=False)  # WeChat's CreateTime of the last
    # And of the last that the user wrote, whose beginning is the preview.
    written = models.BigIntegerField(default=0, db_default=0, editable=False)
    preview = SecretField(_("last message"))
    unread = models.PositiveIntegerField(_("unread"), default=0)
    window_until = models.DateTimeField(_("may be answered until"), null=True)
    left = models.PositiveSmallIntegerField(_("messages left"), default=0)
    touched_at = models.DateTimeField(_("last activity"), default=timezone.now)
    # What staff note of the user; merchants do not see it.
    remark = models.CharField(_("remark"), max_length=100, blank=True, db_default="")
    labels = models.ManyToManyField(
        ConversationLabel, blank=True, related_name="conversations", verbose_name=_("labels")
    )
    in_charge = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        db_index=False,
        related_name="+",
        verbose_name=_("in charge"),
    )

    objects = ConversationQuerySet.as_manager()

    class Meta:
        verbose_name = _("conversation")
        verbose_name_plural = _("conversations")
        constraints = [
            models.UniqueConstraint(fields=["authorizer", "openid"], name="one_conversation")
        ]
        indexes = [
            models.Index(fields=["authorizer", "-touched_at"], name="conversation_recent"),
            models.Index(fields=["-touched_at"], name="conversation_touched"),
            models.Index(fields=["openid"], name="conversation_openid"),
            models.Index(
                fields=["-touched_at"], condition=Q(unread__gt=0), name="conversation_unread"
            ),
            models.Index(
                fields=["authorizer"], condition=Q(unread__gt=0), name="conversation_unread_of"
            ),
            models.Index(
                fields=["in_charge", "-touched_at"],
                condition=Q(in_charge__isnull=False),
                name="conversation_in_charge",
            ),
            models.Index(fields=["remark"], condition=~Q(remark=""), name="conversation_remark"),
        ]
        permissions = [
            ("answer_conversation", _("Can answer users")),
            ("own_conversations", _("Can answer the users of their own accounts (merchants)")),
        ]

    def __str__(self) -> str:
        return f"{self.authorizer}: {self.openid}"

    @property
    def is_open(self) -> bool:
        """Whether WeChat would let us write to this user, as far as we know."""
        return bool(self.left and self.window_until and self.window_until > timezone.now())


class Rule(models.Model):
    """
    An automatic reply: what is said when a message, or an event, of some kind comes.

    Of an account's own rules and those for all, the first by `position` that fits speaks.
    """

    class Trigger(models.TextChoices):
        KEYWORD = "keyword", _("a user writes")
        EVENT = "event", _("an event happens")
        DEFAULT = "default", _("nothing else fits")

    class Match(models.TextChoices):
        EXACT = "exact", _("exactly this")
        CONTAINS = "contains", _("contains this")
        REGEX = "regex", _("regular expression")

    name = models.CharField(_("name"), max_length=100)
    authorizer = models.ForeignKey(
        Authorizer,
        models.CASCADE,
        null=True,
        blank=True,
        related_name="rules",
        verbose_name=_("account"),
        help_text=_("Empty: for all accounts."),
    )
    is_on = models.BooleanField(_("on"), default=True)
    position = models.PositiveSmallIntegerField(
        _("position"), default=100, help_text=_("Lower numbers are tried first.")
    )
    trigger = models.CharField(_("when"), max_length=10, choices=Trigger.choices)
    match = models.CharField(_("how"), max_length=10, choices=Match.choices, default=Match.CONTAINS)
    pattern = models.CharField(_("text"), max_length=200, blank=True)
    event = models.CharField(_("event"), max_length=64, blank=True)
    event_key = models.CharField(
        _("event key"), max_length=128, blank=True, help_text=_("Empty: whatever the key.")
    )
    quiet_from = models.TimeField(
        _("quiet from"), null=True, blank=True, help_text=_("Between these times it says nothing.")
    )
    quiet_until = models.TimeField(_("quiet until"), null=True, blank=True)
    content = models.JSONField(_("reply"))  # as replies.as_data() makes it

    class Meta:
        verbose_name = _("automatic reply")
        verbose_name_plural = _("automatic replies")
        ordering = ["position", "id"]

    def __str__(self) -> str:
        return self.name


class CannedReply(models.Model):
    """A text that staff, or a merchant, need not write again."""

    authorizer = models.ForeignKey(
        Authorizer,
        models.CASCADE,
        null=True,
        blank=True,
        related_name="canned_replies",
        verbose_name=_("account"),
        help_text=_("Empty: for all accounts."),
    )
    title = models.CharField(_("title"), max_length=50)
    text = models.TextField(_("text"), max_length=600)
    position = models.PositiveSmallIntegerField(_("position"), default=100)

    class Meta:
        verbose_name = _("canned reply")
        verbose_name_plural = _("canned replies")
        ordering = ["position", "id"]

    def __str__(self) -> str:
        return self.title


class Reply(Leased):
    """
    The outbox to users: a passive reply in the answer to a push, or a customer-service message.
    `reply_to` is the push it answers, one reply at most for each.
    """

    class State(models.TextChoices):
        PASSIVE = "passive", _("answered at once")
        DUE = "due", _("waiting to be sent")
        SENT = "sent", pgettext_lazy("reply", "sent")
        FAILED = "failed", _("not sent")
        UNKNOWN = "unknown", _("perhaps sent")

    RESENDABLE = (State.FAILED, State.UNKNOWN)

    sealed_to = "reference"

    reference = models.CharField(max_length=32, unique=True, default=new_reference, editable=False)
    conversation = models.ForeignKey(
        Conversation, models.CASCADE, related_name="replies", verbose_name=_("conversation")
    )
    reply_to = models.OneToOneField(
        Push, models.SET_NULL, null=True, related_name="reply", editable=False
    )
    state = models.CharField(_("state"), max_length=10, choices=State.choices)
    content = SecretField(_("message"))  # JSON
    rule = models.ForeignKey(
        Rule, models.SET_NULL, null=True, related_name="+", verbose_name=_("automatic reply")
    )
    by = person_field(_("written by"))
    errcode = models.IntegerField(null=True, editable=False)
    at = models.DateTimeField(_("time"), default=timezone.now)

    objects = LeasedQuerySet.as_manager()

    class Meta:
        verbose_name = _("reply")
        verbose_name_plural = _("replies")
        indexes = [
            models.Index(fields=["due_at"], condition=Q(due_at__isnull=False), name="reply_due"),
            models.Index(fields=["conversation", "-at"], name="reply_recent"),
            models.Index(fields=["at"], name="reply_at"),
        ]

    def __str__(self) -> str:
        return f"{self.get_state_display()} {self.conversation}"


class ReleaseTest(Leased):
    """
    A QUERY_AUTH_CODE message of WeChat's 全网发布 test: the code in it is to be traded, and told
    back by a customer-service message.
    """

    class State(models.TextChoices):
        DUE = "due", _("waiting to be answered")
        DONE = "done", _("answered")
        FAILED = "failed", _("failed")

    sealed_to = "reference"

    reference = models.CharField(max_length=32, unique=True, default=new_reference, editable=False)
    component = models.ForeignKey(Component, models.CASCADE, verbose_name=_("component"))
    push = models.OneToOneField(Push, models.CASCADE, related_name="release_test")
    appid = models.CharField(_("appid"), max_length=32)
    openid = models.CharField(_("user"), max_length=64)
    code = SecretField()
    token = SecretField()  # what the code was traded for
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.DUE)
    errcode = models.IntegerField(null=True, editable=False)
    at = models.DateTimeField(_("time"), default=timezone.now)
    done_at = models.DateTimeField(_("answered"), null=True)

    objects = LeasedQuerySet.as_manager()

    class Meta:
        verbose_name = _("release test")
        verbose_name_plural = _("release tests")
        indexes = [
            models.Index(
                fields=["due_at"], condition=Q(due_at__isnull=False), name="release_test_due"
            )
        ]
        permissions = [("rehearse_release", _("Can rehearse WeChat's release test"))]

    def __str__(self) -> str:
        return f"{self.appid} {self.get_state_display()}"

    @property
    def is_rehearsal(self) -> bool:
        """Whether we asked ourselves: our own tester's users are named so."""
        return self.openid.startswith(TESTER_OPENID_PREFIX)
