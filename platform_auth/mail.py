"""The mail server, where the operators have set one (EMAIL_URL), and our mails to people."""

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth.models import User
from django.core.mail import EmailMessage
from django.template.loader import render_to_string
from django.utils import translation

_NONE = "django.core.mail.backends.dummy.EmailBackend"


def has_mail_server() -> bool:
    return bool(settings.EMAIL_BACKEND != _NONE)


def write_mail(user: User, name: str, language: str, **context: Any) -> EmailMessage:
    """The mail NAME of templates/mail to USER, in LANGUAGE."""
    context |= {
        "user": user,
        "company": settings.COMPANY_NAME or urlsplit(settings.PUBLIC_URL).hostname,
        "contact": settings.SUPPORT_CONTACT,
        "hours": settings.SUPPORT_HOURS,
    }
    with translation.override(language or settings.LANGUAGE_CODE):
        subject = " ".join(render_to_string(f"mail/{name}_subject.txt", context).split())
        text = render_to_string(f"mail/{name}.txt", context)
    headers = {"Auto-Submitted": "auto-generated"}
    return EmailMessage(subject, text, to=[user.email], headers=headers)
