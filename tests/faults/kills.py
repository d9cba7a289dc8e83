"""
kill -9 of workers that refresh tokens, over the three ways in which WeChat may rotate refresh
tokens: never, when the owner authorises anew, with every refresh. Refresh tokens lost: none.
"""

import argparse
import importlib
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from typing import TYPE_CHECKING, Any

from devtools.install import ROOT
from sandbox.world.terms import ROTATIONS
from tests.faults import results
from tests.faults.rig import Ground, ground

if TYPE_CHECKING:
    from miniprograms.models import Authorizer

ACCOUNTS = 200
WORKERS = 3
DUE_AT_ONCE = 30
JUDGED_EVERY = 50  # kills
HEAL_SECONDS = 90.0
REFRESH = "/cgi-bin/component/api_authorizer_token"
LIST = "/cgi-bin/component/api_get_authorizer_list"


@dataclass
class Count:
    """What came of the kills in one way of rotation."""

    kills: int = 0
    in_hand: int = 0  # kills of a worker while accounts were leased
    refreshed: int = 0  # by WeChat
    stored: int = 0  # by us
    by_list: int = 0  # rows that waited for WeChat's list, seen at a kill
    asked: int = 0  # owners who had to authorise again
    lost: list[str] = field(default_factory=list)
    healed: float = 0.0

    def line(self, rotation: str) -> str:
        return (
            f"{rotation}: {self.kills} kills, {self.in_hand} of them with accounts in hand,"
            f" {self.refreshed} refreshes at WeChat, {self.stored} written by us,"
            f" {self.by_list} times an account waited for the list,"
            f" healed within {self.healed:.1f} s, {len(self.lost)} lost, {self.asked} asked"
        )


def run(options: argparse.Namespace) -> int:
    random = Random(options.seed)
    print(f"seed {options.seed}", flush=True)
    counts = {}
    with ground() as here:
        loop = _Loop(here, random)
        try:
            for number, rotation in enumerate(ROTATIONS):
                share = options.kills // 3 + (number < options.kills % 3)
                counts[rotation] = loop.run(rotation, share)
                print(counts[rotation].line(rotation), flush=True)
        finally:
            loop.close()
    failed = any(count.lost or count.asked for count in counts.values())
    lines = [count.line(rotation) for rotation, count in counts.items()]
    results.keep_program("kills", lines, is_well=not failed)
    return int(failed)


class _Loop:
    def __init__(self, here: Ground, random: Random) -> None:
        # Only now are models to be had.
        self.models = importlib.import_module("miniprograms.models")
        accounts = importlib.import_module("tests.accounts")
        self.components = importlib.import_module("platform_auth.models").Component.objects
        component = self.components.get()
        tickets = importlib.import_module("platform_auth.tokens")
        self.wechat, self.random = here.wechat, random
        tickets.save_ticket(component, self._ticket(), int(time.time()))
        self.rows = accounts.make_due_accounts(self.wechat, component, ACCOUNTS)
        self.nursery = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.nursery"],
            cwd=ROOT,
            env={
                **here.settings,
                "DATABASE_URL": here.postgres.url,
                "WECHAT_API_URL": here.wechat.base_url,
                "LOG_LEVEL": "CRITICAL",
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
            text=True,
        )
        assert self._read() == "ready"
        self.workers = [self._worker() for _ in range(WORKERS)]

    def _ticket(self) -> str:
        ticket = self.wechat.push_ticket()
        self.wechat.post.outbox.clear()
        return ticket

    def _read(self) -> str:
        assert self.nursery.stdout
        return self.nursery.stdout.readline().strip()

    def _worker(self) -> int:
        assert self.nursery.stdin
        self.nursery.stdin.write("\n")
        self.nursery.stdin.flush()
        return int(self._read())

    def close(self) -> None:
        os.killpg(self.nursery.pid, signal.SIGKILL)
        self.nursery.wait()

    def run(self, rotation: str, kills: int) -> Count:
        self.wechat.rotate = rotation
        count, before = Count(), self._refreshes()
        effects = self.wechat.count(REFRESH, effect=True)
        while count.kills < kills:
            self._kill_once(count, rotation)
            if count.kills % JUDGED_EVERY == 0 or count.kills == kills:
                self._judge(count)
        count.refreshed = self.wechat.count(REFRESH, effect=True) - effects
        count.stored = self._refreshes() - before
        return count

    def _kill_once(self, count: Count, rotation: str) -> None:
        """Accounts become due; somewhere among WeChat's answers a worker is killed."""
        rows = self.models.Authorizer.objects
        if rotation != "never":
            self._authorise_anew()
        due = self.random.sample([row.pk for row in self.rows], DUE_AT_ONCE)
        now = importlib.import_module("django.db.models.functions").Now()
        for pk in due:
            rows.filter(pk=pk).exclude(due_at=None).update(due_at=now)
        answers = self.wechat.count(REFRESH) + self.random.randrange(DUE_AT_ONCE)
        give_up = time.monotonic() + 1
        while self.wechat.count(REFRESH) < answers and time.monotonic() < give_up:
            time.sleep(0.0005)
        time.sleep(self.random.uniform(0, 0.02))
        victim = self.random.randrange(WORKERS)
        os.kill(self.workers[victim], signal.SIGKILL)
        count.kills += 1
        count.in_hand += rows.filter(lease_until__gt=now).exists()
        count.by_list += rows.filter(state="needs_recovery").count()
        count.asked += self._asked()
        self._let_leases_end()
        self.workers[victim] = self._worker()

    def _let_leases_end(self) -> None:
        """As long after a death as a lease lasts. Those who live are fenced off: they slept."""
        late = importlib.import_module("django.db.models.functions").Now() - timedelta(seconds=1)
        rows = self.models.Authorizer.objects
        for pk in rows.filter(lease_until__gt=late).values_list("pk", flat=True):
            rows.filter(pk=pk).update(lease_until=late)  # singly: no deadlock with a batch
        self.components.update(lease_until=late, reconciling_until=late)

    def _authorise_anew(self) -> None:
        """An owner does, whose push is lost: their tokens are dead, and nobody tells us."""
        granted = self.wechat.authorization(self.random.choice(self.rows).appid)
        assert granted
        self.wechat.update_authorization(granted.account.appid, granted.func_ids)

    def _asked(self) -> int:
        rows = self.models.Authorizer.objects.filter(state="needs_reauthorization")
        return int(rows.count())

    def _refreshes(self) -> int:
        return sum(self.models.Authorizer.objects.values_list("refreshes", flat=True))

    def _judge(self, count: Count) -> None:
        """Let all heal; then every row has the refresh token that WeChat has."""
        began = time.monotonic()
        rows = self.models.Authorizer.objects
        now = importlib.import_module("django.db.models.functions").Now()
        for row in self.rows:
            rows.filter(pk=row.pk).exclude(due_at=None).update(due_at=now)
        while lost := self._lost():
            if time.monotonic() - began > HEAL_SECONDS:
                break
            time.sleep(0.1)
        count.healed = max(count.healed, time.monotonic() - began)
        count.lost += lost

    def _lost(self) -> list[str]:
        rows: Any = self.models.Authorizer.objects.all()
        return [row.appid for row in rows if not self._is_whole(row)]

    def _is_whole(self, row: "Authorizer") -> bool:
        granted = self.wechat.authorization(row.appid)
        assert granted
        return row.state == "bound" and row.refresh_token == granted.refresh_token
