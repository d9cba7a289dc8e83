"""
Settings of record: how a mini program should be set up at WeChat, and how WeChat says that it is.
"""

import re
from typing import Any, Self

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from platform_auth.models import Leased, LeasedQuerySet, person_field

CONFIRM_FILE_NAME = re.compile(r"[0-9A-Za-z_-]{1,64}\.txt")


class SettingQuerySet(LeasedQuerySet):
    def drifted(self) -> Self:
        """What WeChat has otherwise than it should be, when it was looked at last."""
        return self.filter(has_drifted=True)

    def to_apply(self) -> Self:
        """What somebody wants to be so at WeChat, and is not known to be."""
        return self.filter(state__in=Setting.TO_APPLY)


class Setting(Leased):
    """
    One kind of setting of one mini program: what it should be, and what WeChat has.

    `desired` is null while nobody has said what it should be; then WeChat's value is only looked
    at. `version` counts what was desired so far. It is due when WeChat is to be asked next, which
    is about daily once something is desired.
    """

    class State(models.TextChoices):
        UNTOUCHED = "untouched", _("never applied")
        WAITING = "waiting", _("waits to be applied")
        APPLYING = "applying", _("being applied")
        UNKNOWN = "unknown", _("not known yet")
        APPLIED = "applied", _("applied")
        PARTLY = "partly", _("applied in part")
        REFUSED = "refused", _("could not be applied")

    TO_APPLY = (State.WAITING, State.APPLYING, State.UNKNOWN)

    authorizer = models.ForeignKey(
        "miniprograms.Authorizer",
        on_delete=models.CASCADE,
        related_name="settings_of_record",
        verbose_name=_("mini program"),
    )
    kind = models.CharField(_("kind"), max_length=32)
    desired = models.JSONField(_("should be"), null=True)
    version = models.PositiveIntegerField(_("version"), default=0)
    at_wechat = models.JSONField(_("at WeChat"), null=True)
    checked_at = models.DateTimeField(_("looked at"), null=True)
    has_drifted = models.BooleanField(_("drift"), default=False)
    state = models.CharField(
        _("state"), max_length=10, choices=State.choices, default=State.UNTOUCHED
    )
    reason = models.TextField(_("reason"), blank=True)
    errcode = models.IntegerField(_("errcode"), null=True)
    # What WeChat has remarked on single values, by its name for the remark.
    remarks = models.JSONField(_("remarks"), default=dict, blank=True)
    applied_at = models.DateTimeField(_("applied"), null=True)
    apply_by = person_field(_("applied for"))
    # How often this month, by Beijing's calendar, WeChat was asked to change it.
    month = models.CharField(max_length=7, blank=True, editable=False)
    changes_in_month = models.PositiveIntegerField(default=0, editable=False)

    objects = SettingQuerySet.as_manager()

    class Meta:
        verbose_name = _("setting of a mini program")
        verbose_name_plural = _("settings of mini programs")
        indexes = [
            models.Index(fields=["due_at"], condition=Q(due_at__isnull=False), name="setting_due"),
            # However many wait to be looked at, these go first.
            models.Index(
                fields=["due_at"],
                condition=Q(state__in=["waiting", "applying", "unknown"]),
                name="setting_to_apply",
            ),
            models.Index(
                fields=["authorizer"], condition=Q(has_drifted=True), name="setting_drifted"
            ),
        ]
        constraints = [
            models.UniqueConstraint(fields=["authorizer", "kind"], name="one_setting_of_a_kind")
        ]
        default_permissions = ("view",)
        permissions = [("edit_settings", _("Can set and apply settings of mini programs"))]

    def __str__(self) -> str:
        return f"{self.authorizer} {self.kind}"

    def write_if_same(self, **values: Any) -> bool:
        """
        `write`, unless something else is desired by now: then the lease alone is given back, and
        the row stays as due as whoever desired that has left it.
        """
        rows = type(self)._default_manager.filter(
            pk=self.pk, epoch=self.epoch, version=self.version
        )
        values = {"lease_until": None, **values}
        if values["lease_until"] is None:
            values["epoch"] = F("epoch") + 1
        if rows.update(**values):
            return True
        self.write(due_at=Now())
        return False


class SettingProfile(models.Model):
    """
    A named value of one or several kinds of settings, for many mini programs: those with one of its
    tags, or those that somebody chooses. It is theirs once it was applied to them.
    """

    name = models.CharField(_("name"), max_length=50, unique=True)
    values = models.JSONField(_("values"), default=dict, blank=True)
    tags = models.ManyToManyField(
        "miniprograms.Tag", blank=True, related_name="+", verbose_name=_("tags")
    )

    class Meta:
        verbose_name = _("profile of settings")
        verbose_name_plural = _("profiles of settings")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class SettingVersion(models.Model):
    """What was desired of a setting, since when and by whom. Null: nothing any more."""

    setting = models.ForeignKey(Setting, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField(_("version"))
    value = models.JSONField(_("should be"), null=True)
    profile = models.ForeignKey(
        SettingProfile,
        on_delete=models.SET_NULL,
        null=True,
        related_name="versions",
        verbose_name=_("profile of settings"),
    )
    by = person_field(_("by"))
    at = models.DateTimeField(_("time"), default=timezone.now)

    class Meta:
        verbose_name = _("version of a setting")
        verbose_name_plural = _("versions of settings")
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["setting", "number"], name="one_version_of_a_number")
        ]

    def __str__(self) -> str:
        return f"{self.setting_id}: {self.number}"


class ConfirmFile(models.Model):
    """
    A file that WeChat looks for at the root of a web-view domain 业务域名校验文件, for the platform
    (no AUTHORIZER) or for one mini program.
    """

    file_name = models.CharField(_("file"), max_length=68, unique=True)
    content = models.CharField(_("content"), max_length=200)
    component = models.ForeignKey(
        "platform_auth.Component",
        on_delete=models.CASCADE,
        related_name="confirm_files",
        verbose_name=_("component"),
    )
    authorizer = models.ForeignKey(
        "miniprograms.Authorizer",
        on_delete=models.CASCADE,
        null=True,
        related_name="confirm_files",
        verbose_name=_("mini program"),
    )
    fetched_at = models.DateTimeField(_("fetched"), default=timezone.now)

    class Meta:
        verbose_name = _("verification file")
        verbose_name_plural = _("verification files")
        default_permissions = ()

    def __str__(self) -> str:
        return self.file_name
