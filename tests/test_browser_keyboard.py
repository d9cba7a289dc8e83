"""Staff without a mouse: code is submitted and released, and a user answered, by keys alone."""

from typing import Any

import pytest
from django.contrib.auth.models import User

from audits.models import CodeAudit, CodeTemplate
from audits.services.committing import commit_template
from audits.tasks import reconcile_acts
from messaging.models import Reply
from miniprograms.models import Authorizer
from sandbox.wire.pushes import Deliver
from sandbox.world import WeChat
from tests.chatting import Chat
from tests.test_browser_binding import NewPage
from tests.test_browser_binding import chromium as chromium
from tests.test_browser_binding import new_page as new_page
from tests.test_browser_binding import world as world
from tests.test_browser_release import shop as shop

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("ticket", "world"),
]
MOST_TABS = 150
FOCUS = """() => {
  const element = document.activeElement;
  const style = getComputedStyle(element);
  const box = element.getBoundingClientRect();
  const isShown = style.outlineStyle !== "none" || style.boxShadow !== "none" || element.labels;
  const name = element.ariaLabel || element.innerText || element.name || "";
  return {
    tag: element.tagName, name: name.trim(), href: element.getAttribute("href") ?? "",
    id: element.id, isShown: Boolean(isShown) && box.width > 0,
  };
}"""


class Keys:
    """A page, and somebody who has a keyboard."""

    def __init__(self, page: Any) -> None:
        self.page = page

    def tab_to(self, **wanted: str) -> None:
        """Tab on until what has the focus ends as WANTED says; it can be seen to have it."""
        for _ in range(MOST_TABS):
            self.page.keyboard.press("Tab")
            focus = self.page.evaluate(FOCUS)
            if all(focus[key].endswith(end) for key, end in wanted.items()):
                assert focus["isShown"], focus
                return
        raise AssertionError(f"nothing by Tab is {wanted} on {self.page.url}")

    def press(self, key: str) -> None:
        self.page.keyboard.press(key)

    def act(self, name: str, button: str, says: str) -> None:
        """Follow the link to the act NAME, press BUTTON there, and read what it says."""
        self.tab_to(tag="A", href=f"/code/{name}/")
        self.press("Enter")
        self.page.wait_for_url(f"**/code/{name}/")
        self.tab_to(tag="BUTTON", name=button)
        self.press("Enter")
        self.page.get_by_text(says).first.wait_for()


@pytest.fixture
def keys(new_page: NewPage) -> Keys:
    """A superuser has come in by keys alone."""
    User.objects.create_superuser("boss", password="boss-password")
    page = new_page(locale="en")
    page.goto("/admin/")
    hand = Keys(page)
    page.locator("[name=username]").focus()  # where the page begins
    page.keyboard.type("boss")
    hand.press("Tab")
    page.keyboard.type("boss-password")
    hand.press("Enter")
    page.wait_for_url(lambda url: "/login/" not in url)
    return hand


def test_code_is_submitted_and_released_by_keys(
    keys: Keys, shop: Authorizer, wechat: WeChat, deliver: Deliver, staff: User
) -> None:
    template = CodeTemplate.objects.get()
    commit_template(shop, template, user_version="1.0.0", user_desc="x", by=staff)
    keys.page.goto(f"/admin/miniprograms/authorizer/{shop.pk}/code/")
    keys.act("submit", "Submit for review", "version 1.0.0 is submitted")
    wechat.judge(shop.appid, "pass", None, 0)
    wechat.deliver_all(deliver)
    reconcile_acts()
    keys.page.goto(f"/admin/miniprograms/authorizer/{shop.pk}/code/")
    keys.act("release", "Release", "version 1.0.0 is online")
    assert CodeAudit.objects.get().word == "released"


def test_a_user_is_noted_and_answered_by_keys(
    keys: Keys, shop: Authorizer, wechat: WeChat, deliver: Deliver
) -> None:
    chat = Chat(wechat, shop, deliver)
    chat.say("Do you have oolong?")
    page = keys.page
    page.goto("/admin/messaging/conversation/")
    keys.tab_to(tag="A", name=f"User {chat.openid[-6:]}")
    keys.press("Enter")
    page.wait_for_url("**/change/**")
    keys.tab_to(tag="SUMMARY", name="Edit notes")
    keys.press("Enter")
    keys.tab_to(tag="INPUT", id="notes-remark")
    page.keyboard.type("Mrs Li")
    keys.press("Enter")
    page.get_by_role("heading", name="Mrs Li").wait_for()
    keys.tab_to(tag="TEXTAREA", id="chat-text")
    page.keyboard.type("Yes, three kinds of it.")
    keys.press("Enter")
    page.locator(".chat-entry.ours").get_by_text("Yes, three kinds of it.").wait_for()
    assert Reply.objects.get().state == "sent"
