"""Codes, tickets and tokens: long strings nobody can guess."""

import base64
from random import Random


def new_code(random: Random, length: int) -> str:
    """Url-safe base64 characters."""
    return base64.urlsafe_b64encode(random.randbytes(length)).decode()[:length]
