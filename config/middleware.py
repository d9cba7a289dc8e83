"""What stands before every request."""

import re
from collections.abc import Callable
from http import HTTPStatus
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.core.exceptions import BadRequest
from django.http import Http404, HttpRequest, HttpResponse, HttpResponsePermanentRedirect
from django.middleware.common import CommonMiddleware
from django.shortcuts import redirect
from django.urls import Resolver404, resolve, reverse
from django.utils.http import url_has_allowed_host_and_scheme, urlencode
from django.utils.translation import gettext as _
from django_htmx.http import HttpResponseClientRedirect
from django_structlog.middlewares import RequestMiddleware as StructlogMiddleware
from structlog.contextvars import bound_contextvars, get_contextvars

from config.admission import FILES
from config.errors import busy
from platform_auth.call_log import Asker, asked_by
from platform_auth.client_models import ApiClient
from platform_auth.counters import Counter
from platform_auth.events import coming_from, log_event
from platform_auth.logins import sessions
from platform_auth.logins.addresses import origin_of
from platform_auth.logins.second_factor import is_wanting
from platform_auth.logs import request_id
from webhooks.views import COMPONENT, MESSAGE, forbidden
from wechat import bulkhead

SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
# Where people say who they are: static/written.js has the same.
LOGIN_PAGES = ("/portal/login/", "/admin/login/", "/admin/account/proof/")
ERRORS = Counter(
    "wechat_pages_failed", "Answers of 5xx to people and programs, pushes apart.", first=((),)
)
PLAIN = ("/healthz", "/readyz", "/metrics")
CONFIRM_FILE = re.compile(r"/[0-9A-Za-z_-]{1,64}\.txt")


def is_plain(path: str) -> bool:
    """Whether PATH is WeChat's or the operators': `config.plain_urls`."""
    return path in PLAIN or path.lstrip("/").startswith("wechat/")


def is_confirm_file(path: str) -> bool:
    """Whether PATH could be a file that WeChat looks for: one at the root, of few letters."""
    return CONFIRM_FILE.fullmatch(path) is not None


def bypass(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """
    Let pushes, health checks and WeChat's look for its files in without sessions, users, CSRF,
    redirects or request logs. The files are for any host: web-view domains lead here.

    Whatever lies under /wechat/ and is no push URL gets the answer of a push that is not proven.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        if not (is_plain(request.path_info) or is_confirm_file(request.path_info)):
            return get_response(request)
        response = _respond(request)
        # Django's CommonMiddleware would say it; without it the answer goes out in chunks.
        response.headers["Content-Length"] = str(len(response.content))
        return response

    return middleware


def _respond(request: HttpRequest) -> HttpResponse:
    with bound_contextvars(request_id=request_id(request.headers.get("X-Request-ID", ""))):
        return _call_view(request)


def _call_view(request: HttpRequest) -> HttpResponse:
    try:
        match = resolve(request.path_info, "config.plain_urls")
    except Resolver404:
        is_for_component = request.path_info.lstrip("/").startswith("wechat/component/")
        return forbidden(COMPONENT if is_for_component else MESSAGE, "path")
    response: HttpResponse = match.func(request, *match.args, **match.kwargs)
    return response


class WithSlash(HttpResponsePermanentRedirect):
    """To the same address with its last slash: a POST stays a POST and keeps its body."""

    status_code = HTTPStatus.PERMANENT_REDIRECT


class SlashMiddleware(CommonMiddleware):
    response_redirect_class = WithSlash


class BulkheadMiddleware:
    """While it asks WeChat a request holds a place of the bulkhead; where none is free, 503."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with bulkhead.somebody_waits(is_act=request.method not in SAFE_METHODS):
            return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        return busy(request) if isinstance(exception, bulkhead.Crowded) else None


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


def no_such_file(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """
    What WhiteNoise has not found among the static files is nowhere. It is said before anything is
    asked of the database: these requests have no place of `config.admission`.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        if request.path_info.startswith(FILES):
            return HttpResponse("not found", status=HTTPStatus.NOT_FOUND, content_type="text/plain")
        return get_response(request)

    return middleware


class RequestMiddleware(StructlogMiddleware):
    """
    django-structlog's request id and log lines, with the query left out: codes travel in it.

    The id goes back as a header, for whoever wants to report what happened.
    """

    def handle_response(self, request: HttpRequest, response: HttpResponse) -> None:
        if response.status_code >= 500:
            ERRORS.add()
        response["X-Request-ID"] = get_contextvars().get("request_id", "")
        super().handle_response(request, response)

    @staticmethod
    def format_request(request: HttpRequest) -> str:
        return f"{request.method} {request.path}"


def name_origin(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """What is logged of logins tells from where they come."""

    def middleware(request: HttpRequest) -> HttpResponse:
        with coming_from(origin_of(request)):
            return get_response(request)

    return middleware


def name_asker(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """The log of calls tells for whom WeChat was asked."""

    def middleware(request: HttpRequest) -> HttpResponse:
        with asked_by(lambda: _asker_of(request)):
            return get_response(request)

    return middleware


def _asker_of(request: HttpRequest) -> Asker:
    """Whose session it is, or whose key: REST framework leaves both in Django's own request."""
    client = getattr(request, "auth", None)
    client_id = client.pk if isinstance(client, ApiClient) else None
    return Asker(request.user.get_username(), client_id)


def limit_session(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Whoever has done nothing for a while, or logged in long ago, logs in again."""

    def middleware(request: HttpRequest) -> HttpResponse:
        if settings.SESSION_COOKIE_NAME in request.COOKIES and request.user.is_authenticated:
            if reason := sessions.reason_to_end(request):
                log_event("session", f"ended: {reason}", user=request.user)
                logout(request)
                messages.info(request, _("Please log in again: it has been a while."))
            else:
                sessions.note_use(request)
        return get_response(request)

    return middleware


def lead_back(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """
    A form that is sent too late leads to the login and from there to the page that it is on, whose
    address is not always the one that it is sent to. That page fills it in again (written.js).
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        if request.method in SAFE_METHODS or response.status_code != HTTPStatus.FOUND:
            return response
        door, _mark, query = response["Location"].partition("?")
        if not query.startswith("next=") or not door.startswith(LOGIN_PAGES):
            return response
        if page := _page_of_form(request):
            response["Location"] = f"{door}?{urlencode({'next': page})}"
        is_htmx = getattr(request, "htmx", False)  # whose requests follow a redirect by themselves
        return HttpResponseClientRedirect(response["Location"]) if is_htmx else response

    return middleware


def _page_of_form(request: HttpRequest) -> str:
    """The page of ours that the form was on, "" if the browser does not tell."""
    address = request.headers.get("Referer", "")
    ours = {request.get_host()}
    if not url_has_allowed_host_and_scheme(address, ours, require_https=request.is_secure()):
        return ""
    parts = urlsplit(address)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def demand_second_factor(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Where staff need a second factor, they set it up before they do anything else."""

    def middleware(request: HttpRequest) -> HttpResponse:
        if settings.STAFF_NEEDS_TOTP and request.path_info.startswith("/admin/"):
            free = {reverse(name) for name in ("two-steps", "proof", "admin:logout")}
            if request.path_info not in free and is_wanting(request.user):
                return redirect("two-steps")
        return get_response(request)

    return middleware
