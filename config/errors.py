"""What people and programs are told when something goes wrong: a page, or JSON under /api/."""

from http import HTTPStatus

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.cache import patch_cache_control
from django.utils.translation import gettext as _

from api.errors import busy_text, error_body
from wechat.bulkhead import RETRY_AFTER


def _respond_in_kind(
    request: HttpRequest, status: HTTPStatus, code: str, detail: str
) -> HttpResponse:
    if request.path_info.startswith("/api/"):
        return JsonResponse(error_body(code, detail), status=status)
    return render(request, f"{status.value}.html", status=status)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _respond_in_kind(
        request, HTTPStatus.BAD_REQUEST, "bad_request", _("The request is not valid.")
    )


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    detail = _("You do not have permission to perform this action.")
    return _respond_in_kind(request, HTTPStatus.FORBIDDEN, "permission_denied", detail)


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _respond_in_kind(request, HTTPStatus.NOT_FOUND, "not_found", _("Not found."))


def busy(request: HttpRequest) -> HttpResponse:
    """As many wait for WeChat as may: this request was not begun."""
    response = _respond_in_kind(request, HTTPStatus.SERVICE_UNAVAILABLE, "busy", busy_text())
    response["Retry-After"] = str(RETRY_AFTER)
    # It may stand where a code of WeChat's is in the URL.
    response["Referrer-Policy"] = "no-referrer"
    patch_cache_control(response, no_store=True, private=True)
    return response


def server_error(request: HttpRequest) -> HttpResponse:
    """Without a context: whatever failed, the database or the session, is not asked again."""
    if request.path_info.startswith("/api/"):
        detail = _("Something went wrong on our side.")
        return JsonResponse(error_body("error", detail), status=HTTPStatus.INTERNAL_SERVER_ERROR)
    return HttpResponse(render_to_string("500.html"), status=HTTPStatus.INTERNAL_SERVER_ERROR)
