"""REST: WeChat's own API, called as an account for another back end."""

import re
from http import HTTPStatus
from typing import Any

from django.http import HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.exceptions import APIException, PermissionDenied, ValidationError
from rest_framework.request import Request

from api.clients import client_of
from api.errors import ASK_ERRORS, ConflictSerializer, ErrorSerializer, InvalidSerializer
from api.permissions import MayLook
from api.views import APPID, AccountView
from miniprograms.services.relaying import relay_call
from platform_auth.client_models import WECHAT_CALL
from wechat.relay import MAX_JSON, MAX_UPLOAD, Relay, is_closed, is_under, normal_path

_PATH = OpenApiParameter(
    "path",
    str,
    OpenApiParameter.PATH,
    description=gettext_lazy("Of WeChat's API, such as wxa/get_page; its query is passed on."),
)
_JSON = "application/json"
_FORM = re.compile(r"multipart/form-data; ?boundary=[\x21-\x7e]{1,80}", re.ASCII)
_PRINTABLE = re.compile(r"[\x20-\x7e]{1,200}", re.ASCII)


class TooLarge(APIException):
    status_code = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    default_code = "too_large"
    default_detail = gettext_lazy("At most 1 MiB of JSON, or 10 MiB of a form with a file.")


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
        "WeChat's answer as it is, JSON or a file, its errcode in X-WeChat-Errcode and the rid in "
        "X-WeChat-Rid. An access token in it is masked."
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
DESCRIPTION = gettext_lazy(
    "The platform adds the account's token, and repeats the call once with a new one where WeChat "
    "refuses the token. JSON of up to 1 MiB or a form of up to 10 MiB goes out, up to 20 MiB come "
    "back. The path must be one of the client's; those that give tokens are closed to everybody."
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
        parameters=[APPID, _PATH],
        examples=EXAMPLES[:1],
        responses={200: WECHAT_ANSWER, **ERRORS},
    )
    def get(self, request: Request, appid: str, path: str) -> HttpResponse:
        return self._relay(request, path)

    @extend_schema(
        summary=gettext_lazy("Call WeChat as the account"),
        description=DESCRIPTION,
        parameters=[APPID, _PATH],
        request={_JSON: OpenApiTypes.OBJECT, "multipart/form-data": OpenApiTypes.OBJECT},
        examples=EXAMPLES,
        responses={200: WECHAT_ANSWER, **ERRORS},
    )
    def post(self, request: Request, appid: str, path: str) -> HttpResponse:
        return self._relay(request, path)

    def _relay(self, request: Request, text: str) -> HttpResponse:
        account, path = self.authorizer, _allowed_path(request, text)
        relay = Relay(str(request.method), path, _query(request), *_read_body(request))
        answer = relay_call(account, relay, by=request.user)
        response = HttpResponse(
            answer.content, status=answer.status, content_type=_media_type(answer.media_type)
        )
        response["Cache-Control"] = "no-store"
        response["X-Content-Type-Options"] = "nosniff"
        response["X-WeChat-Errcode"] = str(answer.errcode)
        if answer.rid:
            response["X-WeChat-Rid"] = answer.rid
        return response


def _allowed_path(request: Request, text: str) -> str:
    """TEXT as WeChat's path. Raises ValidationError and PathNotAllowed."""
    path = normal_path(text)
    if not path:
        raise ValidationError({"path": [_("It is no path of WeChat's API.")]})
    client = client_of(request)
    prefixes = client.path_prefixes if client else []
    if is_closed(path) or (prefixes and not is_under(path, prefixes)):
        raise PathNotAllowed
    return path


def _query(request: Request) -> list[tuple[str, str]]:
    """The parameters that go on to WeChat; a token is ours to add."""
    pairs = [(name, value) for name, values in request.query_params.lists() for value in values]
    return [(name, value) for name, value in pairs if not name.lower().endswith("access_token")]


def _read_body(request: Request) -> tuple[bytes, str]:
    """What was sent, unread, and what it is. Raises TooLarge and WrongKind."""
    if request.method == "GET":
        return b"", _JSON
    media_type = request.headers.get("Content-Type", "") or _JSON
    if media_type.partition(";")[0].strip().lower() == _JSON:
        media_type, most = _JSON, MAX_JSON
    elif _FORM.fullmatch(media_type):
        most = MAX_UPLOAD
    else:
        raise WrongKind
    content = request._request.read(most + 1)
    if len(content) > most:
        raise TooLarge
    return content, media_type


def _media_type(text: str) -> str:
    return text if _PRINTABLE.fullmatch(text) else "application/octet-stream"
