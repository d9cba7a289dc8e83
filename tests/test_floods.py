"""
The floods of `python -m benchmarks floods`, for a moment each: whatever the pages are flooded with,
pushes come in at their own doors.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings

from benchmarks import floods, pushes
from devtools.stack import free_pair
from sandbox.wire.envelope import Webhook
from sandbox.world import WeChat
from tests.conftest import AES_KEY, APPID, TOKEN, Bound
from tests.processes import environment, served

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgres, pytest.mark.redis]

SECONDS, BACKLOG = 2, 2_000
# Twice what it is by itself: it shares the machine with other tests. WeChat hangs up after five.
P99 = 2.0


@pytest.fixture
def site(wechat: WeChat, bound: Bound, tmp_path: Path) -> Iterator[floods.Site]:
    bound(pushes.APPID, user_name=pushes.USER_NAME)
    door = Webhook(f"/wechat/{pushes.APPID}/push/", TOKEN, AES_KEY, APPID, pushes.USER_NAME)

    def slow_down(seconds: float) -> None:
        wechat.clear_faults()
        if seconds:
            wechat.fault("*", None, delay=seconds)

    with served(wechat):
        ours = environment(wechat, tmp_path, REDIS_URL=settings.REDIS_URL, LOG_LEVEL="ERROR")
        web = free_pair()
        with floods.standing(ours, tmp_path, web) as push:
            yield floods.Site(web, push, door, slow_down)


def test_no_flood_holds_pushes_up(site: floods.Site) -> None:
    outcomes = {
        name: floods.measure(site, name, seconds=SECONDS, size=BACKLOG) for name in floods.FLOODS
    }
    floods.report(list(outcomes.values()))
    for name, outcome in outcomes.items():
        assert outcome.refused == 0, name
        assert outcome.p99 < P99, name
    # The bulkhead: some wait for the slow WeChat, and the others are told so.
    assert outcomes["slow WeChat"].flood[503]
