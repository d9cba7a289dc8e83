"""Code's whole way, clicked in a real browser by staff, with the merchant looking on."""

from typing import Any

import pytest
from django.contrib.auth.models import User

from audits.models import CodeAudit, CodeTemplate, Release
from audits.services import templates
from audits.tasks import settle
from miniprograms.models import Authorizer
from platform_auth.models import Component
from sandbox.wire.pushes import Deliver
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
def shop(bound: Bound, wechat: WeChat, component: Component) -> Authorizer:
    """A merchant's mini program, and a template for it."""
    templates.add_template(component, wechat.upload_draft().draft_id, by=None)
    return bound(nick_name="Tea & Cake", appid="wx00000000000000a1")


class Desk:
    """A member of staff before a mini program's page."""

    def __init__(self, page: Any, shop: Authorizer) -> None:
        self.page = page
        self.code = f"/admin/miniprograms/authorizer/{shop.pk}/code/"

    def log_in(self, name: str, password: str) -> None:
        self.page.goto("/admin/")
        self.page.locator("[name=username]").fill(name)
        self.page.locator("[name=password]").fill(password)
        self.page.locator("#login-form button[type=submit]").click()
        self.page.wait_for_url("**/admin/")

    def do(self, act: str, says: str, **fields: str) -> None:
        """Click ACT on the page, fill FIELDS in, confirm, and read what it says."""
        self.page.goto(self.code)
        self.page.locator(f"a[href$='/code/{act}/']").first.click()
        for name, value in fields.items():
            field = self.page.locator(f"[name={name}]")
            field.select_option(value) if name == "template" else field.fill(value)
        self.page.locator("form[method=post] button:visible:not([type=button])").last.click()
        self.page.get_by_text(says).first.wait_for()


def test_code_is_rejected_mended_released_and_rolled_back_by_clicking(
    new_page: NewPage,
    wechat: WeChat,
    deliver: Deliver,
    shop: Authorizer,
    merchant: User,
) -> None:
    User.objects.create_superuser("boss", password="boss-password")
    desk = Desk(new_page(), shop)
    desk.log_in("boss", "boss-password")
    template = str(CodeTemplate.objects.get().pk)

    def upload_and_submit(version: str) -> None:
        desk.do(
            *("commit", f"version {version} is uploaded"),
            template=template,
            user_version=version,
            user_desc="what is new",
        )
        desk.do("submit", f"version {version} is submitted")

    def decide(outcome: str, reason: str | None = None, pictures: int = 0) -> None:
        wechat.judge(shop.appid, outcome, reason, pictures)
        wechat.deliver_all(deliver)
        settle()  # soon after another verdict a push is doubted, and the worker asks

    def release(version: str) -> None:
        desk.do("release", f"version {version} is online")

    upload_and_submit("1.0.0")
    decide("pass")
    release("1.0.0")

    upload_and_submit("1.1.0")
    decide("reject", "1:类目不一致<br>2:内容不完整", pictures=1)
    desk.do("ask", "rejected")
    desk.page.goto(desk.code)
    desk.page.get_by_text("1:类目不一致").first.wait_for()
    assert desk.page.locator(".staff-shots a img").count() >= 1

    merchants = new_page()
    log_in(merchants)
    merchants.get_by_text("WeChat did not approve version 1.1.0").wait_for()
    merchants.get_by_role("link", name="Versions and reviews Tea & Cake").click()
    merchants.get_by_text("2:内容不完整").wait_for()
    assert merchants.locator(".pictures img").count() == 1
    merchants.get_by_role("img", name="The code to scan.").wait_for()

    upload_and_submit("1.1.1")
    decide("pass")
    release("1.1.1")
    desk.do("revert", "rolled back; online is now 1.0.0")

    assert [audit.word for audit in CodeAudit.objects.order_by("id")] == [
        "released",
        "rejected",
        "released",
    ]
    acts = Release.objects.order_by("id").values_list("kind", "state")
    assert list(acts) == [("release", "done"), ("release", "done"), ("revert", "done")]
