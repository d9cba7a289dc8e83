"""Drafts that were made templates, each once."""

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from audits.models.code import CodeTemplate
from platform_auth.models import Component, Leased, LeasedQuerySet, person_field


class Promotion(Leased):
    """
    One draft that becomes a template: wxa/addtotemplate. The row is written before the call.

    WeChat's answer does not name the template, and the call made twice makes two: `listed_before`
    has the ids of the library as it was, so that what is new afterwards is seen.
    """

    class State(models.TextChoices):
        ADDING = "adding", _("being added")
        DONE = "done", _("done")
        REFUSED = "refused", _("refused by WeChat")
        UNKNOWN = "unknown", _("outcome unknown")

    OPEN = (State.ADDING, State.UNKNOWN)  # the call is under way, or its answer was lost

    component = models.ForeignKey(Component, on_delete=models.PROTECT, verbose_name=_("component"))
    draft_id = models.BigIntegerField(_("draft"))
    uploaded_at = models.DateTimeField(_("uploaded"))  # by WeChat's clock
    user_version = models.CharField(_("version"), max_length=64, blank=True)
    user_desc = models.TextField(_("description"), blank=True)
    source_appid = models.CharField(_("source appid"), max_length=32, blank=True)
    listed_before = models.JSONField(default=list, editable=False)
    template = models.ForeignKey(
        CodeTemplate, on_delete=models.PROTECT, null=True, verbose_name=_("template")
    )
    state = models.CharField(_("state"), max_length=8, choices=State.choices)
    errcode = models.IntegerField(_("errcode"), null=True)
    by = person_field()
    at = models.DateTimeField(_("time"), default=timezone.now)

    objects = LeasedQuerySet.as_manager()

    class Meta:
        verbose_name = _("draft made a template")
        verbose_name_plural = _("drafts made templates")
        indexes = [
            models.Index(fields=["component", "draft_id"], name="promotion_of"),
            models.Index(fields=["due_at"], condition=Q(due_at__isnull=False), name="promoted_due"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["component", "draft_id"],
                condition=Q(state__in=["adding", "unknown"]),
                name="one_open_promotion_per_draft",
            )
        ]

    def __str__(self) -> str:
        return f"{self.draft_id} {self.user_version}"
