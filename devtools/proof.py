"""`dev.py run --check`: the main job, end to end, through real HTTP, on a throw-away world."""

import os
import shutil
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from devtools import environment, install
from devtools.failure import Failure
from devtools.processes import Processes
from devtools.stack import Stack, free_pair, inherited
from devtools.walk import Merchant, RestClient, Sandbox, wait_until

# Of the first authorizer token, which is refreshed after half of it.
FIRST_TOKEN_SECONDS = 20
# The rehearsal hangs up after five seconds, as WeChat does; a busy machine may need another.
REHEARSALS = 3
COMPONENT = "/cgi-bin/component"


def run() -> int:
    install.provide("base")
    started = time.monotonic()
    var = Path(tempfile.mkdtemp(prefix="check-"))
    try:
        _prove(_throw_away(var))
    finally:
        shutil.rmtree(var, ignore_errors=True)
    print(f"\nThe main job works ({time.monotonic() - started:.0f} s).")
    return 0


def _throw_away(var: Path) -> Stack:
    """Fresh keys, a fresh database, free ports; nothing of this shell's or `.env`'s settings."""
    port = free_pair()
    settings = {
        **inherited(),
        **environment.fresh(port),
        "ENV_FILE": os.devnull,
        "VAR_DIR": str(var),
        "DATABASE_URL": f"sqlite:///{var / 'db.sqlite3'}",
    }
    options = ("--seed-accounts", "--first-token-life", str(FIRST_TOKEN_SECONDS))
    return Stack(port, settings, var, options)


def _prove(stack: Stack) -> None:
    steps = Steps()
    with stack.running() as processes:
        stack.start_jobs(processes)
        steps.done("web and sandbox answer; worker and beat are started")
        try:
            Proof(stack, steps, processes).walk()
        except Failure as failure:
            raise Failure(f"{failure}\n\n{_evidence(processes)}") from failure
    steps.done("everything is stopped")


def _evidence(processes: Processes) -> str:
    with suppress(Failure):
        processes.check()
        return processes.tails()
    return processes.tails()


class Steps:
    """Prints what was proven, and when."""

    def __init__(self) -> None:
        self.began = time.monotonic()

    def done(self, what: str) -> None:
        print(f"{time.monotonic() - self.began:5.1f} s  {what}", flush=True)


class Proof:
    """Each step is an exchange over a socket; each raises when it is not as it must be."""

    def __init__(self, stack: Stack, steps: Steps, processes: Processes) -> None:
        self.stack = stack
        self.steps = steps
        self.processes = processes
        self.sandbox = Sandbox(stack)
        self.password = stack.environment["DEMO_MERCHANT_PASSWORD"]
        self.client = RestClient(stack, "merchant", self.password)
        self.appid = str(self.sandbox.accounts()[0]["appid"])

    def walk(self) -> None:
        self.walk_to_the_binding()
        self.see_it_forwarded()
        self.cancel()

    def walk_to_the_binding(self) -> None:
        self.receive_a_ticket()
        self.get_the_component_token()
        self.bind()
        first_ends = datetime.now(UTC) + timedelta(seconds=FIRST_TOKEN_SECONDS)
        self.see_it_bound()
        self.see_the_token_refreshed(first_ends)
        self.rehearse_the_release_test()

    def receive_a_ticket(self) -> None:
        self.until(
            "WeChat's encrypted ticket was pushed and answered success",
            lambda: self.sandbox.has_delivered("component_verify_ticket"),
        )

    def get_the_component_token(self) -> None:
        self.until(
            "with it the worker got the component token",
            lambda: self.sandbox.count(f"{COMPONENT}/api_component_token"),
        )

    def bind(self) -> None:
        merchant = Merchant(self.stack)
        merchant.log_in("merchant", self.password)
        self.steps.done("the merchant logged in to the portal")
        link = merchant.click_bind()
        self.steps.done("the bind click gave a page with a link to WeChat")
        page = merchant.open_wechat(link)
        self.steps.done("WeChat's authorisation page accepted the Referer")
        merchant.confirm(page, self.appid)
        self.steps.done("the owner confirmed and came back to the portal, to a clean URL")

    def see_it_bound(self) -> None:
        self.until(
            "the REST API shows it bound, with a fresh token",
            lambda: self.is_("bound", "fresh"),
        )

    def see_the_token_refreshed(self, first_ends: datetime) -> None:
        """The one it has now lives on when the first, which WeChat gave before, is over."""
        self.until(
            "the first token, short-lived, was refreshed by the worker's sweep",
            lambda: (seen := self.is_("bound", "fresh")) and _moment(seen) > first_ends,
        )
        if not self.sandbox.count(f"{COMPONENT}/api_authorizer_token", appid=self.appid):
            raise Failure("expires_at moved, but WeChat was never asked for a new token.")

    def see_it_forwarded(self) -> None:
        self.until(
            "another system was told that it is bound, and found the signature right",
            lambda: self.sandbox.has_received("authorizer.bound"),
        )

    def rehearse_the_release_test(self) -> None:
        for tries_left in reversed(range(REHEARSALS)):
            try:
                self.stack.manage("rehearse_release", "--url", self.stack.push_url)
                break
            except Failure:
                if not tries_left:
                    raise
        self.steps.done("WeChat's 全网发布 test was rehearsed: every answer is as it must be")

    def cancel(self) -> None:
        self.sandbox.tell("cancel", appid=self.appid)
        self.until(
            "cancelled in WeChat: the REST API shows it unbound, its tokens empty",
            lambda: self.is_("unbound", "none"),
        )

    def is_(self, state: str, token: str) -> dict[str, Any]:
        """What the API tells of the authorizer, if it is in these states."""
        told = self.client.authorizer(self.appid)
        as_wished = told and (told["state"], told["token"]["state"]) == (state, token)
        return told if as_wished else {}

    def until(self, what: str, look: Callable[[], Any]) -> None:
        def look_while_all_run() -> Any:
            self.processes.check()
            return look()

        wait_until(what, look_while_all_run)
        self.steps.done(what)


def _moment(told: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(told["token"]["expires_at"])
