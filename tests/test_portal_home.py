"""The portal's first page: what needs the merchant stands first, names are found, whose it is."""

import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from audits.models import CodeTemplate
from audits.services import committing, submitting, templates
from miniprograms.models import Authorizer
from miniprograms.services.bind_links import make_bind_link
from platform_auth.models import Component
from sandbox.world import WeChat
from tests.conftest import Bound, Deliver
from tests.rows import make_authorizer
from tests.test_admin_code_acts import browser_of, judge, text_of

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
