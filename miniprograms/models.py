"""Who trusts us: the accounts that authorise our component, and the attempts to bind them."""

import secrets
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, Self

from django.conf import settings
from django.db import connection, models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from miniprograms.authorizer_rows import AuthorizerQuerySet as AuthorizerQuerySet
from miniprograms.interface_models import InterfaceApplication as InterfaceApplication
from miniprograms.interface_models import ReviewPicture as ReviewPicture
from miniprograms.link_models import BindLink as BindLink
from miniprograms.member_models import Tester as Tester
from miniprograms.permission_models import PermissionRequest as PermissionRequest
from miniprograms.permissions import Need, lacking_needs, name_permission_sets
from miniprograms.settings_models import ConfirmFile as ConfirmFile
from miniprograms.settings_models import Setting as Setting
from miniprograms.settings_models import SettingProfile as SettingProfile
from miniprograms.settings_models import SettingVersion as SettingVersion
from miniprograms.user_models import SigningTicket as SigningTicket
from miniprograms.user_models import WebLogin as WebLogin
from platform_auth.fields import SecretField, read_or_empty
from platform_auth.models import Component, Leased, LeasedQuerySet
from platform_auth.text_rules import is_appid
from wechat.component import EITHER, MINI_PROGRAM, OFFICIAL_ACCOUNT

HISTORY_SIZE = 5  # refresh tokens kept besides the current one
BINDING_LIFETIME = timedelta(minutes=15)


def digest(text: str) -> str:
    """What is kept of a bearer's secret, to find its row again by."""
    return sha256(text.encode()).hexdigest()


def new_token() -> str:
    """A value for the original's `token` column."""
    return secrets.token_hex(16)


