"""The values that ext.json gets from a template, a tag and a mini program itself; each change."""

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from audits.models.code import CodeTemplate
from miniprograms.models import Authorizer, Tag
from platform_auth.models import person_field


class ExtValues(models.Model):
    """
    One version of the values that one template, tag or mini program gives to ext.json: members of
    it such as {"ext": {"shop": 7}}. The newest counts. A change is a new row, never another value
    of an old one.
    """

    template = models.ForeignKey(
        CodeTemplate,
        on_delete=models.PROTECT,
        null=True,
        db_index=False,  # `ext_of_template` begins with it, and so do the others
        related_name="ext_values",
        verbose_name=_("template"),
    )
    tag = models.ForeignKey(
        Tag,
        on_delete=models.PROTECT,
        null=True,
        db_index=False,
        related_name="ext_values",
        verbose_name=_("tag"),
    )
    authorizer = models.ForeignKey(
        Authorizer,
        on_delete=models.PROTECT,
        null=True,
        db_index=False,
        related_name="ext_values",
        verbose_name=_("mini program"),
    )
    values = models.JSONField(_("values"), default=dict, blank=True)
    is_newest = models.BooleanField(default=True, editable=False)
    by = person_field(_("by"))
    at = models.DateTimeField(_("time"), default=timezone.now)

    class Meta:
        verbose_name = _("values of ext.json")
        verbose_name_plural = _("values of ext.json")
        indexes = [
            models.Index(fields=["template", "-id"], name="ext_of_template"),
            models.Index(fields=["tag", "-id"], name="ext_of_tag"),
            models.Index(fields=["authorizer", "-id"], name="ext_of_program"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=(
                    Q(template__isnull=False, tag=None, authorizer=None)
                    | Q(template=None, tag__isnull=False, authorizer=None)
                    | Q(template=None, tag=None, authorizer__isnull=False)
                ),
                name="ext_values_of_one",
            ),
            *(
                models.UniqueConstraint(
                    fields=[owner], condition=Q(is_newest=True), name=f"newest_ext_of_{owner}"
                )
                for owner in ("template", "tag", "authorizer")
            ),
        ]
        default_permissions = ()
        permissions = [("edit_ext_values", _("Can edit values of ext.json"))]

    def __str__(self) -> str:
        return f"{self.template or self.tag or self.authorizer}"
