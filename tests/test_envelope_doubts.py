"""Whatever is doubtful about an envelope is one and the same error."""

import struct
from base64 import b64decode, b64encode
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import CBC

from wechat.envelope import Envelope, Key, Opened, decode_aes_key, sign
from wechat.errors import Untrusted

APPID = "wx0123456789abcdef"
TOKEN = "tokentokentoken"
AES_KEY = "0123456789012345678901234567890123456789012"
OTHER_AES_KEY = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
TIMESTAMP, NONCE = "1436881222", "296318614"
KEY = Key.of(TOKEN, AES_KEY)
MESSAGE = b"<xml>hello</xml>"


def encrypt(plain: bytes, aes_key: str = AES_KEY) -> str:
    """PLAIN as it stands, padding included, encrypted."""
    key = decode_aes_key(aes_key)
    return b64encode(Cipher(AES256(key), CBC(key[:16])).encryptor().update(plain)).decode()


def plain_text(
    message: bytes = MESSAGE, *, tail: str = APPID, length: int | None = None, padding: int = 0
) -> bytes:
    """What WeChat encrypts; PADDING of 1 to 32 if the message is made to fit, else the usual."""
    body = b"r" * 16 + struct.pack(">I", len(message) if length is None else length)
    body += message + tail.encode()
    padding = padding or 32 - len(body) % 32
    return body + bytes([padding]) * padding


def unseal(
    encrypted: str,
    *,
    keys: tuple[Key, ...] = (KEY,),
    token: str = TOKEN,
    timestamp: str = TIMESTAMP,
    nonce: str = NONCE,
    signature: str | None = None,
) -> Opened:
    """Open ENCRYPTED under a right signature, unless another is given."""
    right = sign(token, timestamp, nonce, encrypted)
    return Envelope(APPID, keys).open(
        encrypt=encrypted,
        msg_signature=right if signature is None else signature,
        timestamp=timestamp,
        nonce=nonce,
    )


def test_an_honest_envelope_opens() -> None:
    assert unseal(encrypt(plain_text())).message == MESSAGE


@pytest.mark.parametrize("padding", range(1, 33))
def test_every_padding_from_1_to_32_is_taken_off(padding: int) -> None:
    message = b"m" * (128 - 20 - len(APPID) - padding)
    sealed = encrypt(plain_text(message, padding=padding))
    assert unseal(sealed).message == message


@pytest.mark.parametrize("padding", [0, 33, 64, 255])
def test_a_padding_beyond_the_block_is_refused(padding: int) -> None:
    body = plain_text()[:-1] + bytes([padding])
    with pytest.raises(Untrusted):
        unseal(encrypt(body))


def test_padding_bytes_that_differ_are_refused() -> None:
    body = plain_text(b"m" * 50)
    count = body[-1]
    assert count > 2
    with pytest.raises(Untrusted):
        unseal(encrypt(body[:-count] + b"\0" + body[-count + 1 :]))


@pytest.mark.parametrize("tail", ["", "wx0123456789abcdeF", "wx0123456789abcde", APPID + "0"])
def test_another_appid_at_the_end_is_refused(tail: str) -> None:
    with pytest.raises(Untrusted):
        unseal(encrypt(plain_text(tail=tail)))


@pytest.mark.parametrize("length", [0, 1, 15, 17, 34, 2**31, 2**32 - 1])
def test_a_length_that_does_not_fit_is_refused(length: int) -> None:
    with pytest.raises(Untrusted):
        unseal(encrypt(plain_text(length=length)))


def test_an_empty_message_is_a_message() -> None:
    assert unseal(encrypt(plain_text(b""))).message == b""


def test_a_plain_text_shorter_than_its_head_is_refused() -> None:
    with pytest.raises(Untrusted):
        unseal(encrypt(b"\x20" * 32))
    with pytest.raises(Untrusted):
        unseal(encrypt(b"x" * 13 + b"\x13" * 19))


