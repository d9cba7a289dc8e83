"""The log of WeChat's quotas for reviews, and the rules by which reviews are sped up."""

from django.core.validators import MinValueValidator
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from audits.models.audit import CodeAudit
from miniprograms.models import Authorizer, Tag
from platform_auth.models import Component, person_field


class QuotaEntry(models.Model):
    """
    What WeChat said is left of this month, for all mini programs of the platform together, whenever
    that had changed; and each unit that was spent.
    """

    class Kind(models.TextChoices):
        TOLD = "told", _("as WeChat says")
        SUBMITTED = "submitted", _("a submission")
        SPED_UP = "sped_up", _("a speed-up")

    component = models.ForeignKey(
        Component, on_delete=models.CASCADE, db_index=False, verbose_name=_("component")
    )
    at = models.DateTimeField(_("time"), default=timezone.now)
    kind = models.CharField(_("entry"), max_length=10, choices=Kind.choices)
    rest = models.IntegerField(_("submissions left"), null=True)
    limit = models.IntegerField(_("submissions a month"), null=True)
    speedup_rest = models.IntegerField(_("speed-ups left"), null=True)
    speedup_limit = models.IntegerField(_("speed-ups a month"), null=True)
    authorizer = models.ForeignKey(
        Authorizer,
        on_delete=models.SET_NULL,
        null=True,
        db_index=False,
        related_name="+",
        verbose_name=_("mini program"),
    )
    by = person_field(_("by"))

    class Meta:
        verbose_name = _("entry of the quota log")
        verbose_name_plural = _("quota log")
        default_permissions = ("view",)
        indexes = [models.Index(fields=["component", "kind", "-id"], name="quota_newest")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {timezone.localtime(self.at):%Y-%m-%d %H:%M}"


class SpeedUpRule(models.Model):
    """
    Reviews that take long are sped up by the system, in the name of who set the rule last and as
    long as that person may submit code.
    """

    after_hours = models.PositiveSmallIntegerField(
        _("after hours in review"), validators=[MinValueValidator(1)]
    )
    tags = models.ManyToManyField(
        Tag,
        blank=True,
        related_name="+",
        verbose_name=_("only with these tags"),
        help_text=_("None chosen: all mini programs."),
    )
    most_a_month = models.PositiveSmallIntegerField(
        _("at most, a month"),
        validators=[MinValueValidator(1)],
        help_text=_("WeChat gives the whole platform a few speed-ups a month."),
    )
    is_on = models.BooleanField(_("on"), default=True)
    stopped_because = models.TextField(_("why it was stopped"), blank=True, editable=False)
    set_by = person_field(_("carried out for"))

    class Meta:
        verbose_name = _("speed-up rule")
        verbose_name_plural = _("speed-up rules")

    def __str__(self) -> str:
        return _("after %(hours)d hours") % {"hours": self.after_hours}


class SpeedUp(models.Model):
    """
    The one attempt of a rule to speed an audit up; written before the call, so never repeated
    blindly. An attempt that never reached WeChat leaves no row.
    """

    class State(models.TextChoices):
        RUNNING = "running", _("running")
        DONE = "done", _("done")
        REFUSED = "refused", _("refused by WeChat")
        UNKNOWN = "unknown", _("outcome unknown")

    audit = models.OneToOneField(
        CodeAudit, on_delete=models.CASCADE, primary_key=True, related_name="speed_up"
    )
    rule = models.ForeignKey(
        SpeedUpRule, on_delete=models.SET_NULL, null=True, related_name="speed_ups"
    )
    state = models.CharField(max_length=8, choices=State.choices, default=State.RUNNING)
    error = models.TextField(blank=True)
    at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"{self.audit_id}: {self.state}"
