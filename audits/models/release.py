"""Acts on what is live."""

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from audits.models.audit import CodeAudit
from miniprograms.models import Authorizer
from platform_auth.models import Leased, LeasedQuerySet, person_field


class Release(Leased):
    """
    One act on what is live: wxa/release, revertcoderelease. The row is written before the call.

    While one runs or its outcome is UNKNOWN, the database allows no other for the mini program.
    """

    class Kind(models.TextChoices):
        RELEASE = "release", _("release")
        REVERT = "revert", _("roll back")

    class State(models.TextChoices):
        RUNNING = "running", _("running")
        DONE = "done", _("done")
        REFUSED = "refused", _("refused by WeChat")
        UNKNOWN = "unknown", _("outcome unknown")

    OPEN = (State.RUNNING, State.UNKNOWN)  # the call is under way, or its answer was lost

    authorizer = models.ForeignKey(
        Authorizer,
        on_delete=models.PROTECT,
        related_name="releases",
        verbose_name=_("mini program"),
    )
    kind = models.CharField(_("act"), max_length=8, choices=Kind.choices)
    audit = models.ForeignKey(
        CodeAudit,
        on_delete=models.PROTECT,
        null=True,
        related_name="releases",
        verbose_name=_("audit"),
    )
    app_version = models.BigIntegerField(_("version number"), null=True)
    state = models.CharField(_("state"), max_length=8, choices=State.choices)
    errcode = models.IntegerField(_("errcode"), null=True)
    live_before = models.CharField(_("live before"), max_length=64, blank=True)
    live_after = models.CharField(_("live afterwards"), max_length=64, blank=True)
    by = person_field()
    at = models.DateTimeField(_("time"), default=timezone.now)

    objects = LeasedQuerySet.as_manager()

    class Meta:
        verbose_name = _("release")
        verbose_name_plural = _("releases")
        indexes = [
            models.Index(fields=["authorizer", "-id"], name="release_of"),
            models.Index(fields=["state", "-id"], name="release_state"),
            models.Index(fields=["-id"], condition=Q(kind="revert"), name="release_reverts"),
            models.Index(fields=["due_at"], condition=Q(due_at__isnull=False), name="release_due"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["authorizer"],
                condition=Q(state__in=["running", "unknown"]),
                name="one_open_release_per_mini_program",
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.get_state_display()}"
