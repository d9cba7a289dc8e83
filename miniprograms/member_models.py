"""Who may open a mini program before its users may (成员管理)."""

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from platform_auth.models import person_field


class Tester(models.Model):
    """
    A tester 体验者 that somebody here has added, which is all we know of: WeChat's list names them
    by a `userstr` alone. The row goes with the tester.
    """

    authorizer = models.ForeignKey(
        "miniprograms.Authorizer",
        on_delete=models.CASCADE,
        related_name="testers",
        verbose_name=_("mini program"),
    )
    userstr = models.CharField(max_length=128)
    wechatid = models.CharField(_("WeChat ID"), max_length=64)
    added_by = person_field(_("added by"))
    added_at = models.DateTimeField(_("time of adding"), default=timezone.now)

    class Meta:
        verbose_name = _("tester")
        verbose_name_plural = _("testers")
        default_permissions = ("view",)
        permissions = [("manage_testers", _("Can add and remove testers"))]
        constraints = [
            models.UniqueConstraint(fields=["authorizer", "userstr"], name="one_row_a_tester")
        ]

    def __str__(self) -> str:
        return self.wechatid
