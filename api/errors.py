"""The one shape of the API's errors, which exception becomes which answer, and their schema."""

from http import HTTPStatus
from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.http import Http404
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from rest_framework import exceptions, serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import exception_handler
from structlog.contextvars import get_contextvars

from api.clients import PersonAuthentication, challenge
from audits.problems import (
    AmbiguousDraft,
    AuditIsOpen,
    AuditNotPassed,
    CannotAct,
    PreflightFailed,
)
from platform_auth.errcodes import explain_errcode, explain_kept
from platform_auth.events import log_event
from platform_auth.logins.attempts import TooManyAttempts
from platform_auth.logins.hashing import HashingBusy
from wechat.bulkhead import RETRY_AFTER, Crowded
from wechat.errors import BackingOff, NotReady, Refused, WeChatError


class TooLarge(exceptions.APIException):
    status_code = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    default_code = "too_large"
    default_detail = gettext_lazy("The body is larger than 2.5 MiB.")


class ErrorSerializer(serializers.Serializer[Any]):
    """What every error looks like."""

    code = serializers.CharField()
    detail = serializers.CharField()
    request_id = serializers.CharField()


class InvalidSerializer(ErrorSerializer):
    """
    An error about what was sent; where it could be read, field by field: sentences, or for a field
    that holds others the same again.
    """

    fields = serializers.DictField(required=False)  # type: ignore[assignment]  # leaves the class


class CheckSerializer(serializers.Serializer[Any]):
    """One condition of a submission: `ok` is null where it is not known; that holds nobody back."""

    code = serializers.CharField()
    ok = serializers.BooleanField(allow_null=True)
    detail = serializers.CharField()
    who = serializers.ChoiceField(["merchant", "staff", "wechat"])


class ConflictSerializer(ErrorSerializer):
    """
    Something else is under way, or missing; `auditid` where an audit is in the way, and with
    `preflight_failed` the `checks` that WeChat would refuse the submission for.
    """

    auditid = serializers.CharField(required=False, allow_null=True)
    checks = CheckSerializer(many=True, required=False)


class DraftSerializer(serializers.Serializer[Any]):
    """Code that a developer uploaded, and that is no template yet."""

    draft_id = serializers.IntegerField()
    source_appid = serializers.CharField()
    user_version = serializers.CharField()
    user_desc = serializers.CharField()
    developer = serializers.CharField()
    uploaded_at = serializers.CharField()


class AmbiguousSerializer(ErrorSerializer):
    """Something is under way; or no draft fits, or several, which are the `candidates`."""

    candidates = DraftSerializer(many=True, required=False)


class RefusalSerializer(serializers.Serializer[Any]):
    errcode = serializers.IntegerField()
    errmsg = serializers.CharField()
    explanation = serializers.CharField()


class RefusedSerializer(ErrorSerializer):
    """WeChat's own answer was no."""

    wechat = RefusalSerializer()


# What a view documents: the errors of any reading, of one account, of one that WeChat is asked
# about, and of an act.
LIST_ERRORS: dict[int, Any] = dict.fromkeys((401, 403, 429), ErrorSerializer)
READ_ERRORS: dict[int, Any] = dict.fromkeys((401, 403, 404, 429), ErrorSerializer)
ASK_ERRORS: dict[int, Any] = {
    **READ_ERRORS,
    422: RefusedSerializer,
    502: ErrorSerializer,
    503: ErrorSerializer,
}
ACT_ERRORS: dict[int, Any] = {**ASK_ERRORS, 400: InvalidSerializer, 409: ConflictSerializer}


def error_body(code: str, detail: str, **details: Any) -> dict[str, Any]:
    """The one shape of the API's errors."""
    request_id = get_contextvars().get("request_id", "")
    return {"code": code, "detail": detail, "request_id": request_id, **details}


def busy_text() -> str:
    """For whoever was turned away because too many wait for WeChat."""
    return _("Too many are waiting for WeChat just now. Nothing was done; try again in a moment.")


