"""
The two URLs that WeChat pushes to.

Whatever is not proven gets one and the same 403, whatever was wrong with it. What is proven is kept
by one statement and answered `success`, whatever it holds; only what WeChat waits for is worked out
before the answer. Without a database to keep it in the answer is 503, and WeChat sends it again.
"""

import logging
import re
import time
from typing import NamedTuple

from django.core.exceptions import SuspiciousOperation
from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse
from django.http.request import UnreadablePostError
from structlog.contextvars import get_contextvars

from miniprograms.services import addresses
from platform_auth import deadlines
from platform_auth.fields import Unreadable
from platform_auth.models import Component, Push
from platform_auth.wakeup import enqueue
from webhooks import counts, handlers, inbox, processing, refusals, routing, tasks
from wechat.errors import Untrusted

logger = logging.getLogger(__name__)

ECHO = re.compile(r"[\x21-\x7e]{1,256}")
PLAIN_TEXT = "text/plain"
# Seconds of the five after which WeChat hangs up: until a push is kept, or is to be sent again; and
# until it is answered.
KEEP_WITHIN, ANSWER_WITHIN = 1.5, 1.9
HEAD_START = 3  # seconds that the door has to work out itself what WeChat waits for

COMPONENT, MESSAGE = "component", "message"  # the two doors


def forbidden(door: str, reason: str) -> HttpResponse:
    """The one answer to anything that is not proven to come from WeChat; REASON is for us alone."""
    refusals.count_refusal(door, reason)
    return HttpResponse("forbidden", status=403, content_type=PLAIN_TEXT)


def component_push(request: HttpRequest) -> HttpResponse:
    """授权事件接收URL: tickets, and authorisations that come, change and go."""
    return _answer(request, COMPONENT, appid="")


def message_push(request: HttpRequest, appid: str) -> HttpResponse:
    """消息与事件接收URL: what users and WeChat send to the account APPID."""
    return _answer(request, MESSAGE, appid=appid)


def _answer(request: HttpRequest, door: str, *, appid: str) -> HttpResponse:
    with deadlines.within(ANSWER_WITHIN):
        return _answer_anything(request, door, appid)


def _answer_anything(request: HttpRequest, door: str, appid: str) -> HttpResponse:
    until = time.monotonic() + ANSWER_WITHIN
    try:
        if request.method == "GET":
            return _echo(request)
        if request.method != "POST":
            raise Untrusted("method")
        return _receive(request, appid, until)
    except (SuspiciousOperation, UnreadablePostError):
        return forbidden(door, "body")
    except Untrusted as refusal:
        return forbidden(door, refusal.reason)
    except (DatabaseError, InterfaceError, Unreadable) as error:
        counts.UNAVAILABLE.add(door, "keys" if isinstance(error, Unreadable) else "database")
        logger.error("a push could not be kept: %s", type(error).__name__)
        return HttpResponse("unavailable", status=503, content_type=PLAIN_TEXT)


def _receive(request: HttpRequest, appid: str, until: float) -> HttpResponse:
    """Size, format, signature, decryption, appid inside, address; then one row, and the answer."""
    if not inbox.is_length(request.META.get("CONTENT_LENGTH") or ""):
        raise Untrusted("length")
    query = request.META.get("QUERY_STRING", "")
    envelope_appid, sealed = inbox.read_sealed(query, request.body)
    with deadlines.within(KEEP_WITHIN):
        if not appid:
            _receive_for_component(sealed, envelope_appid)
            return _response(None)
        proven = inbox.prove(sealed, inbox.read_components())
        kept = _keep_message(proven, appid)
    text = _work_out(proven, kept, until)
    return _response(text and seal(text, proven, sealed.nonce))


