"""The calendar in Beijing, where quotas start anew at midnight."""

import time

BEIJING = 8 * 3600  # seconds ahead of UTC; no summer time


def day(now: float) -> int:
    """The day, as a number."""
    return int(now + BEIJING) // 86_400


def month(now: float) -> str:
    """The month, as in 2026-01."""
    return time.strftime("%Y-%m", time.gmtime(now + BEIJING))
