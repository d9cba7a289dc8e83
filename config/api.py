"""The REST API: its addresses, its documentation and its one shape of error."""

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

from config.errors import shape
from miniprograms.api import AuthorizerViewSet
from platform_auth.api import TokenView

router = SimpleRouter()
router.register("authorizers", AuthorizerViewSet, basename="authorizer")

urlpatterns = [
    path("v1/auth/token/", TokenView.as_view(), name="token"),
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
    response = exception_handler(exception, context)
    if response is not None and isinstance(exception, exceptions.APIException):
        response.data = _told(exception)
    return response


def _told(error: exceptions.APIException) -> dict[str, Any]:
    detail = error.detail
    if isinstance(detail, dict):
        return shape("invalid", _("The request is not valid."), fields=detail)
    if isinstance(detail, list):
        return shape("invalid", " ".join(str(one) for one in detail))
    return shape(detail.code or error.default_code, str(detail))
