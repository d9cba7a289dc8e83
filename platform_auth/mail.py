"""The mail server, where the operators have set one (EMAIL_URL)."""

from django.conf import settings

_NONE = "django.core.mail.backends.dummy.EmailBackend"


def has_mail_server() -> bool:
    return bool(settings.EMAIL_BACKEND != _NONE)
