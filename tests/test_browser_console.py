"""A user writes on a phone; staff, or the merchant, see it appear and answer, in a real browser."""

from typing import Any

import pytest
from django.contrib.auth.models import Group, User

from messaging.models import CannedReply, Conversation, Reply
from miniprograms.models import Authorizer
from platform_auth.roles import ANSWERERS
from sandbox.wire.jpeg import mosaic
from sandbox.wire.pushes import Deliver
from sandbox.world import WeChat
from sandbox.world.chats import Chat
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
PICTURE = mosaic([[0, 255], [255, 0]])
USER = "oSandboxUser0000000000000001"


class Phone:
    """A user before a mini program's chat."""

    def __init__(self, wechat: WeChat, shop: Authorizer, deliver: Deliver) -> None:
        self.wechat, self.appid, self.deliver = wechat, shop.appid, deliver

    def say(self, text: str, **more: Any) -> None:
        self.wechat.say(self.appid, USER, text, **more)
        for delivery in self.wechat.deliver_all(self.deliver):
            assert (delivery.status, delivery.answer) == (200, b"success")

    def falls_silent(self) -> None:
        """So long that WeChat lets the account say nothing more."""
        self.chat.windows.clear()

    @property
    def chat(self) -> Chat:
        found = self.wechat.chats.find(self.appid, USER)
        assert found
        return found

    @property
    def heard(self) -> list[str]:
        """What the account has said, as the phone shows it."""
        return [line.text or line.kind for line in self.chat.lines if line.sender == "account"]

    @property
    def is_told_of_typing(self) -> bool:
        return self.chat.typing_until > self.wechat.clock()


@pytest.fixture
def shop(bound: Bound) -> Authorizer:
    return bound(nick_name="Tea & Cake", appid="wx00000000000000a1")


@pytest.fixture
def phone(wechat: WeChat, shop: Authorizer, deliver: Deliver) -> Phone:
    return Phone(wechat, shop, deliver)


def open_console(page: Any) -> None:
    """Staff go from the sidebar to the one conversation there is."""
    page.goto("/admin/")
    page.locator("[name=username]").fill("operator")
    page.locator("[name=password]").fill("operator-password")
    page.locator("#login-form button[type=submit]").click()
    page.wait_for_url("**/admin/")
    page.get_by_role("link", name="Conversations").first.click()
    page.get_by_role("link", name="User 000001").click()
    page.get_by_role("heading", name="User 000001").wait_for()


def test_staff_see_a_message_appear_and_answer_it(
    new_page: NewPage, phone: Phone, staff: User
) -> None:
    CannedReply.objects.create(title="Hours", text="We open at nine.")
    phone.say("Do you have oolong?")
    page = new_page()
    open_console(page)
    page.get_by_text("Do you have oolong?").first.wait_for()
    page.get_by_text("5 of 5 messages left").wait_for()
    assert Conversation.objects.get().unread == 0

    phone.say("And when do you open?")
    page.locator(".theirs").get_by_text("And when do you open?").wait_for()

    write = page.get_by_label("Message", exact=True)
    write.press_sequentially("Yes,")
    write.press("Shift+Enter")
    write.press_sequentially("we do.")
    write.press("Enter")
    page.locator(".ours.sent").get_by_text("Yes,\nwe do.").wait_for()
    page.get_by_text("4 of 5 messages left").wait_for()
    assert write.input_value() == ""

    page.get_by_text("Canned replies", exact=True).last.click()
    page.get_by_role("button", name="Hours").click()
    write.press("Enter")
    page.get_by_text("3 of 5 messages left").wait_for()
    assert phone.heard == ["Yes,\nwe do.", "We open at nine."]

    phone.falls_silent()
    write.fill("Still there?")
    write.press("Enter")
    page.locator(".ours.failed").get_by_text("Still there?").wait_for()
    page.get_by_text("The time to answer is over, or the user follows").wait_for()
    page.get_by_text("WeChat will probably refuse").wait_for()

    phone.say("I am back")
    page.locator(".theirs").get_by_text("I am back").wait_for()
    page.on("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Send again").click()
    page.locator(".ours.sent").get_by_text("Still there?").wait_for()
    assert phone.heard[-1] == "Still there?"
    assert list(Reply.objects.values_list("by__username", flat=True)) == ["operator"] * 3


@pytest.mark.parametrize("width", [1280, 390])
def test_a_merchant_answers_in_the_portal(
    new_page: NewPage, phone: Phone, merchant: User, width: int
) -> None:
    merchant.groups.add(Group.objects.get(name=ANSWERERS))
    phone.say("Do you have oolong?")
    page = new_page(viewport={"width": width, "height": 800})
    log_in(page)
    page.get_by_role("link", name="Messages Tea & Cake").click()
    page.get_by_role("link", name="User 000001").click()
    page.locator(".theirs").get_by_text("Do you have oolong?").wait_for()
    phone.say("Hello?")
    page.locator(".theirs").get_by_text("Hello?").wait_for()
    write = page.get_by_label("Message", exact=True)
    write.press_sequentially("We do.")
    page.wait_for_timeout(300)
    assert phone.is_told_of_typing
    write.press("Enter")
    page.locator(".ours.sent").get_by_text("We do.").wait_for()
    page.get_by_text("Picture", exact=True).first.click()
    page.locator("input[type=file]:visible").set_input_files(
        {"name": "tea.jpg", "mimeType": "image/jpeg", "buffer": PICTURE}
    )
    page.locator(".chat-panel button:visible").click()
    page.locator(".ours.sent img").wait_for()
    assert page.locator(".ours img").evaluate("img => img.decode().then(() => img.naturalWidth)")
    assert phone.heard == ["We do.", "image"]
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_older_messages_appear_above_and_the_place_stays(
    new_page: NewPage, phone: Phone, staff: User
) -> None:
    for number in range(70):
        phone.say(f"line {number}.")
    page = new_page()
    open_console(page)
    page.get_by_text("line 69.").last.wait_for()
    end = "e => e.scrollHeight - e.scrollTop - e.clientHeight"
    assert page.locator("#chat-history").evaluate(end) < 5
    page.get_by_role("button", name="Older messages").click()
    page.get_by_text("line 0.", exact=True).wait_for()
    assert page.locator("#chat-history").evaluate("e => e.scrollTop") > 200
    assert page.locator(".chat-entry").count() == 70


def test_a_session_that_is_over_leads_to_the_login(
    new_page: NewPage, phone: Phone, staff: User
) -> None:
    phone.say("Hello?")
    page = new_page()
    open_console(page)
    page.context.clear_cookies()
    page.wait_for_url("**/admin/login/**")


def test_a_slow_wechat_shows_one_line_and_keeps_what_is_written_meanwhile(
    new_page: NewPage, phone: Phone, staff: User
) -> None:
    phone.say("Hello?")
    page = new_page()
    open_console(page)
    phone.wechat.fault("/cgi-bin/message/custom/send", delay=5)
    write = page.get_by_label("Message", exact=True)
    write.fill("One moment.")
    write.press("Enter")
    page.locator(".ours.sending").get_by_text("One moment.").wait_for()
    assert page.get_by_role("button", name="Send again").count() == 0
    write.press("End")
    write.press_sequentially(" And so on")
    page.locator(".ours.sent").get_by_text("One moment.").wait_for()
    assert page.locator(".ours").count() == 1
    assert write.input_value() == " And so on"
    assert phone.heard == ["One moment."]
