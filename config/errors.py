"""What people and programs are told when something goes wrong: a page, or JSON under /api/."""

from http import HTTPStatus

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.translation import gettext as _

from api.errors import shape


def _answer(request: HttpRequest, status: HTTPStatus, code: str, detail: str) -> HttpResponse:
    if request.path_info.startswith("/api/"):
        return JsonResponse(shape(code, detail), status=status)
    return render(request, f"{status.value}.html", status=status)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _answer(request, HTTPStatus.BAD_REQUEST, "bad_request", _("The request is not valid."))


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    detail = _("You do not have permission to perform this action.")
    return _answer(request, HTTPStatus.FORBIDDEN, "permission_denied", detail)


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _answer(request, HTTPStatus.NOT_FOUND, "not_found", _("Not found."))


def server_error(request: HttpRequest) -> HttpResponse:
    """Without a context: whatever failed, the database or the session, is not asked again."""
    if request.path_info.startswith("/api/"):
        detail = _("Something went wrong on our side.")
        return JsonResponse(shape("error", detail), status=HTTPStatus.INTERNAL_SERVER_ERROR)
    return HttpResponse(render_to_string("500.html"), status=HTTPStatus.INTERNAL_SERVER_ERROR)
