"""A small browser: cookies, forms and links, over real HTTP. No JavaScript, no proxies."""

import json
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass, field
from html.parser import HTMLParser
from http.cookiejar import CookieJar
from typing import Any

from devtools.failure import Failure, NoAnswer

TIMEOUT = 60


@dataclass
class Form:
    """What a click on its button would send: the fields as the page filled them in."""

    action: str
    fields: list[tuple[str, str]] = field(default_factory=list)

    def has(self, name: str) -> bool:
        return any(name == of_field for of_field, _ in self.fields)

    def filled_in(self, **values: str) -> list[tuple[str, str]]:
        kept = [(name, value) for name, value in self.fields if name not in values]
        return kept + list(values.items())


@dataclass
class Page:
    url: str
    status: int
    text: str
    forms: list[Form] = field(default_factory=list)
    links: list[str] = field(default_factory=list)

    def form(self, field_name: str) -> Form:
        for form in self.forms:
            if form.has(field_name):
                return form
        raise Failure(f"{self.url} (status {self.status}) has no form with {field_name}.")

    def link(self, start: str) -> str:
        for link in self.links:
            if link.startswith(start):
                return link
        raise Failure(f"{self.url} (status {self.status}) has no link to {start}.")


class Browser:
    def __init__(self) -> None:
        self.opener = urllib.request.build_opener(
            # The machine's proxy, if any, cannot reach a loopback address.
            urllib.request.ProxyHandler({}),
            urllib.request.HTTPCookieProcessor(CookieJar()),
        )

    def get(self, url: str, *, referer: str = "") -> Page:
        return self._open(urllib.request.Request(url, headers=_referer(referer)))

    def submit(self, page: Page, form: Form, **values: str) -> Page:
        body = urllib.parse.urlencode(form.filled_in(**values)).encode()
        url = urllib.parse.urljoin(page.url, form.action)
        # The whole address, as a browser sends it within one origin: Django's CSRF check reads it.
        return self._open(urllib.request.Request(url, body, headers=_referer(page.url)))

    def _open(self, request: urllib.request.Request) -> Page:
        status, url, text = _answer(self.opener, request)
        page = Page(url, status, text)
        _Reader(page).feed(text)
        return page


def call(
    method: str, url: str, body: object = None, *, token: str = ""
) -> tuple[int, dict[str, Any]]:
    """One JSON call: the status and the answer."""
    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    if token:
        headers["Authorization"] = f"Token {token}"
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, headers=headers, method=method)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    status, _, text = _answer(opener, request)
    try:
        answer: dict[str, Any] = json.loads(text or "{}")
    except ValueError as error:
        raise Failure(f"{method} {url} answered {status} and no JSON: {text[:200]}") from error
    return status, answer


def _answer(
    opener: urllib.request.OpenerDirector, request: urllib.request.Request
) -> tuple[int, str, str]:
    try:
        with opener.open(request, timeout=TIMEOUT) as response:
            return response.status, response.url, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.url or "", error.read().decode(errors="replace")
    except OSError as error:
        raise NoAnswer(f"{request.method or 'GET'} {request.full_url}: {error}") from error


def _referer(url: str) -> dict[str, str]:
    return {"Referer": url} if url else {}


class _Reader(HTMLParser):
    """Collects a page's links and forms."""

    def __init__(self, page: Page) -> None:
        super().__init__()
        self.page = page
        self.inside: Form | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        if tag == "a":
            self.page.links.append(attributes.get("href", ""))
        elif tag == "form":
            self.inside = Form(attributes.get("action", self.page.url))
            self.page.forms.append(self.inside)
        elif tag == "input" and self.inside and _is_sent(attributes):
            self.inside.fields.append((attributes["name"], attributes.get("value", "")))

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self.inside = None


def _is_sent(attributes: dict[str, str]) -> bool:
    if not attributes.get("name"):
        return False
    chosen = attributes.get("type") in ("checkbox", "radio")
    return "checked" in attributes if chosen else attributes.get("type") != "submit"