_DJANGOS: tuple[tuple[type[Exception], type[exceptions.APIException]], ...] = (
    (Http404, exceptions.NotFound),
    (PermissionDenied, exceptions.PermissionDenied),
    (RequestDataTooBig, TooLarge),
)


def exception_response(exception: Exception, context: dict[str, Any]) -> Response | None:
    """REST framework's answer to EXCEPTION, in our shape; None (a 500) for what nobody foresaw."""
    exception = next((ours() for its, ours in _DJANGOS if isinstance(exception, its)), exception)
    if isinstance(exception, CannotAct):
        return Response(_conflict_body(exception), HTTPStatus.CONFLICT)
    if isinstance(exception, WeChatError):
        return _wechat_response(exception)
    if isinstance(exception, Crowded):
        body, headers = error_body("busy", busy_text()), {"Retry-After": str(RETRY_AFTER)}
        return Response(body, HTTPStatus.SERVICE_UNAVAILABLE, headers=headers)
    if isinstance(exception, TooManyAttempts | HashingBusy):
        return _wait_response(exception)
    if isinstance(exception, exceptions.PermissionDenied):
        _log_refusal(context["request"])
    response = exception_handler(exception, context)
    if response is not None and isinstance(exception, exceptions.APIException):
        response.data = _framework_body(exception)
        if response.get("WWW-Authenticate") == PersonAuthentication.scheme:
            response["WWW-Authenticate"] = challenge(context["request"])
    return response


def _conflict_body(error: CannotAct) -> dict[str, Any]:
    """With the audit that is in the way: null while WeChat has not numbered it, or has none."""
    if isinstance(error, AuditIsOpen | AuditNotPassed):
        return error_body(error.code, str(error), auditid=error.auditid or None)
    if isinstance(error, AmbiguousDraft):
        return error_body(error.code, str(error), candidates=error.candidates)
    if isinstance(error, PreflightFailed):
        checks = CheckSerializer(error.checks, many=True).data
        return error_body(error.code, str(error), checks=checks)
    return error_body(error.code, str(error))


def _wechat_response(error: WeChatError) -> Response:
    """Whether WeChat said no, could not be asked, or did not answer. Nothing was done."""
    if isinstance(error, Refused):
        wechat = {
            "errcode": error.errcode,
            "errmsg": error.errmsg,
            "explanation": explain_errcode(error.errcode),
        }
        body = error_body("wechat_refused", _("WeChat has refused."), wechat=wechat)
        return Response(body, HTTPStatus.UNPROCESSABLE_ENTITY)
    if isinstance(error, NotReady | BackingOff):
        body, headers = (
            error_body("not_ready", explain_kept(str(error))),
            {"Retry-After": str(RETRY_AFTER)},
        )
        return Response(body, HTTPStatus.SERVICE_UNAVAILABLE, headers=headers)
    detail = _("WeChat does not answer. Nothing has changed; try again in a moment.")
    return Response(error_body("wechat_unreachable", detail), HTTPStatus.BAD_GATEWAY)


def _wait_response(error: TooManyAttempts | HashingBusy) -> Response:
    """Too many wrong passwords, or too many logins at this moment."""
    headers = {"Retry-After": str(error.retry_after)}
    if isinstance(error, HashingBusy):
        detail = _("Too many people log in just now. Try again in a moment.")
        body = error_body("busy", detail)
        return Response(body, HTTPStatus.SERVICE_UNAVAILABLE, headers=headers)
    detail = _("Too many attempts. Try again in %(seconds)d seconds.")
    body = error_body("throttled", detail % {"seconds": error.retry_after})
    return Response(body, HTTPStatus.TOO_MANY_REQUESTS, headers=headers)


def _log_refusal(request: Request) -> None:
    log_event("act", "refused", user=request.user, path=request.path, method=request.method)


def _framework_body(error: exceptions.APIException) -> dict[str, Any]:
    detail = error.detail
    if isinstance(detail, dict):
        return error_body("invalid", _("The request is not valid."), fields=detail)
    if isinstance(detail, list):
        return error_body("invalid", " ".join(map(str, detail)))
    return error_body(detail.code or error.default_code, str(detail))
