"""The calendar in Beijing, where quotas start anew at midnight, and its clock."""

import time

BEIJING = 8 * 3600  # seconds ahead of UTC; no summer time


def day(now: float) -> int:
    """The day, as a number."""
    return int(now + BEIJING) // 86_400


def written(at: float, form: str) -> str:
    """The moment AT, as phones in China show it, whatever zone this machine is in."""
    return time.strftime(form, time.gmtime(at + BEIJING))


def minute(now: float) -> int:
    """The minute, as a number."""
    return int(now) // 60


def month(now: float) -> str:
    """The month, as in 2026-01."""
    return written(now, "%Y-%m")
