"""The merchants' history: what happened to their accounts, in plain words; nothing of others."""

import html
import re
from contextlib import suppress
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from audits.services import releasing
from miniprograms.account_events import public_values, publish_account_event, publish_changes
from miniprograms.models import Authorizer
from miniprograms.services import binding, options, testers, trading, unbinding
from platform_auth.models import Component, Operation
from platform_auth.operations import record_operation
from portal.history import ENTRIES_PER_PAGE, ROWS
from sandbox.world import WeChat
from sandbox.world.faults import Fault
from tests.conftest import Bound
from tests.desk import Desk
from tests.desk import desk as desk
from tests.rows import make_authorizer
from tests.test_admin_code_acts import browser_of, text_of
from wechat.errors import WeChatError

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]

ALL = "/portal/history/"
ENTRY = re.compile(r'<li class="entry (?P<tone>\w*)">.*?<p>(?P<text>.*?)</p>.*?</li>', re.DOTALL)


@pytest.fixture
def portal(merchant: User) -> Client:
    return browser_of(merchant)


@pytest.fixture
def shop(component: Component, merchant: User) -> Authorizer:
    return make_authorizer(component, merchant, "wx00000000000000a1", nick_name="Tea & Cake")


def history(portal: Client, path: str = ALL) -> list[str]:
    """What it says, newest first."""
    found = ENTRY.finditer(text_of(portal.get(path)))
    return [" ".join(html.unescape(re.sub("<.*?>", "", entry["text"])).split()) for entry in found]


def test_the_life_of_a_mini_program(portal: Client, desk: Desk) -> None:
    desk.release("1.0.0")
    desk.submit("1.1.0")
    desk.judge("reject", "1. Price missing")
    desk.settle()
    desk.release("1.2.0")
    releasing.revert_release(desk.shop, by=desk.staff)
    told = history(portal, f"/portal/{desk.shop.appid}/history/")
    assert told == [
        "It was rolled back: version 1.0.0 is online again. By our staff",
        "Version 1.2.0 went online. By our staff",
        "WeChat approved version 1.2.0.",
        "Version 1.2.0 was handed to WeChat for review. By our staff",
        "Version 1.2.0 was uploaded, to be tried out. By our staff",
        "WeChat did not approve version 1.1.0.",
        "Version 1.1.0 was handed to WeChat for review. By our staff",
        "Version 1.1.0 was uploaded, to be tried out. By our staff",
        "Version 1.0.0 went online. By our staff",
        "WeChat approved version 1.0.0.",
        "Version 1.0.0 was handed to WeChat for review. By our staff",
        "Version 1.0.0 was uploaded, to be tried out. By our staff",
    ]
    assert history(portal) == told
    page = text_of(portal.get(ALL))
    assert '<blockquote lang="zh-Hans">1. Price missing</blockquote>' in page
    assert desk.staff.get_username() not in page
    own = f"/portal/{desk.shop.appid}/history/"
    assert f'<strong><a href="{own}">{desk.shop}</a></strong>' in page


def test_each_verdict_has_the_reason_that_came_with_it(portal: Client, desk: Desk) -> None:
    desk.submit("1.1.0")
    desk.judge("delay", "为了更好的服务小程序，平台需要更长的时间")
    desk.settle()
    desk.judge("reject", "1. Price missing")
    desk.settle()
    page = text_of(portal.get(f"/portal/{desk.shop.appid}/history/"))
    reasons = {
        re.sub("<.*?>", "", entry["text"]): re.findall("<blockquote.*?>(.*?)<", entry[0])
        for entry in ENTRY.finditer(page)
    }
    assert reasons["WeChat did not approve version 1.1.0."] == ["1. Price missing"]
    assert reasons["WeChat needs longer to review version 1.1.0."] == [
        "为了更好的服务小程序，平台需要更长的时间"
    ]


