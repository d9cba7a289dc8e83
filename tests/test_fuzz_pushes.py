"""
A hundred thousand pushes of every kind at the doors: no 5xx, and nothing is kept that should not
be. `--fuzz-pushes` says how many, `--fuzz-seed` which.
"""

import io
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.handlers.wsgi import WSGIHandler

from miniprograms.models import Authorizer
from platform_auth.models import Component, Push
from sandbox.world import WeChat
from tests.fuzzing_pushes import ACCOUNTS, AGAIN, HARMLESS, KEPT, REFUSED, Case, Fuzz
from tests.rows import make_authorizer
from webhooks import fast_door, processing

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.both_databases("on PostgreSQL a short way stands before Django"),
]

SLOWEST = 1.0  # seconds of processor time: none may hang
AT_ONCE = 250
STATUSES = {KEPT: {200}, AGAIN: {200}, HARMLESS: {200, 403}, REFUSED: {403}}

Door = Callable[[Case], int]


@pytest.fixture
def door(component: Component) -> Iterator[Door]:
    """Both ways in: what the short one leaves goes on to Django."""
    for appid, user_name in ACCOUNTS.items():
        make_authorizer(
            component, None, appid, kind=Authorizer.Kind.MINI_PROGRAM, user_name=user_name
        )
    application = fast_door.fast_door(WSGIHandler())
    yield lambda case: ask(application, case)
    fast_door.close_connections()


def ask(application: Any, case: Case) -> int:
    """The status that CASE is answered."""
    statuses: list[str] = []
    environ = {
        "REQUEST_METHOD": case.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": case.path,
        "QUERY_STRING": case.query,
        "SERVER_NAME": "testserver",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "CONTENT_TYPE": "text/xml",
        "CONTENT_LENGTH": str(len(case.body)),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(case.body),
        "wsgi.errors": io.StringIO(),
        **case.environ,
    }
    response = application(environ, lambda status, headers, *more: statuses.append(status))
    b"".join(response)
    if hasattr(response, "close"):
        response.close()
    return int(statuses[0].split()[0])


def test_nothing_breaks_and_nothing_is_kept_that_should_not_be(
    door: Door, wechat: WeChat, request: pytest.FixtureRequest
) -> None:
    count, seed = (int(request.config.getoption(f"--fuzz-{name}")) for name in ("pushes", "seed"))
    fuzz, kept, answers = Fuzz(seed, int(time.time())), 0, Counter[tuple[str, int]]()
    for number, case in enumerate(fuzz.cases(count), 1):
        started = time.thread_time()
        status = door(case)
        assert time.thread_time() - started < SLOWEST, case
        assert status in STATUSES[case.must], (number, status, case)
        answers[case.must, status] += 1
        kept += case.must == KEPT
        if number % AT_ONCE == 0 or number == count:
            assert Push.objects.count() == kept, f"of the last {AT_ONCE} before {number}"
            processing.process_due()
    print(f"\n{count} pushes, seed {seed}: {dict(answers)}")
    failed = Push.objects.filter(state=Push.State.FAILED).values_list("kind", "error")
    print(Counter(failed).most_common(20))
