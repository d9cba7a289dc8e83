"""
Browsers in which somebody has logged in before: a signed cookie says whose.

Failures of strangers do not slow such a browser down, so nobody can keep its owner out.
"""

import secrets
from datetime import timedelta

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse

SALT = "platform_auth.device"
LIFETIME = timedelta(days=180)


def known_device(request: HttpRequest, username: str) -> str:
    """The id of the browser, if USERNAME has logged in with it before; otherwise ""."""
    cookie = request.COOKIES.get(settings.DEVICE_COOKIE_NAME, "")
    try:
        name, device = signing.loads(cookie, salt=SALT, max_age=LIFETIME)
    except (signing.BadSignature, ValueError, TypeError):
        return ""
    return str(device) if name == username else ""


def remember_device(request: HttpRequest, response: HttpResponse, username: str) -> None:
    """USERNAME has logged in with this browser."""
    device = known_device(request, username) or secrets.token_urlsafe(16)
    response.set_cookie(
        settings.DEVICE_COOKIE_NAME,
        signing.dumps([username, device], salt=SALT),
        max_age=LIFETIME,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )
