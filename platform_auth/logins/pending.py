"""Between the two steps of a login: the password was right, and the session is nobody's yet."""

import time

from django.contrib.auth.models import User
from django.http import HttpRequest

from platform_auth.operations import Actor

_PENDING = "pending_login"
LIFETIME = 5 * 60  # seconds


def await_code(request: HttpRequest, user: Actor, target: str) -> None:
    """USER has the right password; TARGET is where they want to go."""
    request.session[_PENDING] = {"user": user.pk, "at": time.time(), "target": target}


def pending_user(request: HttpRequest) -> User | None:
    """Who is between the two steps here."""
    pending = request.session.get(_PENDING)
    if pending is None or time.time() - pending["at"] > LIFETIME:
        return None
    return User.objects.filter(pk=pending["user"], is_active=True).first()


def forget_pending(request: HttpRequest) -> str:
    """It is over; where they want to go."""
    target: str = request.session.pop(_PENDING)["target"]
    return target
