"""What workers and beat ask of PostgreSQL while nothing happens, as it goes over the wire."""

import struct
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings

from platform_auth.models import Heartbeat, Push
from sandbox.world import WeChat
from tests.conftest import Bound
from tests.processes import celery, database_url, served
from tests.proxy import Proxy, proxied

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.redis,
    pytest.mark.django_db(transaction=True),
]

STARTUP = 3 << 16  # protocol 3.0; libpq asks for encryption before, in messages of the same form
QUERY, EXECUTE = b"Q", b"E"
WATCHED = 20  # seconds: the jobs of ten come twice
MOST = 240  # statements a minute


def messages(sent: bytes) -> Iterator[bytes]:
    """The kinds of messages that a client has SENT, after it has introduced itself."""
    at, has_started = 0, False
    while at + 8 <= len(sent):
        if has_started:
            yield sent[at : at + 1]
            at += 1 + struct.unpack_from("!i", sent, at + 1)[0]
        else:
            length, code = struct.unpack_from("!ii", sent, at)
            has_started, at = code >> 16 == STARTUP >> 16, at + length


def statements(proxy: Proxy) -> int:
    kinds: Counter[bytes] = Counter()
    for link in proxy.links:
        kinds.update(messages(bytes(link.sent or b"")))
    return kinds[QUERY] + kinds[EXECUTE]


def test_an_idle_worker_and_beat_ask_little(wechat: WeChat, bound: Bound, tmp_path: Path) -> None:
    bound()
    Push.objects.all().delete()
    with (
        proxied(database_url(), records=True) as (proxy, url),
        served(wechat),
    ):
        here = {"REDIS_URL": settings.REDIS_URL, "DATABASE_URL": url}
        quiet = ("--without-gossip", "--without-mingle")
        with (
            celery(wechat, tmp_path, "worker", "-c", "4", *quiet, **here),
            celery(wechat, tmp_path, "beat", "--pidfile=", **here),
        ):
            until = time.monotonic() + 60
            while not Heartbeat.objects.filter(pk="sync_templates").exists():
                assert time.monotonic() < until
                time.sleep(0.5)
            time.sleep(10)  # the first round of all jobs
            before = statements(proxy)
            time.sleep(WATCHED)
            spent = statements(proxy) - before
    print(f"{spent * 60 / WATCHED:.0f} statements a minute")
    assert 20 < spent * 60 / WATCHED <= MOST
