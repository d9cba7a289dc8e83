"""The portal's first page: what needs the merchant stands first, names are found, whose it is."""

import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from audits.models import CodeTemplate
from audits.services import committing, submitting, templates
from audits.services.summaries import summarise_code
from miniprograms.models import Authorizer
from miniprograms.services.bind_links import make_bind_link
from platform_auth.models import Component
from sandbox.world import WeChat
from tests.conftest import Bound, Deliver
from tests.rows import make_authorizer
from tests.test_admin_code_acts import browser_of, judge, text_of
from tests.test_portal_code import make_audit

pytestmark = pytest.mark.django_db

HOME = "/portal/"


@pytest.fixture
def portal(merchant: User) -> Client:
    return browser_of(merchant)


def names(page: str) -> list[str]:
    return re.findall(r"<h3>([^<]+)</h3>", page)


def test_a_rejected_review_stands_first_in_red(
    portal: Client,
    bound: Bound,
    component: Component,
    wechat: WeChat,
    deliver: Deliver,
) -> None:
    draft = wechat.upload_draft(user_version="1.0.0", user_desc="First")
    templates.add_template(component, draft.draft_id, by=None)
    bad, _good = bound(nick_name="Bad"), bound(nick_name="Good")
    assert names(text_of(portal.get(HOME))) == ["Good", "Bad"]
    template = CodeTemplate.objects.get()
    committing.commit_template(bad, template, user_version="1.2.0", user_desc="new", by=None)
    submitting.submit_newest_version(bad, by=None)
    judge(wechat, deliver, bad.audits.get(), "reject")
    page = text_of(portal.get(HOME))
    assert names(page) == ["Bad", "Good"]
    assert page.count('<p class="state troubled">Review rejected</p>') == 1
    assert page.count('<p class="state bound">') == 1
    bound(nick_name="Frozen")
    Authorizer.objects.filter(nick_name="Frozen").update(account_status=19)
    assert names(text_of(portal.get(HOME))) == ["Bad", "Frozen", "Good"]


@pytest.mark.parametrize(
    "values",
    [{"state": "needs_reauthorization"}, {"account_status": Authorizer.AccountStatus.FROZEN}],
)
def test_what_needs_the_merchant_stands_first(
    portal: Client, component: Component, merchant: User, values: dict[str, Any]
) -> None:
    make_authorizer(component, merchant, "wx00000000000000a1", nick_name="Troubled", **values)
    make_authorizer(component, merchant, "wx00000000000000a2", nick_name="Fine")
    assert names(text_of(portal.get(HOME))) == ["Troubled", "Fine"]


def test_of_many_one_is_found_by_name_or_appid(
    portal: Client, component: Component, merchant: User, other_merchant: User
) -> None:
    make_authorizer(component, other_merchant, "wx00000000000000b1", nick_name="Shop of another")
    for number in range(5):
        make_authorizer(
            component, merchant, f"wx00000000000000a{number}", nick_name=f"Shop {number}"
        )
    assert 'role="search"' not in text_of(portal.get(HOME))
    make_authorizer(component, merchant, "wx00000000000000a5", nick_name="Café & Tea")
    assert 'role="search"' in text_of(portal.get(HOME))
    for term in ("café", "wx00000000000000a5", " & "):
        assert names(text_of(portal.get(HOME, {"q": term}))) == ["Café &amp; Tea"], term
    nobody = text_of(portal.get(HOME, {"q": "another"}))
    assert not names(nobody)
    assert "None of your accounts is called another." in nobody


def test_pages_keep_what_is_looked_for(
    portal: Client, component: Component, merchant: User
) -> None:
    for number in range(51):
        make_authorizer(component, merchant, f"wx{number:016x}", nick_name=f"Tea & {number}")
    page = text_of(portal.get(HOME, {"q": "Tea &"}))
    assert 'href="?page=2&amp;q=Tea%20%26"' in page
    assert len(names(text_of(portal.get(HOME, {"q": "Tea &", "page": "2"})))) == 1


STATES: dict[str, tuple[dict[str, Any], str, str]] = {
    "wx00000000000000a1": ({"state": "needs_reauthorization"}, "Needs confirming again", "to-do"),
    "wx00000000000000a2": ({"account_status": 19}, "Problem at WeChat", "to-do"),
    "wx00000000000000a3": ({"lacks": "x", "func_info": [17]}, "Permissions are missing", "to-do"),
    "wx00000000000000a4": ({"state": "unbound"}, "No longer bound", "unbound"),
    "wx00000000000000a5": ({"state": "unbound", "account_status": 16}, "No longer bound", ""),
    "wx00000000000000a6": ({"state": "needs_recovery"}, "Reconnecting", ""),
    "wx00000000000000a7": ({"func_info": [17, 18, 19, 25, 30, 31]}, "", ""),
}  # fmt: skip


def badges(page: str) -> list[str]:
    return re.findall(r'<p class="state [^"]*">\s*([^<]*?)\s*</p>', page)


