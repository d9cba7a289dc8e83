"""Code templates, and the versions uploaded from them."""

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from miniprograms.models import Authorizer
from platform_auth.models import Component, Leased, LeasedQuerySet, person_field


class CodeTemplate(models.Model):
    """
    A template of the platform's library 模板, mirrored from gettemplatelist.

    `gone_at` is when WeChat stopped listing it; versions made from it keep the row.
    """

    component = models.ForeignKey(Component, on_delete=models.PROTECT, verbose_name=_("component"))
    template_id = models.BigIntegerField(_("template"))
    draft_id = models.BigIntegerField(_("draft"), null=True)
    template_type = models.SmallIntegerField(_("type"), default=0)
    user_version = models.CharField(_("version"), max_length=64, blank=True)
    user_desc = models.TextField(_("description"), blank=True)
    source_appid = models.CharField(_("source appid"), max_length=32, blank=True)
    source_name = models.CharField(_("source"), max_length=200, blank=True)
    developer = models.CharField(_("developer"), max_length=200, blank=True)
    created_at = models.DateTimeField(_("created"), null=True)
    notes = models.TextField(_("notes"), blank=True)
    ext_schema = models.JSONField(
        _("JSON Schema of ext"),
        default=dict,
        db_default=models.Value({}, models.JSONField()),
        blank=True,
        help_text=_(
            "What `ext` in ext.json may hold, as JSON Schema. Values that it refuses are not "
            "uploaded, and staff get a form for the others. Empty: anything."
        ),
    )
    gone_at = models.DateTimeField(_("deleted at WeChat"), null=True, editable=False)

    class Meta:
        verbose_name = _("code template")
        verbose_name_plural = _("code templates")
        constraints = [
            models.UniqueConstraint(fields=["component", "template_id"], name="one_row_a_template")
        ]

    def __str__(self) -> str:
        return f"{self.template_id} {self.user_version}"


class CodeVersion(Leased):
    """
    One upload of a template into a mini program: wxa/commit. The newest one is the trial version.

    While its outcome is UNKNOWN, getversioninfo is asked before anybody commits again.
    """

    class State(models.TextChoices):
        COMMITTING = "committing", _("being uploaded")
        COMMITTED = "committed", _("uploaded")
        REFUSED = "refused", _("refused by WeChat")
        UNKNOWN = "unknown", _("outcome unknown")

    OPEN = (State.COMMITTING, State.UNKNOWN)  # the upload is under way, or its answer was lost

    authorizer = models.ForeignKey(
        Authorizer,
        on_delete=models.PROTECT,
        related_name="versions",
        verbose_name=_("mini program"),
    )
    template = models.ForeignKey(CodeTemplate, on_delete=models.PROTECT, verbose_name=_("template"))
    user_version = models.CharField(_("version"), max_length=64)
    user_desc = models.CharField(_("description"), max_length=500)
    ext_json = models.TextField(_("ext.json"))
    # Values of the mini program's own, once WeChat has this version and if it has none by then.
    first_values = models.JSONField(null=True, editable=False)
    state = models.CharField(_("state"), max_length=12, choices=State.choices)
    errcode = models.IntegerField(_("errcode"), null=True)
    created_by = person_field()
    created_at = models.DateTimeField(_("uploaded"), default=timezone.now)

    objects = LeasedQuerySet.as_manager()

    class Meta:
        verbose_name = _("code version")
        verbose_name_plural = _("code versions")
        indexes = [
            models.Index(fields=["authorizer", "-id"]),
            models.Index(fields=["state", "-id"], name="version_state"),
            models.Index(fields=["due_at"], condition=Q(due_at__isnull=False), name="version_due"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["authorizer"],
                condition=Q(state__in=["committing", "unknown"]),
                name="one_open_commit_per_mini_program",
            )
        ]
        permissions = [("commit_version", _("Can upload code"))]

    def __str__(self) -> str:
        return self.user_version
