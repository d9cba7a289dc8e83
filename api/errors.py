"""The one shape of the API's errors, and which exception becomes which answer."""

from http import HTTPStatus
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404
from django.utils.translation import gettext as _
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import exception_handler
from structlog.contextvars import get_contextvars

from audits.problems import AuditIsOpen, AuditNotPassed, CannotAct
from platform_auth.errcodes import explain_refusal
from wechat.errors import NotReady, Refused, WeChatError


def shape(code: str, detail: str, **more: Any) -> dict[str, Any]:
    """The one shape of the API's errors."""
    request_id = get_contextvars().get("request_id", "")
    return {"code": code, "detail": detail, "request_id": request_id, **more}


def explain(exception: Exception, context: dict[str, Any]) -> Response | None:
    """REST framework's answer to EXCEPTION, in our shape; None (a 500) for what nobody foresaw."""
    if isinstance(exception, Http404):
        exception = exceptions.NotFound()
    elif isinstance(exception, PermissionDenied):
        exception = exceptions.PermissionDenied()
    elif isinstance(exception, CannotAct):
        return Response(_cannot(exception), HTTPStatus.CONFLICT)
    elif isinstance(exception, WeChatError):
        return _of_wechat(exception)
    response = exception_handler(exception, context)
    if response is not None and isinstance(exception, exceptions.APIException):
        response.data = _told(exception)
    return response


def _cannot(error: CannotAct) -> dict[str, Any]:
    """With the audit that is in the way: null while WeChat has not numbered it, or has none."""
    if isinstance(error, AuditIsOpen | AuditNotPassed):
        return shape(error.code, str(error), auditid=error.auditid or None)
    return shape(error.code, str(error))


def _of_wechat(error: WeChatError) -> Response:
    """Whether WeChat said no, could not be asked, or did not answer. Nothing was done."""
    if isinstance(error, Refused):
        wechat = {
            "errcode": error.errcode,
            "errmsg": error.errmsg,
            "explanation": explain_refusal(error),
        }
        told = shape("wechat_refused", _("WeChat has refused."), wechat=wechat)
        return Response(told, HTTPStatus.UNPROCESSABLE_ENTITY)
    if isinstance(error, NotReady):
        return Response(shape("not_ready", str(error)), HTTPStatus.SERVICE_UNAVAILABLE)
    why = _("WeChat does not answer. Nothing has changed; try again in a moment.")
    return Response(shape("wechat_unreachable", why), HTTPStatus.BAD_GATEWAY)


def _told(error: exceptions.APIException) -> dict[str, Any]:
    detail = error.detail
    if isinstance(detail, dict):
        return shape("invalid", _("The request is not valid."), fields=detail)
    if isinstance(detail, list):
        return shape("invalid", " ".join(str(one) for one in detail))
    return shape(detail.code or error.default_code, str(detail))
