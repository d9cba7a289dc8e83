"""
Regular expressions of the automatic replies, which staff write: none holds WeChat up for long.
"""

import time
from collections.abc import Iterator
from math import prod

import regex

REGEX_TIMEOUT = 0.05  # seconds, for one regular expression
TOTAL_REGEX_TIMEOUT = 0.3  # and for all that one message is tried with: WeChat waits
MAX_COPIES = 1000  # `regex` writes a{1000} out: a million would take all memory

_COPIES = regex.compile(r"\{\s*([0-9]+)")


class TooSlow(Exception):
    """A regular expression took longer than a message may be held up."""


class RegexBudget:
    """How long the regular expressions may still take that one message is tried with."""

    def __init__(self) -> None:
        self.seconds = TOTAL_REGEX_TIMEOUT

    def finds(self, pattern: str, text: str) -> bool:
        """Whether PATTERN is found in TEXT. Raises TooSlow, or regex.error."""
        if self.seconds <= 0:
            raise TooSlow
        started = time.monotonic()
        try:
            match = regex.search(pattern, text, timeout=min(REGEX_TIMEOUT, self.seconds))
        except TimeoutError:
            raise TooSlow from None
        finally:
            self.seconds -= time.monotonic() - started
        return match is not None


def check_pattern(pattern: str) -> None:
    """
    Raises regex.error if PATTERN is no regular expression, TooSlow if it is one that takes too long
    for some long text.
    """
    # Only what repeats a number of times is written out; what is nested multiplies.
    if prod(int(number) or 1 for number in _COPIES.findall(pattern)) > MAX_COPIES:
        raise TooSlow
    regex.compile(pattern)
    for text in _hard_texts(pattern):
        RegexBudget().finds(pattern, text)


def _hard_texts(pattern: str) -> Iterator[str]:
    """Long texts of the letters in PATTERN, which end as it does not expect: those take longest."""
    letters = dict.fromkeys(letter for letter in pattern if letter.isalnum())
    words = regex.findall(r"\w+", pattern)
    for part in dict.fromkeys(["a", "1", " ", "一", *list(letters)[:12], *words[:4]]):
        yield part * (1000 // len(part)) + "\0"
