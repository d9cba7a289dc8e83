"""Calls to WeChat, counted by endpoint and by what came of them, and kept in a log."""

from platform_auth.call_log import keep_call
from platform_auth.counters import Counter, Histogram
from wechat.calls import EndedCall
from wechat.errors import is_told_apart
from wechat.explanations import EXPLANATIONS

MOST_RELAYED = 300  # paths of other programs' calls that are told apart
LONGEST = 100  # of those

CALLS = Counter(
    "wechat_api_calls",
    "Calls to WeChat by endpoint and errcode (0: all is well), or by why there was no answer.",
    ("endpoint", "errcode"),
)
SECONDS = Histogram(
    "wechat_api_seconds",
    "How long WeChat took to answer.",
    (0.1, 0.25, 0.5, 1, 2.5, 5, 10),
    ("endpoint",),
)


def note_call(call: EndedCall) -> None:
    """Count CALL and keep it: see `wechat.http.configure`."""
    outcome = call.outcome if _is_listed(call.outcome) else "other"
    endpoint = _relayed_endpoint(call) if call.is_relayed else call.path
    CALLS.add(endpoint, outcome)
    SECONDS.observe(call.seconds, endpoint)
    keep_call(call)


_relayed: set[str] = set()


def _relayed_endpoint(call: EndedCall) -> str:
    """
    The path of CALL if WeChat has it, by what it has answered to this process: a path that somebody
    makes up would be a series for ever.
    """
    if call.outcome == "0" and len(_relayed) < MOST_RELAYED and len(call.path) <= LONGEST:
        _relayed.add(call.path)
    return call.path if call.path in _relayed else "relayed"


def _is_listed(outcome: str) -> bool:
    """Every number is a series for ever, so that WeChat's own are those of our tables alone."""
    if not outcome.lstrip("-").isdecimal():
        return True
    errcode = int(outcome)
    return not errcode or is_told_apart(errcode) or errcode in EXPLANATIONS
