"""Calls to WeChat, counted by endpoint and by what came of them, and kept in a log."""

from platform_auth.call_log import keep_call
from platform_auth.counters import Counter, Histogram
from wechat.calls import EndedCall
from wechat.errors import is_told_apart
from wechat.explanations import EXPLANATIONS

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
    CALLS.add(call.endpoint, outcome)
    SECONDS.observe(call.seconds, call.endpoint)
    keep_call(call)


def _is_listed(outcome: str) -> bool:
    """Every number is a series for ever, so that WeChat's own are those of our tables alone."""
    if not outcome.lstrip("-").isdecimal():
        return True
    errcode = int(outcome)
    return not errcode or is_told_apart(errcode) or errcode in EXPLANATIONS
