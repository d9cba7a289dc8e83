"""The main job as people do it: a merchant clicks, an owner confirms, a program asks the API."""

import time
import urllib.parse
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from devtools.browser import Browser, Page, call
from devtools.failure import Failure, NoAnswer
from devtools.stack import Stack

# For what must come, however busy the machine: waiting long costs only those who wait in vain.
PATIENCE = 120.0


def wait_until(what: str, look: Callable[[], Any], seconds: float = PATIENCE) -> Any:
    """The first true thing LOOK sees; a failure that says WHAT was waited for."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with suppress(NoAnswer):  # which is not yet a wrong one
            if seen := look():
                return seen
        time.sleep(0.2)
    raise Failure(f"Waited {seconds:.0f} s in vain: {what}.")


class Merchant:
    """Somebody at a browser, logged in to the portal, who also owns the accounts in WeChat."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.browser = Browser()

    def log_in(self, username: str, password: str) -> Page:
        page = self.browser.get(f"{self.stack.url}/portal/login/")
        form = page.form("password")
        page = self.browser.submit(page, form, username=username, password=password)
        if page.status != 200 or page.url != f"{self.stack.url}/portal/":
            raise Failure(f"The login did not lead to the portal but to {page.url}.")
        return page

    def click_bind(self) -> str:
        """POST /portal/bind/: the address of WeChat's page, as the plain link gives it."""
        portal = self.browser.get(f"{self.stack.url}/portal/")
        page = self.browser.submit(portal, portal.form("auth_type"), auth_type="3")
        if page.status != 200:
            raise Failure(f"The bind click was answered {page.status}.")
        return page.link(f"{self.stack.sandbox_url}/")

    def open_wechat(self, link: str) -> Page:
        # All that strict-origin leaves of the page's own address; WeChat demands it.
        page = self.browser.get(link, referer=f"{self.stack.url}/")
        if page.status != 200:
            raise Failure(f"WeChat's page was answered {page.status}.")
        return page

    def confirm(self, page: Page, appid: str) -> Page:
        """The owner's click; WeChat sends the browser back, and the portal to a clean URL."""
        page = self.browser.submit(page, page.form("appid"), appid=appid, decision="confirm")
        if page.status != 200 or not page.url.startswith(f"{self.stack.url}/portal/"):
            raise Failure(f"After the confirmation: {page.url} answered {page.status}.")
        if "auth_code" in urllib.parse.urlsplit(page.url).query:
            raise Failure("The page after the return still has the auth_code in its address.")
        return page

    def bind(self, appid: str) -> None:
        self.confirm(self.open_wechat(self.click_bind()), appid)


class RestClient:
    """A program with a key of its own."""

    def __init__(self, stack: Stack, username: str, password: str) -> None:
        self.url = f"{stack.url}/api/v1"
        credentials = {"username": username, "password": password}
        status, answer = call("POST", f"{self.url}/auth/token/", credentials)
        if status != 200:
            raise Failure(f"The API gave no token: {status} {answer}.")
        self.token = str(answer["token"])

    def authorizer(self, appid: str) -> dict[str, Any]:
        """Its JSON, or an empty one while the API does not know it."""
        status, answer = call("GET", f"{self.url}/authorizers/{appid}/", token=self.token)
        if status not in (200, 404):
            raise Failure(f"The API answered {status} {answer}.")
        return answer if status == 200 else {}

    def authorizers(self) -> list[dict[str, Any]]:
        """The first page; a demo has no more."""
        status, answer = call("GET", f"{self.url}/authorizers/?page_size=200", token=self.token)
        if status != 200:
            raise Failure(f"The API answered {status} {answer}.")
        results: list[dict[str, Any]] = answer["results"]
        return results

    def get(self, path: str) -> Any:
        return self._call("GET", path, None, 200)

    def put(self, path: str, body: object) -> Any:
        return self._call("PUT", path, body, 200)

    def post(self, path: str, body: object, status: int = 200) -> Any:
        return self._call("POST", path, body, status)

    def _call(self, method: str, path: str, body: object, wished: int) -> Any:
        status, answer = call(method, f"{self.url}/{path}", body, token=self.token)
        if status != wished:
            raise Failure(f"{method} {path} was answered {status} {answer}.")
        return answer


class Sandbox:
    """The console of the stand-in for WeChat, by its JSON."""

    def __init__(self, stack: Stack) -> None:
        self.url = f"{stack.sandbox_url}/sandbox/api"

    def ask(self, path: str, /, **query: str) -> dict[str, Any]:
        status, answer = call("GET", f"{self.url}/{path}?{urllib.parse.urlencode(query)}")
        if status != 200:
            raise Failure(f"The sandbox answered {status} {answer}.")
        return answer

    def tell(self, path: str, /, **body: Any) -> dict[str, Any]:
        status, answer = call("POST", f"{self.url}/{path}", body)
        if status != 200:
            raise Failure(f"The sandbox answered {status} {answer}.")
        return answer

    def has_delivered(self, kind: str) -> bool:
        """Whether the platform answered a push of this kind with `success`."""
        return any(
            delivery["kind"] == kind and delivery["accepted"]
            for delivery in self.ask("deliveries")["deliveries"]
        )

    def has_received(self, title: str) -> bool:
        """Whether its receiver got something of this type, and found it signed rightly."""
        return any(
            arrival["title"] == title and arrival["proof"]["is_right"]
            for arrival in self.ask("receiver")["arrivals"]
        )

    def count(self, path: str, **query: str) -> int:
        return int(self.ask("ledger", path=path, limit="1", **query)["count"])

    def accounts(self) -> list[dict[str, Any]]:
        accounts: list[dict[str, Any]] = self.ask("state")["accounts"]
        return accounts
