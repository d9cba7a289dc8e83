"""What lists need to know of a mini program's code, in one narrow row."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from audits.models.code import CodeTemplate
from miniprograms.models import Authorizer


def _template_field() -> models.ForeignKey[CodeTemplate | None, CodeTemplate | None]:
    """Nobody asks it for the rows of a template by an index of its own."""
    return models.ForeignKey(
        CodeTemplate, on_delete=models.PROTECT, null=True, db_index=False, related_name="+"
    )


class CodeSummary(models.Model):
    """
    Where the code of an account stands: what is live, what is under review and what was uploaded
    last. It says no more than the rows of versions, audits and releases, of which
    `audits.services.summaries` makes it, but a list of a million accounts can be narrowed to it and
    sorted by it. PostgreSQL gives every account one, by a trigger; on SQLite an account
    without code may have none, which means the same.

    The keys are versions as `order_key` writes them: they compare as versions do.
    """

    authorizer = models.OneToOneField(
        Authorizer,
        on_delete=models.CASCADE,
        primary_key=True,
        related_name="code_summary",
        verbose_name=_("mini program"),
    )
    live_version = models.CharField(_("live version"), max_length=64, blank=True, db_default="")
    live_key = models.CharField(max_length=200, blank=True, db_default="")
    live_template = _template_field()
    # The state of the newest audit as the API names it: passed, released, …; gray_release where a
    # part of the users has its version, of which gray_percentage tells.
    review = models.CharField(_("review"), max_length=12, blank=True, db_default="")
    review_version = models.CharField(max_length=64, blank=True, db_default="")
    review_template = _template_field()
    gray_percentage = models.PositiveSmallIntegerField(_("per cent of users"), null=True)
    uploaded_version = models.CharField(
        _("newest upload"), max_length=64, blank=True, db_default=""
    )
    uploaded_key = models.CharField(max_length=200, blank=True, db_default="")
    uploaded_template = _template_field()

    class Meta:
        verbose_name = _("summary of code")
        verbose_name_plural = _("summaries of code")
        default_permissions = ("view",)
        indexes = [
            models.Index(fields=["live_version", "authorizer"], name="summary_version"),
            models.Index(fields=["live_key", "authorizer"], name="summary_live"),
            models.Index(fields=["review", "authorizer"], name="summary_review"),
            models.Index(fields=["uploaded_key", "authorizer"], name="summary_uploaded"),
        ]

    def __str__(self) -> str:
        return str(self.authorizer)
