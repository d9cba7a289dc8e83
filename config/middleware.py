"""What stands before every request."""

from collections.abc import Callable

from django.core.exceptions import BadRequest
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import Resolver404, resolve
from django_structlog.middlewares import RequestMiddleware as StructlogMiddleware
from structlog.contextvars import get_contextvars

from webhooks.views import COMPONENT, MESSAGE, forbidden

PLAIN = ("/healthz", "/readyz", "/metrics")


def bypass(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """
    Let pushes and health checks in without sessions, users, CSRF, redirects or request logs.

    Whatever lies under /wechat/ and is no push URL gets the answer of a push that is not proven.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        is_push = request.path_info.lstrip("/").startswith("wechat/")
        if not is_push and request.path_info not in PLAIN:
            return get_response(request)
        response = _respond(request)
        # Django's CommonMiddleware would say it; without it the answer goes out in chunks.
        response.headers["Content-Length"] = str(len(response.content))
        return response

    return middleware


def _respond(request: HttpRequest) -> HttpResponse:
    try:
        match = resolve(request.path_info, "config.plain_urls")
    except Resolver404:
        is_for_component = request.path_info.lstrip("/").startswith("wechat/component/")
        return forbidden(COMPONENT if is_for_component else MESSAGE, "path")
    response: HttpResponse = match.func(request, *match.args, **match.kwargs)
    return response


def whole_text(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Refuse an address with a NUL in it, which no view means and PostgreSQL has no text for."""

    def middleware(request: HttpRequest) -> HttpResponse:
        if "\0" in request.path_info:
            raise Http404
        is_api = request.path_info.startswith("/api/")  # which names the parameter
        if not is_api and "%00" in request.META.get("QUERY_STRING", ""):
            raise BadRequest
        return get_response(request)

    return middleware


class RequestMiddleware(StructlogMiddleware):
    """
    django-structlog's request id and log lines, with the query left out: codes travel in it.

    The id goes back as a header, for whoever wants to report what happened.
    """

    def handle_response(self, request: HttpRequest, response: HttpResponse) -> None:
        response["X-Request-ID"] = get_contextvars().get("request_id", "")
        super().handle_response(request, response)

    @staticmethod
    def format_request(request: HttpRequest) -> str:
        return f"{request.method} {request.path}"
