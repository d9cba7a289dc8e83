"""
A campaign through real sockets and processes: one call in twenty goes wrong, both workers are
killed twice on the way. WeChat's own ledger says what was done, and how often; each has its own
ext.json.
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import Group, User
from django.db.models.functions import Now

from audits.models import Campaign, CampaignItem, CodeAudit, CodeTemplate, CodeVersion, Release
from audits.services import campaigns
from audits.services.ext_values import save_values
from miniprograms.models import Authorizer
from platform_auth.leases import release_db_connection
from platform_auth.models import Component
from sandbox.world import WeChat
from sandbox.world.faults import Fault
from tests.processes import environment, served
from tests.rollouts import (
    COMMIT,
    RELEASE,
    SUBMIT,
    effects,
    make_campaign,
    make_shops,
    make_template,
    pass_time,
    states,
)

pytestmark = pytest.mark.django_db(transaction=True)

WORKERS = 2
PATIENCE = 1.0  # seconds per mini program, at the very most

# What befalls one mini program in twenty.
TROUBLES: list[dict[str, Any]] = [
    {"path": COMMIT, "drop": "before"},
    {"path": COMMIT, "drop": "after"},
    {"path": COMMIT, "errcode": -1},
    {"path": SUBMIT, "drop": "before"},
    {"path": SUBMIT, "drop": "after"},
    {"path": SUBMIT, "errcode": -1},
    {"path": SUBMIT, "errcode": 61039, "times": 2},
    {"path": SUBMIT, "errcode": 45011},
    {"path": RELEASE, "drop": "before"},
    {"path": RELEASE, "drop": "after"},
    {"path": RELEASE, "errcode": -1},
    {"path": SUBMIT, "errcode": 85085},
]


@pytest.fixture
def size(request: pytest.FixtureRequest) -> int:
    """How many mini programs, by `--campaign-size`."""
    return int(request.config.getoption("--campaign-size"))


@pytest.fixture
def shops(wechat: WeChat, ticket: str, component: Component, size: int) -> list[Authorizer]:
    wechat.reviews.review_seconds = 1
    wechat.reviews.audit_limit = 10 * size
    return make_shops(wechat, component, size)


@pytest.fixture
def template(wechat: WeChat, component: Component, shops: list[Authorizer]) -> CodeTemplate:
    return make_template(wechat, component)


@contextmanager
def workers(wechat: WeChat, var: Path) -> Iterator[None]:
    """Two processes at work; at the end they are killed, whatever they are doing."""
    command = [sys.executable, "-m", "tests.carriers"]
    running = [
        subprocess.Popen(
            command,
            cwd=settings.ROOT,
            env=environment(wechat, var, LOG_LEVEL="ERROR"),
            stdout=subprocess.PIPE,
        )
        for _ in range(WORKERS)
    ]
    try:
        for process in running:
            assert process.stdout
            assert process.stdout.readline() == b"ready\n"
        yield
        assert [process.poll() for process in running] == [None] * WORKERS
    finally:
        for process in running:
            process.kill()
            process.communicate()


def hurry() -> None:
    """Time passes quickly for all but calls that are under way just now."""
    known = CodeVersion.State.UNKNOWN
    CampaignItem.objects.filter(due_at__gt=Now()).update(due_at=Now())
    CodeVersion.objects.filter(state=known, due_at__gt=Now()).update(due_at=Now())
    Release.objects.filter(state=Release.State.UNKNOWN, due_at__gt=Now()).update(due_at=Now())
    asked = CodeAudit.objects.exclude(status=CodeAudit.Status.SUBMITTING)
    asked.filter(due_at__gt=Now()).update(due_at=Now())
    release_db_connection()


def wait_until(is_so: Callable[[], bool], campaign: Campaign, boss: User, size: int) -> None:
    """Staff look now and then, and resume what a quota has paused."""
    give_up = time.monotonic() + 20 + PATIENCE * size
    while not is_so():
        assert time.monotonic() < give_up, states(campaign)
        hurry()
        campaign.refresh_from_db()
        if campaign.state == Campaign.State.PAUSED:
            assert "85085" in campaign.because
            campaigns.resume_campaign(campaign, by=boss)
        release_db_connection()
        time.sleep(0.3)


def hang_up_on(
    wechat: WeChat, shops: list[Authorizer], paths: tuple[str, ...]
) -> list[tuple[Fault, Event]]:
    """WeChat obeys the next call of each of PATHS and says nothing until the caller is dead."""
    hung = []
    for shop, path in zip(shops, paths, strict=False):
        answer = Event()
        hung.append((wechat.fault(path, appid=shop.appid, until=answer), answer))
    return hung


def _have_arrived(hung: list[tuple[Fault, Event]]) -> bool:
    return all(fault.arrived.is_set() for fault, _answer in hung)


def let_answers_go(hung: list[tuple[Fault, Event]]) -> None:
    """Nobody hears them any more."""
    for _fault, answer in hung:
        answer.set()


def test_killed_workers_and_lost_answers_cost_nothing_and_do_nothing_twice(
    wechat: WeChat,
    shops: list[Authorizer],
    template: CodeTemplate,
    tmp_path: Path,
    size: int,
) -> None:
    boss = User.objects.create_user("boss", password="boss-password", is_staff=True)
    boss.groups.set(Group.objects.filter(name__in=["operators", "releasers"]))
    troubles = cycle(TROUBLES)
    for shop in shops[::20]:
        wechat.fault(appid=shop.appid, **next(troubles))
    save_values(template, {"ext": {"theme": "green"}}, by=boss)
    for number, shop in enumerate(shops):
        save_values(shop, {"ext": {"shop": number}}, by=boss)
    canaries = 3 * size // 10
    campaign = make_campaign(
        template, boss, canary_size=canaries, concurrency=40, auto_release=True, most_failures=5
    )
    with served(wechat):
        # At the end of the canary wave, which all others wait for; and in the midst of those.
        for first, paths in (
            (canaries - 3, (COMMIT, SUBMIT, SUBMIT)),
            (7 * size // 10, (SUBMIT, RELEASE, RELEASE)),
        ):
            hung = hang_up_on(wechat, shops[first:], paths)
            with workers(wechat, tmp_path):
                wait_until(lambda hung=hung: _have_arrived(hung), campaign, boss, size)  # type: ignore[misc]
            let_answers_go(hung)
            assert CampaignItem.objects.exclude(lease_until=None).exists()
            pass_time()  # the leases of the dead run out
        with workers(wechat, tmp_path):
            wait_until(lambda: _is_over(campaign), campaign, boss, size)
    assert states(campaign) == {"released": size}
    for path in (COMMIT, SUBMIT, RELEASE):
        assert effects(wechat, path) == {shop.appid: 1 for shop in shops}, path
    online = [wechat.accounts[shop.appid].program.online for shop in shops]
    assert {one and one.version.user_version for one in online} == {"2.0.0"}
    ext = [json.loads(one.version.ext_json)["ext"] if one else {} for one in online]
    assert ext == [{"theme": "green", "shop": number} for number in range(size)]
    assert campaign.items.filter(released_by=boss).count() == size
    assert not wechat.faults.pending()


def _is_over(campaign: Campaign) -> bool:
    return not campaign.items.exclude(state__in=CampaignItem.FINAL).exists()
