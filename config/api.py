"""The REST API: its addresses, its documentation and its one shape of error."""

from http import HTTPStatus
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404
from django.urls import include, path
from django.utils.translation import gettext as _
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.routers import SimpleRouter
from rest_framework.views import exception_handler

from audits import api as code
from audits.problems import AuditIsOpen, AuditNotPassed, CannotAct, in_plain_words
from config.errors import shape
from messaging.api import MessageView
from miniprograms.api import AuthorizerViewSet
from platform_auth.api import TokenView
from platform_auth.wechat.errors import NotReady, Refused, WeChatError

router = SimpleRouter()
router.register("authorizers", AuthorizerViewSet, basename="authorizer")

_ONE = "v1/authorizers/<slug:appid>/"

urlpatterns = [
    path("v1/auth/token/", TokenView.as_view(), name="token"),
    path("v1/templates/", code.TemplateList.as_view(), name="templates"),
    path(f"{_ONE}versions/", code.VersionList.as_view(), name="versions"),
    path(f"{_ONE}audits/", code.AuditList.as_view(), name="audits"),
    path(f"{_ONE}audits/<slug:auditid>/refresh/", code.AuditRefresh.as_view(), name="refresh"),
    path(f"{_ONE}audits/<slug:auditid>/withdraw/", code.AuditWithdraw.as_view(), name="withdraw"),
    path(f"{_ONE}release/", code.ReleaseView.as_view(), name="release"),
    path(f"{_ONE}revert/", code.RevertView.as_view(), name="revert"),
    path(f"{_ONE}messages/", MessageView.as_view(), name="messages"),
    path("v1/", include(router.urls)),
    path("schema/", SpectacularAPIView.as_view(), name="schema"),
    path(
        "docs/",
        SpectacularSwaggerSplitView.as_view(template_name="api/docs.html"),
        name="docs",
    ),
]


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
            "explanation": in_plain_words(error),
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
