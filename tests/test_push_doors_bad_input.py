"""Five thousand pushes that are not quite right: the one 403, quickly, and nothing is stored."""

import time
from base64 import b64decode, b64encode
from typing import Any
from urllib.parse import quote_from_bytes, urlencode

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from platform_auth.models import Component, Push
from sandbox.wire import crypto
from sandbox.world import WeChat
from tests.conftest import AES_KEY, APPID, TOKEN, Bound
from tests.knocking import FORBIDDEN, Knock, message_push, send, ticket_push
from wechat.envelope import sign

OURS = "wxaaaaaaaaaaaaaaaa"
SLOWEST = 5  # seconds of processor time for one of them: none may hang

# One world for all examples of a test: none of them may change it, which is what is tested.
quick = settings(
    max_examples=1_000,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture
def pushes(wechat: WeChat, bound: Bound) -> list[Knock]:
    """An honest push for each door; the inbox is empty."""
    bound(OURS)
    Push.objects.all().delete()
    return [ticket_push(wechat), message_push(wechat, OURS)]


@pytest.fixture(autouse=True)
def _nothing_is_stored(pushes: list[Knock]) -> Any:
    before = list(Component.objects.values())
    yield
    assert not Push.objects.exists()
    assert list(Component.objects.values()) == before


def refused(path: str, query: str, body: bytes, **more: Any) -> None:
    """The 403, and soon."""
    started = time.thread_time()
    answer = send("POST", path, query, body, **more)
    assert answer == FORBIDDEN
    assert time.thread_time() - started < SLOWEST


doors = st.sampled_from([0, 1])
places = st.integers(0, 10_000)


@quick
@given(door=doors, at=places, cut=st.integers(0, 40), put=st.binary(max_size=40))
def test_a_body_with_other_bytes_somewhere(
    pushes: list[Knock], door: int, at: int, cut: int, put: bytes
) -> None:
    push = pushes[door]
    start = push.body.index(b"<Encrypt>") + at % len(push.body[push.body.index(b"<Encrypt>") :])
    body = push.body[:start] + put + push.body[start + cut :]
    assume(body != push.body)
    assume(b"<Encrypt><![CDATA[" + _encrypted(push) + b"]]></Encrypt>" not in body)
    refused(push.path, urlencode(push.query), body)


@quick
@given(door=doors, at=places, bit=st.integers(0, 7), resign=st.booleans())
def test_a_bit_of_the_ciphertext_is_flipped(
    pushes: list[Knock], door: int, at: int, bit: int, resign: bool
) -> None:
    """Even under a right signature: the appid at the end, the padding and the XML are in doubt."""
    push = pushes[door]
    sealed = bytearray(b64decode(_encrypted(push)))
    # Of the 16 random bytes at the beginning only what CBC carries over to the next block shows.
    place = 16 + at % (len(sealed) - 16) if resign else at % len(sealed)
    sealed[place] ^= 1 << bit
    encrypt = b64encode(sealed).decode()
    query = dict(push.query)
    if resign:
        assume(not _still_good(encrypt))
        query["msg_signature"] = sign(TOKEN, query["timestamp"], query["nonce"], encrypt)
    refused(push.path, urlencode(query), push.body.replace(_encrypted(push), encrypt.encode()))


names = st.sampled_from(["msg_signature", "timestamp", "nonce"])
texts = st.text(max_size=50) | st.from_regex(r"[0-9a-f]{0,45}", fullmatch=True)


@quick
@given(door=doors, name=names, value=texts, twice=st.booleans())
def test_a_query_with_another_value(
    pushes: list[Knock], door: int, name: str, value: str, twice: bool
) -> None:
    push = pushes[door]
    assume(value != push.query[name])
    value = value.encode("utf-8", "replace").decode()
    query = urlencode(push.query | {name: value})
    if twice:
        query = urlencode(push.query) + "&" + urlencode({name: value})
    refused(push.path, query, push.body)


@quick
@given(door=doors, query=st.binary(max_size=300), body=st.binary(max_size=600))
def test_anything_at_all(pushes: list[Knock], door: int, query: bytes, body: bytes) -> None:
    refused(pushes[door].path, query.decode("latin-1"), body)
    refused(pushes[door].path, quote_from_bytes(query), body)


xml_names = st.sampled_from(["xml", "Encrypt", "AppId", "ToUserName", "a", "a:b", "-", "é"])
xml_texts = st.sampled_from(
    ["", "x", "<![CDATA[", "]]>", "<!--", "-->", "&lt;", "&x;", "<?pi?>", "<!DOCTYPE xml>", "\0"]
) | st.text(max_size=10)


def _nested(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.tuples(xml_names, st.lists(inner, max_size=4)).map(
        lambda found: f"<{found[0]}>{''.join(found[1])}</{found[0]}>"
    )


documents = st.recursive(xml_texts, _nested, max_leaves=12)


@quick
@given(door=doors, document=documents)
def test_xml_of_any_shape(pushes: list[Knock], door: int, document: str) -> None:
    """As the envelope; inside it everything is kept (test_field_pushes)."""
    push = pushes[door]
    refused(push.path, urlencode(push.query), f"<xml>{document}</xml>".encode("utf-8", "replace"))


def _encrypted(push: Knock) -> bytes:
    return push.body.split(b"<Encrypt><![CDATA[")[1].split(b"]]>")[0]


def _still_good(encrypt: str) -> bool:
    """Whether the flipped bit hit text that may say anything, such as the ticket itself."""
    try:
        inner = crypto.open_sealed(encrypt, aes_key=AES_KEY, appid=APPID)
    except crypto.CannotOpen:
        return False
    return b"InfoType" in inner or b"MsgType" in inner
