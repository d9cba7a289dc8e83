"""
Whether WeChat's 全网发布 tester would take an answer of our doors; if not, what is wrong with it,
and what people can do about that.
"""

import time
from collections.abc import Mapping

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from messaging.tester import is_late
from wechat import push as wire
from wechat.envelope import Key, sign, split_reply
from wechat.errors import Untrusted, clean
from wechat.transport import Answer

CLOCKS_APART = 600  # seconds
OUTDATED = lazy("An older version of this program runs there, or something in between changes it.")


class Wrong(Exception):
    """An answer that WeChat's tester would not take: what it says, and a hint."""

    def __init__(self, said: str, hint: object) -> None:
        super().__init__(said)
        self.hint = str(hint)


def expect(heard: Answer, body: bytes, name: str) -> None:
    """Raises Wrong unless HEARD is BODY, which people call NAME."""
    _must_be_in_time_and_ok(heard)
    if heard.body != body:
        raise _instead(heard.body, name)


def read_reply(
    heard: Answer, wanted: Mapping[str, str], *, key: Key, nonce: str, appid: str
) -> None:
    """
    Raises Wrong unless HEARD is a passive reply that says what is WANTED, sealed with KEY for the
    component APPID and with the NONCE of the push.
    """
    _must_be_in_time_and_ok(heard)
    outer = _envelope(heard)
    encrypt, timestamp = outer.get("Encrypt"), outer.get("TimeStamp")
    if outer.get("MsgSignature") != sign(key.token, timestamp, outer.get("Nonce"), encrypt):
        raise Wrong(
            _("MsgSignature does not fit the reply."),
            _("It is signed with another token: compare WeChat's console with the component."),
        )
    if not _is_now(timestamp):
        said = _("TimeStamp is %(time)s.") % {"time": clean(timestamp)}
        raise Wrong(said, _("The web server's clock is wrong."))
    if outer.get("Nonce") != nonce:
        raise Wrong(_("Nonce is not the one of the push."), OUTDATED)
    inner = _open(encrypt, key, appid)
    for name, value in wanted.items():
        if inner.get(name) != value:
            told = {"name": name, "value": clean(inner.get(name))[:80]}
            raise Wrong(_("%(name)s is “%(value)s”.") % told, OUTDATED)


def _envelope(heard: Answer) -> wire.Push:
    """The four parts of a passive reply."""
    try:
        outer = wire.read(heard.body)
    except Untrusted:
        raise _instead(heard.body, _("a sealed reply")) from None
    for name in ("Encrypt", "MsgSignature", "TimeStamp", "Nonce"):
        if not outer.get(name):
            said = _("The reply has no %(name)s: it is not sealed.") % {"name": name}
            raise Wrong(said, OUTDATED)
    return outer


def _open(encrypt: str, key: Key, appid: str) -> wire.Push:
    try:
        message, tail = split_reply(encrypt, key=key)
    except Untrusted:
        raise Wrong(
            _("The reply cannot be decrypted."),
            _(
                "It is sealed with another EncodingAESKey: compare WeChat's console with the "
                "component."
            ),
        ) from None
    if tail != appid:
        raise Wrong(
            _("The appid at the reply's end is %(appid)s.") % {"appid": clean(tail)[:40]},
            _("It must be the component's, not the account's."),
        )
    try:
        return wire.read(message)
    except Untrusted:
        raise Wrong(_("What is sealed in the reply is not XML."), OUTDATED) from None


def _is_now(timestamp: str) -> bool:
    is_number = timestamp.isascii() and timestamp.isdigit() and len(timestamp) == 10
    return is_number and abs(int(timestamp) - time.time()) < CLOCKS_APART


def _must_be_in_time_and_ok(heard: Answer) -> None:
    if is_late(heard):
        raise Wrong(
            _("The answer took %(seconds).1f seconds; WeChat hangs up after 5.")
            % {"seconds": heard.seconds},
            _("Look at the load, and at the logs of the web server and the database."),
        )
    if 300 <= heard.status < 400:
        raise Wrong(
            _("A redirect to %(place)s: WeChat does not follow it, the push is lost.")
            % {"place": clean(heard.location)[:200] or "?"},
            _(
                "Give WeChat's console, and PUBLIC_URL, the address where the way ends; or let the "
                "proxy pass /wechat/ on without a redirect."
            ),
        )
    if heard.status != 200:
        raise Wrong(f"HTTP {heard.status}: {_describe(heard.body)}", _hint_for_status(heard))


def _hint_for_status(heard: Answer) -> str:
    match heard.status:
        case 403 if heard.body == b"forbidden":
            return _(
                "The keys there are not this component's: another installation, or another "
                "database, answers at this address."
            )
        case 401 | 403 | 429:
            return _("A firewall or a login stands in front: let WeChat through to /wechat/.")
        case 400:
            return _("ALLOWED_HOSTS may lack the host of this address.")
        case 404 | 405:
            return _("This address is not ours, or a proxy does not pass /wechat/ on.")
        case 503 if heard.body == b"unavailable":
            return _("The web server there cannot reach its database, or cannot read its secrets.")
        case 502 | 503 | 504:
            return _("The proxy does not reach the web server: is it running?")
        case _:
            return _("Look at the logs of the web server.")


def _instead(body: bytes, name: str) -> Wrong:
    """BODY came where NAME belongs."""
    told = {"wanted": name, "got": _describe(body)}
    return Wrong(_("%(got)s, where %(wanted)s is due.") % told, _hint_for_body(body))


def _describe(body: bytes) -> str:
    """What BODY is, in a few words."""
    if not body:
        return _("an empty body")
    if _is_html(body):
        return _("an HTML page")
    text = clean(body[:200].decode(errors="replace"))
    return f"“{text[:80]}”"


def _hint_for_body(body: bytes) -> object:
    if _is_html(body) or body.startswith(b"{"):
        return _("Another program, or a login page, answers at this address.")
    if body == b"success":
        return _(
            "The web server there does not know the test: restart it, if it was updated; or its "
            "answer took longer than 2 seconds."
        )
    return OUTDATED


def _is_html(body: bytes) -> bool:
    start = body[:1000].lstrip().lower()
    return start.startswith(b"<!doctype") or b"<html" in start
