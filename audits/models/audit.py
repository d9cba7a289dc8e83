"""WeChat's reviews of versions, with their history and pictures."""

from typing import Self

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from audits.models.code import CodeVersion
from miniprograms.models import Authorizer
from platform_auth.models import Leased, LeasedQuerySet, person_field


class CodeAuditQuerySet(LeasedQuerySet):
    def open(self) -> Self:
        """Audits that WeChat has not decided, or may not have."""
        return self.filter(status__in=CodeAudit.OPEN)

    def newest_first(self) -> Self:
        return self.order_by("-id")


class CodeAudit(Leased):
    """
    WeChat's review of a version 代码审核: table and columns of the original `wxminiprogram_audit`.

    Status numbers from 0 on are WeChat's, those below are ours; released is 0 with `released_at`.
    At most one is open per mini program, which is also what identifies it: a verdict push names
    only the mini program.
    """

    class Status(models.IntegerChoices):
        PASSED = 0, _("passed")
        REJECTED = 1, _("rejected")
        IN_REVIEW = 2, _("in review")
        WITHDRAWN = 3, _("withdrawn")
        DELAYED = 4, _("delayed")
        SUBMITTING = -1, _("being submitted")
        REFUSED = -2, _("refused by WeChat")
        UNKNOWN = -3, _("outcome unknown")

    IN_FLIGHT = (Status.SUBMITTING, Status.UNKNOWN)  # nobody knows yet whether WeChat has it
    UNDECIDED = (Status.IN_REVIEW, Status.DELAYED)  # WeChat has it, and a verdict may come
    OPEN = (*IN_FLIGHT, *UNDECIDED)

    authorizer = models.ForeignKey(
        Authorizer, on_delete=models.PROTECT, related_name="audits", verbose_name=_("mini program")
    )
    version = models.ForeignKey(
        CodeVersion, on_delete=models.PROTECT, null=True, verbose_name=_("version")
    )
    appid = models.CharField(_("appid"), max_length=32, db_index=True)
    auditid = models.CharField(_("auditid"), max_length=32, blank=True, db_index=True)
    status = models.SmallIntegerField(_("status"), choices=Status.choices)
    reason = models.TextField(_("reason"), blank=True)
    create_time = models.DateTimeField(_("submitted"), default=timezone.now)
    user_version = models.CharField(_("version"), max_length=64, blank=True)
    fields = models.JSONField(_("what was submitted"), default=dict, blank=True)
    errcode = models.IntegerField(_("errcode"), null=True)
    screenshot_ids = models.JSONField(default=list, blank=True, editable=False)
    decided_at = models.DateTimeField(_("decided"), null=True)
    submitted_by = person_field(_("submitted by"))
    approved_by = person_field(_("release approved by"))
    released_by = person_field(_("released by"))
    released_at = models.DateTimeField(_("released"), null=True)

    objects = CodeAuditQuerySet.as_manager()

    class Meta:
        db_table = "wxminiprogram_audit"
        verbose_name = _("code audit")
        verbose_name_plural = _("code audits")
        indexes = [
            models.Index(fields=["authorizer", "-id"], name="audit_of"),
            models.Index(fields=["status", "-id"], name="audit_status"),
            models.Index(
                fields=["-id"], condition=Q(status=0, released_at=None), name="audit_unreleased"
            ),
            models.Index(fields=["due_at"], condition=Q(due_at__isnull=False), name="audit_due"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["authorizer"],
                condition=Q(status__in=[-1, 2, 4, -3]),
                name="one_open_audit_per_mini_program",
            )
        ]
        permissions = [
            ("submit_audit", _("Can submit code for review and withdraw it")),
            ("submit_despite_preflight", _("Can submit what the preflight holds back")),
            ("release_audit", _("Can release and roll back code")),
        ]

    def __str__(self) -> str:
        return f"{self.appid} {self.auditid} {self.get_status_display()}"

    @property
    def is_open(self) -> bool:
        return self.status in self.OPEN

    @property
    def is_refused(self) -> bool:
        """Whether WeChat did not even take it."""
        return self.status == self.Status.REFUSED

    @property
    def word(self) -> str:
        """The status as the API names it."""
        return "released" if self.released_at else self.Status(self.status).name.lower()


class AuditEvent(models.Model):
    """One change of an audit's state: what it was, what it became, by whom, and why."""

    audit = models.ForeignKey(CodeAudit, on_delete=models.CASCADE, related_name="events")
    at = models.DateTimeField(_("time"), default=timezone.now)
    before = models.CharField(_("before"), max_length=12, blank=True)
    after = models.CharField(_("after"), max_length=12)
    by = models.CharField(_("by"), max_length=150)
    note = models.TextField(_("note"), blank=True)
    reason = models.TextField(_("reason"), blank=True, db_default="")  # WeChat's, for this change

    class Meta:
        verbose_name = _("audit event")
        verbose_name_plural = _("audit history")
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.before} → {self.after}"


class Screenshot(models.Model):
    """A picture WeChat took for a rejection. Its media id dies after three days; this stays."""

    audit = models.ForeignKey(CodeAudit, on_delete=models.CASCADE, related_name="screenshots")
    media_id = models.CharField(max_length=200)
    content_type = models.CharField(max_length=40, blank=True)
    content = models.BinaryField()
    fetched_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = _("screenshot")
        verbose_name_plural = _("screenshots")
        constraints = [
            models.UniqueConstraint(fields=["audit", "media_id"], name="one_row_a_screenshot")
        ]

    def __str__(self) -> str:
        return self.media_id