SPOILED: dict[str, Callable[[str], str]] = {
    "empty": lambda text: "",
    "cut": lambda text: text[:-4],
    "line after": lambda text: text + "\n",
    "space before": lambda text: " " + text,
    "no padding": lambda text: text.replace("=", ""),
    "more padding": lambda text: text + "=",
    "url-safe": lambda text: text.replace("+", "-").replace("/", "_"),
    "folded": lambda text: text[:10] + "\n" + text[10:],
    "not ascii": lambda text: text[:10] + "é" + text[11:],
    "half a block": lambda text: b64encode(b64decode(text)[:16]).decode(),
    "a byte more": lambda text: b64encode(b64decode(text) + b"x").decode(),
    "half a block less": lambda text: b64encode(b64decode(text)[:-16]).decode(),
    "a block more": lambda text: b64encode(b64decode(text) + b"0" * 32).decode(),
}


@pytest.mark.parametrize("how", SPOILED)
def test_only_canonical_base64_of_whole_blocks_is_decrypted(how: str) -> None:
    change = SPOILED[how]
    sealed = encrypt(plain_text(b"~?>" * 40))
    assert "=" in sealed
    assert "+" in sealed or "/" in sealed
    with pytest.raises(Untrusted):
        unseal(change(sealed))


def test_base64_with_loose_bits_at_its_end_is_refused() -> None:
    sealed = encrypt(plain_text())
    at = sealed.rindex(sealed.rstrip("=")[-1])
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    loose = sealed[:at] + alphabet[alphabet.index(sealed[at]) + 1] + sealed[at + 1 :]
    assert b64decode(loose) == b64decode(sealed)
    with pytest.raises(Untrusted):
        unseal(loose)


@pytest.mark.parametrize("timestamp", ["", "143688122", "14368812220", "143688122x", "１436881222"])
def test_a_timestamp_has_ten_digits(timestamp: str) -> None:
    with pytest.raises(Untrusted):
        unseal(encrypt(plain_text()), timestamp=timestamp)


@pytest.mark.parametrize("nonce", ["", "a" * 33, "a b", "é", "a+b", "a\n", "a=b", "٣"])
def test_a_nonce_has_up_to_32_letters_and_digits(nonce: str) -> None:
    with pytest.raises(Untrusted):
        unseal(encrypt(plain_text()), nonce=nonce)


def test_a_signature_is_forty_lower_case_hex_digits_and_right() -> None:
    sealed = encrypt(plain_text())
    right = sign(TOKEN, TIMESTAMP, NONCE, sealed)
    wrong = [right.upper(), "", right[:-1], right + "0", right + "\n", "0" * 40, right[::-1]]
    for signature in wrong:
        with pytest.raises(Untrusted):
            unseal(sealed, signature=signature)


def wandering() -> list[tuple[str, str, str]]:
    """Envelopes under the same signature, since it joins its sorted parts without a delimiter."""
    sealed = encrypt(plain_text(b"0" * 100))
    assert sorted([TOKEN, TIMESTAMP, NONCE, sealed])[:2] == [TIMESTAMP, NONCE]
    joined = TIMESTAMP + NONCE
    moved = [(joined[:cut], joined[cut:], sealed) for cut in range(1, len(joined))]
    swapped = (NONCE, TIMESTAMP, sealed)
    into_nonce = [(TIMESTAMP, NONCE + sealed[:cut], sealed[cut:]) for cut in (1, 2, 4, 23, 44, 64)]
    out_of_nonce = [(TIMESTAMP, NONCE[:cut], NONCE[cut:] + sealed) for cut in range(1, len(NONCE))]
    into_time = [(TIMESTAMP + NONCE, sealed[:64], sealed[64:]), (sealed[:64], NONCE, sealed[64:])]
    return [*moved, swapped, *into_nonce, *out_of_nonce, *into_time]


def test_nothing_wanders_between_the_parts_of_a_signature() -> None:
    sealed = encrypt(plain_text(b"0" * 100))
    right = sign(TOKEN, TIMESTAMP, NONCE, sealed)
    genuine = (TIMESTAMP, NONCE, sealed)
    variants = [variant for variant in wandering() if variant != genuine]
    same = [variant for variant in variants if sign(TOKEN, *variant) == right]
    assert len(same) >= 16, "the weakness is real"
    for timestamp, nonce, encrypted in variants:
        with pytest.raises(Untrusted):
            unseal(encrypted, timestamp=timestamp, nonce=nonce, signature=right)


def test_the_signature_is_checked_before_anything_is_decrypted() -> None:
    """A forged envelope never reaches the cipher: there is none here that could work."""
    broken = Key(TOKEN, None)  # type: ignore[arg-type]
    with pytest.raises(Untrusted):
        unseal(encrypt(plain_text()), keys=(broken,), signature="0" * 40)
    with pytest.raises(AttributeError):
        unseal(encrypt(plain_text()), keys=(broken,))


