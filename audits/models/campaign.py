"""Campaigns, which bring one template to many mini programs, and how far each of these is."""

from typing import Self

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from audits.models.audit import CodeAudit
from audits.models.code import CodeTemplate, CodeVersion
from audits.models.release import Release
from miniprograms.models import Authorizer
from platform_auth.models import Leased, LeasedQuerySet, person_field


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

    UNFINISHED = (State.PREPARED, State.RUNNING, State.PAUSED)

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
    submits = models.BooleanField(
        _("submit for review"), default=True, db_default=True
    )  # otherwise it only uploads
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
    created_by = person_field(_("made by"))
    # Who started it last, or resumed it: in this name workers upload, submit and release.
    run_by = person_field(_("carried out for"))
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
        ON_TRIAL = "on_trial", _("uploaded, not submitted")
        REJECTED = "rejected", _("rejected")
        FAILED = "failed", _("failed")
        SKIPPED = "skipped", _("skipped")
        HELD_BACK = "held_back", _("held back")  # by the preflight: WeChat would have refused it

    UNSUCCESSFUL = (State.FAILED, State.REJECTED)
    SUCCESSFUL = (State.RELEASED, State.ON_TRIAL)  # as far as the campaign was to bring it
    FINAL = (*SUCCESSFUL, State.SKIPPED, State.HELD_BACK, *UNSUCCESSFUL)
    # Calls that are under way, or whose outcome is being asked for: neither pause nor stop ends it.
    IN_FLIGHT = (State.COMMITTING, State.SUBMITTING, State.RELEASING)
    # Their steps only read rows and call nobody, so a paused campaign takes them, too.
    FOLLOWED = (*IN_FLIGHT, State.IN_REVIEW)
    # These have a place among those that `concurrency` allows at once.
    CONCURRENT = (State.READY, State.COMMITTING, State.COMMITTED, State.SUBMITTING)

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
    # The checks that would hold it back, as they were when somebody looked before it was submitted.
    foreseen = models.TextField(blank=True, db_default="", editable=False)
    version = models.ForeignKey(
        CodeVersion, on_delete=models.PROTECT, null=True, verbose_name=_("version")
    )
    audit = models.ForeignKey(
        CodeAudit, on_delete=models.PROTECT, null=True, verbose_name=_("audit")
    )
    release = models.ForeignKey(
        Release, on_delete=models.PROTECT, null=True, verbose_name=_("release")
    )
    released_by = person_field()
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
                condition=~Q(
                    state__in=[
                        "released",
                        "on_trial",
                        "rejected",
                        "failed",
                        "skipped",
                        "held_back",
                    ]
                ),
                name="one_open_campaign_per_mini_program",
            ),
        ]

    def __str__(self) -> str:
        return str(self.authorizer)

    @property
    def is_final(self) -> bool:
        return self.state in self.FINAL
