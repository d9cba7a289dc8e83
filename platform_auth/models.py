"""Who we are to WeChat, what it pushed to us, and who did what."""

import random
from datetime import datetime, timedelta
from datetime import timezone as fixed_zone
from functools import lru_cache
from typing import Any, ClassVar, NoReturn, Self

from django.conf import settings
from django.contrib.auth.models import User
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django_stubs_ext import StrOrPromise

from platform_auth.call_models import WeChatCall as WeChatCall
from platform_auth.client_models import ApiClient as ApiClient
from platform_auth.client_models import ClientKey as ClientKey
from platform_auth.counted import Count as Count
from platform_auth.counted import OddRows as OddRows
from platform_auth.counted import OldKeyUse as OldKeyUse
from platform_auth.counted import PushRefusal as PushRefusal
from platform_auth.event_models import PlatformEvent as PlatformEvent
from platform_auth.fields import SecretField, SecretModel
from platform_auth.installation_models import Installation as Installation
from platform_auth.login_models import KeyNote as KeyNote
from platform_auth.login_models import LoginCounter as LoginCounter
from platform_auth.login_models import LoginSession as LoginSession
from platform_auth.login_models import NewPassword as NewPassword
from platform_auth.login_models import PasswordReset as PasswordReset
from platform_auth.login_models import PersonLanguage as PersonLanguage
from platform_auth.login_models import SecondFactor as SecondFactor
from platform_auth.text_rules import is_appid
from wechat.envelope import Envelope, Key
from wechat.errors import (
    BackingOff,
    Busy,
    NotReady,
    QuotaDay,
    QuotaMinute,
    Refused,
    TicketExpired,
    TokenExpired,
    WeChatError,
)

# Longer than any one call may take (3 s to connect, 15 s for the answer): a lease runs out only
# under a holder that has died.
LEASE = timedelta(seconds=25)

# A component_verify_ticket is good for 12 hours.
TICKET_LIFE = timedelta(hours=12)

# How the openids begin of our own tester of 全网发布, whose pushes are none of WeChat's.
TESTER_OPENID_PREFIX = "o-rehearsal-"

UTC_PLUS_8 = fixed_zone(timedelta(hours=8))

# Made once a process and key: 0.1 µs instead of 13, four times for every push.
key_of = lru_cache(maxsize=64)(Key.of)


def person_field(title: StrOrPromise | None = None) -> models.ForeignKey[User | None, User | None]:
    """Who did something; their account may go, and what they did stays."""
    return models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        related_name="+",
        verbose_name=title,
    )


class LeasedQuerySet(models.QuerySet[Any]):
    """Rows that one process at a time may work on with WeChat."""

    def with_clock(self) -> Self:
        """Rows that know the database's time as `now`: the one clock that all hosts share."""
        return self.annotate(now=Now())

    def due(self) -> Self:
        """Rows whose time has come and which nobody is working on."""
        return self.filter(is_free(), due_at__lte=Now())


def is_free() -> Q:
    """Nobody holds the row, or whoever did has died."""
    return Q(lease_until=None) | Q(lease_until__lt=Now())


class Leased(SecretModel):
    """
    A row about which WeChat must be asked at `due_at`, by one process at a time.

    `epoch` is the fence: whoever takes the lease moves it on, and may write only while it still
    stands where they put it. Giving the lease back moves it on too, so that nobody takes the row
    who has read it before what was written.
    """

    epoch = models.BigIntegerField(default=0, editable=False)
    lease_until = models.DateTimeField(null=True, editable=False)
    due_at = models.DateTimeField(_("WeChat is asked again"), null=True, editable=False)
    failures = models.PositiveSmallIntegerField(_("failures in a row"), default=0, editable=False)
    last_error = models.TextField(_("last error"), blank=True, editable=False)

    now: datetime  # by with_clock()
    lease_time: ClassVar[timedelta] = LEASE

    class Meta:
        abstract = True

    def take_lease(self) -> bool:
        """
        Become the only one who may work on this row, unless it has moved on or somebody else is.

        Needs a row read `with_clock()`.
        """
        if self.lease_until and self.lease_until > self.now:
            return False
        rows = type(self)._default_manager.filter(is_free(), pk=self.pk, epoch=self.epoch)
        taken = rows.update(epoch=F("epoch") + 1, lease_until=Now() + self.lease_time)
        self.epoch += taken
        return bool(taken)

    def write(self, **values: Any) -> bool:
        """Set VALUES and give the lease back, if nobody has fenced us off in the meantime."""
        values = {"lease_until": None, **values}
        if values["lease_until"] is None:
            values["epoch"] = F("epoch") + 1
        rows = type(self)._default_manager.filter(pk=self.pk, epoch=self.epoch)
        return bool(rows.update(**values))

    def back_off(self, error: WeChatError, **values: Any) -> bool:
        """
        Give the lease back without success: keep why, and ask again when that makes sense.

        Where nothing was asked, for want of the component's own token, it counts as no failure.
        """
        was_asked = not isinstance(error, NotReady | BackingOff)
        return self.write(
            due_at=Now() + backoff_after(error, self.failures),
            failures=min(self.failures + was_asked, 100),
            last_error=str(error),
            **values,
        )


