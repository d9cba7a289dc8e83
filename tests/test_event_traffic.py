"""
Fifty messages a second, each forwarded, delay no periodic job: on PostgreSQL and Redis, with the
processes of production. Ten seconds of it; the long form is

    python -m pytest --servers -n 0 -s --traffic-seconds 120 tests/test_event_traffic.py
"""

import http.client
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode

import pytest
from django.conf import settings
from django.db.models.functions import Now

from config.celery import app
from config.schedule import HEARTBEAT_SECONDS
from messaging.models import Delivery, ForwardRule, Target
from miniprograms.models import Authorizer
from platform_auth import heartbeats
from platform_auth.leases import release_db_connection
from platform_auth.models import Component, Heartbeat, Push
from platform_auth.wakeup import queue_length
from sandbox.wire.envelope import Webhook, seal, xml
from sandbox.world import WeChat
from tests.conftest import AES_KEY, APPID, TOKEN
from tests.forwards import TAKES
from tests.processes import celery, served, web
from tests.rows import make_authorizer
from tests.sockets import Server, serving

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.postgres,
    pytest.mark.redis,
]

A_SECOND = 50
SENDERS = 10
MOST_WAITING = 20
INTERVALS = {heartbeats.job_of(task): each for task, each in heartbeats.intervals().items()}
INTERVALS["beat"] = HEARTBEAT_SECONDS


@pytest.fixture
def seconds(request: pytest.FixtureRequest) -> int:
    """How long, by `--traffic-seconds`."""
    return int(request.config.getoption("--traffic-seconds"))


@pytest.fixture
def shop(component: Component) -> Authorizer:
    return make_authorizer(component, None, user_name="gh_000000000001")


@contextmanager
def platform(wechat: WeChat, var: Path, backend: Server) -> Iterator[int]:
    """Web, worker and beat; the port of the web server."""
    more = {
        "REDIS_URL": settings.REDIS_URL,
        "FORWARD_INTERNAL_HOSTS": f"127.0.0.1:{backend.port}",
        "LOG_LEVEL": "CRITICAL",
    }
    with (
        served(wechat),
        celery(wechat, var, "worker", **more),
        celery(wechat, var, "beat", "--pidfile=", **more),
        web(wechat, var, **more) as port,
    ):
        yield port


def message(shop: Authorizer, number: int) -> tuple[str, bytes]:
    door = Webhook(f"/wechat/{shop.appid}/push/", TOKEN, AES_KEY, APPID, user_name=shop.user_name)
    fields = {
        "ToUserName": shop.user_name,
        "FromUserName": f"oUser{number % 300}",
        "CreateTime": int(time.time()),
        "MsgType": "text",
        "Content": "在吗",
        "MsgId": random.getrandbits(62),
    }
    sealed = seal(
        xml(fields),
        door,
        timestamp=str(int(time.time())),
        nonce=str(number),
        random16=random.randbytes(8).hex().encode(),
    )
    return f"{sealed.url}?{urlencode(sealed.params)}", sealed.body


class Traffic:
    """Messages that come A_SECOND, whatever we do with those before."""

    def __init__(self, shop: Authorizer, port: int, seconds: int) -> None:
        self.shop, self.port = shop, port
        self.total = A_SECOND * seconds
        self.answers: list[bytes] = []
        self.threads = [threading.Thread(target=self._send, args=(i,)) for i in range(SENDERS)]
        self.began = time.monotonic()
        for thread in self.threads:
            thread.start()

    def _send(self, first: int) -> None:
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        for number in range(first, self.total, SENDERS):
            time.sleep(max(0.0, self.began + number / A_SECOND - time.monotonic()))
            path, body = message(self.shop, number)
            line.request("POST", path, body, {"Content-Type": "text/xml"})
            self.answers.append(line.getresponse().read())
        line.close()

    def is_over(self) -> bool:
        return not any(thread.is_alive() for thread in self.threads)


class Watch:
    """The most that waited in the broker, and how old each job was, in its intervals."""

    def __init__(self) -> None:
        self.waited = 0
        self.ages: dict[str, float] = {}

    def look(self) -> None:
        with app.connection_for_read() as connection:
            names = (settings.EVENT_QUEUE, settings.PERIODIC_QUEUE)
            channel = connection.default_channel
            self.waited = max(self.waited, sum(queue_length(channel, name) for name in names))
        for row in Heartbeat.objects.filter(pk__in=INTERVALS).annotate(now=Now()):
            age = (row.now - row.at).total_seconds() / INTERVALS[row.pk]
            self.ages[row.pk] = max(age, self.ages.get(row.pk, 0.0))
        release_db_connection()


def test_events_delay_no_periodic_job(
    wechat: WeChat, shop: Authorizer, tmp_path: Path, seconds: int
) -> None:
    with serving(TAKES) as backend:
        target = Target.objects.create(name="erp", url=f"{backend.url}/", secret="whsec_")
        ForwardRule.objects.create(target=target)
        with platform(wechat, tmp_path, backend) as port:
            wait_until_all_have_run()
            traffic, watch = Traffic(shop, port, seconds), Watch()
            while not traffic.is_over():
                watch.look()
                time.sleep(0.25)
            took = time.monotonic() - traffic.began
            wait_until_all_are_told()
    print(f"{len(traffic.answers)} in {took:.0f} s; at most {watch.waited} waited; {watch.ages}")
    assert set(traffic.answers) == {b"success"}
    assert Push.objects.count() == len(traffic.answers) == traffic.total
    assert watch.waited < MOST_WAITING
    assert {name: age for name, age in watch.ages.items() if age >= 2} == {}


def wait_until_all_have_run() -> None:
    end = time.monotonic() + 60
    while Heartbeat.objects.filter(pk__in=INTERVALS).count() < len(INTERVALS):
        assert time.monotonic() < end
        time.sleep(0.2)


def wait_until_all_are_told() -> None:
    end = time.monotonic() + 30
    while Delivery.objects.exclude(state=Delivery.State.DONE).exists():
        assert time.monotonic() < end, "messages are not forwarded"
        time.sleep(0.2)
