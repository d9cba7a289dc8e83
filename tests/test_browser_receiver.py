"""The receiver's page in a real browser: what comes appears by itself, and anybody can read it."""

from collections.abc import Iterator
from typing import Any

import pytest

from sandbox import WeChat
from sandbox.server import start
from sandbox.world.receiver import Behaviour
from tests.test_browser_axe import grave_violations
from tests.test_browser_binding import chromium as chromium
from tests.test_sandbox_receiver import SECRET, Place

pytestmark = pytest.mark.browser


@pytest.fixture
def place() -> Iterator[Place]:
    wechat = WeChat(deliver=None)
    wechat.receiver.trust("notices", SECRET)
    wechat.receiver.behave("wecom", Behaviour(delay=0.1, times=2))
    server = start(wechat)
    place = Place(wechat)
    yield place
    place.session.close()
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(("language", "width"), [("zh", 1440), ("en", 390)])
def test_what_comes_appears_by_itself(
    chromium: Any, place: Place, language: str, width: int
) -> None:
    context = chromium.new_context(viewport={"width": width, "height": 800}, bypass_csp=True)
    page = context.new_page()
    page.goto(f"{place.wechat.base_url}/sandbox/receiver/?lang={language}")
    arrivals = page.locator("article.arrival")
    assert arrivals.count() == 0
    place.post("forwards", {"type": "message.text"})
    place.post("notices", {"type": "notice.audit.rejected"})
    arrivals.nth(1).wait_for()
    assert "notice.audit.rejected" in arrivals.first.inner_text()
    assert not page.locator("#arrivals p.quiet").is_visible()
    page.evaluate("document.querySelectorAll('details').forEach(part => { part.open = true })")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert grave_violations(page) == []
    context.close()
