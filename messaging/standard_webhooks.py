"""
Signing what is sent to other back ends, as the Standard Webhooks specification 1.0 has it: so their
makers can verify it with a library of its, whatever their language.
"""

import hmac
import secrets
from base64 import b64decode, b64encode
from collections.abc import Sequence

PREFIX = "whsec_"
SECRET_SIZE = 32


def new_secret() -> str:
    """A secret to sign with; its holder gives it to the library as it is."""
    return PREFIX + b64encode(secrets.token_bytes(SECRET_SIZE)).decode()


def headers(message_id: str, body: bytes, signed_with: Sequence[str], at: int) -> dict[str, str]:
    """
    The headers that prove BODY, sent at Unix time AT. MESSAGE_ID stays the same when it is sent
    again; of two secrets that are SIGNED_WITH, either one verifies it.
    """
    signatures = [_sign(f"{message_id}.{at}.".encode() + body, secret) for secret in signed_with]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(at),
        "webhook-signature": " ".join(signatures),
    }


def _sign(content: bytes, secret: str) -> str:
    key = b64decode(secret.removeprefix(PREFIX))
    return f"v1,{b64encode(hmac.digest(key, content, 'sha256')).decode()}"
