from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class MiniprogramsConfig(AppConfig):
    name = "miniprograms"
    verbose_name = _("Mini programs and official accounts")
    default_auto_field = "django.db.models.BigAutoField"
