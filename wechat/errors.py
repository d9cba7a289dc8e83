"""
Everything that can go wrong between WeChat and us. Each leaf exists because someone handles it
differently.

WeChatError
├── Unreachable             the call was sent and no usable answer came: its effect is unknown
│   ├── NotSent             no connection was made: nothing has happened, trying again is safe
│   └── BadAnswer           something came back that WeChat's own servers would not say
├── Refused                 WeChat answered, and the answer was no
│   ├── TokenExpired        refresh the access token, then ask once more
│   ├── TicketExpired       only the next ticket push can cure it
│   ├── NotAuthorized       the owner has cancelled the authorisation
│   ├── RefreshTokenInvalid try the older ones, then read it again from the list
│   ├── CodeSpent           an authorization code that is used, expired or wrong
│   ├── QuotaDay            this call is used up until midnight in Beijing
│   ├── QuotaMinute         this call is used up for a minute
│   ├── QuotaMonth          no submission, speed-up or withdrawal is left: show it, don't ask again
│   ├── AuditOpen           a review is open: say which, or withdraw it
│   ├── NoAudit             there is no such review, so nothing of it reached WeChat
│   ├── CheckRunning        WeChat is still busy with this code: ask again in a minute
│   ├── MustCommit          there is no trial version: commit first
│   ├── NothingToRelease    no approved version waits: look what is live
│   ├── WindowClosed        the user has been silent too long: wait for a word of theirs
│   ├── CountUsed           the user has heard enough: the window stays open, but not for more
│   └── Busy                WeChat's "system error": soon again
├── NotReady                we hold nothing to ask with; nothing was sent
├── BackingOff              WeChat failed a moment ago, a pause runs; nothing was sent
└── Untrusted               a push nobody proved to come from WeChat

No message holds a secret: paths are named without their query, and WeChat's own text is
cleaned before it is kept.
"""

import re
from collections.abc import Mapping

_SECRETS = re.compile(
    r"(?:ticket|preauthcode|queryauthcode|refreshtoken)@@@[\w\-=]*"
    r"|\b\d{1,3}_[\w\-]{20,}"
    # Quotes may be escaped: by the JSON of a log line, around what was JSON before.
    r"|((?:token|ticket|secret|code)[\\\"']*\s*[=:]\s*[\\\"']*)[\w\-=@.]{16,}",
    re.ASCII | re.IGNORECASE,
)
_RID = re.compile(r"\s*rid:\s*([0-9a-f]+(?:-[0-9a-f]+)*)\s*$")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")

ERRMSG_LENGTH = 300


def scrub(text: str) -> str:
    """TEXT without anything shaped like a credential of WeChat's."""
    return _SECRETS.sub(lambda match: (match[1] or "") + "***", text)


def clean(text: str) -> str:
    """TEXT from outside on one line, bounded, and scrubbed."""
    return scrub(_CONTROL.sub(" ", text))[:ERRMSG_LENGTH]


class WeChatError(Exception):
    """Base of all that this client raises."""


class Unreachable(WeChatError):
    """The call was sent and no usable answer came: its effect at WeChat is unknown."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


class NotSent(Unreachable):
    """No connection was made: nothing has happened at WeChat."""


class BadAnswer(Unreachable):
    """What came back is not an answer: HTML, cut short, wrongly typed, too large."""


class Refused(WeChatError):
    """WeChat answered with an errcode that is not 0."""

    def __init__(self, path: str, errcode: int, errmsg: str = "") -> None:
        rid = _RID.search(errmsg)
        self.path = path
        self.errcode = errcode
        self.errmsg = clean(_RID.sub("", errmsg))
        self.rid = rid[1] if rid else ""
        self.members: Mapping[str, object] = {}  # of the answer, by what the call keeps
        super().__init__(path, errcode, self.errmsg)

    def __str__(self) -> str:
        rid = f" (rid {self.rid})" if self.rid else ""
        return f"{self.path}: {self.errcode} {self.errmsg}{rid}"


class TokenExpired(Refused):
    """The access token is expired, or no longer the newest one."""


class TicketExpired(Refused):
    """The component_verify_ticket is expired or wrong."""


class NotAuthorized(Refused):
    """The account no longer authorises this component."""


class RefreshTokenInvalid(Refused):
    """The authorizer_refresh_token is not, or no longer, the account's."""


