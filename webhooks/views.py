"""
The two URLs that WeChat pushes to.

Whatever is not proven gets one and the same 403, whatever was wrong with it. What is proven is
answered `success` once its row is committed, and 503 if there is no database to commit it to.
"""

import logging
import re
import time
from urllib.parse import parse_qsl

from django.core.exceptions import SuspiciousOperation
from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse
from django.http.request import UnreadablePostError

from miniprograms.services import addresses
from platform_auth.fields import Unreadable
from platform_auth.models import Component
from webhooks import inbox, routing
from wechat.errors import Untrusted
from wechat.push import MAX_BODY, read_envelope

logger = logging.getLogger(__name__)

MOST_FIELDS = 20  # WeChat sends six
LENGTH = re.compile(r"\d{1,7}", re.ASCII)
ECHO = re.compile(r"[\x21-\x7e]{1,256}")
PLAIN_TEXT = "text/plain"
ANSWER_WITHIN = 2  # seconds of the five after which WeChat hangs up


def forbidden() -> HttpResponse:
    """The one answer to anything that is not proven to come from WeChat."""
    return HttpResponse("forbidden", status=403, content_type=PLAIN_TEXT)


def component_push(request: HttpRequest) -> HttpResponse:
    """授权事件接收URL: tickets, and authorisations that come, change and go."""
    return _door(request, appid="")


def message_push(request: HttpRequest, appid: str) -> HttpResponse:
    """消息与事件接收URL: what users and WeChat send to the account APPID."""
    return _door(request, appid=appid)


def _door(request: HttpRequest, *, appid: str) -> HttpResponse:
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
    query = _read_query(request)
    sealed = inbox.Sealed(
        encrypt=encrypt,
        msg_signature=query.get("msg_signature", ""),
        timestamp=query.get("timestamp", ""),
        nonce=query.get("nonce", ""),
    )
    if not appid:
        _receive_for_component(sealed, envelope_appid)
        return _say(None)
    proven, receipt = _receive_by_memory(sealed, appid) or _receive_message(sealed, appid)
    said = _answer(proven, receipt, until)
    return _say(said and _seal(said, proven, sealed.nonce))


def _receive_for_component(sealed: inbox.Sealed, envelope_appid: str) -> None:
    components = [one for one in inbox.read_components() if one.appid == envelope_appid]
    proven = inbox.prove(sealed, components)
    push = proven.push
    # A captured message must not burn its digest here.
    if not push.is_component_push or push.get("AppId") != proven.component.appid:
        raise Untrusted
    inbox.receive(proven, routing.component_work(push), appid=routing.whom(push))


def _receive_by_memory(
    sealed: inbox.Sealed, appid: str
) -> tuple[inbox.Proven, inbox.Receipt] | None:
    """
    What nearly every message needs: it is kept on the condition that what we remember of our keys
    is true, and that the account is known by this name. None: look closer.
    """
    try:
        proven = inbox.prove(sealed, inbox.remembered_components())
    except (Untrusted, Unreadable):
        return None
    told = addresses.user_name_in(proven.push)
    if not told:
        return None
    known = inbox.Condition(*addresses.is_known_sql(proven.component, appid, told))
    conditions = (inbox.unchanged(proven.component), known)
    work = routing.message_work(appid, proven.push)
    receipt = inbox.receive(proven, work, appid=appid, only_if=conditions)
    return (proven, receipt) if receipt.is_new else None


def _receive_message(sealed: inbox.Sealed, appid: str) -> tuple[inbox.Proven, inbox.Receipt]:
    proven = inbox.prove(sealed, inbox.read_components())
    addresses.check_address(proven.component, appid, proven.push)
    work = routing.message_work(appid, proven.push)
    return proven, inbox.receive(proven, work, appid=appid)


def _answer(proven: inbox.Proven, receipt: inbox.Receipt, until: float) -> str | None:
    """What this push is answered, given UNTIL when; the same again if it came before."""
    try:
        if receipt.is_new:
            return receipt.answer(until) if receipt.answer else None
        row = inbox.find(proven)
        return routing.again(row, proven.push) if row else None
    except (DatabaseError, InterfaceError, Unreadable):
        raise  # WeChat asks again
    except Exception:
        # As in the inbox: the push is kept, and an error would mute all merchants' pushes.
        logger.exception("a push was kept, but not answered")
        return None


def _seal(said: str, proven: inbox.Proven, nonce: str) -> str:
    """SAID, sealed with the key that opened the push it answers."""
    now = str(int(time.time()))
    return proven.component.envelope.seal(said, key=proven.key, timestamp=now, nonce=nonce)


def _say(said: str | None) -> HttpResponse:
    """`success`, the empty body that 全网发布 demands, or a sealed passive reply."""
    if said:
        return HttpResponse(said, content_type="text/xml")
    return HttpResponse("success" if said is None else "", content_type=PLAIN_TEXT)


def _read_query(request: HttpRequest) -> dict[str, str]:
    """What the URL says. Making Django's QueryDict takes longer than decrypting the push."""
    text = request.META.get("QUERY_STRING", "")
    try:
        return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=MOST_FIELDS))
    except ValueError:
        raise Untrusted from None


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
