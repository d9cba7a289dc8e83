"""
What is served of accounts to anybody: the files that WeChat looks for at their domains, pictures
for its reviewers, and the way back of users who log in on web pages.
"""

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotFound
from django.shortcuts import redirect
from django.utils.cache import patch_cache_control
from django.views.decorators.http import require_GET, require_safe

from miniprograms.services.confirm_files import find_confirm_file
from miniprograms.services.review_pictures import find_picture
from miniprograms.services.web_logins import finish_return, read_return
from platform_auth.downloads import file_response

MAX_AGE = 300  # seconds
LONGEST = 512  # of WeChat's code, and of the program's state


@require_safe
def confirm_file(request: HttpRequest, file_name: str) -> HttpResponse:
    """A file that was fetched from WeChat, byte for byte, whatever host it is asked of."""
    row = find_confirm_file(file_name)
    if row is None:
        response: HttpResponse = HttpResponseNotFound(b"", content_type="text/plain")
    else:
        response = HttpResponse(row.content, content_type="text/plain")
        response.headers["Cache-Control"] = f"public, max-age={MAX_AGE}"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


@require_safe
def review_picture(request: HttpRequest, key: str, ending: str) -> HttpResponse:
    """A picture that somebody has uploaded for WeChat's reviewers."""
    row = find_picture(key)
    if row is None:
        raise Http404
    return file_response(row.content_type, bytes(row.content), life=MAX_AGE)


@require_GET
def web_login_return(request: HttpRequest, signed: str) -> HttpResponse:
    """A user comes back from WeChat's page and goes on to the program's."""
    back = read_return(signed)
    code, state = (request.GET.get(name, "") for name in ("code", "state"))
    if back is None or max(len(code), len(state)) > LONGEST:
        raise Http404
    response = redirect(finish_return(back, code, state))
    response["Referrer-Policy"] = "no-referrer"
    patch_cache_control(response, no_store=True, private=True)
    return response
