"""
Whether WeChat's 全网发布 tester would take an answer of our webhooks; if not, what is wrong with
it, and what people can do about that.
"""

import time
from collections.abc import Mapping

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from messaging.tester import is_late
from wechat import push as wire
from wechat.envelope import Key, sign, split_reply
from wechat.errors import Untrusted, clean
from wechat.transport import Answer

MAX_CLOCK_DIFFERENCE = 600  # seconds
OUTDATED = gettext_lazy(
    "An older version of this program runs there, or something in between changes it."
)


class WrongAnswer(Exception):
    """An answer that WeChat's tester would not take: what is wrong with it, and a hint."""

    def __init__(self, problem: str, hint: object) -> None:
        super().__init__(problem)
        self.hint = str(hint)


def check_body(answer: Answer, body: bytes, name: str) -> None:
    """Raises WrongAnswer unless ANSWER is BODY, which people call NAME."""
    _check_status(answer)
    if answer.body != body:
        raise _unexpected(answer.body, name)


def check_passive_reply(
    answer: Answer, expected: Mapping[str, str], *, key: Key, nonce: str, appid: str
) -> None:
    """
    Raises WrongAnswer unless ANSWER is a passive reply that says what is EXPECTED, sealed with KEY
    for the component APPID and with the NONCE of the push.
    """
    _check_status(answer)
    outer = _read_envelope(answer)
    encrypt, timestamp = outer.get("Encrypt"), outer.get("TimeStamp")
    if outer.get("MsgSignature") != sign(key.token, timestamp, outer.get("Nonce"), encrypt):
        raise WrongAnswer(
            _("MsgSignature does not fit the reply."),
            _("It is signed with another token: compare WeChat's console with the component."),
        )
    if not _is_now(timestamp):
        problem = _("TimeStamp is %(time)s.") % {"time": clean(timestamp)}
        raise WrongAnswer(problem, _("The web server's clock is wrong."))
    if outer.get("Nonce") != nonce:
        raise WrongAnswer(_("Nonce is not the one of the push."), OUTDATED)
    inner = _decrypt(encrypt, key, appid)
    for name, value in expected.items():
        if inner.get(name) != value:
            params = {"name": name, "value": clean(inner.get(name))[:80]}
            raise WrongAnswer(_("%(name)s is “%(value)s”.") % params, OUTDATED)


def _read_envelope(answer: Answer) -> wire.Push:
    """The four parts of a passive reply."""
    try:
        outer = wire.read_push(answer.body)
    except (Untrusted, wire.Malformed):
        raise _unexpected(answer.body, _("a sealed reply")) from None
    for name in ("Encrypt", "MsgSignature", "TimeStamp", "Nonce"):
        if not outer.get(name):
            problem = _("The reply has no %(name)s: it is not sealed.") % {"name": name}
            raise WrongAnswer(problem, OUTDATED)
    return outer


def _decrypt(encrypt: str, key: Key, appid: str) -> wire.Push:
    try:
        message, tail = split_reply(encrypt, key=key)
    except (Untrusted, wire.Malformed):
        raise WrongAnswer(
            _("The reply cannot be decrypted."),
            _(
                "It is sealed with another EncodingAESKey: compare WeChat's console with the "
                "component."
            ),
        ) from None
    if tail != appid:
        raise WrongAnswer(
            _("The appid at the reply's end is %(appid)s.") % {"appid": clean(tail)[:40]},
            _("It must be the component's, not the account's."),
        )
    try:
        return wire.read_push(message)
    except (Untrusted, wire.Malformed):
        raise WrongAnswer(_("What is sealed in the reply is not XML."), OUTDATED) from None


def _is_now(timestamp: str) -> bool:
    is_number = timestamp.isascii() and timestamp.isdigit() and len(timestamp) == 10
    return is_number and abs(int(timestamp) - time.time()) < MAX_CLOCK_DIFFERENCE


def _check_status(answer: Answer) -> None:
    if is_late(answer):
        raise WrongAnswer(
            _("The answer took %(seconds).1f seconds; WeChat hangs up after 5.")
            % {"seconds": answer.seconds},
            _("Look at the load, and at the logs of the web server and the database."),
        )
    if 300 <= answer.status < 400:
        raise WrongAnswer(
            _("A redirect to %(place)s: WeChat does not follow it, the push is lost.")
            % {"place": clean(answer.location)[:200] or "?"},
            _(
                "Give WeChat's console, and PUBLIC_URL, the address where the way ends; or let the "
                "proxy pass /wechat/ on without a redirect."
            ),
        )
    if answer.status != 200:
        raise WrongAnswer(
            f"HTTP {answer.status}: {_describe_body(answer.body)}", _hint_for_status(answer)
        )


def _hint_for_status(answer: Answer) -> str:
    match answer.status:
        case 403 if answer.body == b"forbidden":
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
        case 503 if answer.body == b"unavailable":
            return _("The web server there cannot reach its database, or cannot read its secrets.")
        case 502 | 503 | 504:
            return _("The proxy does not reach the web server: is it running?")
        case _:
            return _("Look at the logs of the web server.")


def _unexpected(body: bytes, name: str) -> WrongAnswer:
    """BODY came where NAME belongs."""
    params = {"wanted": name, "got": _describe_body(body)}
    return WrongAnswer(_("%(got)s, where %(wanted)s is due.") % params, _hint_for_body(body))


def _describe_body(body: bytes) -> str:
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
