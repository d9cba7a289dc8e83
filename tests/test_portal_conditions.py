"""What is wrong with an account is said on all pages of its merchant's, and none calls it well."""

import re
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

from audits.models import CodeAudit, PreflightSummary
from miniprograms.models import Authorizer, Binding
from platform_auth.models import Component
from tests.rows import make_authorizer
from tests.test_portal_binding import PHONE
from tests.test_portal_code import make_audit
from tests.test_portal_pages import new_browser, text_of

pytestmark = pytest.mark.django_db

APPID = "wx00000000000000a1"
HOME, PAGE = "/portal/", f"/portal/{APPID}/"
ALL = [17, 18, 19, 30, 156]
HELD_AGAINST = {
    14: "This account has been closed at WeChat.",
    16: "WeChat has banned this account.",
    18: "WeChat has given this account a warning.",
    19: "WeChat has frozen this account.",
}
LACKING = "Permissions are missing"
UNREADY = "It has no category yet that it may be reviewed in."
WELL = ("nothing for you to do", "nothing more for you to do", "In order")


@pytest.fixture
def browser(merchant: User) -> Client:
    merchant.groups.add(Group.objects.get(name="merchants who answer"))
    return new_browser(merchant)


@pytest.fixture
def row(component: Component, merchant: User) -> Authorizer:
    return make_authorizer(component, merchant, APPID, nick_name="Tea & Cake", func_info=ALL)


def make_unready(row: Authorizer) -> None:
    PreflightSummary.objects.create(
        authorizer=row, ok=False, failing=["category"], for_merchant="category"
    )


def returns(row: Authorizer, **values: Any) -> dict[str, str]:
    """The pages that a computer and a phone see after they have bound ROW."""
    pages = {}
    for device in Binding.Device.values:
        browser = Client(
            headers={"accept-language": "en"} | ({"user-agent": PHONE} if device == "phone" else {})
        )
        assert row.owner is not None
        browser.force_login(row.owner)
        browser.post("/portal/bind/")
        binding = Binding.objects.latest("id")
        Binding.objects.filter(pk=binding.pk).update(
            status="bound", authorizer=row, appid=row.appid, **values
        )
        pages[device] = text_of(browser.get(f"/portal/bind/{binding.state}/return/"))
    return pages


@pytest.mark.usefixtures("ticket")
@pytest.mark.parametrize("status", HELD_AGAINST)
def test_what_wechat_holds_against_an_account_stands_on_each_of_its_pages(
    browser: Client, row: Authorizer, status: int
) -> None:
    Authorizer.objects.update(account_status=status)
    row.refresh_from_db()
    pages = {
        path: text_of(browser.get(path))
        for path in (HOME, PAGE, f"{PAGE}testers/", f"{PAGE}messages/")
    }
    for path, page in (pages | returns(row)).items():
        assert [text for text in HELD_AGAINST.values() if text in page] == [HELD_AGAINST[status]]
        assert not [text for text in WELL if text in page], path
    assert pages[PAGE].index(HELD_AGAINST[status]) < pages[PAGE].index('id="online"')


def test_of_an_account_in_order_no_page_says_so(browser: Client, row: Authorizer) -> None:
    for path in (HOME, PAGE, f"{PAGE}testers/", f"{PAGE}messages/"):
        page = text_of(browser.get(path))
        assert not [text for text in HELD_AGAINST.values() if text in page]
    assert "There is nothing for you to do." in text_of(browser.get(PAGE))


def test_missing_permissions_stand_first_and_nothing_says_that_all_is_well(
    browser: Client, row: Authorizer
) -> None:
    Authorizer.objects.update(func_info=[17, 30])
    page = text_of(browser.get(PAGE))
    assert page.index(LACKING) < page.index('id="online"')
    assert not [text for text in WELL if text in page]
    make_audit(row, CodeAudit.Status.PASSED)
    page = text_of(browser.get(PAGE))
    assert "Our staff will put it online" not in page


@pytest.mark.usefixtures("ticket")
def test_a_result_says_what_the_first_page_says(row: Authorizer) -> None:
    for page in returns(row).values():
        assert "We have all the permissions that we need." in page
    make_unready(row)
    for page in returns(row).values():
        assert UNREADY in page
        assert not [text for text in WELL if text in page]
    PreflightSummary.objects.all().delete()
    make_audit(row, CodeAudit.Status.REJECTED)
    for page in returns(row).values():
        assert "WeChat did not approve its newest version." in page
        assert not [text for text in WELL if text in page]


@pytest.mark.usefixtures("ticket")
def test_a_result_does_not_claim_what_is_not_known_yet(row: Authorizer) -> None:
    Authorizer.objects.update(func_info=[])
    row.refresh_from_db()
    for page in returns(row).values():
        assert "What we need of it is being fetched from WeChat." in page
        assert "all the permissions" not in page


@pytest.mark.usefixtures("ticket")
def test_a_result_is_not_the_same_once_the_account_is_unbound(row: Authorizer) -> None:
    Authorizer.objects.update(state="unbound", refresh_token="")
    row.refresh_from_db()
    pages = returns(row)
    assert "Tea &amp; Cake is not bound any more" in pages["computer"]
    assert "<h1>No longer bound</h1>" in pages["phone"]


def test_recovery_needs_nothing_of_the_merchant_unless_something_else_does(
    browser: Client, row: Authorizer
) -> None:
    Authorizer.objects.update(state="needs_recovery")
    assert "There is nothing for you to do." in text_of(browser.get(HOME))
    Authorizer.objects.update(account_status=19)
    page = text_of(browser.get(HOME))
    assert "We are restoring the connection to WeChat." in page
    assert "nothing for you to do" not in page


def boxes(page: str) -> list[str]:
    return re.findall(r"permission at WeChat: ([^<]+)<", page)


def test_testers_and_messages_name_only_what_matters_there(
    browser: Client, row: Authorizer
) -> None:
    Authorizer.objects.update(func_info=[17])
    code, customers = (
        "Development and data analysis (小程序开发与数据分析)",
        "Customer service (小程序客服管理)",
    )
    info = "Basic information (基本信息管理)"
    assert boxes(text_of(browser.get(HOME))) == [code, customers, info, code]
    assert boxes(text_of(browser.get(PAGE))) == [code, customers, info, code]
    assert boxes(text_of(browser.get(f"{PAGE}testers/"))) == [code]
    assert boxes(text_of(browser.get(f"{PAGE}messages/"))) == [customers]
    assert "156" not in text_of(browser.get(PAGE))


def test_only_a_set_that_the_platform_has_is_to_be_ticked(
    browser: Client, row: Authorizer, settings: Any
) -> None:
    Authorizer.objects.update(func_info=[17])
    settings.PERMISSION_SETS = [17, 156]
    assert boxes(text_of(browser.get(HOME))) == ["ICP filing (小程序备案服务)"]


def test_in_chinese_a_set_has_its_name_at_wechat(browser: Client, row: Authorizer) -> None:
    Authorizer.objects.update(func_info=[17, 19, 30, 156])
    page = text_of(browser.get(HOME, headers={"accept-language": "zh-hans"}))
    assert "为您的小程序发布新版本" in page
    assert "在微信勾选“小程序开发与数据分析”" in page
