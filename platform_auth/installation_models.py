"""What this database is for."""

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _


class Installation(models.Model):
    """
    The one row that says whether the database is a real platform's or a demo's, which has a sandbox
    in WeChat's place: see `platform_auth.installation`.
    """

    is_real = models.BooleanField(_("with WeChat itself"), editable=False)
    since = models.DateTimeField(db_default=Now(), editable=False)

    def __str__(self) -> str:
        return "real" if self.is_real else "demo"
