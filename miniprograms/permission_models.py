"""Whom staff have asked to authorise us again."""

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class PermissionRequest(models.Model):
    """
    Staff have asked the owner of an account to authorise us again, for a function that needs a
    permission set which the account lacks. It is met as soon as the account lacks it no more.
    """

    authorizer = models.ForeignKey(
        "miniprograms.Authorizer",
        on_delete=models.CASCADE,
        related_name="permission_requests",
        verbose_name=_("account"),
    )
    need = models.CharField(_("function"), max_length=20)
    asked_at = models.DateTimeField(_("asked"), default=timezone.now)
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        related_name="+",
        verbose_name=_("asked by"),
    )

    class Meta:
        verbose_name = _("request for permissions")
        verbose_name_plural = _("requests for permissions")
        default_permissions = ("view",)
        indexes = [
            models.Index(fields=["need", "-asked_at"], name="permission_request_need"),
            models.Index(fields=["asked_at", "id"], name="permission_request_asked"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["authorizer", "need"], name="one_permission_request_a_need"
            )
        ]

    def __str__(self) -> str:
        return f"{self.authorizer}: {self.need}"
