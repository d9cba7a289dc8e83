from django.apps import AppConfig
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from wechat import bulkhead, http


class PlatformAuthConfig(AppConfig):
    name = "platform_auth"
    verbose_name = _("Third-party platform")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        http.configure(api_url=settings.WECHAT_API_URL)
        bulkhead.configure(places=max(settings.BULKHEAD_PLACES, 1))
