"""Writing the operation log."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from structlog.contextvars import get_contextvars

from platform_auth.leases import release_db_connection
from platform_auth.models import Operation
from wechat.errors import WeChatError

SYSTEM = "system"

# The person who acts; None in its place is the system itself.
Actor = AbstractBaseUser | AnonymousUser


def record_operation(
    action: str,
    *,
    by: Actor | None,
    appid: str = "",
    result: str = "",
    version: str = "",
    has_failed: bool = False,
) -> None:
    """
    Add to the log that BY (None: the system) did ACTION, or HAS FAILED to; VERSION is the one of
    the code that it was about, if any. Call it in the act's transaction.
    """
    person = None if by is None or by.pk is None else by
    bound = get_contextvars()
    if client := bound.get("client"):  # of an API client's, which acts for BY
        result = f"{result} [{client}]".lstrip()
    Operation.objects.create(
        actor_id=person.pk if person else None,
        actor_name=person.get_username() if person else SYSTEM,
        action=action,
        appid=appid,
        result=result,
        version=version,
        has_failed=has_failed,
        request_id=str(bound.get("request_id", ""))[:64],
    )


@contextmanager
def recorded_call(
    action: str, *, by: Actor | None, appid: str = "", result: str = "", version: str = ""
) -> Iterator[None]:
    """
    Call WeChat within: the operation log has the act first, so that no effect is without its row.

    What WeChat answered, where it was no, is added to the log and goes on.
    """
    values: dict[str, Any] = {"appid": appid, "version": version}
    record_operation(action, by=by, result=result, **values)
    release_db_connection()
    try:
        yield
    except WeChatError as error:
        failure = f"{result} {error}".strip()
        record_operation(action, by=by, result=failure, has_failed=True, **values)
        raise
