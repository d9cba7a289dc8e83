"""A person chats on the sandbox's phone page, in a real browser."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from pytest_django.live_server_helper import LiveServer

from messaging.models import Rule
from messaging.tasks import send_replies
from sandbox import server
from sandbox.pages.phone import PERSONS, openid_of
from sandbox.wire.pushes import over_http
from sandbox.world import WeChat
from sandbox.world.chats import NOTICE, Allowance
from sandbox.world.contents import KINDS
from sandbox.world.permissions import MINI_PROGRAM, OFFICIAL_ACCOUNT
from tests import test_sandbox_messages as messages
from tests import test_sandbox_release_test as release
from tests.conftest import Bound
from tests.test_browser_binding import NewPage
from tests.test_browser_binding import chromium as chromium
from tests.test_browser_binding import new_page as new_page
from tests.test_sandbox_messages import READERS, SHOP, TYPING, Platform, reply, sealed

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

PHONE = {"width": 390, "height": 844}


@pytest.fixture
def platform() -> Iterator[Platform]:
    """The platform of the message tests, its WeChat on a port of its own."""
    platform = Platform()
    site = server.start(platform.wechat)
    yield platform
    site.shutdown()
    site.server_close()


class Person:
    """Lin, with a phone in hand."""

    def __init__(self, wechat: WeChat, page: Any, appid: str) -> None:
        self.page = page
        self.appid = appid
        self.openid = openid_of(wechat.accounts[appid], PERSONS[0])
        page.goto(f"{wechat.base_url}/sandbox/phone/{appid}?lang=en")

    def says(self, text: str) -> None:
        self.page.get_by_label("Message", exact=True).fill(text)
        self.page.get_by_role("button", name="Send").click()

    def presses(self, name: str) -> None:
        if not self.page.locator("details.more[open]").count():
            self.page.get_by_text("More", exact=True).click()
        self.page.get_by_role("button", name=name, exact=True).click()

    def sees(self, text: str) -> None:
        self.page.get_by_role("log").get_by_text(text).last.wait_for()

    def waits_for(self, ready: Callable[[], bool]) -> None:
        """Until something is so at the other end; the page lives on."""
        for _ in range(200):
            if ready():
                return
            self.page.wait_for_timeout(50)
        pytest.fail("nothing came")


class Reader(Person):
    """The same, and the platform of the message tests at the other end."""

    def __init__(self, platform: Platform, page: Any, appid: str) -> None:
        super().__init__(platform.wechat, page, appid)
        self.platform = platform

    def gets(self, msgtype: str, content: Any) -> None:
        body = {"touser": self.openid, "msgtype": msgtype, msgtype: content}
        assert self.platform.post(messages.SEND, body, self.appid) == 0

    def hears(self, rest: str, msgtype: str = "text") -> None:
        """What the platform will reply."""
        self.platform.answers.append(sealed(reply(self.appid, msgtype, rest, to=self.openid)))


def test_a_conversation(new_page: NewPage, platform: Platform) -> None:
    person = Reader(platform, new_page(viewport=PHONE), READERS)
    person.hears("<Content>Yes, until nine &lt;b&gt;</Content>")
    person.says("Are you open?")
    person.sees("Are you open?")
    person.sees("Yes, until nine <b>")
    person.sees("Passive reply")
    page = person.page
    assert page.get_by_label("Message", exact=True).input_value() == ""
    platform.post(TYPING, {"touser": person.openid, "command": "Typing"}, READERS)
    page.get_by_text("Typing…").wait_for()
    person.gets("text", {"content": 'See you! <a href="https://example.com/">Map</a>'})
    person.sees("See you!")
    page.get_by_text("Typing…").wait_for(state="hidden")
    assert page.get_by_role("link", name="Map").get_attribute("rel") == "noreferrer"
    page.get_by_text("Messages left: 4, for 48 h").wait_for()
    assert page.locator(".line").count() == 3
    page.reload()
    assert page.locator(".line").count() == 3


@pytest.mark.parametrize("appid", [SHOP, READERS])
def test_every_kind_of_message_is_shown(new_page: NewPage, platform: Platform, appid: str) -> None:
    kind = platform.wechat.accounts[appid].kind
    platform.wechat.chats.allowances[kind]["message"] = Allowance(20, 3600)
    person = Reader(platform, new_page(viewport=PHONE), appid)
    page = person.page
    person.says("hello")
    names = {"image": "Picture", "miniprogrampage": "Mini program card"}
    if appid == READERS:
        names = {"image": "Picture", "voice": "Voice", "video": "Film", "location": "Place"}
        names |= {"shortvideo": "Short film", "link": "Link"}
    for heard, name in names.items():
        person.presses(name)
        page.locator(f".mine[data-kind={heard}]").wait_for()
    for msgtype, content in messages.contents(platform, appid).items():
        person.gets(msgtype, content)
    page.locator(f".theirs[data-kind={msgtype}]").wait_for()
    shown = {one.get_attribute("data-kind") for one in page.locator(".theirs").all()}
    assert shown == {name for name, one in KINDS.items() if kind in one.accounts}
    for picture in page.locator("img.shot").all():
        assert picture.evaluate("picture => picture.decode().then(() => true, () => false)")
    for width in (360, 390, 1280):
        page.set_viewport_size({"width": width, "height": 844})
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_choice_of_a_menu_is_said(new_page: NewPage, platform: Platform) -> None:
    person = Reader(platform, new_page(), READERS)
    person.says("hello")
    person.sees("hello")
    person.gets("msgmenu", messages.MENU)
    person.page.get_by_role("button", name="yes").click()
    person.page.locator(".mine", has_text="yes").wait_for()
    assert "<bizmsgmenuid><![CDATA[1]]></bizmsgmenuid>" in platform.heard[-1]
    link = "weixin://bizmsgmenu?msgmenucontent=later&msgmenuid=2"
    person.gets("text", {"content": f'<a href="{link}">not now</a>'})
    person.page.get_by_role("button", name="later").click()
    person.page.locator(".mine", has_text="later").wait_for()


def test_events_are_a_click_away(new_page: NewPage, platform: Platform) -> None:
    reader = Reader(platform, new_page(), READERS)
    reader.presses("Subscribe")
    reader.sees("Subscribe · subscribe")
    reader.page.get_by_label("EventKey").fill("HOURS")
    reader.presses("Click the menu")
    reader.sees("Click the menu · CLICK · HOURS")
    assert "<EventKey><![CDATA[HOURS]]></EventKey>" in platform.heard[-1]
    for name in ("Open a link of the menu", "Scan the QR code", "Report the location"):
        reader.presses(name)
        reader.sees(name)
    reader.page.get_by_text("Messages left: 9, for 60 s").wait_for()
    reader.presses("Unsubscribe")
    reader.page.get_by_text("The account cannot write to you now.").wait_for()
    visitor = Reader(platform, new_page(), SHOP)
    visitor.presses("Enter the chat")
    visitor.page.get_by_text("Messages left: 2, for 60 s").wait_for()


def test_a_failing_service_is_noticed_and_a_transfer_told(
    new_page: NewPage, platform: Platform
) -> None:
    person = Reader(platform, new_page(), READERS)
    platform.answers = [(500, b"oops")] * 3
    person.says("hello")
    person.sees(NOTICE)
    person.sees("500 oops")
    person.hears("", "transfer_customer_service")
    person.says("a human, please")
    person.sees("Handed over to customer service")


def test_another_person_has_a_chat_of_their_own(new_page: NewPage, platform: Platform) -> None:
    person = Reader(platform, new_page(), SHOP)
    person.says("hello")
    person.sees("hello")
    person.page.get_by_label("You are").select_option("Chen")
    person.page.wait_for_url("**openid=*")
    assert person.page.get_by_role("log").inner_text() == ""
    person.page.get_by_label("You are").select_option("Lin")
    person.sees("hello")


def test_who_nobody_hears_is_told(new_page: NewPage, platform: Platform) -> None:
    platform.wechat.cancel(SHOP)
    person = Reader(platform, new_page(), SHOP)
    person.page.get_by_text("nobody hears you").wait_for()
    person.says("hello")
    person.page.get_by_role("alert").get_by_text("Not done").wait_for()
    assert platform.wechat.transcript(SHOP, person.openid) == []
    assert person.page.get_by_label("Message", exact=True).input_value() == "hello"


def test_it_works_without_scripts(new_page: NewPage, platform: Platform) -> None:
    person = Reader(platform, new_page(java_script_enabled=False), SHOP)
    person.says("hello")
    person.sees("hello")
    person.presses("Enter the chat")
    person.sees("user_enter_tempsession")


def test_it_speaks_chinese(new_page: NewPage, platform: Platform) -> None:
    page = new_page(viewport=PHONE)
    page.goto(f"{platform.wechat.base_url}/?lang=zh")
    page.get_by_role("link", name="手机").first.click()
    page.get_by_label("消息内容").fill("在吗")
    page.get_by_role("button", name="发送").click()
    page.locator(".mine", has_text="在吗").wait_for()
    page.get_by_text("对方还可发 5 条，48 小时内有效").wait_for()


def told(wechat: WeChat, appid: str) -> bool:
    """Whether our own platform has taken a message to this account."""
    return any(one.accepted and one.push.appid == appid for one in wechat.deliveries)


@pytest.mark.usefixtures("ticket")
def test_our_own_platform_answers(
    new_page: NewPage, wechat: WeChat, bound: Bound, live_server: LiveServer
) -> None:
    said = {"msgtype": "text", "text": {"content": "Welcome <3"}}
    Rule.objects.create(name="all", trigger=Rule.Trigger.DEFAULT, content=said)
    shop, readers = (bound(kind=kind).appid for kind in (MINI_PROGRAM, OFFICIAL_ACCOUNT))
    wechat.component.message_url = f"{live_server.url}/wechat/$APPID$/push/"
    wechat.post.deliver = over_http
    site = server.start(wechat)
    for appid, way in ((readers, "Passive reply"), (shop, "Customer-service message")):
        person = Person(wechat, new_page(viewport=PHONE), appid)
        person.says("hello")
        person.waits_for(partial(told, wechat, appid))
        send_replies()
        person.sees("Welcome <3")
        person.sees(way)
        person.page.close()
    assert all(delivery.accepted for delivery in wechat.deliveries)
    site.shutdown()
    site.server_close()


def test_the_release_test_is_started_by_a_button(new_page: NewPage) -> None:
    platform = release.Platform()
    site = server.start(platform.wechat)
    page = new_page()
    page.goto(f"{platform.wechat.base_url}/?lang=en")
    page.get_by_role("link", name="Release test").click()
    page.get_by_label("Group").select_option("2")
    page.get_by_role("button", name="Start the test").click()
    page.get_by_text("waiting").first.wait_for()
    assert page.get_by_text("LOCATIONfrom_callback").count() == 2
    platform.work()
    page.get_by_text("waiting").first.wait_for(state="detached")
    assert page.locator("em.good").count() == 10
    assert page.locator("em.bad").count() == 0
    page.close()
    site.shutdown()
    site.server_close()
