from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class NoticesConfig(AppConfig):
    name = "notices"
    verbose_name = _("Notices")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from notices.tasks import keep_and_wake  # noqa: PLC0415 -- it needs the models
        from platform_auth.domain_events import subscribe  # noqa: PLC0415

        subscribe(keep_and_wake)
