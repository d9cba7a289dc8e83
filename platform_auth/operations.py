"""Writing the operation log."""

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from structlog.contextvars import get_contextvars

from platform_auth.models import Operation

SYSTEM = "system"

# The person who acts; None in its place is the system itself.
Actor = AbstractBaseUser | AnonymousUser


def record_operation(
    action: str,
    *,
    by: Actor | None,
    appid: str = "",
    result: str = "",
) -> None:
    """Add to the log that BY (None: the system) did ACTION. Call it in the act's transaction."""
    known = by is not None and by.pk is not None
    Operation.objects.create(
        actor_id=by.pk if known and by is not None else None,
        actor_name=by.get_username() if known and by is not None else SYSTEM,
        action=action,
        appid=appid,
        result=result,
        request_id=str(get_contextvars().get("request_id", ""))[:64],
    )
