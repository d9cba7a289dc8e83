"""How long sessions last, and what their person sees of them and ends."""

import time
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone
from knox.models import AuthToken

from platform_auth.events import log_event
from platform_auth.login_models import LoginSession
from platform_auth.logins.addresses import client_address
from platform_auth.logins.agents import describe_agent
from platform_auth.logins.keys import end_keys
from platform_auth.logins.session_store import MARKS
from platform_auth.operations import Actor, record_operation

NOTED_EVERY = 60  # seconds; a session is not written at each click
_TIMES = ("began", "used", "proved")


def begin_session(request: HttpRequest) -> None:
    """Somebody has just logged in, and proven who they are."""
    now = time.time()
    request.session[MARKS] = {"began": now, "used": now, "proved": now, **_browser(request)}


def _browser(request: HttpRequest) -> dict[str, str]:
    return {
        "agent": request.headers.get("User-Agent", "")[:200],
        "address": client_address(request),
    }


def _marks(request: HttpRequest) -> dict[str, Any]:
    """What is noted of the session; where none of our doors began it, what the user's row tells."""
    last = getattr(request.user, "last_login", None)
    began = last.timestamp() if last else 0.0
    marks: dict[str, Any] = request.session.get(MARKS) or dict.fromkeys(_TIMES, began)
    return marks


def note_proof(request: HttpRequest) -> None:
    """The person of this session has just proven again who they are."""
    request.session[MARKS] = {**_marks(request), "proved": time.time()}


def seconds_since_proof(request: HttpRequest) -> float:
    seconds: float = time.time() - _marks(request)["proved"]
    return seconds


def reason_to_end(request: HttpRequest) -> str:
    """Why the session is over; "" while it is not."""
    marks, now = _marks(request), time.time()
    is_staff = getattr(request.user, "is_staff", False)
    hours = settings.STAFF_SESSION_HOURS if is_staff else settings.SESSION_HOURS
    idle = settings.STAFF_SESSION_IDLE_MINUTES if is_staff else settings.SESSION_IDLE_MINUTES
    if now - marks["began"] > hours * 3600:
        return "too old"
    return "idle" if now - marks["used"] > idle * 60 else ""


def note_use(request: HttpRequest) -> None:
    """The session is used just now. A page that reloads a piece of itself does not use it."""
    marks = _marks(request)
    reloads_itself = request.method == "GET" and "HX-Request" in request.headers
    if not reloads_itself and time.time() - marks["used"] >= NOTED_EVERY:
        request.session[MARKS] = {**marks, "used": time.time(), **_browser(request)}


@dataclass(frozen=True, slots=True)
class OwnSession:
    """One of a person's sessions, as they are shown it. Its HANDLE opens nothing."""

    handle: str
    device: str
    address: str
    began_at: datetime | None
    used_at: datetime | None
    is_this: bool


def list_sessions(user: Actor, key: str) -> list[OwnSession]:
    """USER's sessions, the one used last first; KEY is that of the session that asks."""
    rows = LoginSession.objects.filter(user=user.pk, expire_date__gt=timezone.now())
    return [
        OwnSession(
            handle=_handle(row.session_key),
            device=describe_agent(row.agent),
            address=row.address,
            began_at=row.began_at,
            used_at=row.used_at,
            is_this=row.session_key == key,
        )
        for row in rows.order_by("-used_at")
    ]


def _handle(key: str) -> str:
    return sha256(key.encode()).hexdigest()[:16]


def end_session(user: Actor, handle: str) -> None:
    """End the one of USER's sessions that HANDLE names, if it is there."""
    for row in LoginSession.objects.filter(user=user.pk):
        if _handle(row.session_key) == handle:
            with transaction.atomic():
                row.delete()
                record_operation("end_session", by=user, result=describe_agent(row.agent))
            log_event("session", "ended: by its person", user=user)


def end_other_sessions(user: Actor, key: str) -> int:
    """End all of USER's sessions but that of KEY; how many."""
    with transaction.atomic():
        number, _kinds = LoginSession.objects.filter(user=user.pk).exclude(session_key=key).delete()
        record_operation("end_sessions", by=user, result=str(number))
    log_event("session", "ended: by its person", user=user, number=number)
    return number


def end_access(user: User, *, keep: str | None = None) -> str:
    """
    End USER's sessions, but for that of the key KEEP, and revoke their keys to the API. What was
    ended, for the operation log; call it in the transaction of what is the reason.
    """
    rows = LoginSession.objects.filter(user=user.pk)
    sessions, _kinds = (rows.exclude(session_key=keep) if keep else rows).delete()
    keys = end_keys(user)
    log_event("access", "ended", user=user, sessions=sessions, keys=keys)
    return f"{sessions} sessions, {keys} keys ended"


def forget_expired() -> None:
    LoginSession.objects.filter(expire_date__lt=timezone.now()).delete()
    AuthToken.objects.filter(expiry__lt=timezone.now()).delete()
