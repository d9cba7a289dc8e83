"""Who there is in a drill: accounts that trust us, mini programs with code, a boss with a key."""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from django.contrib.auth.models import User
from django.db import InterfaceError, OperationalError, connection
from django.db.models.functions import Now
from knox.models import AuthToken

from audits.models import CodeTemplate
from messaging.models import Rule
from miniprograms.models import Authorizer
from platform_auth.models import Component
from sandbox.wire.pushes import over_http
from sandbox.world import WeChat
from tests.accounts import make_due_accounts
from tests.faults.rig import Rig
from tests.faults.traffic import ASKING
from tests.rollouts import make_template

ACCOUNTS = 12
ANSWERING = 3  # of them have a rule
PATIENCE = 60.0

_T = TypeVar("_T")


@dataclass
class Scene:
    """The accounts that messages go to, the mini programs that are changed, and how one asks."""

    wechat: WeChat
    url: str
    component: Component
    accounts: list[str]
    programs: list[str]
    template: CodeTemplate
    boss: User
    merchant: User
    key: str

    def call(
        self, method: str, path: str, body: Any = None, seconds: float = 40
    ) -> tuple[int, Any]:
        """One call of our REST API by the boss; status 0 where no answer came."""
        request = urllib.request.Request(
            f"{self.url}/api/v1/{path}",
            None if body is None else json.dumps(body).encode(),
            {"Authorization": f"Token {self.key}", "Content-Type": "application/json"},
            method=method,
        )
        try:
            with _OPENER.open(request, timeout=seconds) as answer:
                return answer.status, json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()
        except OSError:
            return 0, None

    def push_ticket(self) -> bool:
        """A new ticket comes; whether it was taken."""
        self.wechat.push_ticket()
        push = self.wechat.post.outbox.pop()
        return self.wechat.deliver(push, over_http).accepted


_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def make_scene(rig: Rig) -> Scene:
    """What every drill begins with, all tokens fresh."""
    wechat, component = rig.wechat, Component.objects.get()
    boss = User.objects.create_superuser("boss")
    merchant = User.objects.create_user("merchant")
    scene = Scene(
        wechat, rig.url, component, [], [], CodeTemplate(), boss, merchant,
        AuthToken.objects.create(boss)[1],
    )  # fmt: skip
    wait_until("the ticket is taken", scene.push_ticket)
    rows = make_due_accounts(wechat, component, ACCOUNTS, owner_id=None)
    for row in rows:
        account = wechat.accounts[row.appid]
        Authorizer.objects.filter(pk=row.pk).update(user_name=account.user_name)
    for row in rows[:ANSWERING]:
        Rule.objects.create(
            name="price",
            authorizer=row,
            trigger=Rule.Trigger.KEYWORD,
            pattern=ASKING,
            content={"msgtype": "text", "text": {"content": "十元"}},
        )
    scene.accounts = [row.appid for row in rows]
    scene.template = make_template(wechat, component, "1.0.0")
    wait_until("all tokens are fresh", lambda: not _due().exists())
    return scene


def _due() -> Any:
    return Authorizer.objects.filter(due_at__lte=Now())


def patiently(look: Callable[[], _T]) -> _T:
    """What LOOK finds in the database, which may have lost our connections or be away yet."""
    give_up = time.monotonic() + PATIENCE
    while True:
        try:
            return look()
        except (OperationalError, InterfaceError):
            connection.close()
            if time.monotonic() > give_up:
                raise
            time.sleep(0.3)


def wait_until(what: str, look: Callable[[], Any], seconds: float = PATIENCE) -> Any:
    """The first true thing LOOK finds; an AssertionError that says WHAT was waited for."""
    give_up = time.monotonic() + seconds
    while not (sight := patiently(look)):
        assert time.monotonic() < give_up, f"waited {seconds:.0f} s in vain: {what}"
        time.sleep(0.1)
    return sight
