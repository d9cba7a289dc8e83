"""Redis falls silent under a running web server and worker; neither notices by itself."""

import time
from pathlib import Path

import pytest
from django.conf import settings

from platform_auth.models import Heartbeat, Push
from sandbox.world import WeChat
from tests.conftest import Bound
from tests.knocking import message_push
from tests.processes import celery, served, web
from tests.proxy import Fault, proxied
from tests.pushing import pushing

pytestmark = [pytest.mark.postgres, pytest.mark.redis, pytest.mark.django_db(transaction=True)]

OURS = "wxaaaaaaaaaaaaaaaa"


def test_a_push_waits_for_no_redis(wechat: WeChat, bound: Bound, tmp_path: Path) -> None:
    bound(OURS)
    Push.objects.all().delete()
    with (
        proxied(settings.REDIS_URL) as (proxy, url),
        served(wechat),
        web(wechat, tmp_path, REDIS_URL=url) as port,
        pushing(port, lambda: message_push(wechat, OURS)) as traffic,
    ):
        time.sleep(1)
        proxy.break_all(Fault.SWALLOWED)
        time.sleep(4)
    assert {push.status for push in traffic.pushes} == {200}
    assert traffic.slowest() < 1


def test_a_worker_takes_tasks_by_new_connections(
    wechat: WeChat, bound: Bound, tmp_path: Path
) -> None:
    bound()
    with (
        proxied(settings.REDIS_URL) as (proxy, url),
        served(wechat),
        celery(wechat, tmp_path, "worker", "-c", "2", REDIS_URL=url) as worker,
    ):
        wait_for_replies()
        proxy.break_old(Fault.SWALLOWED)
        time.sleep(2)  # what runs comes to its end
        Heartbeat.objects.all().delete()
        wait_for_replies()
        assert worker.poll() is None


def wait_for_replies() -> None:
    """Until that job has run; without beat, the worker itself sends what is overdue."""
    until = time.monotonic() + 60
    while not Heartbeat.objects.filter(pk="send_replies").exists():
        assert time.monotonic() < until
        time.sleep(0.2)
