"""REST: WeChat's own API, called as an account for another back end."""

import re
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.exceptions import APIException, PermissionDenied, ValidationError
from rest_framework.request import Request

from api.clients import client_of
from api.errors import (
    ASK_ERRORS,
    ConflictSerializer,
    ErrorSerializer,
    InvalidSerializer,
    TooLarge,
)
from api.permissions import MayLook
from api.views import APPID, AccountView
from miniprograms.services.relaying import relay_call
from platform_auth.client_models import WECHAT_CALL
from platform_auth.errcodes import explain_errcode
from platform_auth.text_rules import PATH_RULES, broken_rules
from wechat.relay import (
    MAX_JSON,
    MAX_UPLOAD,
    Relay,
    Relayed,
    is_closed,
    is_under,
    normal_path,
    without_tokens,
)
from wechat.spool import Overlong, Spool

_PATH = OpenApiParameter(
    "path",
    str,
    OpenApiParameter.PATH,
    description=gettext_lazy("Of WeChat's API, such as wxa/get_page; its query is passed on."),
)
_JSON = "application/json"
_FORM = re.compile(r"multipart/form-data; ?boundary=[\x21-\x7e]{1,80}", re.ASCII)
# What stands for itself in X-WeChat-Explanation; the rest, and %, is percent-encoded UTF-8.
_PLAIN = "".join(map(chr, range(0x20, 0x7F))).replace("%", "")
TOO_LARGE = gettext_lazy("At most 1 MiB of JSON, or 10 MiB of a form with a file.")
_PRINTABLE = re.compile(r"[\x20-\x7e]{1,200}", re.ASCII)


class WrongKind(APIException):
    status_code = HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    default_code = "unsupported_media_type"
    default_detail = gettext_lazy("Send JSON, or multipart/form-data with a file.")


class PathNotAllowed(PermissionDenied):
    default_code = "path_not_allowed"
    default_detail = gettext_lazy("The client of this key may not call this path of WeChat's.")


WECHAT_ANSWER = OpenApiResponse(
    OpenApiTypes.ANY,
    description=gettext_lazy(
        "WeChat's answer as it is, JSON or a file, with its errcode in X-WeChat-Errcode. Where "
        "that is not 0, the rid is in X-WeChat-Rid, and X-WeChat-Explanation says what the errcode "
        "means and what to do, in the language of Accept-Language, percent-encoded. An access "
        "token in an answer is masked."
    ),
)
EXAMPLES = [
    OpenApiExample("answer", {"errcode": 0, "errmsg": "ok"}, response_only=True),
    OpenApiExample(
        "JSON",
        {"touser": "o…", "msgtype": "text", "text": {"content": "hello"}},
        request_only=True,
        media_type=_JSON,
    ),
    OpenApiExample(
        "file",
        {"media": "the bytes of a picture"},
        request_only=True,
        media_type="multipart/form-data",
    ),
]
ANSWER_HEADERS = [
    OpenApiParameter(name, str, OpenApiParameter.HEADER, response=[200], description=description)
    for name, description in (
        (
            "X-WeChat-Errcode",
            gettext_lazy("WeChat's errcode; 0 where all is well, and of a file."),
        ),
        ("X-WeChat-Rid", gettext_lazy("WeChat's id of a call that it refused.")),
        (
            "X-WeChat-Explanation",
            gettext_lazy("What the errcode means and what to do, as percent-encoded UTF-8."),
        ),
    )
]
DESCRIPTION = gettext_lazy(
    "The platform adds the account's token, and repeats the call once with a new one where WeChat "
    "refuses the token. JSON of up to 1 MiB or a form of up to 10 MiB goes out, up to 20 MiB come "
    "back, with a Content-Length: an answer that breaks off is shorter. The path must be one of "
    "the client's; those that give tokens are closed to everybody."
)
ERRORS: dict[int, Any] = {
    **ASK_ERRORS,
    400: InvalidSerializer,
    409: ConflictSerializer,
    413: ErrorSerializer,
    415: ErrorSerializer,
}


