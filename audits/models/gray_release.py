"""Releases in steps, as WeChat has them."""

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from audits.models.audit import CodeAudit
from miniprograms.models import Authorizer
from platform_auth.models import Leased, LeasedQuerySet, person_field


class GrayRelease(Leased):
    """
    The newest release in steps 分阶段发布 of one mini program: how many per cent of its users have
    the version of `audit`; the others have what was live before. Written before the call, and
    compared with WeChat's plan while it goes on.
    """

    class State(models.TextChoices):
        RUNNING = "running", _("running")
        PAUSED = "paused", _("paused")
        ENDED = "ended", _("ended")
        UNKNOWN = "unknown", _("outcome unknown")

    PARTLY_LIVE = (State.RUNNING, State.PAUSED)

    authorizer = models.OneToOneField(
        Authorizer,
        on_delete=models.CASCADE,
        related_name="gray_release",
        verbose_name=_("mini program"),
    )
    audit = models.ForeignKey(
        CodeAudit, on_delete=models.PROTECT, related_name="+", verbose_name=_("audit")
    )
    percentage = models.PositiveSmallIntegerField(_("per cent of users"))
    state = models.CharField(_("state"), max_length=8, choices=State.choices)
    by = person_field()
    at = models.DateTimeField(_("time"), default=timezone.now)

    objects = LeasedQuerySet.as_manager()

    class Meta:
        verbose_name = _("release in steps")
        verbose_name_plural = _("releases in steps")
        indexes = [
            models.Index(fields=["due_at"], condition=Q(due_at__isnull=False), name="gray_due"),
        ]

    def __str__(self) -> str:
        return f"{self.authorizer_id}: {self.percentage} %"

    @property
    def is_partly_live(self) -> bool:
        """Whether some users have the new version, and others the one before."""
        return self.state in self.PARTLY_LIVE
