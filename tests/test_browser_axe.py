"""Every page of the URL configuration has nothing serious that axe-core finds."""

import json
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User

from miniprograms.models import Authorizer
from tests.test_browser_binding import NewPage
from tests.test_browser_binding import chromium as chromium
from tests.test_browser_binding import new_page as new_page
from tests.test_browser_binding import world as world
from tests.test_matrix import ADDRESSES, configured, path_of
from tests.test_matrix import account as account
from tests.test_matrix import code as code
from tests.test_matrix import parked as parked
from tests.test_matrix import talk as talk

axe_playwright_python = pytest.importorskip("axe_playwright_python")

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("ticket", "world", "parked", "code", "talk"),
]
AXE = Path(axe_playwright_python.__file__).with_name("axe.min.js").read_text()
GRAVE = ("serious", "critical")
PARTS = 8
DOWNLOADS = ("export/", "dry-run/")
WIDE, NARROW = {"width": 1440, "height": 900}, {"width": 390, "height": 844}
LOOKS = list(product(("zh-CN", "en"), (WIDE, NARROW), ("light", "dark")))


def pages_below(start: str) -> list[str]:
    """The addresses below START that answer a GET with a page."""
    methods = {address: method for address, (method, _statuses) in ADDRESSES.items()}
    return sorted(
        address
        for address in {*configured(), *methods}
        if address.startswith(start)
        and methods.get(address, "GET") == "GET"
        and not address.endswith(DOWNLOADS)
    )


def log_in(page: Any, path: str, name: str, password: str) -> None:
    page.goto(path)
    page.locator("[name=username]").fill(name)
    page.locator("[name=password]").fill(password)
    page.locator("[name=password]").press("Enter")
    page.wait_for_load_state()


def grave_violations(page: Any) -> list[str]:
    page.evaluate(AXE)
    result = page.evaluate("axe.run({resultTypes: ['violations']})")
    return [
        f"{violation['id']}: {node['target'][0]} {node['html'][:160]}"
        for violation in result["violations"]
        if violation["impact"] in GRAVE
        for node in violation["nodes"]
    ]


def looks_of(part: int) -> list[tuple[str, dict[str, int], str]]:
    """Two of the eight looks, which differ in everything; over the parts each comes up twice."""
    return [LOOKS[part % len(LOOKS)], LOOKS[-1 - part % len(LOOKS)]]


# In parts, which workers share: all of one look takes minutes.
@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize(
    ("start", "part"), [*(("admin/", part) for part in range(PARTS)), ("portal/", 0)]
)
def test_no_page_has_a_grave_violation(
    new_page: NewPage, account: Authorizer, merchant: User, start: str, part: int, which: int
) -> None:
    locale, viewport, scheme = looks_of(part)[which]
    page = new_page(locale=locale, viewport=viewport, color_scheme=scheme, bypass_csp=True)
    if start == "admin/":
        User.objects.create_superuser("boss", password="boss-password")
        log_in(page, "/admin/", "boss", "boss-password")
    else:
        log_in(page, "/portal/login/", "merchant", "merchant-password")
    problems = {}
    for address in pages_below(start)[part :: PARTS if start == "admin/" else 1]:
        answer = page.goto(path_of(address, account, merchant))
        if not answer.text().lstrip().lower().startswith("<!doctype html>"):
            continue  # a file, or a piece that a script puts into a page
        page.wait_for_function("!document.documentElement.hasAttribute('x-cloak')")
        if found := grave_violations(page):
            problems[address] = found
    assert not problems, json.dumps(problems, indent=1)
