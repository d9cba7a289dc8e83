"""
The two URLs that WeChat pushes to.

Whatever is not proven gets one and the same 403, whatever was wrong with it. What is proven is
answered `success` once its row is committed, and 503 if there is no database to commit it to.
"""

import logging
import re
import time

from django.core.exceptions import SuspiciousOperation
from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse
from django.http.request import UnreadablePostError

from miniprograms.services import addresses
from platform_auth.fields import Unreadable
from platform_auth.models import Component
from webhooks import inbox, routing
from webhooks.by_memory import read_components, receive_by_memory
from webhooks.handlers import repeat_answer
from webhooks.push_query import read_query
from wechat.errors import Untrusted
from wechat.push import MAX_BODY, read_envelope

logger = logging.getLogger(__name__)

LENGTH = re.compile(r"\d{1,7}", re.ASCII)
ECHO = re.compile(r"[\x21-\x7e]{1,256}")
PLAIN_TEXT = "text/plain"
ANSWER_WITHIN = 2  # seconds of the five after which WeChat hangs up


def forbidden() -> HttpResponse:
    """The one answer to anything that is not proven to come from WeChat."""
    return HttpResponse("forbidden", status=403, content_type=PLAIN_TEXT)


def component_push(request: HttpRequest) -> HttpResponse:
    """授权事件接收URL: tickets, and authorisations that come, change and go."""
    return _answer_webhook(request, appid="")


def message_push(request: HttpRequest, appid: str) -> HttpResponse:
    """消息与事件接收URL: what users and WeChat send to the account APPID."""
    return _answer_webhook(request, appid=appid)


def _answer_webhook(request: HttpRequest, *, appid: str) -> HttpResponse:
    until = time.monotonic() + ANSWER_WITHIN
    try:
        if request.method == "GET":
            return _echo(request)
        if request.method != "POST":
            raise Untrusted
        return _receive(request, appid, until)
    except (Untrusted, SuspiciousOperation, UnreadablePostError):
        return forbidden()
    except (DatabaseError, InterfaceError, Unreadable) as error:
        logger.error("a push could not be kept: %s", type(error).__name__)
        return HttpResponse("unavailable", status=503, content_type=PLAIN_TEXT)


def _receive(request: HttpRequest, appid: str, until: float) -> HttpResponse:
    """Size, format, signature, decryption, appid inside, address, then one row and its handler."""
    envelope_appid, encrypt = _read_body(request)
    query = read_query(request.META.get("QUERY_STRING", ""))
    sealed = inbox.SealedPush(
        encrypt=encrypt,
        msg_signature=query.get("msg_signature", ""),
        timestamp=query.get("timestamp", ""),
        nonce=query.get("nonce", ""),
    )
    if not appid:
        _receive_for_component(sealed, envelope_appid)
        return _respond_with(None)
    proven, receipt = receive_by_memory(sealed, appid) or _receive_message(sealed, appid)
    xml = _answer_within(proven, receipt, until)
    return _respond_with(xml and _seal(xml, proven, sealed.nonce))


def _receive_for_component(sealed: inbox.SealedPush, envelope_appid: str) -> None:
    components = [row for row in read_components() if row.appid == envelope_appid]
    proven = inbox.prove_push(sealed, components)
    push = proven.push
    # A captured message must not burn its digest here.
    if not push.is_component_push or push.get("AppId") != proven.component.appid:
        raise Untrusted
    inbox.store_push(proven, routing.component_work(push), appid=routing.account_of(push))


def _receive_message(
    sealed: inbox.SealedPush, appid: str
) -> tuple[inbox.ProvenPush, inbox.Receipt]:
    proven = inbox.prove_push(sealed, read_components())
    addresses.check_address(proven.component, appid, proven.push)
    work = routing.message_work(appid, proven.push)
    return proven, inbox.store_push(proven, work, appid=appid)


def _answer_within(proven: inbox.ProvenPush, receipt: inbox.Receipt, until: float) -> str | None:
    """What this push is answered, given UNTIL when; the same again if it came before."""
    try:
        if receipt.is_new:
            return receipt.answer(until) if receipt.answer else None
        row = inbox.find_push(proven)
        return repeat_answer(row, proven.push) if row else None
    except (DatabaseError, InterfaceError, Unreadable):
        raise  # WeChat asks again
    except Exception:
        # As in the inbox: the push is kept, and an error would mute all merchants' pushes.
        logger.exception("a push was kept, but not answered")
        return None


def _seal(xml: str, proven: inbox.ProvenPush, nonce: str) -> str:
    """XML, sealed with the key that opened the push it answers."""
    now = str(int(time.time()))
    return proven.component.envelope.seal(xml, key=proven.key, timestamp=now, nonce=nonce)


def _respond_with(body: str | None) -> HttpResponse:
    """`success`, the empty body that 全网发布 demands, or a sealed passive reply."""
    if body:
        return HttpResponse(body, content_type="text/xml")
    return HttpResponse("success" if body is None else "", content_type=PLAIN_TEXT)


def _read_body(request: HttpRequest) -> tuple[str, str]:
    length = request.META.get("CONTENT_LENGTH") or ""
    if not LENGTH.fullmatch(length) or int(length) > MAX_BODY:
        raise Untrusted
    appid, _to_user_name, encrypt = read_envelope(request.body)
    return appid, encrypt


def _echo(request: HttpRequest) -> HttpResponse:
    """WeChat's trial of a URL: `echostr` goes back once the signature is right."""
    query = {name: request.GET.get(name, "") for name in ("signature", "timestamp", "nonce")}
    echostr = request.GET.get("echostr", "")
    if not ECHO.fullmatch(echostr):
        raise Untrusted
    for component in Component.objects.all():
        try:
            component.envelope.check_url(**query)
        except Untrusted:
            continue
        response = HttpResponse(echostr, content_type=PLAIN_TEXT)
        response["X-Content-Type-Options"] = "nosniff"
        return response
    raise Untrusted