class Tag(models.Model):
    """A word that staff group accounts by."""

    name = models.CharField(_("name"), max_length=50, unique=True)

    class Meta:
        verbose_name = _("tag")
        verbose_name_plural = _("tags")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Authorizer(Leased):
    """
    An account that authorises our component 授权方: a mini program, an official account, or one of
    the kinds that WeChat has let authorise platforms since.

    Table and columns of the original system's `wxminiprograms`. `auth_time` is WeChat's own time of
    the last authorisation or cancellation, 0 if it never told: what later news is measured against.
    """

    class Kind(models.TextChoices):
        MINI_PROGRAM = "mini_program", _("mini program")
        OFFICIAL_ACCOUNT = "official_account", _("official account")
        CHANNELS = "channels", _("Channels account")
        STORE = "store", _("WeChat store")
        TALENT = "talent", _("sales assistant")
        SUPPLIER = "supplier", _("supplier")
        UNKNOWN = "unknown", _("unknown")  # WeChat adds kinds, and we take none for another

    class State(models.TextChoices):
        BOUND = "bound", _("bound")
        UNBOUND = "unbound", _("unbound")
        NEEDS_RECOVERY = "needs_recovery", _("being recovered")
        NEEDS_REAUTHORIZATION = "needs_reauthorization", _("needs to be authorised again")

    class AccountStatus(models.IntegerChoices):
        NORMAL = 1, _("normal")
        CANCELLED = 14, _("cancelled")
        BANNED = 16, _("banned")
        ALERTED = 18, _("alerted")
        FROZEN = 19, _("frozen")

    sealed_to = "appid"

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        db_column="uid",
        db_index=False,  # `auth_owner` begins with it
        related_name="authorizers",
        verbose_name=_("merchant"),
    )
    component = models.ForeignKey(
        Component, on_delete=models.PROTECT, verbose_name=_("component"), db_index=False
    )
    appid = models.CharField(
        _("appid"), max_length=32, unique=True, db_column="authorizer_appid", validators=[is_appid]
    )
    kind = models.CharField(_("kind"), max_length=20, choices=Kind.choices)
    state = models.CharField(_("state"), max_length=24, choices=State.choices)
    nick_name = models.CharField(_("name"), max_length=200, blank=True)
    alias = models.CharField(_("WeChat ID"), max_length=100, blank=True)
    token = SecretField(default=new_token)
    head_img = models.CharField(_("avatar"), max_length=500, blank=True)
    verify_type_info = models.IntegerField(_("verification"), default=-1)
    is_show = models.SmallIntegerField(
        _("shown"), choices=[(0, _("shown")), (1, _("hidden"))], default=0
    )
    user_name = models.CharField(_("original id"), max_length=64, blank=True, db_index=True)
    qrcode_url = models.CharField(_("QR code"), max_length=500, blank=True)
    business_info = models.JSONField(_("business functions"), default=dict, blank=True)
    idc = models.IntegerField(default=0)
    principal_name = models.CharField(_("principal"), max_length=200, blank=True)
    signature = models.CharField(_("introduction"), max_length=500, blank=True)
    miniprograminfo = models.JSONField(_("mini program settings"), default=dict, blank=True)
    func_info = models.JSONField(_("permission sets"), default=list, blank=True)
    # What they do not let us do, as `lacking_codes` of miniprograms.permissions writes it.
    lacks = models.CharField(max_length=100, blank=True, default="", db_default="", editable=False)
    access_token = SecretField(db_column="authorizer_access_token")
    expires = models.BigIntegerField(default=0, db_column="authorizer_expires")
    refresh_token = SecretField(db_column="authorizer_refresh_token")
    create_time = models.DateTimeField(_("authorised"), null=True)
    service_type = models.IntegerField(_("service type"), null=True)
    account_status = models.IntegerField(
        _("account status"), choices=AccountStatus.choices, default=AccountStatus.NORMAL
    )
    auth_time = models.BigIntegerField(default=0, editable=False)
    unauthorized_at = models.DateTimeField(_("unbound at"), null=True)
    refresh_token_history = SecretField()
    refreshes = models.PositiveBigIntegerField(_("refreshes"), default=0, editable=False)
    profile_due_at = models.DateTimeField(null=True, editable=False)
    profile_synced_at = models.DateTimeField(_("profile fetched"), null=True, editable=False)
    updated_at = models.DateTimeField(_("updated"), default=timezone.now)
    tags = models.ManyToManyField(
        Tag, blank=True, related_name="authorizers", verbose_name=_("tags")
    )

    objects = AuthorizerQuerySet.as_manager()

    class Meta:
        db_table = "wxminiprograms"
        verbose_name = _("mini program or official account")
        verbose_name_plural = _("mini programs and official accounts")
        indexes = [
            # None of what a refresh writes: PostgreSQL would then write all of them each time.
            models.Index(
                fields=["profile_due_at"],
                condition=Q(profile_due_at__isnull=False),
                name="auth_profile_due",
            ),
            models.Index(fields=["owner", "-id"], name="auth_owner"),
            # Of patterns: PostgreSQL then finds by how a name begins, whatever its collation.
            models.Index(
                fields=["nick_name"], name="auth_nick_name", opclasses=["varchar_pattern_ops"]
            ),
            # Nearly all rows are bound.
            models.Index(
                fields=["state", "-id"], condition=~Q(state="bound"), name="auth_not_bound"
            ),
            # What the list is sorted by. They change too seldom for refreshes to mind.
            models.Index(fields=["state", "id"], name="auth_state_sorted"),
            models.Index(fields=["account_status", "id"], name="auth_status_sorted"),
            models.Index(fields=["-id", "lacks"], condition=~Q(lacks=""), name="auth_lacks"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=~Q(state="bound") | ~Q(refresh_token=""), name="bound_has_refresh_token"
            ),
            models.CheckConstraint(
                condition=~Q(state="unbound") | Q(access_token="", refresh_token="", expires=0),
                name="unbound_has_no_tokens",
            ),
        ]
        permissions = [
            ("unbind_authorizer", _("Can unbind locally")),
            ("invite_merchant", _("Can make bind links for merchants")),
            ("clear_quota", _("Can let WeChat count the calls of an account anew")),
        ]

    def __str__(self) -> str:
        return self.nick_name or self.appid

    @property
    def live_token(self) -> str:
        """The authorizer token, or "" once it has expired. Needs a row read `with_clock()`."""
        return self.access_token if self.expires > self.now.timestamp() else ""

    @property
    def token_state(self) -> str:
        """`fresh`, `expired` or `none`; it needs no decryption, so a lost key does not hide it."""
        if not self.expires:
            return "none"
        return "fresh" if self.expires > timezone.now().timestamp() else "expired"

    @property
    def expires_at(self) -> datetime | None:
        """When the access token runs out, or None without one."""
        return datetime.fromtimestamp(self.expires, tz=UTC) if self.expires else None

    @property
    def permission_sets(self) -> list[dict[str, object]]:
        """The permission sets granted, with their names."""
        return name_permission_sets(self.func_info)

    @property
    def lacking_needs(self) -> list[Need]:
        """What the account would let us do if its owner authorised us again, while it is ours."""
        if self.state == Authorizer.State.UNBOUND:
            return []
        return lacking_needs(self.kind, self.func_info)

    @property
    def older_refresh_tokens(self) -> list[str]:
        """The refresh tokens before the present one, newest first."""
        return read_or_empty(self, "refresh_token_history").split()


class DueRefresh(models.Model):
    """
    PostgreSQL's index of `Authorizer.due_at`, which triggers of that table keep. An index
    of that table would make each refresh of a token write all of the table's indexes: 27 µs a row
    instead of 16. SQLite looks at `due_at`, and has no rows here.
    """

    authorizer = models.OneToOneField(
        Authorizer, on_delete=models.CASCADE, primary_key=True, related_name="due_refresh"
    )
    due_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["due_at"], condition=Q(due_at__isnull=False), name="due_refresh"),
        ]

    def __str__(self) -> str:
        return f"{self.authorizer_id}: {self.due_at}"


def overdue_refreshes() -> "models.QuerySet[Any]":
    """A row for each authorizer whose refresh is due, whether or not somebody is at it."""
    model = DueRefresh if connection.vendor == "postgresql" else Authorizer
    return model._default_manager.filter(due_at__lte=Now())


