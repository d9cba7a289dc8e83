"""
The encryption of pushes and passive replies (消息加解密): open, seal, sign.

Source: "消息加解密说明" and "加密解密技术方案" of the Open Platform's documentation. AES-256-CBC
with the IV taken from the key, PKCS#7 to blocks of 32, SHA-1 over sorted strings: WeChat's choices,
which we cannot better, so everything is proven before anything is decrypted, formats are
strict (the signature has no delimiters: see `_FORMATS`), and every doubt is one and the same error.
"""

import hashlib
import hmac
import re
import secrets
import struct
from base64 import b64decode, b64encode
from binascii import a2b_base64, b2a_base64
from collections.abc import Iterable
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import CBC

from wechat.errors import Untrusted

BLOCK = 32  # WeChat pads to 32 bytes, not to the AES block
HEAD = struct.Struct(">16xI")  # 16 random bytes, then the length of the message

# `msg_signature` joins its sorted parts with nothing between them, so characters can wander
# from one part into the next under the same signature. Fixed shapes leave them no room.
_TIMESTAMP = re.compile(r"\d{10}", re.ASCII)
_NONCE = re.compile(r"[A-Za-z0-9]{1,32}")
_SIGNATURE = re.compile(r"[0-9a-f]{40}")


def sign(*parts: str) -> str:
    """WeChat's signature: the SHA-1, in hex, of PARTS sorted and joined."""
    return hashlib.sha1("".join(sorted(parts)).encode()).hexdigest()


def decode_aes_key(encoding_aes_key: str) -> bytes:
    """
    The 32 bytes that an EncodingAESKey of 43 characters stands for.

    Its last character may carry unused bits, as WeChat's own examples do, so it is decoded
    leniently.
    Raises ValueError if it is not 43 characters of [A-Za-z0-9].
    """
    if not re.fullmatch(r"[A-Za-z0-9]{43}", encoding_aes_key):
        raise ValueError("an EncodingAESKey is 43 characters of A-Z, a-z and 0-9")
    return b64decode(encoding_aes_key + "=")


@dataclass(frozen=True, slots=True)
class Key:
    """
    One message token and one EncodingAESKey, as set in WeChat's console. Its repr is empty.

    The cipher is made once for all messages: measured, decrypting one takes half the time then.
    """

    token: str = field(repr=False)
    cipher: Cipher[CBC] = field(repr=False)

    @classmethod
    def of(cls, token: str, encoding_aes_key: str) -> "Key":
        """The console's Token and EncodingAESKey. Raises ValueError on a bad AES key."""
        key = decode_aes_key(encoding_aes_key)
        return cls(token, Cipher(AES256(key), CBC(key[:16])))


@dataclass(frozen=True, slots=True)
class Opened:
    """The message that was inside, and the key that opened it (a reply is sealed with the same)."""

    message: bytes = field(repr=False)
    key: Key


class Envelope:
    """
    Opens what WeChat sealed for one component and seals the replies.

    `keys` are the current one first, then those still accepted while a token or a key is changed.
    """

    def __init__(self, appid: str, keys: Iterable[Key]) -> None:
        self.appid = appid
        self._tail = appid.encode()
        self.keys = tuple(keys)

    def open(self, *, encrypt: str, msg_signature: str, timestamp: str, nonce: str) -> Opened:
        """
        The message inside ENCRYPT, once MSG_SIGNATURE over TIMESTAMP and NONCE has proven it.

        The signature is checked before anything is decrypted. Raises Untrusted on any doubt.
        """
        _check_formats(timestamp, nonce, msg_signature)
        data = _decode(encrypt)
        reason = "signature"
        for key in self.keys:
            if hmac.compare_digest(sign(key.token, timestamp, nonce, encrypt), msg_signature):
                parts = _split(key, data)
                if parts and hmac.compare_digest(parts[1], self._tail):
                    return Opened(parts[0], key)
                reason = "appid" if parts else "decryption"
        raise Untrusted(reason)

    def check_url(self, *, signature: str, timestamp: str, nonce: str) -> None:
        """The plain `signature` of a GET that tries the URL out; Untrusted if it is wrong."""
        _check_formats(timestamp, nonce, signature)
        for key in self.keys:
            if hmac.compare_digest(sign(key.token, timestamp, nonce), signature):
                return
        raise Untrusted("signature")

    def seal(
        self, message: str, *, key: Key, timestamp: str, nonce: str, random: bytes | None = None
    ) -> str:
        """
        The XML of a passive reply holding MESSAGE, sealed with KEY (the one that opened the push).

        TIMESTAMP is our time in Unix seconds, NONCE the push's own; RANDOM, 16 bytes, is for tests.
        """
        encrypt = self.encrypt(message, key=key, random=random)
        signature = sign(key.token, timestamp, nonce, encrypt)
        return (
            f"<xml>\n<Encrypt><![CDATA[{encrypt}]]></Encrypt>\n"
            f"<MsgSignature><![CDATA[{signature}]]></MsgSignature>\n"
            f"<TimeStamp>{timestamp}</TimeStamp>\n<Nonce><![CDATA[{nonce}]]></Nonce>\n</xml>"
        )

    def encrypt(self, message: str, *, key: Key, random: bytes | None = None) -> str:
        """MESSAGE as the base64 that goes into `Encrypt`, its tail our appid."""
        body = message.encode()
        head = random or secrets.token_hex(8).encode()
        plain = head + struct.pack(">I", len(body)) + body + self._tail
        padding = BLOCK - len(plain) % BLOCK
        encryptor = key.cipher.encryptor()
        return b64encode(encryptor.update(plain + bytes([padding]) * padding)).decode()


def _check_formats(timestamp: str, nonce: str, signature: str) -> None:
    if not (
        _TIMESTAMP.fullmatch(timestamp)
        and _NONCE.fullmatch(nonce)
        and _SIGNATURE.fullmatch(signature)
    ):
        raise Untrusted("parameters")


def _decode(encrypt: str) -> bytes:
    """The bytes of canonical base64 of whole blocks; anything else is Untrusted."""
    try:
        data = a2b_base64(encrypt)
    except ValueError:
        raise Untrusted("encoding") from None
    # a2b_base64 overlooks what does not belong there; whoever encodes it again does not.
    if not data or len(data) % BLOCK or b2a_base64(data, newline=False).decode() != encrypt:
        raise Untrusted("encoding")
    return data


def split_reply(encrypt: str, *, key: Key) -> tuple[bytes, str]:
    """
    The message inside ENCRYPT and the appid behind it, unproven: for a tester of our own replies.

    Raises Untrusted where KEY does not open it.
    """
    parts = _split(key, _decode(encrypt))
    if parts is None:
        raise Untrusted
    return parts[0], parts[1].decode(errors="replace")


def _split(key: Key, data: bytes) -> tuple[bytes, bytes] | None:
    """The message and what follows it, or None if the padding or the length is wrong."""
    plain = key.cipher.decryptor().update(data)
    padding = plain[-1]
    if not 1 <= padding <= BLOCK or not plain.endswith(bytes([padding]) * padding):
        return None
    plain = plain[:-padding]
    if len(plain) < HEAD.size:
        return None
    end = HEAD.size + HEAD.unpack_from(plain)[0]
    return plain[HEAD.size : end], plain[end:]