@pytest.mark.parametrize(
    ("action", "result", "sentence"),
    [
        ("bind", "", "It was bound: we may work for it."),
        ("assign_binding", "merchant", "It was bound, after our staff had looked at it."),
        ("unbind_locally", "", "Our staff ended the binding."),
        ("cancelled in WeChat", "", "The binding was ended at WeChat."),
        ("ask_for_permissions", "18, 19", "You were asked to authorise us again."),
        ("apply_setting", "server-domains 3", "A setting was changed: Server domains."),
        ("set_option", "location_report = 1", "A setting was changed: location reports."),
        ("upload_guideline_file", "", "A file of the privacy guideline was uploaded."),
        ("open_service", "", "It was opened to its users."),
        ("close_service", "", "It was closed to its users."),
        ("gray_release", "10 %", "A new version went online for 10 % of its users."),
        ("stop_gray_release", "", "The new version was taken back: all users have the one before."),
        ("add_tester", "t***a", "t***a may try new versions out."),
        ("remove_tester", "t***a", "t***a may not try new versions out any more."),
        ("apply_for_interface", "wx.a", "WeChat was asked for the interface wx.a."),
        ("interface_granted", "wx.a", "WeChat allowed the interface wx.a."),
        ("interface_rejected", "wx.a no", "WeChat did not allow the interface wx.a."),
    ],
)  # fmt: skip
def test_what_the_operation_log_has_is_said_plainly(
    portal: Client, shop: Authorizer, action: str, result: str, sentence: str
) -> None:
    record_operation(action, by=None, appid=shop.appid, result=result)
    assert history(portal) == [sentence]
    record_operation(action, by=None, appid=shop.appid, result=f"{result} [ERP]".strip())
    assert history(portal) == [sentence, sentence]
    assert "ERP" not in text_of(portal.get(ALL))


@pytest.mark.parametrize(
    "action",
    ["set_tags", "read_token", "release_mismatch", "set_ext_values", "clear_quota"],
)
def test_what_is_staffs_own_is_not_told(portal: Client, shop: Authorizer, action: str) -> None:
    record_operation(action, by=None, appid=shop.appid, result="internal words")
    assert not history(portal)
    assert "Nothing has happened yet." in text_of(portal.get(ALL))


def test_it_says_who(portal: Client, merchant: User, staff: User, shop: Authorizer) -> None:
    for person in (merchant, staff, None):
        record_operation("open_service", by=person, appid=shop.appid)
    sentence = "It was opened to its users."
    assert history(portal) == [sentence, f"{sentence} By our staff", f"{sentence} By you"]


def test_what_wechat_refused_did_not_happen(
    portal: Client, merchant: User, bound: Bound, wechat: WeChat
) -> None:
    shop = bound()
    wechat.faults.add(Fault("/wxa/bind_tester", times=1, errcode=85004))
    with suppress(WeChatError):
        testers.add_tester(shop, "teahouse_first", by=merchant)
    with suppress(WeChatError):
        releasing.set_visit_status(shop, is_open=True, by=merchant)  # nothing is online
    testers.add_tester(shop, "teahouse_tester", by=merchant)
    options.set_option(shop, "voice_recognize", "1", by=merchant)
    told = history(portal)
    assert told[0] == "A setting was changed: recognition of voice messages. By you"
    assert told[1].endswith("may try new versions out. By you")
    assert told[2:] == ["It was bound: we may work for it."]
    assert Operation.objects.filter(action="add_tester").count() == 3
    assert "teahouse_tester" not in text_of(portal.get(ALL))


def test_permissions_and_warnings(portal: Client, shop: Authorizer) -> None:
    before = public_values(shop)
    shop.nick_name, shop.func_info = "Tea & More", [17]
    shop.save()
    publish_changes(shop, before)
    before = public_values(shop)
    shop.account_status = Authorizer.AccountStatus.BANNED
    shop.save()
    publish_changes(shop, before)
    publish_account_event("authorizer.needs_reauthorization", shop.appid)
    details = {"illegal_reason": "虚假宣传"}
    publish_account_event(
        "account.alerted", shop.appid, cause="wxa_illegal_record", details=details
    )
    assert set(history(portal)) == {
        "WeChat reported a violation.",
        "WeChat does not let us work for it, until its administrator authorises us again.",
        "WeChat banned it.",
        "What we may do for it has changed. We lack the permissions to:",
    }
    page = text_of(portal.get(ALL))
    assert "虚假宣传" in page
    assert "for 30 days; what is older is not shown here" in page


def test_permissions_that_are_all_there_are_not_called_missing(
    portal: Client, shop: Authorizer
) -> None:
    before = public_values(shop)
    shop.func_info = [17, 18, 19, 30, 156]
    shop.save()
    publish_changes(shop, before)
    assert history(portal) == ["What we may do for it has changed."]


