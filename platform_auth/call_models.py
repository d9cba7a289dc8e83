"""The log of calls to WeChat."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

WELL = "0"
# What comes in an errcode's place where WeChat gave no answer.
UNANSWERED = ("Unreachable", "NotSent", "BadAnswer")


class WeChatCall(models.Model):
    """
    One exchange with WeChat's API, which has ended; see `platform_auth.call_log`. Never a token, a
    query or a body. No row refers to another: they are written without looking.
    """

    at = models.DateTimeField(_("time"))
    appid = models.CharField(
        _("account"), max_length=32, blank=True, help_text=_("Or the platform's component.")
    )
    path = models.CharField(_("path"), max_length=200)
    outcome = models.CharField(_("errcode"), max_length=20)  # or one of UNANSWERED
    rid = models.CharField("rid", max_length=64, blank=True)
    milliseconds = models.PositiveIntegerField(_("ms"))
    attempt = models.PositiveSmallIntegerField(_("attempt"))
    asked_by = models.CharField(_("called by"), max_length=150, blank=True)  # a person, or a job
    client_id = models.BigIntegerField(_("API client"), null=True)  # which may go
    request_id = models.CharField(_("request"), max_length=64, blank=True)
    # Of ours, where WeChat refuses to be called from it and names it.
    refused_address = models.CharField(
        _("refused address"), max_length=45, blank=True, db_default=""
    )

    class Meta:
        verbose_name = _("call to WeChat")
        verbose_name_plural = _("calls to WeChat")
        indexes = [
            models.Index(fields=["appid", "-id"], name="call_appid"),
            models.Index(fields=["-id"], condition=~Q(outcome=WELL), name="call_failed"),
            models.Index(fields=["rid"], condition=~Q(rid=""), name="call_rid"),
            models.Index(
                fields=["client_id", "-id"],
                condition=Q(client_id__isnull=False),
                name="call_client",
            ),
            models.Index(fields=["request_id"], condition=~Q(request_id=""), name="call_request"),
            models.Index(
                fields=["-id"], condition=~Q(refused_address=""), name="call_refused_address"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.path} {self.appid}"
