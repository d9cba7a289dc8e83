"""An envelope as WeChat writes it is read by a short way of its own, and read the same."""

from hypothesis import example, given, settings
from hypothesis import strategies as st

from wechat.errors import Untrusted
from wechat.push import read_envelope

USUAL = (
    b"<xml>\n    <ToUserName><![CDATA[gh_0123456789]]></ToUserName>\n"
    b"    <Encrypt><![CDATA[QUJDREVGR0g+/w==]]></Encrypt>\n</xml>\n"
)
COMPONENT = USUAL.replace(b"ToUserName", b"AppId").replace(b"gh_0123456789", b"wx0123456789abcdef")
PIECES = [
    *(b"<xml>", b"</xml>", b"<AppId>", b"</AppId>", b"<ToUserName>", b"<Encrypt>", b"</Encrypt>"),
    *(b"<![CDATA[", b"]]>", b"<!---->", b"<?xml version='1.0'?>", b"&amp;", b"<", b">", b"]"),
    *(b"\0", b"\x0b", b"\x0c", b"\x1c", b" ", b"\r\n", b"\xff", b"\xc2\xa0", b"\xef\xbb\xbf", b""),
]
EDIT = st.tuples(st.integers(0, len(USUAL)), st.integers(0, 12), st.sampled_from(PIECES))


def outcome(body: bytes) -> tuple[str, str, str] | str:
    try:
        return read_envelope(body)
    except Untrusted as error:
        return str(error)


def test_the_usual_envelopes_are_read() -> None:
    assert read_envelope(USUAL) == ("", "gh_0123456789", "QUJDREVGR0g+/w==")
    assert read_envelope(COMPONENT) == ("wx0123456789abcdef", "", "QUJDREVGR0g+/w==")


@settings(max_examples=300, deadline=None)
@given(body=st.sampled_from([USUAL, COMPONENT]), edits=st.lists(EDIT, max_size=3))
@example(body=USUAL, edits=[(5, 1, b"\x0b")])
def test_the_short_way_reads_what_the_reader_of_xml_reads(
    body: bytes, edits: list[tuple[int, int, bytes]]
) -> None:
    for at, length, piece in edits:
        body = body[:at] + piece + body[at + length :]
    # With a comment behind it, it is the same XML, and no envelope as WeChat writes it.
    assert outcome(body) == outcome(body + b"<!---->")
