"""What merchants and staff read of an attempt to bind, state by state, and what they can do."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from miniprograms.models import Authorizer, Binding, BindLink
from miniprograms.services import unbinding
from miniprograms.services.bind_links import make_bind_link
from platform_auth.models import Component, Operation
from sandbox.world import WeChat
from sandbox.world.parties import Account
from tests.test_portal_binding import (
    PHONE,
    QUERY_AUTH,
    confirm,
    link_in,
    new_browser,
    phone_binding,
    query_of,
    start,
    text_of,
)
from tests.test_portal_binding import account as account
from tests.test_portal_binding import browser as browser

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("ticket")]

Reason = Binding.UnclaimedReason
LATE = {"status": "open", "expires_at": timezone.now() - timedelta(minutes=1)}
WAITING = {"status": "open", "expires_at": timezone.now() + timedelta(minutes=10)}
SPENT = {
    "status": "failed",
    "last_error": "cgi-bin/component/api_query_auth: 61010 code is expired",
}
LOST = {"status": "failed", "code_digest": "x", "last_error": "api_query_auth: the answer was lost"}
HELD_UP = {"status": "trading", "last_error": "cgi-bin/component/api_query_auth: 61004 no"}
FINISHING = {"status": "trading"}
DECLINED = {"status": "refused", "nick_name": "Tea"}
PARKED = {"status": "parked", "nick_name": "Tea"}

REMOVE, CANCEL = "Remove from this list", "Cancel this binding"
AGAIN = {"Try again", REMOVE}
GO_ON = {"Go on at WeChat", CANCEL}

# How the portal's first page and the staff page call each, and what the first page offers.
STANDS: list[tuple[dict[str, Any], str, str, set[str]]] = [
    (WAITING, "waits for the administrator", "waiting for the owner", GO_ON),
    (LATE, "was not confirmed in time", "not confirmed in time", AGAIN),
    (SPENT, "had expired or been used", "confirmation used or too old", AGAIN),
    (LOST, "could not get from WeChat what we need", "failed", AGAIN),
    (HELD_UP, "WeChat refuses us what we need to finish", "held up by WeChat", {CANCEL}),
    (FINISHING, "we are finishing the binding", "being finished", set()),
    (DECLINED, "Our staff have declined it", "refused by staff", {REMOVE}),
    (PARKED, "Our staff will look at it", "waiting for staff", set()),
]  # fmt: skip
NAMES = ["waiting", "late", "spent", "lost", "held up", "finishing", "declined", "parked"]
OFFERS = {"Go on at WeChat", "Try again", CANCEL, REMOVE}


def attempt(component: Component, user: User, **values: Any) -> Binding:
    row: Binding = Binding.objects.create(component=component, user=user, **values)
    return row


@pytest.fixture
def boss(admin_user: User) -> Client:
    return new_browser(admin_user)


def page_of(row: Binding, act: str = "change") -> str:
    return f"/admin/miniprograms/binding/{row.pk}/{act}/"


@pytest.mark.parametrize(("values", "sentence", "title", "offers"), STANDS, ids=NAMES)
def test_the_first_page_says_how_an_attempt_stands_and_what_can_be_done(
    browser: Client,
    component: Component,
    merchant: User,
    values: dict[str, Any],
    sentence: str,
    title: str,
    offers: set[str],
) -> None:
    attempt(component, merchant, **values)
    page = text_of(browser.get("/portal/"))
    assert [one for _v, one, _t, _o in STANDS if one in page] == [sentence]
    assert {offer for offer in OFFERS if f">{offer}<" in page} == offers


@pytest.mark.parametrize(("values", "sentence", "title", "offers"), STANDS, ids=NAMES)
def test_staff_read_the_same(
    boss: Client,
    component: Component,
    merchant: User,
    values: dict[str, Any],
    sentence: str,
    title: str,
    offers: set[str],
) -> None:
    row = attempt(component, merchant, **values)
    page = text_of(boss.get(page_of(row)))
    assert f"{title} |" in page.split("</title>")[0]
    is_decided = values in (PARKED, FINISHING, DECLINED)
    assert ("/drop/" in page) == (not is_decided)
    is_over = "Try again" in offers or values in (WAITING, DECLINED)
    assert ("/continue/" in page) == is_over


def test_what_came_to_nothing_is_not_shown_once_another_has_succeeded(
    browser: Client, component: Component, merchant: User
) -> None:
    before = timezone.now() - timedelta(hours=1)
    attempt(component, merchant, **LATE, started_at=before)
    attempt(component, merchant, status="bound")
    assert "was not confirmed in time" not in text_of(browser.get("/portal/"))


def test_nor_after_some_days(browser: Client, component: Component, merchant: User) -> None:
    attempt(component, merchant, **LATE, started_at=timezone.now() - timedelta(days=4))
    assert "was not confirmed in time" not in text_of(browser.get("/portal/"))


def test_trying_again_takes_the_place_of_the_old_attempt(
    browser: Client, component: Component, merchant: User
) -> None:
    old = attempt(component, merchant, **LATE)
    started = start(browser, instead_of=str(old.pk), auth_type="2")
    assert started["auth_type"] == "2"
    page = text_of(browser.get("/portal/"))
    assert "was not confirmed in time" not in page
    assert page.count("waits for the administrator") == 1


def test_no_other_attempt_is_dropped_by_trying_again(
    browser: Client, component: Component, merchant: User, other_merchant: User
) -> None:
    theirs = attempt(component, other_merchant, **WAITING)
    nobodys = Binding.objects.create(component=component, **FINISHING)
    start(browser, instead_of=str(theirs.pk))
    new_browser().post(made_link(merchant), {"instead_of": str(nobodys.pk)})
    start(browser, instead_of="9" * 30)
    assert not Binding.objects.exclude(dropped_at=None).exists()


def test_whoever_came_by_a_link_goes_on_by_it(merchant: User) -> None:
    guest, link = new_browser(), made_link(merchant)
    started = query_of(link_in(guest.post(link)))
    page = text_of(guest.get(started["redirect_uri"].removeprefix("http://testserver")))
    first = Binding.objects.get()
    assert f'name="instead_of" value="{first.pk}"' in page
    assert CANCEL not in page
    guest.post(link, {"instead_of": str(first.pk)})
    first.refresh_from_db()
    assert first.dropped_at is not None
    assert Binding.objects.unfinished().count() == 1


@pytest.mark.parametrize("values", [WAITING, LATE, SPENT, LOST, HELD_UP, DECLINED])
def test_a_merchant_drops_an_attempt(
    browser: Client, component: Component, merchant: User, values: dict[str, Any]
) -> None:
    row = attempt(component, merchant, **values)
    assert browser.post(f"/portal/bind/drop/{row.pk}/")["Location"] == "/portal/"
    assert 'id="unfinished"' not in text_of(browser.get("/portal/"))
    [told] = Operation.objects.filter(action="drop_binding")
    assert told.actor == merchant


@pytest.mark.parametrize("values", [PARKED, FINISHING])
def test_what_is_being_decided_cannot_be_dropped(
    browser: Client, component: Component, merchant: User, values: dict[str, Any]
) -> None:
    row = attempt(component, merchant, **values)
    page = browser.post(f"/portal/bind/drop/{row.pk}/", follow=True)
    assert "has come to its end already, or is just being finished" in text_of(page)
    assert Binding.objects.get().dropped_at is None


def test_nobody_drops_the_attempt_of_another(
    component: Component, merchant: User, other_merchant: User
) -> None:
    row = attempt(component, merchant, **WAITING)
    assert new_browser(other_merchant).post(f"/portal/bind/drop/{row.pk}/").status_code == 404


def test_an_account_confirmed_after_its_attempt_was_dropped_waits_for_staff(
    browser: Client, wechat: WeChat, account: Account, boss: Client
) -> None:
    started = start(browser)
    row = Binding.objects.get()
    browser.post(f"/portal/bind/drop/{row.pk}/")
    assert "This binding was cancelled" in text_of(browser.get(started["back"]))
    page = browser.get(started["back"], confirm(wechat, started, account), follow=True)
    assert "had been cancelled before the administrator confirmed" in text_of(page)
    assert not Authorizer.objects.exists()
    assert "It had been dropped before it was confirmed." in text_of(boss.get(page_of(row)))


def test_staff_drop_an_attempt(boss: Client, component: Component, merchant: User) -> None:
    row = attempt(component, merchant, **LATE)
    page = text_of(boss.post(page_of(row, "drop"), follow=True))
    assert "dropped |" in page.split("</title>")[0]
    assert "/drop/" not in page
    assert new_browser(merchant).get("/portal/").context["unfinished"] == []


def test_staff_let_a_merchant_go_on_by_a_link_for_the_same(
    boss: Client, component: Component, merchant: User
) -> None:
    row = attempt(component, merchant, **LATE, auth_type=2, biz_appid="wx00000000000000a1")
    asked = boss.get(page_of(row, "continue"))
    assert "Whoever opens the link" in text_of(asked)
    shown = text_of(boss.post(page_of(row, "continue")))
    link = BindLink.objects.get()
    assert (link.user, link.auth_type, link.biz_appid) == (merchant, 2, "wx00000000000000a1")
    assert link.url in shown


# The page that one comes back to


def test_the_return_says_that_the_time_is_over(browser: Client) -> None:
    started = start(browser)
    Binding.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    page = text_of(browser.get(started["back"]))
    assert "Not confirmed in time" in page
    assert "Not confirmed yet" not in page


def test_the_return_says_that_there_is_still_time(browser: Client) -> None:
    page = text_of(browser.get(start(browser)["back"]))
    assert "The administrator has not confirmed at WeChat yet, and can until" in page
    assert "Go on at WeChat" in page


def test_the_return_says_that_wechat_refuses(
    browser: Client, wechat: WeChat, account: Account
) -> None:
    started = start(browser)
    wechat.fault(QUERY_AUTH, times=None, errcode=40125)
    page = text_of(browser.get(started["back"], confirm(wechat, started, account), follow=True))
    assert "WeChat holds it up" in page
    assert "does not answer" not in page
    assert "data-poll" in page


# Phones and computers


@pytest.fixture
def phone() -> Client:
    return Client(headers={"accept-language": "en", "user-agent": PHONE})


def made_link(merchant: User, **purpose: Any) -> str:
    return make_bind_link(merchant, by=merchant, **purpose).url.removeprefix("http://testserver")


def begin(phone: Client, link: str) -> dict[str, str]:
    query = query_of(link_in(phone.post(link)).partition("#")[0])
    return {**query, "back": query["redirect_uri"].removeprefix("http://testserver")}


@pytest.mark.parametrize("device", ["phone", ""])
def test_whoever_binds_on_a_phone_is_sent_to_no_computer(
    phone: Client, wechat: WeChat, account: Account, merchant: User, device: str
) -> None:
    started = begin(phone, made_link(merchant, device=device))
    waiting = text_of(phone.get(started["back"]))
    done = text_of(phone.get(started["back"], confirm(wechat, started, account), follow=True))
    assert "Not confirmed yet" in waiting
    assert "Please open the link that you were sent once more." in waiting
    assert "<h1>Bound</h1>" in done
    for page in (waiting, done):
        assert "computer" not in re.sub("<head>.*</head>", "", page, flags=re.DOTALL)


def test_a_phone_that_confirms_for_a_computer_is_sent_back_there(
    browser: Client, phone: Client, wechat: WeChat
) -> None:
    browser.post("/portal/bind/", {"device": "phone"})
    page = text_of(phone.get(f"/portal/bind/{Binding.objects.get().state}/return/"))
    assert "Please start again on your computer." in page


def test_a_merchant_who_began_on_the_phone_starts_again_from_their_accounts(
    phone: Client, merchant: User
) -> None:
    phone.force_login(merchant)
    phone.post("/portal/bind/")
    page = text_of(phone.get(f"/portal/bind/{Binding.objects.get().state}/return/"))
    assert "Please start again from your accounts." in page


@pytest.mark.parametrize("ending", ["", "single", "revoked"])
def test_who_left_permissions_out_opens_the_link_again_where_it_is_good_still(
    phone: Client, wechat: WeChat, account: Account, merchant: User, ending: str
) -> None:
    started = begin(phone, made_link(merchant, is_single=ending == "single"))
    phone.get(started["back"], confirm(wechat, started, account), follow=True)
    Authorizer.objects.update(func_info=[19, 30])
    if ending == "revoked":
        BindLink.objects.update(revoked_at=timezone.now())
    page = text_of(phone.get(started["back"]))
    assert "permissions are missing" in page
    assert ("To do that, open the link that you were sent once more." in page) == (not ending)
    assert ("Please ask us for a new link for that." in page) == bool(ending)


@pytest.mark.parametrize("method", ["get", "post"])
def test_a_link_for_computers_says_so_on_a_phone(
    phone: Client, merchant: User, method: str
) -> None:
    page = text_of(getattr(phone, method)(made_link(merchant, device="computer")))
    assert "This link is for a computer" in page
    assert not Binding.objects.exists()


@pytest.mark.parametrize("way", ["bound", "parked", "refused", "failed", "declined"])
def test_the_phone_says_what_the_computer_says(
    phone: Client, component: Component, merchant: User, way: str
) -> None:
    phone.force_login(merchant)
    phone.post("/portal/bind/")
    row = Binding.objects.get()
    status = "refused" if way == "declined" else way
    Binding.objects.update(status=status, code_digest="x")
    sentences = {
        "bound": "<h1>Bound</h1>",
        "parked": "Confirmed. Our staff will look at it.",
        "refused": "This binding was declined",
        "failed": "That did not work",
    }
    page = text_of(phone.get(f"/portal/bind/{row.state}/return/"))
    assert [one for one in sentences.values() if one in page] == [sentences[status]]


# Links that lead nowhere any more

ENDINGS = {
    "expired": "This link has expired",
    "revoked": "This link was withdrawn",
    "bound": "This link has been used",
    "unclaimed": "Our staff will look at it",
    "refused": "This binding was declined",
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_link_says_why_it_leads_nowhere(
    component: Component, merchant: User, ending: str
) -> None:
    url = made_link(merchant, is_single=True)
    link = BindLink.objects.get()
    if ending == "expired":
        BindLink.objects.update(expires_at=timezone.now())
    elif ending == "revoked":
        BindLink.objects.update(revoked_at=timezone.now())
    else:
        status = "parked" if ending == "unclaimed" else ending
        attempt(component, merchant, status=status, link=link, appid="wx00000000000000a1")
    page = new_browser().get(url)
    assert page.status_code == 404
    [title] = re.findall("<title>(.*?) · ", text_of(page))
    assert f"<h1>{title}</h1>" in text_of(page)
    assert ENDINGS[ending] in text_of(page)
    assert "not valid any more" not in text_of(page)
    assert "To my accounts" not in text_of(page)
    assert "To my accounts" in text_of(new_browser(merchant).get(url))


def test_a_link_that_is_used_up_names_what_was_bound_with_it(
    wechat: WeChat, account: Account, phone: Client, merchant: User
) -> None:
    url = made_link(merchant, is_single=True)
    started = begin(phone, url)
    done = phone.get(started["back"], confirm(wechat, started, account), follow=True)
    assert "<strong>Tea &amp; Cake</strong>" in text_of(done)
    assert "<strong>Tea &amp; Cake</strong>" in text_of(new_browser().get(url))
    Authorizer.objects.update(owner=None)
    assert "Tea" not in text_of(new_browser().get(url))


def test_a_link_that_is_opened_again_says_what_was_bound_with_it(
    wechat: WeChat, account: Account, phone: Client, merchant: User
) -> None:
    url = made_link(merchant)
    assert "bound with this link already" not in text_of(new_browser().get(url))
    started = begin(phone, url)
    phone.get(started["back"], confirm(wechat, started, account), follow=True)
    page = text_of(new_browser().get(url))
    assert "This account was bound with this link already." in page
    assert f'<li>Tea &amp; Cake <span class="appid">{account.appid}</span></li>' in page
    unbinding.unbind_locally(Authorizer.objects.get(), by=merchant)
    assert "bound with this link already" not in text_of(new_browser().get(url))


def test_an_account_that_waits_for_staff_is_named(
    browser: Client, phone: Client, component: Component, merchant: User
) -> None:
    phone.force_login(merchant)
    for client in (browser, phone):
        client.post("/portal/bind/")
        row = Binding.objects.latest("id")
        Binding.objects.update(status="parked", code_digest="x", nick_name="Tea & Cake")
        page = text_of(client.get(f"/portal/bind/{row.state}/return/"))
        assert "<strong>Tea &amp; Cake</strong>" in page


def test_staff_make_an_ended_link_again(boss: Client, merchant: User) -> None:
    made_link(merchant, device="phone", auth_type=2)
    link = BindLink.objects.get()
    there = f"/admin/miniprograms/bindlink/{link.pk}"
    assert "/renew/" not in text_of(boss.get(f"{there}/change/"))
    BindLink.objects.update(expires_at=timezone.now())
    assert "/renew/" in text_of(boss.get(f"{there}/change/"))
    assert "Whoever opens the link" in text_of(boss.get(f"{there}/renew/"))
    shown = text_of(boss.post(f"{there}/renew/"))
    new = BindLink.objects.latest("id")
    assert (new.user, new.device, new.auth_type) == (merchant, "phone", 2)
    assert new.url in shown


def test_a_link_that_is_good_is_not_made_again(boss: Client, merchant: User) -> None:
    made_link(merchant)
    link = BindLink.objects.get()
    page = boss.post(f"/admin/miniprograms/bindlink/{link.pk}/renew/", follow=True)
    assert "This link cannot be made again." in text_of(page)
    assert BindLink.objects.count() == 1


def test_a_code_for_the_phone_that_has_been_used_says_what_was_bound_with_it(
    browser: Client, wechat: WeChat, account: Account
) -> None:
    state, _page = phone_binding(browser, wechat, account)
    page = new_browser().get(f"/portal/bind/{state}/go/")
    assert page.status_code == 404
    assert "<title>This link has been used" in text_of(page)
    assert "<strong>Tea &amp; Cake</strong> was bound with it." in text_of(page)
    assert "To my accounts" not in text_of(page)
    assert "Nothing has changed" not in text_of(page)
    Authorizer.objects.update(owner=None)  # nobody's: it is not named any more
    assert "Tea" not in text_of(new_browser().get(f"/portal/bind/{state}/go/"))


@pytest.mark.parametrize(
    ("stand", "sentence"),
    [
        (LATE, "Nobody confirmed in time."),
        (FINISHING, "we are finishing the binding"),
        (HELD_UP, "we are finishing the binding"),
        (DECLINED, "Our staff have declined it"),
        (PARKED, "Our staff will look at it"),
    ],
)
def test_a_code_for_the_phone_that_leads_nowhere_says_why(
    browser: Client, stand: dict[str, Any], sentence: str
) -> None:
    browser.post("/portal/bind/", {"device": "phone"})
    state = Binding.objects.get().state
    Binding.objects.update(**stand | {"authorizer": None})
    assert sentence in text_of(new_browser().get(f"/portal/bind/{state}/go/"))


@pytest.mark.parametrize(
    ("stand", "sentence"),
    [
        (WAITING, "confirmation comes all the same, our staff decide"),
        (HELD_UP, "confirmation comes all the same, our staff decide"),
        (LATE, "Removed from the list."),
        (DECLINED, "Removed from the list."),
    ],
)
def test_dropping_an_attempt_says_what_it_has_done(
    browser: Client, stand: dict[str, Any], sentence: str
) -> None:
    start(browser)
    Binding.objects.update(**stand)
    page = browser.post(f"/portal/bind/drop/{Binding.objects.get().pk}/", follow=True)
    assert sentence in text_of(page)
    assert "all the same" not in text_of(page) or stand in (WAITING, HELD_UP)


def test_what_is_wrong_with_the_form_stands_at_the_top_too(browser: Client) -> None:
    page = text_of(browser.post("/portal/bind/", {"biz_appid": "gh_1"}))
    top, _first_heading, form = page.partition("<h2")
    assert "Nothing was started" in top
    assert '<a href="#id_biz_appid">' in top
    assert "<details open>" in form


def test_that_the_page_goes_on_by_itself_is_hidden_without_scripts(browser: Client) -> None:
    page = text_of(browser.post("/portal/bind/", {"device": "phone"}))
    assert '<span class="by-script">This page goes on by itself' in page
    assert page.count("goes on by itself") == 1
    Binding.objects.update(**FINISHING, device="computer")
    page = text_of(browser.get(f"/portal/bind/{Binding.objects.get().state}/return/"))
    assert '<span class="by-script">This page goes on by itself.</span>' in page
    assert page.count("goes on by itself") == 1
