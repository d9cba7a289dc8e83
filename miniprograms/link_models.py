"""Links with which whoever holds one binds an account for a merchant, without a login of ours."""

from django.conf import settings
from django.core import signing
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from platform_auth.models import Component, person_field

LINK_SALT = "miniprograms.bind-link.row"
MAX_USER_REF = 128


class BindLink(models.Model):
    """
    A link that staff or another back end have made. What it is for is theirs to say (`auth_type`)
    or left to whoever opens it; `user_ref` is what the back end calls whom it sends there.

    It ends at `expires_at`, when it is revoked, with the password of its merchant's (of which
    `password_mark` tells) and with the first account bound, if it `is_single`.
    """

    class Status(models.TextChoices):
        OPEN = "open", _("not used yet")
        STARTED = "started", _("waiting for the owner")
        BOUND = "bound", _("bound")
        UNCLAIMED = "unclaimed", _("waiting for staff")
        REFUSED = "refused", _("refused by staff")
        EXPIRED = "expired", _("expired")
        REVOKED = "revoked", _("revoked")

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        db_index=False,  # `bind_link_user` begins with it
        related_name="bind_links",
        verbose_name=_("merchant"),
    )
    made_by = person_field(_("made by"))
    client = models.ForeignKey(
        "platform_auth.ApiClient",
        on_delete=models.CASCADE,
        null=True,
        related_name="bind_links",
        verbose_name=_("API client"),
    )
    # None: the one that acts when the link is used.
    component = models.ForeignKey(
        Component, on_delete=models.PROTECT, null=True, verbose_name=_("component")
    )
    # None: whoever opens it chooses, the account too.
    auth_type = models.SmallIntegerField(_("kind"), null=True)
    biz_appid = models.CharField(_("only for"), max_length=32, blank=True)
    device = models.CharField(_("device"), max_length=10, blank=True)  # "": they choose
    category_id_list = models.JSONField(_("permission sets"), default=list)
    return_url = models.CharField(_("returns to"), max_length=1000, blank=True)
    user_ref = models.CharField(_("their reference"), max_length=MAX_USER_REF, blank=True)
    is_single = models.BooleanField(_("for one account"), default=False)
    password_mark = models.CharField(max_length=64, editable=False)
    presses = models.PositiveIntegerField(_("presses"), default=0)
    created_at = models.DateTimeField(_("made"))
    expires_at = models.DateTimeField(_("valid until"))
    revoked_at = models.DateTimeField(_("revoked"), null=True)

    class Meta:
        verbose_name = _("bind link")
        verbose_name_plural = _("bind links")
        indexes = [
            models.Index(fields=["user", "-id"], name="bind_link_user"),
            models.Index(fields=["user_ref"], condition=~Q(user_ref=""), name="bind_link_user_ref"),
        ]

    def __str__(self) -> str:
        return f"{self.user} {self.biz_appid}".strip()

    @property
    def url(self) -> str:
        """Its address, which nobody can make who has not been given it."""
        token = signing.Signer(salt=LINK_SALT).sign(str(self.pk))
        url: str = settings.PUBLIC_URL + reverse("portal:bind-link", args=[token])
        return url