def backoff_after(error: WeChatError, failures: int) -> timedelta:
    """How long to leave WeChat alone after ERROR, the next one after FAILURES in a row."""
    match error:
        case QuotaDay():
            return _until_beijing_midnight()
        case NotReady() | BackingOff():
            return timedelta(seconds=5)
        case QuotaMinute() | TicketExpired():
            return timedelta(minutes=1)
        case Refused() if not isinstance(error, Busy | TokenExpired):
            return timedelta(seconds=min(60 * 2**failures, 600))
        case _:
            return timedelta(seconds=min(2**failures, 600) * random.uniform(0.75, 1))  # noqa: S311


def _until_beijing_midnight() -> timedelta:
    """WeChat counts days in Beijing; five minutes more for its clock."""
    beijing = timezone.now().astimezone(UTC_PLUS_8)
    midnight = (beijing + timedelta(days=1)).replace(hour=0, minute=5, second=0, microsecond=0)
    return midnight - beijing


class Component(Leased):
    """Our third-party platform 第三方平台 (the original's weixin_account)."""

    sealed_to = "appid"

    appid = models.CharField(_("appid"), max_length=32, unique=True, validators=[is_appid])
    name = models.CharField(_("name"), max_length=100, blank=True)
    app_secret = SecretField(_("AppSecret"))
    message_token = SecretField(_("message token"))
    aes_key = SecretField(_("EncodingAESKey"))
    previous_message_token = SecretField(_("previous message token"))
    previous_aes_key = SecretField(_("previous EncodingAESKey"))
    previous_key_uses = models.PositiveIntegerField(
        _("pushes with the previous key"), default=0, editable=False
    )
    previous_key_used_at = models.DateTimeField(
        _("previous key last used"), null=True, editable=False
    )
    keys_changed_at = models.DateTimeField(_("keys changed"), null=True, editable=False)
    verify_ticket = SecretField(_("component_verify_ticket"))
    previous_ticket = SecretField(_("previous ticket"))
    ticket_created = models.BigIntegerField(default=0, editable=False)  # WeChat's CreateTime
    ticket_received_at = models.DateTimeField(_("ticket received"), null=True, editable=False)
    push_asked_at = models.DateTimeField(_("ticket pushes asked for"), null=True, editable=False)
    silent_since = models.DateTimeField(_("no push since"), null=True, editable=False)
    access_token = SecretField(_("component token"))
    access_token_expires = models.BigIntegerField(default=0, editable=False)  # Unix seconds
    reconciled_at = models.DateTimeField(_("reconciled"), null=True, editable=False)
    reconciling_until = models.DateTimeField(null=True, editable=False)
    is_offered = models.BooleanField(
        _("merchants may choose it"),
        default=False,
        db_default=False,
        help_text=_("For new bindings in the portal, beside the one that acts for them."),
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("updated"), auto_now=True)

    objects = LeasedQuerySet.as_manager()

    class Meta:
        verbose_name = _("component")
        verbose_name_plural = _("components")

    def __str__(self) -> str:
        return self.name or self.appid

    @property
    def live_token(self) -> str:
        """The component token, or "" once it has expired. Needs a row read `with_clock()`."""
        return self.access_token if self.access_token_expires > self.now.timestamp() else ""

    @property
    def keys(self) -> list[Key]:
        """Every token with every AES key that may be in use just now, the current ones first."""
        tokens = [self.message_token, self.previous_message_token]
        aes_keys = [self.aes_key, self.previous_aes_key]
        return [key_of(token, key) for token in tokens for key in aes_keys if token and key]

    @property
    def envelope(self) -> Envelope:
        """What opens the pushes that WeChat seals for this component."""
        return Envelope(self.appid, self.keys)


