"""What staff are shown of a push: everything but its credentials."""

import re
from typing import Any

from wechat.errors import scrub

# ComponentVerifyTicket, AuthorizationCode, PreAuthCode, auth_code, and whatever is called alike.
_SECRET = re.compile(r"(?:ticket|token|secret|authorizationcode|auth_?code)\Z", re.IGNORECASE)


def redact(value: Any, name: str = "") -> Any:
    """VALUE of the field NAME, with *** in place of every credential in it."""
    if _SECRET.search(name):
        return "***"
    if isinstance(value, dict):
        return {key: redact(item, key) for key, item in value.items()}
    if isinstance(value, list):
        return [redact(item, name) for item in value]
    return scrub(value) if isinstance(value, str) else value
