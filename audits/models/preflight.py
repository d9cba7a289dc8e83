"""What the newest preflight of a mini program came to, for lists."""

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from miniprograms.models import Authorizer


class PreflightSummary(models.Model):
    """
    The newest preflight of one mini program's newest version. No submission is decided by it: what
    is here may have changed since.
    """

    authorizer = models.OneToOneField(
        Authorizer,
        on_delete=models.CASCADE,
        primary_key=True,
        related_name="preflight",
        verbose_name=_("mini program"),
    )
    ok = models.BooleanField(_("nothing stands in the way"))
    failing = models.JSONField(_("what is not as it must be"), default=list)  # codes of checks
    # Those of them that the merchant mends at WeChat, with a blank between.
    for_merchant = models.CharField(max_length=200, blank=True, db_default="", editable=False)
    checked_at = models.DateTimeField(_("checked"), default=timezone.now)

    class Meta:
        verbose_name = _("preflight")
        verbose_name_plural = _("preflights")
        default_permissions = ()
        indexes = [
            models.Index(fields=["ok", "authorizer"], name="preflight_ok"),
        ]

    def __str__(self) -> str:
        return f"{self.authorizer_id}: {self.ok}"
