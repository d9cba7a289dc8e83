from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class AuditsConfig(AppConfig):
    name = "audits"
    verbose_name = _("Code and audits")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from platform_auth import roles

        # The last app's turn, once: only now do the permissions of all apps exist.
        post_migrate.connect(roles.ensure_groups, sender=self, dispatch_uid="platform_auth.roles")
