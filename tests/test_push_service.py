"""A service for the push doors alone: pushes and probes come in, and nothing else."""

import http.client
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import urlencode

import pytest

from platform_auth.models import Push
from sandbox.world import WeChat
from tests.conftest import Bound
from tests.knocking import Knock, message_push, ticket_push
from tests.processes import web

pytestmark = pytest.mark.django_db(transaction=True)

OURS = "wxaaaaaaaaaaaaaaaa"
ELSEWHERE = ("/", "/portal/login/", "/admin/", "/api/v1/auth/token/", "/static/icon.svg", "/wechat")


@pytest.fixture
def port(wechat: WeChat, bound: Bound, tmp_path: Path) -> Iterator[int]:
    bound(OURS)
    Push.objects.all().delete()
    with web(wechat, tmp_path, role="push") as port:
        yield port


def ask(port: int, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
        connection.request(method, path, body, {"Content-Type": "text/xml"})
        answer = connection.getresponse()
        return answer.status, answer.read()


def knock(port: int, push: Knock) -> tuple[int, bytes]:
    return ask(port, "POST", f"{push.path}?{urlencode(push.query)}", push.body)


def test_pushes_and_probes_come_in_and_nothing_else(port: int, wechat: WeChat) -> None:
    push = message_push(wechat, OURS)
    assert knock(port, push) == (200, b"success")
    assert knock(port, ticket_push(wechat)) == (200, b"success")
    assert knock(port, Knock(push.path, push.query, b"<xml/>")) == (403, b"forbidden")
    assert Push.objects.count() == 2
    assert [ask(port, "GET", path)[0] for path in ("/healthz", "/readyz", "/metrics")] == [200] * 3
    for path in ELSEWHERE:
        assert ask(port, "GET", path) == (404, b"not found")
        assert ask(port, "POST", path, b"x=1") == (404, b"not found")
