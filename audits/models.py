"""What WeChat reviews: code templates, the versions uploaded from them, and their audits."""

from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from miniprograms.models import Authorizer
from platform_auth.models import Component, Leased, LeasedQuerySet


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
    state = models.CharField(_("state"), max_length=12, choices=State.choices)
    errcode = models.IntegerField(_("errcode"), null=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
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

    OPEN = (Status.SUBMITTING, Status.IN_REVIEW, Status.DELAYED, Status.UNKNOWN)

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
    submitted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        related_name="+",
        verbose_name=_("submitted by"),
    )
    approved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        related_name="+",
        verbose_name=_("release approved by"),
    )
    released_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        related_name="+",
        verbose_name=_("released by"),
    )
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
            ("release_audit", _("Can release and roll back code")),
        ]

    def __str__(self) -> str:
        return f"{self.appid} {self.auditid} {self.get_status_display()}"

    @property
    def is_open(self) -> bool:
        return self.status in self.OPEN

    @property
    def word(self) -> str:
        """The status as the API names it."""
        return "released" if self.released_at else self.Status(self.status).name.lower()


class Release(Leased):
    """
    One act on what is live: wxa/release, revertcoderelease. The row is written before the call.

    While one runs or its outcome is UNKNOWN, the database allows no other for the mini program.
    """

    class Kind(models.TextChoices):
        RELEASE = "release", _("release")
        REVERT = "revert", _("roll back")

    class State(models.TextChoices):
        RUNNING = "running", _("running")
        DONE = "done", _("done")
        REFUSED = "refused", _("refused by WeChat")
        UNKNOWN = "unknown", _("outcome unknown")

    authorizer = models.ForeignKey(
        Authorizer,
        on_delete=models.PROTECT,
        related_name="releases",
        verbose_name=_("mini program"),
    )
    kind = models.CharField(_("act"), max_length=8, choices=Kind.choices)
    audit = models.ForeignKey(
        CodeAudit,
        on_delete=models.PROTECT,
        null=True,
        related_name="releases",
        verbose_name=_("audit"),
    )
    app_version = models.BigIntegerField(_("version number"), null=True)
    state = models.CharField(_("state"), max_length=8, choices=State.choices)
    errcode = models.IntegerField(_("errcode"), null=True)
    live_before = models.CharField(_("live before"), max_length=64, blank=True)
    live_after = models.CharField(_("live afterwards"), max_length=64, blank=True)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    at = models.DateTimeField(_("time"), default=timezone.now)

    objects = LeasedQuerySet.as_manager()

    class Meta:
        verbose_name = _("release")
        verbose_name_plural = _("releases")
        indexes = [
            models.Index(fields=["authorizer", "-id"], name="release_of"),
            models.Index(fields=["state", "-id"], name="release_state"),
            models.Index(fields=["-id"], condition=Q(kind="revert"), name="release_reverts"),
            models.Index(fields=["due_at"], condition=Q(due_at__isnull=False), name="release_due"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["authorizer"],
                condition=Q(state__in=["running", "unknown"]),
                name="one_open_release_per_mini_program",
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.get_state_display()}"


class AuditEvent(models.Model):
    """One change of an audit's state: what it was, what it became, by whom, and why."""

    audit = models.ForeignKey(CodeAudit, on_delete=models.CASCADE, related_name="events")
    at = models.DateTimeField(_("time"), default=timezone.now)
    before = models.CharField(_("before"), max_length=12, blank=True)
    after = models.CharField(_("after"), max_length=12)
    by = models.CharField(_("by"), max_length=150)
    note = models.TextField(_("note"), blank=True)

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


class CampaignQuerySet(models.QuerySet["Campaign"]):
    def unfinished(self) -> Self:
        """Started, and some mini program of it is not at its end."""
        return self.exclude(state=Campaign.State.PREPARED).filter(finished_at=None)


class Campaign(models.Model):
    """
    One template's code for many mini programs: a canary wave first, the rest once that is live.

    Each mini program is a row of its own, so that nothing is lost or done twice when a worker dies.
    """

    class State(models.TextChoices):
        PREPARED = "prepared", _("prepared")
        RUNNING = "running", _("running")
        PAUSED = "paused", _("paused")
        STOPPED = "stopped", _("stopped")
        DONE = "done", _("done")

    class WhenOpen(models.TextChoices):
        WAIT = "wait", _("wait for its verdict")
        SKIP = "skip", _("skip the mini program")

    template = models.ForeignKey(CodeTemplate, on_delete=models.PROTECT, verbose_name=_("template"))
    user_version = models.CharField(_("version"), max_length=64)
    user_desc = models.CharField(_("description"), max_length=500, blank=True)
    ext = models.JSONField(_("ext.json"), default=dict, blank=True)
    canary_size = models.PositiveIntegerField(_("canary wave"), default=0)
    is_past_canary = models.BooleanField(_("canary wave passed"), default=False)
    concurrency = models.PositiveIntegerField(_("at once"), default=20)
    daily_budget = models.PositiveIntegerField(_("submissions a day"), null=True, blank=True)
    most_failures = models.PositiveSmallIntegerField(_("failures, per cent"), default=10)
    forgiven = models.PositiveIntegerField(default=0, editable=False)  # failures seen at a resume
    auto_release = models.BooleanField(_("release automatically"), default=False)
    when_open = models.CharField(
        _("where another audit is open"),
        max_length=4,
        choices=WhenOpen.choices,
        default=WhenOpen.WAIT,
    )
    state = models.CharField(
        _("state"), max_length=8, choices=State.choices, default=State.PREPARED
    )
    because = models.TextField(_("why"), blank=True, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        related_name="+",
        verbose_name=_("made by"),
    )
    created_at = models.DateTimeField(_("made"), default=timezone.now)
    finished_at = models.DateTimeField(_("finished"), null=True)

    objects = CampaignQuerySet.as_manager()

    class Meta:
        verbose_name = _("campaign")
        verbose_name_plural = _("campaigns")
        indexes = [
            models.Index(
                fields=["id"], condition=Q(finished_at__isnull=True), name="campaign_unfinished"
            )
        ]

    def __str__(self) -> str:
        return self.user_version


class CampaignItem(Leased):
    """
    One mini program in a campaign, and how far it is.

    It is due when there is something to do for it; while it waits for one of its rows, a verdict or
    a click it is not. `version`, `audit` and `release` are written in the transaction that makes
    them, before WeChat is called.
    """

    class State(models.TextChoices):
        WAITING = "waiting", _("waiting")
        READY = "ready", _("begun")
        COMMITTING = "committing", _("being uploaded")
        COMMITTED = "committed", _("uploaded")
        SUBMITTING = "submitting", _("being submitted")
        IN_REVIEW = "in_review", _("in review")
        PASSED = "passed", _("passed")
        RELEASING = "releasing", _("being released")
        RELEASED = "released", _("released")
        REJECTED = "rejected", _("rejected")
        FAILED = "failed", _("failed")
        SKIPPED = "skipped", _("skipped")

    FINAL = (State.RELEASED, State.REJECTED, State.FAILED, State.SKIPPED)
    # Calls that are under way, or whose outcome is being asked for: neither pause nor stop ends it.
    IN_FLIGHT = (State.COMMITTING, State.SUBMITTING, State.RELEASING)

    campaign = models.ForeignKey(
        Campaign, on_delete=models.CASCADE, related_name="items", verbose_name=_("campaign")
    )
    authorizer = models.ForeignKey(
        Authorizer,
        on_delete=models.PROTECT,
        related_name="campaign_items",
        verbose_name=_("mini program"),
    )
    is_canary = models.BooleanField(_("canary"), default=False)
    state = models.CharField(
        _("state"), max_length=10, choices=State.choices, default=State.WAITING
    )
    reason = models.TextField(_("reason"), blank=True)
    version = models.ForeignKey(
        CodeVersion, on_delete=models.PROTECT, null=True, verbose_name=_("version")
    )
    audit = models.ForeignKey(
        CodeAudit, on_delete=models.PROTECT, null=True, verbose_name=_("audit")
    )
    release = models.ForeignKey(
        Release, on_delete=models.PROTECT, null=True, verbose_name=_("release")
    )
    released_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    submitted_at = models.DateTimeField(_("submitted"), null=True)
    updated_at = models.DateTimeField(_("updated"), default=timezone.now)

    objects = LeasedQuerySet.as_manager()

    class Meta:
        verbose_name = _("mini program in a campaign")
        verbose_name_plural = _("mini programs in campaigns")
        indexes = [
            models.Index(fields=["campaign", "state", "id"], name="item_of_campaign"),
            models.Index(fields=["campaign", "submitted_at"], name="item_submitted"),
            models.Index(fields=["due_at"], condition=Q(due_at__isnull=False), name="item_due"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["campaign", "authorizer"], name="one_item_a_mini_program"
            ),
            models.UniqueConstraint(
                fields=["authorizer"],
                condition=~Q(state__in=["released", "rejected", "failed", "skipped"]),
                name="one_open_campaign_per_mini_program",
            ),
        ]

    def __str__(self) -> str:
        return str(self.authorizer)

    @property
    def is_final(self) -> bool:
        return self.state in self.FINAL


class IdempotencyKey(models.Model):
    """An act of a REST client that must not happen twice: its key, and what was answered."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    key = models.CharField(max_length=128)
    request = models.CharField(max_length=64)  # digest of method, path and body
    status = models.SmallIntegerField(null=True)
    answer = models.JSONField(null=True)
    created_at = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "key"], name="one_act_a_key")]

    def __str__(self) -> str:
        return self.key
