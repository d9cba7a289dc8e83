"""Access tokens for other systems of the company's, which call WeChat themselves."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

from django.utils.translation import gettext_lazy as _

from miniprograms.models import Authorizer
from miniprograms.tokens import authorizer_token
from platform_auth.operations import Actor, record_operation
from platform_auth.problems import CannotAct
from wechat.errors import BackingOff, NotAuthorized, RefreshTokenInvalid, Refused, Unreachable

MOST_SECONDS = 300  # as long as WeChat lets an old token live beside a new one


class NotBound(CannotAct):
    """Only its owner can change that."""

    code = "not_bound"
    text = _("This account does not authorise the platform now; its owner must bind it.")


@dataclass(frozen=True, slots=True)
class Lent:
    """A token, and until when it is good by the database's clock."""

    token: str = field(repr=False)
    expires_at: datetime
    seconds: int


def check_bound(authorizer: Authorizer) -> None:
    """Raises NotBound where there is no token and nothing to get one with."""
    if authorizer.state in (Authorizer.State.UNBOUND, Authorizer.State.NEEDS_REAUTHORIZATION):
        raise NotBound


@contextmanager
def while_bound(authorizer: Authorizer) -> Iterator[None]:
    """Ask WeChat about AUTHORIZER within: where only its owner can help, NotBound is raised."""
    check_bound(authorizer)
    try:
        yield
    except (NotAuthorized, RefreshTokenInvalid):
        raise NotBound from None


def lend_token(authorizer: Authorizer, *, seconds: int, by: Actor) -> Lent:
    """
    The token of AUTHORIZER with at least so many SECONDS left, refreshed if need be by one caller
    for all; that BY was given it is in the operation log before it leaves.

    Raises NotBound; NotReady or BackingOff where a token with so much left cannot be had now.
    """
    with while_bound(authorizer):
        lent = _lend(authorizer.appid, seconds)
    if lent.seconds < seconds:
        raise BackingOff(_("WeChat gives no fresher token just now."))
    result = f"{lent.seconds} s"
    record_operation("read_token", by=by, appid=authorizer.appid, result=result)
    return lent


def _lend(appid: str, seconds: int) -> Lent:
    """The token that there is, or a new one where it has fewer SECONDS left."""
    try:
        lent = _read(appid, authorizer_token(appid))
        if lent.seconds < seconds:
            lent = _read(appid, authorizer_token(appid, refused=lent.token))
    except (NotAuthorized, RefreshTokenInvalid):
        raise
    except (Refused, Unreachable) as error:
        raise BackingOff(str(error)) from None
    return lent


def _read(appid: str, token: str) -> Lent:
    """TOKEN as the row has it; one that somebody has just replaced, as the row has it now."""
    row: Authorizer = Authorizer.objects.with_clock().get(appid=appid)
    held = row.live_token or token
    expires_at = row.expires_at or row.now
    return Lent(held, expires_at, max(0, int((expires_at - row.now).total_seconds())))
