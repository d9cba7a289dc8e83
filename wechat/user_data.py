"""
What a mini program's front end is given encrypted (加密数据): AES-128-CBC with the user's
session_key, PKCS#7, and inside JSON with a watermark. Page: "服务端获取开放数据".
"""

import json
from base64 import b64decode
from typing import Any

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES128
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.padding import PKCS7

from wechat import lenient

KEY_SIZE = 16
_BLOCK_BITS = 128


class Undecipherable(ValueError):
    """This key does not open it, or it is not whole. NAME is the value that shows it."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} does not fit")
        self.name = name


def decrypt_user_data(session_key: str, encrypted_data: str, iv: str) -> dict[str, Any]:
    """The object in ENCRYPTED_DATA; all three are base64. Raises Undecipherable."""
    key, vector = _decode("session_key", session_key), _decode("iv", iv)
    for name, value in (("session_key", key), ("iv", vector)):
        if len(value) != KEY_SIZE:
            raise Undecipherable(name)
    decryptor = Cipher(AES128(key), CBC(vector)).decryptor()
    unpadder = PKCS7(_BLOCK_BITS).unpadder()
    try:
        padded = decryptor.update(_decode("encrypted_data", encrypted_data)) + decryptor.finalize()
        content = lenient.loads(unpadder.update(padded) + unpadder.finalize())
        json.dumps(content, allow_nan=False)  # a number may be larger than JSON can say
    except ValueError:
        raise Undecipherable("encrypted_data") from None
    if not isinstance(content, dict):
        raise Undecipherable("encrypted_data")
    return content


def watermark_appid(content: dict[str, Any]) -> str:
    """The account that CONTENT says it was made for; "" where it does not say."""
    watermark = content.get("watermark")
    appid = watermark.get("appid") if isinstance(watermark, dict) else None
    return appid if isinstance(appid, str) else ""


def _decode(name: str, text: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except ValueError:
        raise Undecipherable(name) from None
