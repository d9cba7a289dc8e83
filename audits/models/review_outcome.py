"""What WeChat decided, in rows that can be counted by template, reason, hour and category."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from audits.models.audit import CodeAudit
from audits.models.code import CodeTemplate
from miniprograms.models import Authorizer


class ReviewOutcome(models.Model):
    """
    A review that WeChat has decided. `is_first` is the first of its mini program for this template;
    `waited` the seconds from submission to verdict, None where one of them was not ours to see.
    """

    audit = models.OneToOneField(
        CodeAudit,
        on_delete=models.CASCADE,
        primary_key=True,
        related_name="outcome",
        verbose_name=_("audit"),
    )
    authorizer = models.ForeignKey(
        Authorizer,
        on_delete=models.CASCADE,
        db_index=False,  # `outcome_of` begins with it
        related_name="+",
        verbose_name=_("mini program"),
    )
    category = models.CharField(_("category"), max_length=100, blank=True)
    template = models.ForeignKey(
        CodeTemplate,
        on_delete=models.PROTECT,
        null=True,
        db_index=False,
        related_name="+",
        verbose_name=_("template"),
    )
    has_passed = models.BooleanField(_("passed"))
    is_first = models.BooleanField(_("first submission"))
    submitted_at = models.DateTimeField(_("submitted"))
    decided_at = models.DateTimeField(_("decided"))
    waited = models.PositiveBigIntegerField(_("seconds waited"), null=True)

    class Meta:
        verbose_name = _("outcome of a review")
        verbose_name_plural = _("outcomes of reviews")
        default_permissions = ("view",)
        indexes = [
            models.Index(fields=["authorizer", "template"], name="outcome_of"),
            models.Index(fields=["decided_at"], name="outcome_decided"),
        ]

    def __str__(self) -> str:
        return str(self.audit)


class RejectionReason(models.Model):
    """One point of WeChat's reason for a rejection: its clause, and what it says of this code."""

    outcome = models.ForeignKey(ReviewOutcome, on_delete=models.CASCADE, related_name="reasons")
    clause = models.CharField(_("clause"), max_length=200)
    detail = models.TextField(_("detail"), blank=True)

    def __str__(self) -> str:
        return self.clause
