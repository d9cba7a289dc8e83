"""
What is served of mini programs to anybody: the files that WeChat looks for at their domains, and
pictures for its reviewers.
"""

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotFound
from django.views.decorators.http import require_safe

from miniprograms.services.confirm_files import find_confirm_file
from miniprograms.services.review_pictures import find_picture
from platform_auth.downloads import file_response

MAX_AGE = 300  # seconds


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
