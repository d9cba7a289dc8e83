"""Both ways of a push: the short one in front of Django, and Django alone."""

import io
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from django.core.handlers.wsgi import WSGIHandler

from platform_auth.models import Push
from tests.conftest import Bound
from tests.knocking import Answer, Knock
from webhooks import fast_door

OURS = "wxaaaaaaaaaaaaaaaa"


class Plain:
    """Django alone: counts what the short way leaves to it."""

    def __init__(self) -> None:
        self.calls = 0
        self.handler = WSGIHandler()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        self.calls += 1
        return self.handler(environ, start_response)


@pytest.fixture
def plain(bound: Bound) -> Plain:
    """An account of ours, in an empty inbox."""
    bound(OURS, user_name="gh_ours")
    Push.objects.all().delete()
    return Plain()


@pytest.fixture
def door(plain: Plain) -> Iterator[Callable[[Knock], Answer]]:
    application = fast_door.fast_door(plain)
    yield lambda knock: ask(application, knock)
    fast_door.close_connections()


def ask(application: Any, knock: Knock) -> Answer:
    """KNOCK at APPLICATION, as a server hands it over."""
    started: list[Any] = []
    environ = {
        "REQUEST_METHOD": knock.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": knock.path,
        "QUERY_STRING": urlencode(knock.query),
        "SERVER_NAME": "testserver",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "CONTENT_LENGTH": str(len(knock.body)),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(knock.body),
        "wsgi.errors": io.StringIO(),
        **knock.environ,
    }

    def start_response(status: str, headers: list[tuple[str, str]], *more: Any) -> None:
        started.extend((status, headers))

    response = application(environ, start_response)
    content = b"".join(response)
    if hasattr(response, "close"):
        response.close()
    headers = tuple((name, value) for name, value in started[1])
    return Answer(int(started[0].split()[0]), headers, content)


def sent_in(trace: Path) -> Counter[str]:
    """What a client has sent, by kind of message, as libpq has written it down, SQL and all."""
    lines = [line.split("\t") for line in trace.read_text().splitlines()]
    return Counter(line[3] for line in lines if len(line) > 3 and line[1] == "F")
