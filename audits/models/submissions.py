"""What is submitted with code: profiles of templates and mini programs, and files for reviewers."""

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from audits.models.code import CodeTemplate
from miniprograms.models import Authorizer
from platform_auth.models import person_field


class SubmissionProfile(models.Model):
    """
    One version of what a template, or a mini program over it, gives to submit_audit: its FIELDS by
    WeChat's names, and those of our own. The newest counts. A change is a new row.
    """

    template = models.ForeignKey(
        CodeTemplate,
        on_delete=models.PROTECT,
        null=True,
        db_index=False,  # `profile_of_template` begins with it, and so does the other
        related_name="submission_profiles",
        verbose_name=_("template"),
    )
    authorizer = models.ForeignKey(
        Authorizer,
        on_delete=models.PROTECT,
        null=True,
        db_index=False,
        related_name="submission_profiles",
        verbose_name=_("mini program"),
    )
    fields = models.JSONField(_("what is submitted"), default=dict, blank=True)
    is_newest = models.BooleanField(default=True, editable=False)
    by = person_field(_("by"))
    at = models.DateTimeField(_("time"), default=timezone.now)

    class Meta:
        verbose_name = _("submission profile")
        verbose_name_plural = _("submission profiles")
        indexes = [
            models.Index(fields=["template", "-id"], name="profile_of_template"),
            models.Index(fields=["authorizer", "-id"], name="profile_of_program"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=(
                    Q(template__isnull=False, authorizer=None)
                    | Q(template=None, authorizer__isnull=False)
                ),
                name="submission_profile_of_one",
            ),
            *(
                models.UniqueConstraint(
                    fields=[owner], condition=Q(is_newest=True), name=f"newest_profile_of_{owner}"
                )
                for owner in ("template", "authorizer")
            ),
        ]
        default_permissions = ()
        permissions = [("edit_submission_profile", _("Can edit what is submitted with code"))]

    def __str__(self) -> str:
        return f"{self.template or self.authorizer}"


class SubmissionFile(models.Model):
    """A picture or film for reviewers. It stays here: WeChat's id of it dies in three days."""

    name = models.CharField(_("name"), max_length=200, blank=True)
    kind = models.CharField(_("kind"), max_length=40)
    content = models.BinaryField()
    size = models.PositiveIntegerField(_("bytes"))
    digest = models.CharField(max_length=64, unique=True)
    by = person_field(_("by"))
    at = models.DateTimeField(_("time"), default=timezone.now)

    class Meta:
        verbose_name = _("file for reviewers")
        verbose_name_plural = _("files for reviewers")
        default_permissions = ()

    def __str__(self) -> str:
        return self.name or self.digest[:8]

    @property
    def is_film(self) -> bool:
        return self.kind.startswith("video/")


class SubmissionMedia(models.Model):
    """WeChat's id of a file, for one mini program."""

    file = models.ForeignKey(SubmissionFile, on_delete=models.CASCADE, db_index=False)
    authorizer = models.ForeignKey(Authorizer, on_delete=models.CASCADE, db_index=False)
    media_id = models.CharField(max_length=200)
    uploaded_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = _("file at WeChat")
        verbose_name_plural = _("files at WeChat")
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["authorizer", "file"], name="one_media_a_file")
        ]

    def __str__(self) -> str:
        return self.media_id