class GatewayView(AccountView):
    permission_classes = [MayLook]
    read_scope = act_scope = WECHAT_CALL

    @extend_schema(
        summary=gettext_lazy("Call WeChat as the account, to read"),
        description=DESCRIPTION,
        parameters=[APPID, _PATH, *ANSWER_HEADERS],
        examples=EXAMPLES[:1],
        responses={200: WECHAT_ANSWER, **ERRORS},
    )
    def get(self, request: Request, appid: str, path: str) -> HttpResponseBase:
        return self._relay(request, path)

    @extend_schema(
        summary=gettext_lazy("Call WeChat as the account"),
        description=DESCRIPTION,
        parameters=[APPID, _PATH, *ANSWER_HEADERS],
        request={_JSON: OpenApiTypes.OBJECT, "multipart/form-data": OpenApiTypes.OBJECT},
        examples=EXAMPLES,
        responses={200: WECHAT_ANSWER, **ERRORS},
    )
    def post(self, request: Request, appid: str, path: str) -> HttpResponseBase:
        return self._relay(request, path)

    def _relay(self, request: Request, text: str) -> HttpResponseBase:
        account, path = self.authorizer, _allowed_path(request, text)
        body, media_type = _read_body(request)
        relay = Relay(str(request.method), path, _query(request), body, media_type)
        try:
            return _response(relay_call(account, relay, by=request.user))
        finally:
            if isinstance(body, Spool):
                body.close()


def _response(answer: Relayed) -> HttpResponseBase:
    """ANSWER as it is, and what we have to say of it in headers."""
    media_type = _printable(answer.media_type) or "application/octet-stream"
    response: HttpResponseBase
    if answer.rest:
        response = StreamingHttpResponse(answer.rest, status=answer.status, content_type=media_type)
        response["Content-Length"] = str(answer.rest.length)
    else:
        response = HttpResponse(answer.content, status=answer.status, content_type=media_type)
    response["Cache-Control"] = "no-store"
    response["X-Content-Type-Options"] = "nosniff"
    response["X-WeChat-Errcode"] = str(answer.errcode)
    if disposition := _printable(answer.disposition):
        response["Content-Disposition"] = disposition
    if answer.rid:
        response["X-WeChat-Rid"] = answer.rid
    if answer.errcode:
        response["X-WeChat-Explanation"] = quote(explain_errcode(answer.errcode), safe=_PLAIN)
    return response


def _allowed_path(request: Request, text: str) -> str:
    """TEXT as WeChat's path. Raises ValidationError and PathNotAllowed."""
    path = normal_path(text)
    if not path and (broken := broken_rules(f"/{text}", PATH_RULES)):
        sentence = _("It is no path of WeChat's API: %(rules)s.") % {"rules": "; ".join(broken)}
        raise ValidationError({"path": [sentence]})
    if not path:
        raise ValidationError({"path": [_("It is no path of WeChat's API.")]})
    client = client_of(request)
    prefixes = client.path_prefixes if client else []
    if is_closed(path) or (prefixes and not is_under(path, prefixes)):
        raise PathNotAllowed
    return path


def _query(request: Request) -> list[tuple[str, str]]:
    """The parameters that go on to WeChat."""
    lists = request.query_params.lists()
    return without_tokens([(name, value) for name, values in lists for value in values])


def _read_body(request: Request) -> tuple[bytes | Spool, str]:
    """What was sent, unread, and what it is. Raises TooLarge and WrongKind."""
    if request.method == "GET":
        return b"", _JSON
    media_type = request.headers.get("Content-Type", "") or _JSON
    if media_type.partition(";")[0].strip().lower() == _JSON:
        content = request._request.read(MAX_JSON + 1)
        if len(content) > MAX_JSON:
            raise TooLarge(TOO_LARGE)
        return content, _JSON
    if not _FORM.fullmatch(media_type):
        raise WrongKind
    spool = Spool()
    try:
        spool.take(request._request.read, MAX_UPLOAD)
    except Overlong:
        spool.close()
        raise TooLarge(TOO_LARGE) from None
    return spool, media_type


def _printable(text: str) -> str:
    """TEXT as a header may have it, or ""."""
    return text if _PRINTABLE.fullmatch(text) else ""
