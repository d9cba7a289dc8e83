"""The name that a version may have after another."""

import re
from collections.abc import Container

# Numbers and nothing else: of 1.2.0-beta, or of a name, nobody knows what comes next.
_NUMBERS = re.compile(r"(v?(?:\d{1,4}\.)*)(\d{1,4})", re.ASCII | re.IGNORECASE)
_YEAR = re.compile(r"v?(?:19|20)\d\d(?:\.|$)", re.ASCII | re.IGNORECASE)  # 2026.11.30 is a day


def next_version(version: str, taken: Container[str]) -> str:
    """
    What could come after VERSION, 1.2.1 after 1.2.0, that is none of those TAKEN; "" where VERSION
    is not made of numbers alone, or begins with a year.
    """
    match = _NUMBERS.fullmatch(version.strip())
    if match is None or _YEAR.match(match[0]):
        return ""
    start, last = match[1], match[2]
    number = int(last) + 1
    while (name := f"{start}{number:0{len(last)}}") in taken:
        number += 1
    return name
