"""
Interfaces of the front end that WeChat grants a mini program one by one (地理位置接口), and the
pictures that show its reviewers what they are for.
"""

import secrets
from typing import Any

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from platform_auth.models import person_field


def new_key() -> str:
    """What a picture is called in its address."""
    return secrets.token_hex(32)


class InterfaceApplication(models.Model):
    """
    An application for a private interface, from here or from elsewhere, and what came of it.

    The row of one from here is written before WeChat is asked; UNKNOWN is one whose answer was
    lost, until WeChat's list tells. `audit_id` is WeChat's number, which its verdict names.
    """

    class State(models.TextChoices):
        SENDING = "sending", _("being sent")
        UNKNOWN = "unknown", _("not known yet")
        IN_REVIEW = "in_review", _("in review")
        GRANTED = "granted", _("granted")
        REJECTED = "rejected", _("rejected")
        NOT_TAKEN = "not_taken", _("not taken by WeChat")

    OPEN = (State.SENDING, State.UNKNOWN, State.IN_REVIEW)

    authorizer = models.ForeignKey(
        "miniprograms.Authorizer",
        on_delete=models.CASCADE,
        related_name="interface_applications",
        verbose_name=_("mini program"),
    )
    api_name = models.CharField(_("interface"), max_length=64)
    audit_id = models.BigIntegerField(_("audit id"), null=True)
    content = models.TextField(_("reason for the application"), blank=True)
    # url_list, pic_list and video_list, as they were sent
    material: models.JSONField[Any, Any] = models.JSONField(default=dict, blank=True)
    state = models.CharField(_("state"), max_length=10, choices=State.choices)
    reason = models.TextField(_("reason"), blank=True)
    errcode = models.IntegerField(null=True)
    applied_by = person_field(_("by"))
    applied_at = models.DateTimeField(_("applied"), default=timezone.now)
    decided_at = models.DateTimeField(_("decided"), null=True)

    class Meta:
        verbose_name = _("application for an interface")
        verbose_name_plural = _("applications for interfaces")
        default_permissions = ("view",)
        permissions = [("apply_for_interface", _("Can apply for private interfaces"))]
        indexes = [models.Index(fields=["authorizer", "-id"], name="interface_authorizer")]

    def __str__(self) -> str:
        return f"{self.api_name} {self.state}"

    @property
    def is_open(self) -> bool:
        return self.state in self.OPEN


class ReviewPicture(models.Model):
    """
    A picture that shows WeChat's reviewers something: they load it from here, for a while, by an
    address that nobody can guess.
    """

    key = models.CharField(max_length=64, unique=True, default=new_key, editable=False)
    authorizer = models.ForeignKey(
        "miniprograms.Authorizer", on_delete=models.CASCADE, related_name="review_pictures"
    )
    content_type = models.CharField(max_length=20)
    content = models.BinaryField()
    added_by = person_field()
    added_at = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return self.key
