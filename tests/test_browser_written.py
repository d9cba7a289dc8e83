"""
What somebody wrote is there again after a session that had ended, in a real browser: for the same
person, in the same tab, without secrets, and never sent by itself.
"""

from typing import Any

import pytest
from django.contrib.auth.models import Group, User

from messaging.models import Reply, Rule
from notices.models import Channel
from platform_auth.login_models import LoginSession
from sandbox.wire.pushes import Deliver
from sandbox.world import WeChat
from tests.chatting import Chat
from tests.conftest import Bound
from tests.test_browser_binding import NewPage
from tests.test_browser_binding import chromium as chromium
from tests.test_browser_binding import new_page as new_page
from tests.test_browser_binding import world as world

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("ticket", "world"),
]
NOTE = "What you had written was not sent."
PASSWORDS = {"boss": "boss-password", "merchant": "merchant-password"}


@pytest.fixture
def boss(db: None) -> User:
    return User.objects.create_superuser("boss", password=PASSWORDS["boss"])


def enter(page: Any, name: str) -> None:
    """On the page of a login, which has led here or was opened."""
    page.locator("[name=username]").fill(name)
    page.locator("[name=password]").fill(PASSWORDS[name])
    page.locator("[name=password]").press("Enter")
    page.wait_for_url(lambda url: "/login/" not in url)
    page.wait_for_load_state()


def come_to_login(page: Any) -> None:
    page.wait_for_url(lambda url: "/login/" in url)
    page.wait_for_load_state()


def end_sessions() -> None:
    """As if time had passed."""
    LoginSession.objects.all().delete()


@pytest.fixture
def desk(new_page: NewPage, boss: User) -> Any:
    page = new_page(locale="en")
    page.goto("/admin/login/")
    enter(page, "boss")
    return page


def write_rule(page: Any) -> None:
    page.goto("/admin/messaging/rule/add/")
    page.locator("[name=name]").fill("Opening hours")
    page.locator("[name=trigger]").select_option("keyword")
    page.locator("[name=pattern]").fill("when do you open")
    page.locator("[name=text]").fill("We open at nine, and on Sundays at ten.")


def test_a_long_form_of_staff_is_filled_in_again_and_not_sent(desk: Any) -> None:
    write_rule(desk)
    end_sessions()
    desk.locator("[name=_save]").click()
    come_to_login(desk)
    desk.get_by_text("Your session had ended").wait_for()
    enter(desk, "boss")
    desk.get_by_text(NOTE).wait_for()
    assert desk.locator("[name=text]").input_value() == "We open at nine, and on Sundays at ten."
    assert desk.locator("[name=trigger]").input_value() == "keyword"
    assert desk.locator("[name=pattern]").input_value() == "when do you open"
    assert not Rule.objects.exists()
    desk.locator("[name=_save]").click()
    desk.wait_for_url("**/admin/messaging/rule/")
    assert Rule.objects.get().name == "Opening hours"
    desk.goto("/admin/messaging/rule/add/")
    assert desk.get_by_text(NOTE).count() == 0
    assert desk.locator("[name=name]").input_value() == ""


def test_somebody_else_does_not_see_it(desk: Any) -> None:
    User.objects.create_superuser("merchant", password=PASSWORDS["merchant"])
    write_rule(desk)
    end_sessions()
    desk.locator("[name=_save]").click()
    come_to_login(desk)
    enter(desk, "merchant")
    assert desk.locator("[name=name]").input_value() == ""
    assert desk.get_by_text(NOTE).count() == 0
    assert "Opening hours" not in desk.evaluate("JSON.stringify(sessionStorage)")


def test_secrets_are_not_kept(desk: Any) -> None:
    desk.goto("/admin/auth/user/add/")
    desk.locator("[name=username]").fill("teahouse")
    desk.locator("[name=password1]").fill("never-kept-anywhere")
    desk.locator("[name=password2]").fill("never-kept-anywhere")
    end_sessions()
    desk.locator("[name=_save]").click()
    come_to_login(desk)
    kept = desk.evaluate("JSON.stringify(sessionStorage)")
    assert "teahouse" in kept
    assert "never-kept" not in kept
    assert "csrf" not in kept


def test_an_answer_to_a_user_is_there_again(
    desk: Any, bound: Bound, wechat: WeChat, deliver: Deliver
) -> None:
    """Its form is sent by a script, to an address that is no page."""
    chat = Chat(wechat, bound(nick_name="Tea & Cake"), deliver)
    chat.say("Do you have oolong?")
    desk.goto("/admin/messaging/conversation/")
    desk.locator("#result_list tbody th a").click()
    desk.locator("#chat-text").fill("Yes, three kinds of it.")
    end_sessions()
    desk.locator("#chat-text").press("Enter")
    come_to_login(desk)
    enter(desk, "boss")
    desk.get_by_text(NOTE).wait_for()
    assert desk.locator("#chat-text").input_value() == "Yes, three kinds of it."
    assert not Reply.objects.exists()


def test_a_merchants_form_is_filled_in_again(new_page: NewPage, merchant: User) -> None:
    merchant.groups.add(Group.objects.get(name="merchants who answer"))
    page = new_page(locale="en")
    page.goto("/portal/login/?next=/portal/notices/")
    enter(page, "merchant")
    form = page.locator("form[action$='/notices/add/']")
    form.evaluate("(form) => { form.noValidate = true; }")  # its type is not chosen
    form.locator("[name=name]").fill("Tea house group")
    form.locator("[name=address]").fill(
        "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=never"
    )
    end_sessions()
    form.locator("button").last.click()
    come_to_login(page)
    assert "never" not in page.evaluate("JSON.stringify(sessionStorage)")
    enter(page, "merchant")
    page.get_by_text(NOTE).wait_for()
    assert form.locator("[name=name]").input_value() == "Tea house group"
    assert form.locator("[name=address]").input_value() == ""
    assert not Channel.objects.filter(name="Tea house group").exists()


def test_the_login_says_that_the_session_had_ended_and_a_tester_is_there_again(
    new_page: NewPage, bound: Bound
) -> None:
    row = bound(nick_name="Tea & Cake")
    page = new_page(locale="en")
    page.goto(f"/portal/login/?next=/portal/{row.appid}/testers/")
    enter(page, "merchant")
    assert page.get_by_text("Your session had ended").count() == 0
    page.locator("[name=wechatid]").fill("lisi_99")
    page.context.clear_cookies(name="sessionid")
    page.locator("main form button").last.click()
    come_to_login(page)
    page.get_by_text("Your session had ended: what you have just written was not sent.").wait_for()
    enter(page, "merchant")
    page.get_by_text(NOTE).wait_for()
    assert page.locator("[name=wechatid]").input_value() == "lisi_99"
    assert not row.testers.exists()
    page.goto("/portal/")
    page.context.clear_cookies(name="sessionid")
    page.goto("/portal/")
    come_to_login(page)
    assert page.get_by_text("Your session had ended").count() == 0


def test_a_form_from_before_another_login_is_there_again(desk: Any) -> None:
    """The browser has logged in anew in another tab: the form's token is of the time before."""
    write_rule(desk)
    other = desk.context.new_page()
    end_sessions()
    other.goto("/admin/login/")
    enter(other, "boss")
    desk.locator("[name=_save]").click()
    desk.get_by_text("Back to what you wrote").click()
    desk.get_by_text(NOTE).wait_for()
    assert desk.locator("[name=name]").input_value() == "Opening hours"
    assert not Rule.objects.exists()