def _receive_for_component(sealed: inbox.Sealed, envelope_appid: str) -> None:
    components = [one for one in inbox.read_components() if one.appid == envelope_appid]
    proven = inbox.prove(sealed, components)
    push = proven.push
    # A captured message must not burn its digest here.
    is_ours = push.is_component_push and push.get("AppId") == proven.component.appid
    if proven.is_readable and not is_ours:
        raise Untrusted("door")
    is_known, appid = push.kind in routing.COMPONENT_PUSHES, routing.account_of(push)
    values = inbox.row_of(proven, is_known=is_known, appid=appid, request_id=_request_id())
    if push.kind == routing.TICKET:
        # In use before it is kept: who asks WeChat next needs it, and to save it twice is nothing.
        row = Push(component=proven.component, **values)
        values |= processing.outcome_of(handlers.handle_ticket, row, push)
        pk = inbox.keep(values, due_in=None)
        if pk:
            counts.count_worked_out(push.kind, values["state"])
    elif pk := inbox.keep(values):
        enqueue(tasks.process_pushes)
    counts.count_accepted(COMPONENT, push.kind, is_new=bool(pk))
    if pk:
        inbox.count_previous_key(proven)


class Kept(NamedTuple):
    """A message, kept as row PK; None if it was before."""

    pk: int | None
    appid: str
    openid: str
    is_awaited: bool


def _keep_message(proven: inbox.Proven, appid: str) -> Kept:
    """Keep PROVEN, for APPID."""
    component, push = proven.component, proven.push
    addresses.check_address(component, appid, push)
    is_awaited = routing.is_awaited(component, appid, push)
    is_known = routing.is_known(appid, push)
    values = inbox.row_of(proven, is_known=is_known, appid=appid, request_id=_request_id())
    pk = inbox.keep(values, due_in=HEAD_START if is_awaited else 0)
    counts.count_accepted(MESSAGE, push.kind, is_new=bool(pk))
    return Kept(pk, values["appid"], values["openid"], is_awaited)


def _work_out(proven: inbox.Proven, kept: Kept, until: float) -> str | None:
    """What PROVEN is answered, given UNTIL when, or None for `success`."""
    try:
        if not kept.pk:
            return _repeat(proven)
        inbox.count_previous_key(proven)
        if kept.is_awaited:
            answer = processing.process_awaited(kept.pk, kept.appid, kept.openid)
            return answer(until) if answer else None
    except Exception:
        # It is kept, and due: an error would mute all merchants' pushes.
        logger.exception("a push was kept, but not answered")
    enqueue(tasks.process_pushes)
    return None


def _request_id() -> str:
    return str(get_contextvars().get("request_id", ""))


def _repeat(proven: inbox.Proven) -> str | None:
    """What PROVEN, which WeChat has sent before, was answered then."""
    row = inbox.find(proven)
    return handlers.repeat_answer(row, proven.push) if row else None


def seal(text: str, proven: inbox.Proven, nonce: str) -> str:
    """TEXT, sealed with the key that opened the push it answers."""
    now = str(int(time.time()))
    return proven.component.envelope.seal(text, key=proven.key, timestamp=now, nonce=nonce)


def _response(text: str | None) -> HttpResponse:
    """`success`, the empty body that 全网发布 demands, or a sealed passive reply."""
    if text:
        return HttpResponse(text, content_type="text/xml")
    return HttpResponse("success" if text is None else "", content_type=PLAIN_TEXT)


def _echo(request: HttpRequest) -> HttpResponse:
    """WeChat's trial of a URL: `echostr` goes back once the signature is right."""
    query = {name: request.GET.get(name, "") for name in ("signature", "timestamp", "nonce")}
    echostr = request.GET.get("echostr", "")
    if not ECHO.fullmatch(echostr):
        raise Untrusted("parameters")
    reason = "component"
    for component in Component.objects.all():
        try:
            component.envelope.check_url(**query)
        except Untrusted as refusal:
            reason = refusal.reason
            continue
        response = HttpResponse(echostr, content_type=PLAIN_TEXT)
        response["X-Content-Type-Options"] = "nosniff"
        return response
    raise Untrusted(reason)