def test_the_worst_is_the_badge_and_a_part_of_the_list(
    portal: Client, component: Component, merchant: User
) -> None:
    for appid, (values, _badge, _part) in STATES.items():
        make_authorizer(component, merchant, appid, nick_name=appid, **values)
    make_authorizer(component, merchant, "wx00000000000000b1", nick_name="Judged")
    judged = Authorizer.objects.get(appid="wx00000000000000b1")
    for status, part, word in (
        (2, "in-review", "has been reviewing"),
        (4, "in-review", "longer than usual"),
        (0, "approved", "is not online yet"),
        (1, "to-do", "did not approve"),
    ):
        make_audit(judged, status)
        summarise_code(judged.pk)
        page = text_of(portal.get(HOME, {"part": part, "q": "Judged"}))
        assert names(page) == ["Judged"], part
        assert word in page
        judged.audits.all().delete()
        summarise_code(judged.pk)
    for appid, (_values, badge, part) in STATES.items():
        if badge:
            assert badges(text_of(portal.get(HOME, {"q": appid}))) == [badge], appid
        if part:
            assert appid in names(text_of(portal.get(HOME, {"part": part})))
    page = text_of(portal.get(HOME))
    for name, number in (("All", 8), ("Something to do", 3), ("No longer bound", 2)):
        assert re.search(rf">{name} <span>{number}</span></a>", page), name
    assert "Under review" not in page  # there are none
    assert len(names(text_of(portal.get(HOME, {"part": "nonsense"})))) == 8
    assert "None of your accounts is in this part" in text_of(
        portal.get(HOME, {"part": "in-review"})
    )


def test_a_rejection_comes_with_its_reason_and_what_to_do(
    portal: Client, component: Component, merchant: User
) -> None:
    rejected = make_authorizer(component, merchant, nick_name="Tea")
    make_audit(rejected, 1, reason="1. Price missing")
    page = text_of(portal.get(HOME))
    assert "1. Price missing</blockquote>" in page
    assert "get in touch if they need something from you" in page
    assert badges(page) == ["Review rejected"]
    left = make_authorizer(component, merchant, "wx00000000000000a2", state="unbound")
    make_audit(left, 1, reason="2. Price missing")
    page = text_of(portal.get(HOME, {"part": "unbound"}))
    assert badges(page) == ["No longer bound"]
    assert "get in touch if they need" not in page
    page = text_of(portal.get(f"/portal/{left.appid}/"))
    assert "2. Price missing" in page
    assert "get in touch if they need" not in page


@pytest.mark.parametrize("state", ["unbound", "needs_reauthorization"])
@pytest.mark.parametrize(
    ("status", "sentence"),
    [
        (2, "Version 1.2.0 was with WeChat for review when our access ended."),
        (4, "Version 1.2.0 was with WeChat for review when our access ended."),
        (-3, "Version 1.2.0 was with WeChat for review when our access ended."),
        (0, "WeChat approved version 1.2.0 on March 4, 2026."),
        (1, "WeChat did not approve version 1.2.0 on March 4, 2026."),
        (-2, "could not begin to review version 1.2.0 on March 4, 2026."),
    ],
)
def test_where_our_access_has_ended_nothing_is_promised(
    portal: Client, component: Component, merchant: User, state: str, status: int, sentence: str
) -> None:
    row = make_authorizer(component, merchant, nick_name="Tea", state=state)
    make_audit(row, status, errcode=None)
    for path in (HOME, f"/portal/{row.appid}/"):
        page = text_of(portal.get(path))
        assert sentence in page
        for promise in (
            "Our staff will put",
            "Our staff see",
            "as soon as we know",
            "not online yet",
        ):
            assert promise not in page, path
    assert f'href="/portal/#{row.appid}"' in text_of(portal.get(f"/portal/{row.appid}/"))


def test_one_click_at_the_top_binds(portal: Client, ticket: str) -> None:
    page = text_of(portal.get(HOME))
    top = page.partition("<h1>")[2].partition("</form>")[0]
    assert 'action="/portal/bind/"' in top
    assert ">Bind an account</button>" in top
    assert "Taking you to WeChat" in text_of(portal.post("/portal/bind/"))


def test_it_says_whose_platform_it_is(
    ticket: str, merchant: User, staff: User, settings: Any
) -> None:
    client = Client(headers={"accept-language": "en"})
    link = make_bind_link(merchant, by=staff)
    address = link.url.removeprefix(settings.PUBLIC_URL)
    for path in (address, "/portal/login/"):
        assert "Questions?" not in text_of(client.get(path))
    settings.COMPANY_NAME, settings.SUPPORT_CONTACT = "Tea & Co", "400 123 4567"
    settings.SUPPORT_HOURS = "9–18 h"
    for path in (address, "/portal/login/"):
        page = text_of(client.get(path))
        assert "Tea &amp; Co</a>" in page
        assert "<strong>400 123 4567</strong>" in page
        assert "Hours: 9–18 h" in page
    asked = "Tea &amp; Co asks you to authorise it, for the merchant merchant."
    assert asked in text_of(client.get(address))


def test_every_page_leads_back_to_the_accounts(portal: Client) -> None:
    page = text_of(portal.get("/portal/sessions/"))
    assert '<a href="/portal/">My accounts</a>' in page


def test_the_reason_of_a_rejection_stands_below_what_it_is_and_before_whose_turn_it_is(
    portal: Client, bound: Bound, component: Component, merchant: User
) -> None:
    row = make_authorizer(component, merchant)
    make_audit(row, status=1, reason="首页无法打开")
    summarise_code(row.pk)
    page = text_of(portal.get(HOME))
    told = "WeChat did not approve version"
    assert page.index(told) < page.index("首页无法打开") < page.index("It is our turn")
    assert page.count(told) == 1