def test_every_doubt_is_the_same_error_without_a_cause() -> None:
    forged: list[dict[str, Any]] = [
        {"encrypted": "", "signature": "0" * 40},
        {"encrypted": encrypt(plain_text()), "signature": "0" * 40},
        {"encrypted": encrypt(plain_text(tail="wx0"))},
        {"encrypted": encrypt(plain_text()[:-1] + b"\0")},
        {"encrypted": "?" * 44},
    ]
    texts = set()
    for case in forged:
        with pytest.raises(Untrusted) as caught:
            unseal(**case)
        assert caught.value.__cause__ is None
        assert caught.value.__context__ is None or caught.value.__suppress_context__
        texts.add(str(caught.value))
    assert texts == {"not proven to come from WeChat"}


@pytest.mark.parametrize("token", [TOKEN, "previoustoken"])
@pytest.mark.parametrize("aes_key", [AES_KEY, OTHER_AES_KEY])
def test_while_a_token_or_a_key_is_changed_the_old_ones_are_good(token: str, aes_key: str) -> None:
    tokens, aes_keys = [TOKEN, "previoustoken"], [AES_KEY, OTHER_AES_KEY]
    keys = tuple(Key.of(one, other) for one in tokens for other in aes_keys)
    opened = unseal(encrypt(plain_text(), aes_key), keys=keys, token=token)
    assert opened.message == MESSAGE
    assert opened.key is keys[tokens.index(token) * 2 + aes_keys.index(aes_key)]


def test_a_reply_is_sealed_with_the_key_that_opened_the_push() -> None:
    current, previous = Key.of(TOKEN, AES_KEY), Key.of("previoustoken", OTHER_AES_KEY)
    keys = (current, previous)
    opened = unseal(encrypt(plain_text(), OTHER_AES_KEY), keys=keys, token="previoustoken")
    envelope = Envelope(APPID, keys)
    reply = envelope.encrypt("你好", key=opened.key)
    again = unseal(reply, keys=(previous,), token="previoustoken")
    assert again.message.decode() == "你好"
    with pytest.raises(Untrusted):
        unseal(reply, keys=(current,))


def test_no_two_replies_are_sealed_alike() -> None:
    envelope = Envelope(APPID, [KEY])
    assert len({envelope.encrypt("same", key=KEY) for _ in range(20)}) == 20


@pytest.mark.parametrize(
    "aes_key", ["", "a" * 42, "a" * 44, "a" * 42 + "=", "a" * 42 + "+", "é" * 43]
)
def test_an_aes_key_has_43_letters_and_digits(aes_key: str) -> None:
    with pytest.raises(ValueError, match="43 characters"):
        Key.of(TOKEN, aes_key)


def test_the_43rd_character_may_carry_unused_bits() -> None:
    canonical = b64encode(decode_aes_key(AES_KEY)).decode().rstrip("=")
    assert canonical != AES_KEY
    assert decode_aes_key(canonical) == decode_aes_key(AES_KEY)


def test_a_key_shows_nothing_of_itself() -> None:
    shown = repr(KEY) + repr(unseal(encrypt(plain_text())))
    assert TOKEN not in shown
    assert "hello" not in shown


def test_without_keys_nothing_opens() -> None:
    with pytest.raises(Untrusted):
        unseal(encrypt(plain_text()), keys=())


@pytest.mark.parametrize(
    ("timestamp", "nonce", "signature"),
    [
        ("143688122", NONCE, None),
        (TIMESTAMP, "", None),
        (TIMESTAMP, NONCE, "0" * 40),
        (TIMESTAMP, NONCE, ""),
        (NONCE + "2", TIMESTAMP[:9], None),
    ],
)
def test_a_plain_signature_has_the_same_strict_formats(
    timestamp: str, nonce: str, signature: str | None
) -> None:
    right = sign(TOKEN, timestamp, nonce)
    if timestamp == NONCE + "2":
        right = sign(TOKEN, TIMESTAMP, NONCE)
    with pytest.raises(Untrusted):
        Envelope(APPID, [KEY]).check_url(
            signature=right if signature is None else signature, timestamp=timestamp, nonce=nonce
        )
