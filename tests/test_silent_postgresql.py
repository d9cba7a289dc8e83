"""
PostgreSQL is cut off from a running web server: refused, reset or silent, old connections alone or
all. Every push is answered in time, by `success` or so that WeChat sends it again; health is told
meanwhile, and what was cut off is used again soon after.
"""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from platform_auth.models import Push
from sandbox.world import WeChat
from tests.conftest import Bound
from tests.knocking import Knock, message_push, ticket_push
from tests.processes import database_url, served, web
from tests.proxy import Fault, Proxy, proxied
from tests.pushing import Traffic, pushing

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]

OURS = "wxaaaaaaaaaaaaaaaa"
FAULT_SECONDS = 3
RECOVERY = 5


@pytest.fixture
def broken(wechat: WeChat, bound: Bound, tmp_path: Path) -> Iterator[tuple[Proxy, int]]:
    """A web server whose database is behind a proxy; the proxy, and the server's port."""
    bound(OURS)
    Push.objects.all().delete()
    with (
        proxied(database_url()) as (proxy, url),
        served(wechat),
        web(wechat, tmp_path, DATABASE_URL=url) as port,
    ):
        yield proxy, port


def assert_answered(traffic: Traffic) -> None:
    print(traffic.figures())
    assert {push.status for push in traffic.pushes} <= {200, 503}
    assert traffic.slowest() < 2
    assert {check.status for check in traffic.checks} == {200}
    assert max(check.seconds for check in traffic.checks) < 1
    kept = sum(push.status == 200 for push in traffic.pushes)
    assert Push.objects.count() >= kept


@pytest.mark.parametrize("fault", [Fault.FROZEN, Fault.RESET])
def test_connections_that_stand_are_replaced(
    wechat: WeChat, broken: tuple[Proxy, int], fault: Fault
) -> None:
    proxy, port = broken
    with pushing(port, lambda: message_push(wechat, OURS)) as traffic:
        time.sleep(1)
        broken_at = time.monotonic()
        proxy.break_old(fault)
        time.sleep(FAULT_SECONDS)
    assert_answered(traffic)
    assert traffic.recovered_at() < broken_at + FAULT_SECONDS - 1
    assert traffic.since(broken_at + FAULT_SECONDS - 1)


@pytest.mark.parametrize("fault", [Fault.SWALLOWED, Fault.RESET, Fault.REFUSED])
def test_a_database_that_is_cut_off_is_used_again(
    wechat: WeChat, broken: tuple[Proxy, int], fault: Fault
) -> None:
    proxy, port = broken
    with pushing(port, lambda: message_push(wechat, OURS)) as traffic:
        time.sleep(1)
        proxy.break_all(fault)
        time.sleep(FAULT_SECONDS)
        proxy.heal()
        healed_at = time.monotonic()
        time.sleep(RECOVERY + 1)
    assert_answered(traffic)
    assert traffic.recovered_at() < healed_at + RECOVERY


def test_pushes_that_django_keeps_as_well(wechat: WeChat, broken: tuple[Proxy, int]) -> None:
    """Tickets, which do not go the short way."""
    proxy, port = broken
    moment = int(wechat.clock())

    def next_ticket() -> Knock:
        nonlocal moment
        moment += 1
        return ticket_push(wechat, create_time=moment)

    with pushing(port, next_ticket) as traffic:
        time.sleep(1)
        proxy.break_old(Fault.FROZEN)
        time.sleep(FAULT_SECONDS)
        proxy.break_all(Fault.FROZEN)
        time.sleep(FAULT_SECONDS)
        proxy.heal()
        healed_at = time.monotonic()
        time.sleep(RECOVERY + 1)
    assert_answered(traffic)
    assert traffic.recovered_at() < healed_at + RECOVERY