class Push(SecretModel):
    """
    The inbox: one row for each proven push. `digest` is of its ciphertext, `business_key` the
    deduplication key; both are unique, so a push that comes again has no second effect.

    `state` is what a push comes to once it is worked out; until then it has a row in `DuePush`.
    """

    class State(models.TextChoices):
        DONE = "done", _("done")
        FAILED = "failed", _("failed")
        IGNORED = "ignored", _("ignored")
        # Kept for an account that nobody here is given yet.
        UNCLAIMED = "unclaimed", _("waits for its account")

    sealed_to = "digest"

    is_replay = False  # staff run again what has had its effect
    is_awaited = False  # WeChat waits for an answer to it

    digest = models.CharField(max_length=64, unique=True, editable=False)
    business_key = models.CharField(max_length=64, unique=True, editable=False)
    component = models.ForeignKey(
        Component, on_delete=models.PROTECT, verbose_name=_("component"), db_index=False
    )
    appid = models.CharField(_("appid"), max_length=32, blank=True)
    kind = models.CharField(_("kind"), max_length=64)
    # Who sent a message. The default is for processes that do not know the column yet.
    openid = models.CharField(_("user"), max_length=64, blank=True, db_default="")
    body = SecretField(_("body"))  # the proven bytes as they came: see `message`
    state = models.CharField(_("state"), max_length=10, choices=State.choices)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    error = models.TextField(_("error"), blank=True)
    created = models.DateTimeField(_("sent"), help_text=_("By WeChat's clock."))
    # Its CreateTime cannot be read: `created` is our own time, and the digest is kept for good,
    # since nothing tells a replay from a new one.
    is_undated = models.BooleanField(default=False, db_default=False, editable=False)
    received_at = models.DateTimeField(_("received"), default=timezone.now)
    # Of the request that brought it: what joins the log's lines of the door and of the workers.
    request_id = models.CharField(_("request"), max_length=64, blank=True, db_default="")
    retry_at = models.DateTimeField(_("next attempt"), null=True, editable=False)

    class Meta:
        verbose_name = _("push")
        verbose_name_plural = _("pushes")
        indexes = [
            models.Index(fields=["received_at"]),
            models.Index(fields=["appid", "received_at"]),
            models.Index(
                fields=["openid", "received_at"], condition=~Q(openid=""), name="push_openid"
            ),
            models.Index(fields=["kind", "received_at"], name="push_kind"),
            models.Index(fields=["appid"], condition=Q(state="failed"), name="push_failed_of"),
            models.Index(
                fields=["state", "received_at"], condition=~Q(state="done"), name="push_not_done"
            ),
            models.Index(
                fields=["retry_at"], condition=Q(retry_at__isnull=False), name="push_retry"
            ),
        ]
        permissions = [
            ("replay_push", _("Can replay pushes")),
            ("export_push", _("Can export pushes")),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.appid}"

    @property
    def message(self) -> bytes:
        """What was in the envelope, byte for byte. Raises Unreadable if its key is lost."""
        return self.body.encode(errors="surrogateescape")


class DuePush(models.Model):
    """
    A push that is kept and not worked out yet. A table of its own: rows come and go here all the
    time, while those of the inbox, with their many indexes, are written once.
    """

    push = models.OneToOneField(Push, on_delete=models.CASCADE, primary_key=True)
    due_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return f"{self.pk} at {self.due_at}"


class Operation(models.Model):
    """
    The operation log: who did what to which mini program, and with which result.

    Written in the transaction of the act; never changed afterwards, which PostgreSQL sees to.
    """

    at = models.DateTimeField(_("time"), default=timezone.now, db_index=True)
    actor = person_field(_("actor"))
    actor_name = models.CharField(_("actor's name"), max_length=150)
    action = models.CharField(_("action"), max_length=40)
    appid = models.CharField(_("appid"), max_length=32, blank=True, db_index=True)
    result = models.TextField(_("result"), blank=True)
    request_id = models.CharField(_("request"), max_length=64, blank=True)
    # Of an act on code: the user_version that it was about.
    version = models.CharField(_("version"), max_length=64, blank=True, db_default="")
    # That it was tried, and did not come to pass; RESULT says why.
    has_failed = models.BooleanField(_("failed"), default=False, db_default=False)

    class Meta:
        verbose_name = _("operation")
        verbose_name_plural = _("operation log")
        indexes = [
            # What staff look for, the newest first.
            models.Index(fields=["actor_name", "-id"], name="operation_actor"),
            models.Index(fields=["action", "-id"], name="operation_action"),
            models.Index(
                fields=["version", "-id"], condition=~Q(version=""), name="operation_version"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.actor_name}: {self.action} {self.appid}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            self._refuse()
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise TypeError("the operation log is only ever added to")


class OperationSeal(models.Model):
    """A link of the chain that shows whether the operation log is as it was written."""

    position = models.BigIntegerField(primary_key=True)  # 1, 2, 3 …
    operation_id = models.BigIntegerField(unique=True)  # which may be gone: that is the point
    digest = models.CharField(max_length=64)  # of the operation and of the digest before

    def __str__(self) -> str:
        return f"{self.position}:{self.digest}"


class Heartbeat(models.Model):
    """
    When a periodic job last ran to its end, a worker last carried out a task, or a process was last
    alive, as role@host.
    """

    NAME_LENGTH = 100
    name = models.CharField(max_length=NAME_LENGTH, primary_key=True)
    at = models.DateTimeField(default=timezone.now)
    skew = models.FloatField(null=True)  # of a process: seconds that its clock is ahead of ours

    class Meta:
        verbose_name = _("heartbeat")
        verbose_name_plural = _("heartbeats")

    def __str__(self) -> str:
        return self.name
