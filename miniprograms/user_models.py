"""What pages of official accounts need: tickets to sign with, and codes by which users log in."""

from typing import Any

from django.db import models
from django.utils import timezone

from platform_auth.fields import SecretField, SecretModel
from platform_auth.models import ApiClient, Leased, LeasedQuerySet


class SigningTicket(Leased):
    """
    The ticket of one account and KIND (jsapi or wx_card), for all processes. `name` has both.
    """

    sealed_to = "name"

    name = models.CharField(max_length=50, unique=True)
    authorizer = models.ForeignKey(
        "miniprograms.Authorizer", on_delete=models.CASCADE, related_name="signing_tickets"
    )
    kind = models.CharField(max_length=10)
    value = SecretField()
    expires = models.BigIntegerField(default=0)  # Unix seconds

    objects = LeasedQuerySet.as_manager()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return self.name

    @property
    def live_token(self) -> str:
        """The ticket, or "" once it has expired. Needs a row read `with_clock()`."""
        return self.value if self.expires > self.now.timestamp() else ""


class WebLogin(SecretModel):
    """
    A user who has come back from WeChat's page, and the code of ours by which CLIENT is told who it
    is: once, and soon. Neither code is kept, only digests.

    `identity` is what WeChat's code gave, in JSON; "" before that, and after the client was told.
    """

    sealed_to = "digest"

    client = models.ForeignKey(ApiClient, on_delete=models.CASCADE, related_name="web_logins")
    authorizer = models.ForeignKey(
        "miniprograms.Authorizer", on_delete=models.CASCADE, related_name="web_logins"
    )
    wechat_digest = models.CharField(max_length=64, unique=True)
    digest = models.CharField(max_length=64, unique=True)
    identity = SecretField()
    expires_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(default=timezone.now, db_index=True)

    objects: models.Manager[Any] = models.Manager()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.client_id} {self.authorizer_id}"
