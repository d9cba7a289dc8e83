"""What operators and their tools ask: alive, able to serve, and the metrics."""

from django.db import DatabaseError, InterfaceError, connection
from django.db.models.functions import Coalesce, Now
from django.http import HttpRequest, HttpResponse, JsonResponse

from config import metrics as measured
from config.metrics import broker
from platform_auth.models import TICKET_LIFE, Component
from platform_auth.unreadable import components_without_keys

PLAIN_TEXT = "text/plain"


def healthz(request: HttpRequest) -> HttpResponse:
    """Alive. Asks nobody else, so that a restart is never the answer to another's failure."""
    return JsonResponse({"status": "ok"})


def readyz(request: HttpRequest) -> HttpResponse:
    """
    Able to serve: the database answers, no component's ticket has run out, and the keys are there
    that the components' secrets need. What it can do without, for a while, is a warning.
    """
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        since = Coalesce("ticket_received_at", "created_at")
        late = Component.objects.alias(since=since).filter(since__lt=Now() - TICKET_LIFE)
        problems = [f"ticket of {component.appid}" for component in late]
        problems += [
            f"secrets of {appid}: FIELD_ENCRYPTION_KEYS lacks {', '.join(keys)}"
            for appid, keys in components_without_keys().items()
        ]
    except (DatabaseError, InterfaceError):
        problems = ["database"]
    status: dict[str, object] = {
        "status": "unavailable" if problems else "ok",
        "problems": problems,
    }
    if not broker.is_up():
        status["warnings"] = ["broker"]
    return JsonResponse(status, status=503 if problems else 200)


def metrics(request: HttpRequest) -> HttpResponse:
    """Prometheus: for the inside; nginx does not let it out."""
    try:
        body = measured.exposition()
    except (DatabaseError, InterfaceError):
        return HttpResponse("unavailable", status=503, content_type=PLAIN_TEXT)
    return HttpResponse(body, content_type=measured.CONTENT_TYPE)
