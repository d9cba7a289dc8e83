"""What people and programs are told when something goes wrong: a page, or JSON under /api/."""

from collections.abc import Callable
from http import HTTPStatus

from django.contrib import admin
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.cache import patch_cache_control
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.csrf import csrf_failure as django_csrf_failure

from api.errors import busy_text, error_body
from config.company import about_company
from platform_auth.events import log_event
from platform_auth.logins.attempts import TooManyAttempts
from platform_auth.logins.hashing import HashingBusy
from platform_auth.logins.proof import NeedsProof
from wechat.bulkhead import RETRY_AFTER

# For those whose rights reach everywhere.
FOR_NOBODY = gettext_lazy(
    "Nobody does this by hand: what is kept here comes from WeChat, or from what the system does."
)
# What the staff pages say, within their own frame: title and text.
STAFF_PAGES = {
    HTTPStatus.BAD_REQUEST: (
        gettext_lazy("This page cannot be shown"),
        gettext_lazy("The request is not valid."),
    ),
    HTTPStatus.FORBIDDEN: (
        gettext_lazy("This page is not for you"),
        gettext_lazy("Your rights do not reach here. An administrator can extend them."),
    ),
    HTTPStatus.NOT_FOUND: (
        gettext_lazy("This page does not exist"),
        gettext_lazy("The address may be mistyped, or what was here has been deleted."),
    ),
    HTTPStatus.SERVICE_UNAVAILABLE: (
        gettext_lazy("Please try again in a moment"),
        gettext_lazy(
            "WeChat is slow just now, and many are waiting for it. Nothing was done, and nothing of"
            " yours is lost."
        ),
    ),
}


def _respond_in_kind(
    request: HttpRequest, status: HTTPStatus, code: str, detail: str
) -> HttpResponse:
    if request.path_info.startswith("/api/"):
        return JsonResponse(error_body(code, detail), status=status)
    if _is_for_staff(request):
        title, text = STAFF_PAGES[status]
        if status == HTTPStatus.FORBIDDEN and request.user.is_superuser:
            text = FOR_NOBODY
        is_busy = status == HTTPStatus.SERVICE_UNAVAILABLE
        return _staff_page(request, status, title, text, may_be_sent_again=is_busy)
    return render(request, f"{status.value}.html", status=status)


def _is_for_staff(request: HttpRequest) -> bool:
    """Whether somebody asks who may be among the staff pages, for one of these."""
    is_theirs = request.path_info.startswith("/admin/") and hasattr(request, "user")
    return is_theirs and admin.site.has_permission(request)


def _staff_page(
    request: HttpRequest,
    status: HTTPStatus,
    title: object,
    text: object,
    *,
    may_be_sent_again: bool = False,
) -> HttpResponse:
    context = {**admin.site.each_context(request), "title": title, "text": text}
    context["may_be_sent_again"] = may_be_sent_again
    return render(request, "admin/trouble.html", context, status=status)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _respond_in_kind(
        request, HTTPStatus.BAD_REQUEST, "bad_request", _("The request is not valid.")
    )


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    detail = _("You do not have permission to perform this action.")
    log_event("act", "refused", user=request.user, path=request.path, method=request.method)
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


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Usually of a page that was open while its reader logged in anew elsewhere."""
    if _is_for_staff(request):
        title = _("This page was open for too long")
        text = _("For safety, nothing was done. Please go back, reload the page and try again.")
        return _staff_page(request, HTTPStatus.FORBIDDEN, title, text, may_be_sent_again=True)
    return django_csrf_failure(request, reason)


def server_error(request: HttpRequest) -> HttpResponse:
    """
    By the address alone: whatever failed, the database or the session, is not asked again. What the
    page says of the company comes from the settings.
    """
    if request.path_info.startswith("/api/"):
        detail = _("Something went wrong on our side.")
        return JsonResponse(error_body("error", detail), status=HTTPStatus.INTERNAL_SERVER_ERROR)
    context = {**about_company(), "is_of_staff": request.path_info.startswith("/admin/")}
    page = render_to_string("500.html", context)
    return HttpResponse(page, status=HTTPStatus.INTERNAL_SERVER_ERROR)


def _login_refused(request: HttpRequest, error: TooManyAttempts | HashingBusy) -> HttpResponse:
    """A page that tells how long to wait."""
    is_busy = isinstance(error, HashingBusy)
    status = HTTPStatus.SERVICE_UNAVAILABLE if is_busy else HTTPStatus.TOO_MANY_REQUESTS
    minutes, seconds = divmod(error.retry_after, 60)
    context = {"is_busy": is_busy, "minutes": minutes + bool(seconds), "seconds": error.retry_after}
    response = render(request, "wait.html", context, status=status)
    response["Retry-After"] = str(error.retry_after)
    response["Cache-Control"] = "no-store"
    return response


class LoginRefusals:
    """Answers whoever tries passwords too often or at a bad moment, or must prove who they are."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if isinstance(error, TooManyAttempts | HashingBusy):
            return _login_refused(request, error)
        if isinstance(error, NeedsProof):
            return redirect(f"{reverse('proof')}?{urlencode({'next': request.get_full_path()})}")
        return None