class CodeSpent(Refused):
    """The authorization code is used, expired or wrong."""


class QuotaDay(Refused):
    """The day's calls of this kind are used up."""


class QuotaMinute(Refused):
    """The minute's calls of this kind are used up."""


class QuotaMonth(Refused):
    """The month's (or the day's) submissions, speed-ups or withdrawals are used up."""


class AuditOpen(Refused):
    """A version of this mini program is in review already."""


class NoAudit(Refused):
    """The mini program has no such review, or never had any."""


class CheckRunning(Refused):
    """The check of the code committed last, or another call about it, is still running."""


class MustCommit(Refused):
    """The mini program has no trial version to look at or to submit."""


class NothingToRelease(Refused):
    """No approved version is waiting to be released."""


class WindowClosed(Refused):
    """The user has said nothing for too long (or follows no more) to be sent a message."""


class CountUsed(Refused):
    """All messages are sent that the user's last word allowed."""


class Busy(Refused):
    """WeChat's own "system error": worth asking again soon."""


class NotReady(WeChatError):
    """We hold no credential to ask with: no ticket came yet, or the account is unbound."""


class BackingOff(WeChatError):
    """WeChat failed at this a moment ago, and is not asked again before a pause is over."""


class Untrusted(WeChatError):
    """
    A push nobody proved to come from WeChat. REASON, a word for our own metrics and staff pages, is
    the check that failed; whoever sent the push is never told.
    """

    def __init__(self, reason: str = "content") -> None:
        super().__init__("not proven to come from WeChat")
        self.reason = reason


# Closed: what is not listed is a plain Refused. Sources: "公共错误码" and the pages of each call.
_REFUSALS: dict[int, type[Refused]] = {
    -1: Busy,
    40001: TokenExpired,
    40014: TokenExpired,
    42001: TokenExpired,
    42006: TokenExpired,
    45009: QuotaDay,
    45011: QuotaMinute,
    45015: WindowClosed,
    45047: CountUsed,
    61003: NotAuthorized,
    61005: TicketExpired,
    61006: TicketExpired,
    61009: CodeSpent,
    61010: CodeSpent,
    61023: RefreshTokenInvalid,
    61039: CheckRunning,
    85009: AuditOpen,
    85012: NoAudit,
    85019: NothingToRelease,
    85020: NothingToRelease,
    85052: NothingToRelease,
    85085: QuotaMonth,
    85086: MustCommit,
    86001: MustCommit,
    87013: QuotaMonth,
    89405: QuotaMonth,
    9402202: CheckRunning,
}

# Refusals that hint at an account renamed, frozen, banned or with other rights than it had.
CHANGED_RIGHTS = frozenset(
    {
        48001,  # the account has no right to this call
        48004,  # forbidden for irregularities
        50001,  # the account has no permission
        50002,  # limited
        61007,  # the set is not granted to us
        61016,  # the set must be confirmed
        61017,  # the set is not authorised
        61070,  # its name is not the one we say
        85083,  # banned from being found
        85084,  # its state allows none of this
        86007,  # banned from submitting
        *range(89247, 89256),  # its registration, name or owner are not as we say
    }
)


def is_told_apart(errcode: int) -> bool:
    """Whether ERRCODE has an error of its own."""
    return errcode in _REFUSALS


def refusal(path: str, errcode: int, errmsg: str = "") -> Refused:
    """The most precise error for ERRCODE, as answered by the call at PATH."""
    return _REFUSALS.get(errcode, Refused)(path, errcode, errmsg)
