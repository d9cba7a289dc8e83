"""What is served of mini programs to anybody: the files that WeChat looks for at their domains."""

from django.http import HttpRequest, HttpResponse, HttpResponseNotFound
from django.views.decorators.http import require_safe

from miniprograms.services.confirm_files import find_confirm_file

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
