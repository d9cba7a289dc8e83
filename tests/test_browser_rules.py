"""Staff write an automatic reply, try it, tag an account and search the log, in a real browser."""

from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User

from messaging.models import Rule
from tests.chatting import Chat, keyword
from tests.chatting import readers as readers
from tests.test_browser_binding import NewPage
from tests.test_browser_binding import chromium as chromium
from tests.test_browser_binding import new_page as new_page
from tests.test_browser_binding import world as world

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("ticket", "world", "staff"),
]
WIDTHS = pytest.mark.parametrize("width", [1280, 390])


def enter(new_page: NewPage, width: int) -> Any:
    page = new_page(viewport={"width": width, "height": 900})
    page.goto("/admin/")
    page.locator("[name=username]").fill("operator")
    page.locator("[name=password]").fill("operator-password")
    page.locator("#login-form button[type=submit]").click()
    page.wait_for_url("**/admin/")
    return page


def fits(page: Any, width: int) -> bool:
    """Whether nothing hangs over the side of the screen."""
    return bool(page.evaluate("document.documentElement.scrollWidth") <= width)


def shown(page: Any) -> set[str]:
    """The fields of the form that a person sees."""
    fields = page.locator("#rule_form :is(input, select, textarea)[name]:visible").all()
    return {field.get_attribute("name") for field in fields}


@WIDTHS
def test_a_rule_is_written_and_tried(new_page: NewPage, readers: Chat, width: int) -> None:
    page = enter(new_page, width)
    page.goto("/admin/messaging/rule/add/")
    page.locator("[name=choices]").wait_for(state="hidden")
    assert {"pattern", "text"} <= shown(page)
    assert not shown(page) & {"event", "url", "choices", "media_id"}
    page.locator("[name=name]").fill("Poster")
    page.locator("[name=trigger]").select_option("event")
    page.locator("[name=event_key]").wait_for()
    page.locator("[name=pattern]").wait_for(state="hidden")
    assert {"event", "event_key"} <= shown(page)
    assert "pattern" not in shown(page)
    page.locator("[name=event]").select_option("SCAN")
    page.locator("[name=event_key]").fill("poster")
    page.locator("[name=kind]").select_option("msgmenu")
    page.locator("[name=tail]").wait_for()
    page.locator("[name=text]").wait_for(state="hidden")
    assert {"head", "choices", "tail"} <= shown(page)
    assert not shown(page) & {"text", "url", "media_id"}
    page.locator("[name=choices]").fill("Hours\nPrices")
    assert fits(page, width)
    page.locator("[name=_save]").click()
    page.get_by_text("An account of the kind “mini program” cannot say this").wait_for()
    assert Rule.objects.get().content["msgmenu"]["list"][1] == {"id": "2", "content": "Prices"}
    assert fits(page, width)
    page.get_by_text("Try it: which rule speaks?").click()
    page.locator(".staff-try [name=account]").fill(readers.account.appid)
    page.locator(".staff-try [name=event]").select_option("SCAN")
    page.locator(".staff-try [name=event_key]").fill("poster")
    page.get_by_role("button", name="Try", exact=True).click()
    page.get_by_role("heading", name="“Poster” speaks").wait_for()
    page.get_by_text("sent as a customer-service message").wait_for()
    assert fits(page, width)


@WIDTHS
def test_an_account_is_tagged(new_page: NewPage, readers: Chat, width: int) -> None:
    page = enter(new_page, width)
    page.goto(f"/admin/miniprograms/authorizer/{readers.account.pk}/tags/")
    page.locator("[name=new]").fill("tea")
    page.get_by_role("button", name="Set tags").click()
    page.wait_for_url("**/change/**")
    assert [tag.name for tag in readers.account.tags.all()] == ["tea"]
    page.goto("/admin/miniprograms/tag/")
    page.get_by_role("link", name="1", exact=True).click()
    page.get_by_text(readers.account.appid).wait_for()
    assert fits(page, width)


@WIDTHS
def test_the_log_is_searched_and_exported(
    new_page: NewPage, readers: Chat, staff: User, width: int
) -> None:
    staff.user_permissions.add(Permission.objects.get(codename="export_push"))
    keyword("hours", "From 9 to 5.")
    readers.say("What are your hours?")
    readers.say("=1+1")
    page = enter(new_page, width)
    page.goto("/admin/platform_auth/push/")
    page.get_by_label("Kind").fill("text")
    page.get_by_role("button", name="Search", exact=True).click()
    page.get_by_text("What are your hours?").wait_for()
    assert fits(page, width)
    with page.expect_download() as waiting:
        page.get_by_role("link", name="Export as CSV").click()
    text = Path(waiting.value.path()).read_text(encoding="utf-8-sig")
    assert "What are your hours?" in text
    assert "'=1+1" in text
    page.locator("#result_list .field-user_in_short a").first.click()
    page.wait_for_url(f"**/?user={readers.openid}")
    page.locator("#result_list tbody").nth(1).get_by_role("link").first.click()
    page.get_by_text("answered at once").wait_for()
    assert fits(page, width)
