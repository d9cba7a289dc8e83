"""
Proving who posted something: Standard Webhooks 1.0, and what the bots of 钉钉 and 飞书 sign.

A Proof says whether the signature is right, None where there was nothing to check it with, and why:
a word that the pages have a sentence for, with its values.
"""

import hmac
import json
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

TOLERANCE = 300  # seconds, as Standard Webhooks advises
BOT_TOLERANCE = 3600  # an hour, as the bots have it
MAX_DIGITS = 12  # of a time in seconds
PREFIX = "whsec_"
IDENTITY, TIMESTAMP, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"


@dataclass(frozen=True)
class Proof:
    """Whether a signature IS_RIGHT, and why."""

    is_right: bool | None
    why: str
    values: Mapping[str, object] = field(default_factory=dict)


UNKNOWN = Proof(None, "unchecked")
UNSIGNED = Proof(None, "unsigned")


def is_secret(text: str) -> bool:
    """Whether TEXT is one that Standard Webhooks are signed with."""
    return text.startswith(PREFIX) and bool(_key(text))


def prove_webhook(
    headers: Mapping[str, str], body: bytes, secrets: Sequence[str], now: float
) -> Proof:
    """By any of SECRETS; HEADERS in lower case."""
    if not secrets:
        return UNKNOWN
    for name in (IDENTITY, TIMESTAMP, SIGNATURE):
        if not headers.get(name):
            return Proof(False, "no_header", {"name": name})
    if late := _late(headers[TIMESTAMP], now, TOLERANCE):
        return late
    content = f"{headers[IDENTITY]}.{headers[TIMESTAMP]}.".encode() + body
    signatures = headers[SIGNATURE].split()
    for number, secret in enumerate(secrets, start=1):
        right = _webhook(content, secret).encode()
        if any(hmac.compare_digest(right, each.encode()) for each in signatures):
            return Proof(True, "right", {"number": number})
    return Proof(
        False,
        "none_fits",
        {"count": len(signatures)},
    )


def prove_dingtalk(query: Mapping[str, str], secrets: Sequence[str], now: float) -> Proof:
    """加签: `timestamp` in milliseconds and `sign`, in the address."""
    if not secrets:
        return UNKNOWN
    for name in ("timestamp", "sign"):
        if not query.get(name):
            return Proof(False, "not_in_address", {"name": name})
    at = query["timestamp"]
    rights = [_hmac(secret.encode(), f"{at}\n{secret}".encode()) for secret in secrets]
    return _late(at[:-3], now, BOT_TOLERANCE) or _compared(query["sign"], rights)


def prove_feishu(body: bytes, secrets: Sequence[str], now: float) -> Proof:
    """签名校验: `timestamp` and `sign`, in the body."""
    if not secrets:
        return UNKNOWN
    try:
        members = json.loads(body)
        at, sign = str(members["timestamp"]), str(members["sign"])
    except (ValueError, KeyError, TypeError):
        return Proof(False, "not_in_body")
    rights = [_hmac(f"{at}\n{secret}".encode(), b"") for secret in secrets]
    return _late(at, now, BOT_TOLERANCE) or _compared(sign, rights)


def _compared(signature: str, rights: Sequence[str]) -> Proof:
    for number, right in enumerate(rights, start=1):
        if hmac.compare_digest(right.encode(), signature.encode()):
            return Proof(True, "right", {"number": number})
    return Proof(False, "does_not_fit")


def _late(timestamp: str, now: float, tolerance: int) -> Proof | None:
    if not (timestamp.isdecimal() and len(timestamp) <= MAX_DIGITS):
        return Proof(False, "no_number", {"timestamp": timestamp[:40]})
    away = round(abs(now - int(timestamp)))
    if away <= tolerance:
        return None
    return Proof(
        False,
        "late",
        {"away": away, "tolerance": tolerance},
    )


def _webhook(content: bytes, secret: str) -> str:
    return f"v1,{_hmac(_key(secret), content)}"


def _key(secret: str) -> bytes:
    try:
        return b64decode(secret.removeprefix(PREFIX), validate=True)
    except (NotBase64, ValueError):
        return b""


def _hmac(key: bytes, content: bytes) -> str:
    return b64encode(hmac.digest(key, content, "sha256")).decode()
