"""WeChat's message encryption (WXBizMsgCrypt), written apart from the platform's own.

AES-256-CBC, IV = the key's first half, PKCS#7 to 32 bytes, and around the message 16 random
bytes, its length, and an appid at the end.
"""

import base64
import binascii
import hashlib
import struct

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

BLOCK = 32  # WeChat pads to 32 bytes, not to the AES block
HEAD = 20  # 16 random bytes and the length


class CannotOpen(Exception):
    """The ciphertext is not one of this key's and this appid's."""


def signature(*parts: str) -> str:
    """sha1 over the sorted parts, with nothing between them."""
    return hashlib.sha1("".join(sorted(parts)).encode()).hexdigest()


def seal(message: bytes, *, aes_key: str, appid: str, random16: bytes) -> str:
    """The base64 that goes into <Encrypt>."""
    plain = random16 + struct.pack(">I", len(message)) + message + appid.encode()
    pad = BLOCK - len(plain) % BLOCK
    encryptor = _cipher(aes_key).encryptor()
    sealed = encryptor.update(plain + bytes([pad]) * pad) + encryptor.finalize()
    return base64.b64encode(sealed).decode()


def open_sealed(encrypted: str, *, aes_key: str, appid: str) -> bytes:
    """The message inside, once padding, length and appid have been checked."""
    try:
        sealed = base64.b64decode(encrypted, validate=True)
        decryptor = _cipher(aes_key).decryptor()
        padded = decryptor.update(sealed) + decryptor.finalize()
    except (binascii.Error, ValueError) as error:
        raise CannotOpen("not base64 of whole blocks") from error
    plain = padded[: -_pad(padded)]
    (length,) = struct.unpack(">I", plain[16:HEAD].rjust(4, b"\0"))
    message, tail = plain[HEAD : HEAD + length], plain[HEAD + length :]
    if len(message) != length or tail != appid.encode():
        raise CannotOpen("length or appid does not fit")
    return message


def seal_user_data(plain: bytes, *, key: bytes, iv: bytes) -> str:
    """What a mini program's front end is given: AES-128-CBC, PKCS#7 to the AES block."""
    pad = len(iv) - len(plain) % len(iv)
    encryptor = Cipher(algorithms.AES(key), modes.CBC(iv)).encryptor()
    sealed = encryptor.update(plain + bytes([pad]) * pad) + encryptor.finalize()
    return base64.b64encode(sealed).decode()


def _pad(padded: bytes) -> int:
    pad = padded[-1] if padded else 0
    if not 1 <= pad <= BLOCK or padded[-pad:] != bytes([pad]) * pad:
        raise CannotOpen("padding does not fit")
    return pad


def _cipher(aes_key: str) -> Cipher[modes.CBC]:
    # Leniently: the 43rd character may carry bits that no canonical encoder would set.
    key = base64.b64decode(aes_key + "=")
    return Cipher(algorithms.AES(key), modes.CBC(key[:16]))
