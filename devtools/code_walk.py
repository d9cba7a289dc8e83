"""A bound mini program's life: a user writes, code is uploaded, reviewed, released and reverted."""

import secrets
import time
from collections.abc import Callable
from typing import Any

from devtools.browser import Browser
from devtools.failure import Failure
from devtools.proof import Steps
from devtools.stack import Stack
from devtools.walk import RestClient, Sandbox, wait_until

VERSIONS = ("1.0.0", "1.0.1")


class CodeWalk:
    """What staff do by REST, with what WeChat and users do in between; each step raises."""

    def __init__(self, stack: Stack, steps: Steps, appid: str) -> None:
        self.stack = stack
        self.steps = steps
        self.sandbox = Sandbox(stack)
        self.staff = RestClient(stack, "staff", stack.environment["DEMO_STAFF_PASSWORD"])
        self.appid = appid

    def walk(self) -> None:
        self.answer_a_user()
        self.fetch_templates()
        for version in VERSIONS:
            self.upload(version)
            self.submit()
            self.pass_review()
            self.release(version)
        self.revert()

    def answer_a_user(self) -> None:
        openid = f"o{secrets.token_hex(12)}"
        self.sandbox.tell("say", appid=self.appid, openid=openid, content="你好")

        def has_been_answered() -> bool:
            lines = self.sandbox.ask("transcript", appid=self.appid, openid=openid)["lines"]
            return len(lines) > 1

        self.until("a user's message was pushed, and answered by a rule", has_been_answered)

    def fetch_templates(self) -> None:
        """By a member of staff's clicks: the job does it once an hour."""
        browser, url = Browser(), self.stack.url
        page = browser.get(f"{url}/admin/login/")
        password = self.stack.environment["DEMO_STAFF_PASSWORD"]
        browser.submit(page, page.form("password"), username="staff", password=password)
        page = browser.get(f"{url}/admin/audits/codetemplate/sync")
        page = browser.submit(page, page.form("confirmed"))
        if page.status != 200 or not self.staff.get("templates/")["results"]:
            raise Failure(f"No code templates were fetched: {page.url} answered {page.status}.")
        self.steps.done("staff logged in to the admin and fetched the code templates")

    def upload(self, version: str) -> None:
        template = self.staff.get("templates/")["results"][0]["template_id"]
        body = {"template_id": template, "user_version": version, "user_desc": "walk"}
        self.staff.post(f"authorizers/{self.appid}/versions/", body, 201)
        self.steps.done(f"version {version} was uploaded")

    def submit(self) -> None:
        self.staff.post(f"authorizers/{self.appid}/audits/", {}, 201)
        self.steps.done("it was submitted for review")

    def pass_review(self) -> None:
        # Two verdicts of one second, alike in all they say, would be one push to us.
        time.sleep(1)
        self.sandbox.tell("judge", appid=self.appid, outcome="pass")
        self.until("WeChat's verdict was pushed: passed", lambda: self._status() == "passed")

    def release(self, version: str) -> None:
        self.staff.post(f"authorizers/{self.appid}/release/", {})
        if self._online() != version:
            raise Failure(f"{version} was released, and {self._online()} is online.")
        self.steps.done(f"version {version} was released")

    def revert(self) -> None:
        self.staff.post(f"authorizers/{self.appid}/revert/", {})
        if self._online() != VERSIONS[0]:
            raise Failure(f"After going back {self._online()} is online.")
        self.steps.done(f"went back to version {VERSIONS[0]}")

    def _online(self) -> str:
        return str(self.sandbox.ask("program", appid=self.appid)["online"]["user_version"])

    def _status(self) -> str:
        audit: dict[str, Any] = self.staff.authorizer(self.appid)["audit"]
        return str(audit["status"])

    def until(self, what: str, look: Callable[[], Any]) -> None:
        wait_until(what, look)
        self.steps.done(what)
