"""A verdict comes into the pages that staff have open, without reloading and without a nudge."""

from typing import Any

import pytest
from django.contrib.auth.models import User

from audits.models import CodeAudit, CodeTemplate
from audits.services import committing, submitting, templates, verdicts
from miniprograms.models import Authorizer
from platform_auth.models import Component
from sandbox.world import WeChat
from tests.conftest import Bound
from tests.test_browser_axe import log_in
from tests.test_browser_binding import NewPage
from tests.test_browser_binding import chromium as chromium
from tests.test_browser_binding import new_page as new_page
from tests.test_browser_binding import world as world

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("ticket", "world"),
]


@pytest.fixture
def audit(bound: Bound, wechat: WeChat, component: Component) -> CodeAudit:
    """A version of a mini program that is in review."""
    row: Authorizer = bound(nick_name="Tea & Cake")
    templates.add_template(component, wechat.upload_draft().draft_id, by=None)
    template = CodeTemplate.objects.get()
    committing.commit_template(row, template, user_version="1.2.0", user_desc="x", by=None)
    return submitting.submit_newest_version(row, by=None)


def look_again(page: Any) -> None:
    """What happens every ten seconds, and whenever somebody comes back to the page."""
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")


def test_a_verdict_comes_without_reloading_and_takes_nobody_by_the_elbow(
    new_page: NewPage, audit: CodeAudit, wechat: WeChat
) -> None:
    User.objects.create_superuser("boss", password="boss-password")
    page = new_page(locale="en")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    log_in(page, "/admin/", "boss", "boss-password")
    page.goto(f"/admin/miniprograms/authorizer/{audit.authorizer_id}/code/")
    page.get_by_role("link", name="Withdraw").wait_for()
    page.evaluate("document.body.dataset.mark = 'the same page'")

    # Whoever is at the tabs stays there.
    tab = page.get_by_role("link", name="Messages", exact=True).last
    tab.focus()
    wechat.judge(audit.authorizer.appid, "reject", "1: 类目不符")
    verdicts.refresh_audit(audit)
    with page.expect_response(lambda answer: "/now/standing/" in answer.url):
        look_again(page)
    page.get_by_role("link", name="Submit for review").wait_for()
    assert page.get_by_role("link", name="Withdraw").count() == 0
    assert page.evaluate("document.activeElement.textContent") == "Messages"
    assert page.locator(".account-concerns").count() == 0

    page.evaluate("document.activeElement.blur()")
    look_again(page)
    page.get_by_text("WeChat's reviewers have rejected version 1.2.0.").wait_for()
    assert page.evaluate("document.body.dataset.mark") == "the same page"

    # Nothing has changed since: the answer is empty.
    with page.expect_response(lambda answer: "/header/" in answer.url) as waiting:
        look_again(page)
    assert waiting.value.status == 304

    # Nobody looks: nothing is asked.
    page.evaluate("Object.defineProperty(document, 'hidden', {value: true})")
    asked.clear()
    look_again(page)
    page.wait_for_timeout(300)
    assert not [url for url in asked if "/header/" in url or "/now/" in url]


def test_the_cells_of_a_list_change_and_say_so(
    new_page: NewPage, audit: CodeAudit, wechat: WeChat
) -> None:
    User.objects.create_superuser("boss", password="boss-password")
    page = new_page(locale="en")
    log_in(page, "/admin/", "boss", "boss-password")
    page.goto("/admin/audits/codeaudit/")
    row = page.locator("#result_list tbody tr").first
    row.get_by_text("in review").wait_for()
    assert page.locator("[data-cells]").text_content() == ""
    wechat.judge(audit.authorizer.appid, "reject", "1: 类目不符")
    verdicts.refresh_audit(audit)
    look_again(page)
    row.get_by_text("rejected").wait_for()
    row.get_by_role("link", name="Submit again").wait_for()
    assert page.locator("[data-cells]").text_content() == "The list has changed."


def test_a_template_that_is_chosen_fills_in_what_nobody_wrote(
    new_page: NewPage, audit: CodeAudit
) -> None:
    User.objects.create_superuser("boss", password="boss-password")
    first = CodeTemplate.objects.get()
    second = CodeTemplate.objects.create(
        component=first.component, template_id=900, user_version="2.0.0", user_desc="Winter"
    )
    page = new_page(locale="en")
    log_in(page, "/admin/", "boss", "boss-password")
    page.goto(f"/admin/miniprograms/authorizer/{audit.authorizer_id}/code/commit/")
    version, words = page.locator("[name=user_version]"), page.locator("[name=user_desc]")
    assert (version.input_value(), words.input_value()) == ("2.0.0", "Winter")
    words.fill("For the shops in the north")
    page.locator("[name=template]").select_option(str(first.pk))
    assert version.input_value() == first.user_version
    assert words.input_value() == "For the shops in the north"
    page.locator("[name=template]").select_option(str(second.pk))
    assert version.input_value() == "2.0.0"
