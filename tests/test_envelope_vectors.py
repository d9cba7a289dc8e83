"""Envelopes that WeChat and other libraries sealed: open, seal byte for byte, sign."""

import json
from pathlib import Path
from typing import Any

import pytest

from wechat.envelope import Envelope, Key, sign

VECTORS: list[dict[str, Any]] = json.loads(
    (Path(__file__).parent / "captures" / "crypto-vectors.json").read_text()
)
SIGNED = [vector for vector in VECTORS if "msg_signature" in vector]

each = pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"].split()[0])
each_signed = pytest.mark.parametrize(
    "vector", SIGNED, ids=lambda vector: vector["name"].split()[0]
)


def key_of(vector: dict[str, Any]) -> Key:
    return Key.of(vector["token"], vector["encoding_aes_key"])


@each_signed
def test_it_opens(vector: dict[str, Any]) -> None:
    opened = Envelope(vector["appid"], [key_of(vector)]).open(
        encrypt=vector["encrypt"],
        msg_signature=vector["msg_signature"],
        timestamp=vector["timestamp"],
        nonce=vector["nonce"],
    )
    assert opened.message.decode() == vector["plaintext"]


@each
def test_it_is_sealed_byte_for_byte_with_the_same_random(vector: dict[str, Any]) -> None:
    key = key_of(vector)
    random = bytes.fromhex(vector["random16_hex"])
    sealed = Envelope(vector["appid"], [key]).encrypt(vector["plaintext"], key=key, random=random)
    assert sealed == vector["encrypt"]


@each_signed
def test_it_is_signed_the_same(vector: dict[str, Any]) -> None:
    parts = [vector[name] for name in ("token", "timestamp", "nonce", "encrypt")]
    assert sign(*parts) == vector["msg_signature"]
    assert sign(*reversed(parts)) == vector["msg_signature"]


@each_signed
def test_a_reply_has_wechats_four_elements_in_its_order(vector: dict[str, Any]) -> None:
    key = key_of(vector)
    reply = Envelope(vector["appid"], [key]).seal(
        vector["plaintext"],
        key=key,
        timestamp=vector["timestamp"],
        nonce=vector["nonce"],
        random=bytes.fromhex(vector["random16_hex"]),
    )
    assert reply == (
        f"<xml>\n<Encrypt><![CDATA[{vector['encrypt']}]]></Encrypt>\n"
        f"<MsgSignature><![CDATA[{vector['msg_signature']}]]></MsgSignature>\n"
        f"<TimeStamp>{vector['timestamp']}</TimeStamp>\n"
        f"<Nonce><![CDATA[{vector['nonce']}]]></Nonce>\n</xml>"
    )


def test_the_plain_signature_of_a_capture_is_accepted() -> None:
    [vector] = [vector for vector in VECTORS if "signature" in vector]
    query = {name: vector[name] for name in ("signature", "timestamp", "nonce")}
    Envelope(vector["appid"], [key_of(vector)]).check_url(**query)


def test_all_eight_vectors_are_here() -> None:
    assert len(VECTORS) == 8
    assert len(SIGNED) == 7