class BindingQuerySet(LeasedQuerySet):
    def unclaimed(self) -> Self:
        """Waiting for staff to decide whose they are."""
        return self.filter(status=Binding.Status.UNCLAIMED)

    def unfinished(self) -> Self:
        """Opened, not yet come back, still in time, and wanted."""
        is_open = Q(status=Binding.Status.OPEN, expires_at__gt=Now())
        return self.filter(is_open, dropped_at=None)


class Binding(Leased):
    """
    One attempt to bind: from the merchant's click, or from a push, to an authorizer or an end.

    Its `state` goes to WeChat and comes back in the return URL: 256 bits, good once, for 15
    minutes, for this user and this session.
    """

    class Status(models.TextChoices):
        OPEN = "open", _("waiting for the owner")
        TRADING = "trading", _("being finished")
        BOUND = "bound", _("bound")
        UNCLAIMED = "parked", _("waiting for staff")
        REFUSED = "refused", _("refused by staff")
        FAILED = "failed", _("failed")

    class UnclaimedReason(models.TextChoices):
        OTHER_MERCHANT = "other_merchant", _("It belongs to another merchant.")
        NOBODY_ASKED = "unclaimed", _("Nobody here asked for it.")
        WRONG_ACCOUNT = "wrong_account", _("Another account was expected.")
        SWITCHED_OFF = "switched_off", _("The merchant's account is switched off.")
        LINK_REVOKED = "link_revoked", _("The link that it came by was revoked meanwhile.")
        DROPPED = "dropped", _("It had been dropped before it was confirmed.")

    class Device(models.TextChoices):
        COMPUTER = "computer", _("computer")
        PHONE = "phone", _("phone")

    FINAL = (Status.BOUND, Status.UNCLAIMED, Status.REFUSED)

    AUTH_TYPES = [
        (OFFICIAL_ACCOUNT, _("official account")),
        (MINI_PROGRAM, _("mini program")),
        (EITHER, _("either")),
    ]

    sealed_to = "reference"

    reference = models.CharField(max_length=32, unique=True, default=new_token, editable=False)
    component = models.ForeignKey(Component, on_delete=models.PROTECT, verbose_name=_("component"))
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="bindings",
        verbose_name=_("merchant"),
    )
    link = models.ForeignKey(
        BindLink,
        on_delete=models.SET_NULL,
        null=True,
        related_name="bindings",
        verbose_name=_("bind link"),
    )
    status = models.CharField(_("status"), max_length=10, choices=Status.choices)
    device = models.CharField(max_length=10, choices=Device.choices, default=Device.COMPUTER)
    auth_type = models.SmallIntegerField(_("kind"), choices=AUTH_TYPES, default=EITHER)
    biz_appid = models.CharField(_("expected appid"), max_length=32, blank=True)
    session = models.CharField(max_length=64, blank=True, editable=False)  # digest; "": any
    state = SecretField()
    state_digest = models.CharField(max_length=64, blank=True, editable=False)
    pre_auth_code = SecretField()
    pre_auth_code_digest = models.CharField(
        max_length=64, blank=True, db_index=True, editable=False
    )
    started_at = models.DateTimeField(_("started"), default=timezone.now)
    expires_at = models.DateTimeField(_("valid until"), null=True)
    code = SecretField()  # an authorization_code not yet traded
    code_digest = models.CharField(max_length=64, blank=True, editable=False)  # the one traded last
    appid = models.CharField(_("appid"), max_length=32, blank=True, db_index=True)
    auth_time = models.BigIntegerField(default=0, editable=False)
    parked_because = models.CharField(
        _("parked because"), max_length=20, choices=UnclaimedReason.choices, blank=True
    )
    refresh_token = SecretField()  # of an unclaimed account that is nobody's yet
    func_info = models.JSONField(default=list, blank=True, editable=False)
    nick_name = models.CharField(_("name"), max_length=200, blank=True)
    principal_name = models.CharField(_("principal"), max_length=200, blank=True)
    authorizer = models.ForeignKey(
        Authorizer, on_delete=models.SET_NULL, null=True, blank=True, related_name="bindings"
    )
    finished_at = models.DateTimeField(_("finished"), null=True)
    dropped_at = models.DateTimeField(_("dropped"), null=True)  # nobody is to go on with it

    objects = BindingQuerySet.as_manager()

    class Meta:
        verbose_name = _("binding")
        verbose_name_plural = _("bindings")
        indexes = [
            models.Index(fields=["due_at"], condition=Q(due_at__isnull=False), name="binding_due"),
            models.Index(fields=["user", "-started_at"], name="binding_user"),
            models.Index(fields=["status", "-started_at"], name="binding_status"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["state_digest"], condition=~Q(state_digest=""), name="one_binding_a_state"
            )
        ]
        permissions = [("resolve_binding", _("Can assign or refuse parked bindings"))]

    def __str__(self) -> str:
        named = f"{self.nick_name} {self.appid or self.biz_appid}".strip()
        return named or str(self.get_status_display())

    @property
    def user_ref(self) -> str:
        """What the back end whose link it came by calls whoever came; "" where there is none."""
        return self.link.user_ref if self.link else ""

    @property
    def is_final(self) -> bool:
        """Whether it has led somewhere. A failed one has not: a late push may still bind it."""
        return self.status in self.FINAL
