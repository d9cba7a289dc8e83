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
    person = None if by is None or by.pk is None else by
    Operation.objects.create(
        actor_id=person.pk if person else None,
        actor_name=person.get_username() if person else SYSTEM,
        action=action,
        appid=appid,
        result=result,
        request_id=str(get_contextvars().get("request_id", ""))[:64],
    )
