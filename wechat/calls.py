"""Calls that have ended, for whoever counts and keeps them: whose, what came of it, how long."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from wechat.errors import Refused, WeChatError

# What names the account in a call made with the component's token, then what names the component.
_NAMES = ("authorizer_appid", "appid", "component_appid")


@dataclass(frozen=True, slots=True)
class EndedCall:
    """
    OUTCOME is an errcode, "0" where all is well, or the name of an error of ours. APPID is the
    account's, or the component's where the call is about none, or "". IS_RELAYED says that the path
    was another program's word. ERRMSG, cleaned, is for whoever reads an address out of it.
    """

    path: str
    appid: str
    outcome: str
    rid: str
    seconds: float
    attempt: int
    is_relayed: bool = False
    errmsg: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class _Token:
    """Whose token is in use; how often the call was made before."""

    appid: str = ""
    is_account: bool = False
    repeats: int = 0


_NONE = _Token()
_token: ContextVar[_Token] = ContextVar("token", default=_NONE)


@contextmanager
def with_token_of(appid: str, *, is_account: bool, repeats: int = 0) -> Iterator[None]:
    """
    Around calls made with the token of APPID, an account or else a component, whose calls may name
    the account that they are about. REPEATS is how often they were made before.
    """
    before = _token.set(_Token(appid, is_account, repeats))
    try:
        yield
    finally:
        _token.reset(before)


def end_call(
    path: str,
    trouble: WeChatError | None,
    seconds: float,
    *,
    attempt: int = 1,
    sent: tuple[Mapping[str, Any] | None, ...] = (),
    is_relayed: bool = False,
) -> EndedCall:
    """A call of PATH, which has SENT these fields and met with TROUBLE, if any."""
    token = _token.get()
    return EndedCall(
        path=path,
        appid=token.appid if token.is_account else _named_in(sent) or token.appid,
        outcome=outcome_of(trouble),
        rid=trouble.rid if isinstance(trouble, Refused) else "",
        seconds=seconds,
        attempt=attempt + token.repeats,
        is_relayed=is_relayed,
        errmsg=trouble.errmsg if isinstance(trouble, Refused) else "",
    )


def outcome_of(trouble: WeChatError | None) -> str:
    if isinstance(trouble, Refused):
        return str(trouble.errcode)
    return type(trouble).__name__ if trouble else "0"


def _named_in(sent: tuple[Mapping[str, Any] | None, ...]) -> str:
    for name in _NAMES:
        for fields in sent:
            appid = fields.get(name) if fields else None
            if isinstance(appid, str) and appid:
                return appid
    return ""