@pytest.mark.parametrize(
    ("action", "result"), [("bind", "code messages"), ("assign_binding", "merchant: code messages")]
)
def test_a_binding_without_all_permissions_says_what_for_they_are_missing(
    portal: Client, shop: Authorizer, action: str, result: str
) -> None:
    record_operation(action, by=None, appid=shop.appid, result=result)
    assert history(portal) == ["It was bound, but we lack the permissions to:"]
    page = text_of(portal.get(ALL))
    assert "bring new versions of your mini program online" in page
    assert "Development and data analysis (小程序开发与数据分析)" in page
    assert "see whether WeChat wants something" not in page


def test_a_binding_with_permissions_unticked_is_logged_with_what_it_lacks(
    portal: Client, wechat: WeChat, ticket: str, merchant: User
) -> None:
    account = wechat.create_account(nick_name="Tea & Cake")
    opened = binding.start_binding(user=merchant, session="session")
    code = wechat.authorize(opened.pre_auth_code, account.appid, [18, 30, 156])
    trading.finish_binding(opened, code)
    own = f"/portal/{account.appid}/history/"
    assert history(portal, own) == ["It was bound, but we lack the permissions to:"]
    assert "Customer service (小程序客服管理)" in text_of(portal.get(own))


def test_only_their_own(
    portal: Client, other_merchant: User, shop: Authorizer, component: Component
) -> None:
    others = make_authorizer(component, other_merchant, "wx00000000000000b1", nick_name="Not yours")
    record_operation("open_service", by=None, appid=others.appid)
    record_operation("close_service", by=None, appid=shop.appid)
    assert history(portal) == ["It was closed to its users."]
    assert portal.get(f"/portal/{others.appid}/history/").status_code == 404
    Authorizer.objects.filter(pk=shop.pk).update(is_show=1)
    assert not history(portal)
    assert history(portal, f"/portal/{shop.appid}/history/") == ["It was closed to its users."]


def test_pages_go_back_to_the_beginning(portal: Client, shop: Authorizer) -> None:
    number = 2 * ROWS + 5
    start = timezone.now() - timedelta(days=1)
    Operation.objects.bulk_create(
        Operation(
            actor_name="system", action="add_tester", appid=shop.appid,
            result=f"tester-{index:03}", at=start + timedelta(minutes=index // 2),
        )
        for index in range(number)
    )  # fmt: skip
    told: list[str] = []
    path: str | None = ALL
    while path:
        page = history(portal, path)
        assert page
        assert len(page) <= ENTRIES_PER_PAGE + 1
        told += page
        [link] = re.findall(r'href="\?(before=[^"]+)" rel="next"', text_of(portal.get(path))) or [
            ""
        ]
        path = f"{ALL}?{link}" if link else None
    assert len(told) == len(set(told)) == number
    assert told[0].startswith(f"tester-{number - 1:03}")


@pytest.mark.parametrize(
    "before",
    ["yesterday", "2026-13-01T00:00:00Z", "2026-01-01T00:00:00", "0001-01-01T00:00:00+14:00"],
)
def test_a_made_up_page_does_not_exist(portal: Client, before: str) -> None:
    assert portal.get(ALL, {"before": before}).status_code == 404


def test_a_page_beyond_the_beginning_says_so(portal: Client, shop: Authorizer) -> None:
    assert "Before that nothing has happened." in text_of(
        portal.get(ALL, {"before": "2026-01-01T00:00:00+00:00"})
    )
    assert portal.get(ALL, {"before": "9999-12-31T23:59:59+00:00"}).status_code == 200


def test_it_takes_few_queries_however_many_rows(
    portal: Client, component: Component, merchant: User
) -> None:
    counts = []
    for number in range(12):
        appid = f"wx{number:016x}"
        make_authorizer(component, merchant, appid)
        record_operation("open_service", by=merchant, appid=appid)
        with CaptureQueriesContext(connection) as queries:
            portal.get(ALL)
        counts.append(len(queries))
    assert counts[-1] == counts[0] <= 12


def test_links_lead_there(portal: Client, shop: Authorizer, wechat: WeChat) -> None:
    own = f'href="/portal/{shop.appid}/history/"'
    assert own in text_of(portal.get("/portal/"))
    assert own in text_of(portal.get(f"/portal/{shop.appid}/"))
    assert f'href="{ALL}"' in text_of(portal.get("/portal/"))
    unbinding.unbind_locally(shop, by=User.objects.create_user("boss", is_staff=True))
    assert history(portal) == ["Our staff ended the binding. By our staff"]
