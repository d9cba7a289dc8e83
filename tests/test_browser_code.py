"""A merchant follows a review in a real browser: the verdict, its pictures, the trial version."""

from typing import Any

import pytest
from django.contrib.auth.models import User

from audits.models import CodeTemplate
from audits.services import committing, submitting, templates, verdicts
from miniprograms.models import Authorizer
from platform_auth.models import Component
from sandbox.world import WeChat
from tests.conftest import Bound
from tests.test_browser_binding import NewPage, log_in
from tests.test_browser_binding import chromium as chromium
from tests.test_browser_binding import new_page as new_page
from tests.test_browser_binding import world as world

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("ticket", "world"),
]


@pytest.fixture
def rejected(bound: Bound, wechat: WeChat, component: Component, staff: User) -> Authorizer:
    """A mini program whose newest version WeChat has rejected, with two pictures."""
    row = bound(nick_name="Tea & Cake")
    templates.add_template(component, wechat.upload_draft().draft_id, by=staff)
    template = CodeTemplate.objects.get()
    committing.commit_template(row, template, user_version="1.2.0", user_desc="x", by=staff)
    audit = submitting.submit_newest_version(row, by=staff)
    wechat.judge(row.appid, "reject", "1:内容不完整<br>2:类目不一致", pictures=2)
    verdicts.refresh_audit(audit)
    return row


def is_shown(picture: Any) -> bool:
    """Whether the browser could read it."""
    picture.scroll_into_view_if_needed()
    loaded = "picture => picture.decode().then(() => picture.naturalWidth > 0, () => false)"
    return bool(picture.evaluate(loaded))


@pytest.mark.parametrize("width", [1280, 360])
def test_a_merchant_sees_the_verdict_and_what_to_try(
    new_page: NewPage, merchant: User, rejected: Authorizer, width: int
) -> None:
    page = new_page(viewport={"width": width, "height": 800})
    log_in(page)
    page.get_by_text("WeChat did not approve version 1.2.0").wait_for()
    page.get_by_role("link", name="Versions and reviews Tea & Cake").click()
    page.get_by_role("heading", name="Tea & Cake").wait_for()
    page.get_by_text("1:内容不完整").wait_for()
    pictures = page.locator(".pictures img").all()
    assert [is_shown(picture) for picture in pictures] == [True, True]
    assert is_shown(page.get_by_role("img", name="The code to scan."))
    assert page.evaluate("document.documentElement.scrollWidth") <= width
