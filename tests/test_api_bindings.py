"""Other back ends send their users to bind: the link, the way there and back, what came of it."""

import base64
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from django.contrib.auth.models import User
from django.db.models.functions import Now
from django.test import Client

from miniprograms.models import Authorizer, Binding, BindLink
from platform_auth.models import ApiClient, Component, Operation, PlatformEvent
from sandbox.world import WeChat
from sandbox.world.parties import Account
from tests.test_api_clients import bearer, make_key, status_and_code
from tests.test_portal_binding import (
    PHONE,
    PRE_AUTH_CODE,
    confirm,
    link_in,
    new_browser,
    query_of,
    text_of,
)
from tests.test_portal_binding import account as account

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]

BINDINGS = "/api/v1/bindings/"
BACK = "https://shop.example.com/bound?from=wechat"
REF = "顾客 7&status=bound #ü%20 "


@pytest.fixture
def shop(ticket: str, merchant: User) -> Client:
    """A back end of the merchant's that may bind, and return to two hosts."""
    hosts = "shop.example.com,till.example.com:8443"
    return bearer(make_key(merchant, "bindings:write", return_hosts=hosts))


def begin(client: Client, **fields: Any) -> Any:
    answer = client.post(BINDINGS, fields, content_type="application/json")
    assert answer.status_code == 201, answer.content
    return answer.json()


def refused(client: Client, **fields: Any) -> dict[str, list[str]]:
    answer = client.post(BINDINGS, fields, content_type="application/json")
    assert answer.status_code == 400, answer.content
    assert not BindLink.objects.exists()
    problems: dict[str, list[str]] = answer.json()["fields"]
    return problems


def told(client: Client, made: Any) -> Any:
    return client.get(f"{BINDINGS}{made['id']}/").json()


def path_of(made: Any) -> str:
    path: str = urlsplit(made["url"]).path
    return path


def press(browser: Client, made: Any, **fields: str) -> dict[str, str]:
    """Press the button of the page: the parameters of WeChat's page, and where it will return."""
    query = query_of(link_in(browser.post(path_of(made), fields)).partition("#")[0])
    return {**query, "back": urlsplit(query["redirect_uri"]).path}


def come_back(browser: Client, wechat: WeChat, started: dict[str, str], account: Account) -> Any:
    """The owner confirms, and the browser returns: where it stands then."""
    answer = browser.get(started["back"], confirm(wechat, started, account))
    assert (answer.status_code, answer["Location"]) == (302, started["back"])
    return browser.get(started["back"])


# The link


def test_a_link_is_made_without_asking_wechat(shop: Client, wechat: WeChat, merchant: User) -> None:
    before = wechat.count()
    made = begin(shop, user_ref="shop-7")
    assert wechat.count() == before
    assert made["url"].startswith("http://testserver/portal/bind/link/")
    assert (made["status"], made["user_ref"], made["appid"]) == ("open", "shop-7", None)
    row = BindLink.objects.get()
    assert (row.user, row.client, row.pk) == (merchant, ApiClient.objects.get(), made["id"])
    assert made["expires_at"] == row.expires_at.strftime("%Y-%m-%dT%H:%M:%SZ")
    recorded = Operation.objects.get(action="make_bind_link")
    assert (recorded.actor_name, recorded.result) == ("merchant", "merchant [shop]")


def test_its_picture_is_one_of_its_address(shop: Client) -> None:
    made = begin(shop)
    head, _comma, picture = made["qr"].partition(",")
    assert head == "data:image/png;base64"
    assert base64.b64decode(picture).startswith(b"\x89PNG")
    assert told(shop, made) == made


def test_the_page_has_the_button_and_nothing_to_choose(shop: Client) -> None:
    made = begin(shop, auth_type=2, device="computer")
    page = text_of(new_browser().get(path_of(made)))
    assert "Bind your mini program" in page
    assert all(f'name="{name}"' not in page for name in ("auth_type", "biz_appid", "device"))


def test_what_the_link_says_nobody_changes_on_the_way(shop: Client) -> None:
    made = begin(shop, auth_type=2, biz_appid="wx00000000000000a1", category_id_list=[18, 30])
    started = press(new_browser(), made, auth_type="1", biz_appid="wx00000000000000ff")
    assert started["auth_type"] == "2"
    assert started["biz_appid"] == "wx00000000000000a1"
    assert started["category_id_list"] == "18|30"


def test_permission_sets_may_be_joined_as_wechat_joins_them(shop: Client) -> None:
    assert begin(shop, category_id_list="99|31")["category_id_list"] == [99, 31]


def test_for_the_phone_the_page_shows_the_code_at_once(shop: Client) -> None:
    made = begin(shop, device="phone")
    page = new_browser().post(path_of(made))
    assert 'src="data:image/svg+xml' in text_of(page)


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"auth_type": 4}, "auth_type"),
        ({"biz_appid": "gh_1"}, "biz_appid"),
        ({"category_id_list": [0]}, "category_id_list"),
        ({"category_id_list": "18|x"}, "category_id_list"),
        ({"user_ref": "x" * 129}, "user_ref"),
        ({"user_ref": "\x00"}, "user_ref"),
        ({"device": "fridge"}, "device"),
        ({"component": "wx00000000000000ff"}, "component"),
        ({"return_to": BACK}, "return_to"),
    ],
)
def test_what_cannot_be_is_named(shop: Client, fields: dict[str, Any], name: str) -> None:
    assert list(refused(shop, **fields)) == [name]


# There and back


def test_the_browser_goes_back_to_who_sent_it(
    shop: Client, wechat: WeChat, account: Account, merchant: User
) -> None:
    made = begin(shop, return_url=BACK, user_ref=REF)
    browser = new_browser()
    started = press(browser, made)
    assert told(shop, made)["status"] == "started"
    answer = come_back(browser, wechat, started, account)
    assert answer.status_code == 302
    assert answer["Referrer-Policy"] == "no-referrer"
    assert answer["Location"].startswith("https://shop.example.com/bound?from=wechat&")
    assert parse_qsl(urlsplit(answer["Location"]).query) == [
        ("from", "wechat"), ("binding", str(made["id"])), ("status", "bound"), ("user_ref", REF),
    ]  # fmt: skip
    assert Authorizer.objects.get().owner == merchant
    after = told(shop, made)
    assert (after["status"], after["appid"], after["user_ref"]) == ("bound", account.appid, REF)
    assert Binding.objects.get().user_ref == REF
    [event] = PlatformEvent.objects.filter(kind="authorizer.bound")
    assert (event.appid, event.data["user_ref"]) == (account.appid, REF)


def test_without_an_address_to_go_to_our_page_tells(
    shop: Client, wechat: WeChat, account: Account
) -> None:
    browser = new_browser()
    page = come_back(browser, wechat, press(browser, begin(shop)), account)
    assert "is bound" in text_of(page)


def test_a_link_is_for_one_account(shop: Client, wechat: WeChat, account: Account) -> None:
    made, browser = begin(shop), new_browser()
    come_back(browser, wechat, press(browser, made), account)
    assert browser.get(path_of(made)).status_code == 404
    assert browser.post(path_of(made)).status_code == 404
    assert told(shop, made)["presses"] == 1


def test_a_code_that_is_dead_gets_our_page_with_the_button(shop: Client) -> None:
    made, browser = begin(shop, return_url=BACK), new_browser()
    dead = {"auth_code": "queryauthcode@@@" + "y" * 60}
    page = browser.get(press(browser, made)["back"], dead, follow=True)
    assert f'<form method="post" action="{path_of(made)}">' in text_of(page)
    assert told(shop, made)["status"] == "open"


def test_whoever_began_on_the_phone_goes_back_there(
    shop: Client, wechat: WeChat, account: Account
) -> None:
    phone = Client(headers={"user-agent": PHONE})
    answer = come_back(phone, wechat, press(phone, begin(shop, return_url=BACK)), account)
    assert answer["Location"].startswith(BACK)


def test_the_computer_goes_back_and_not_the_phone_that_confirms(
    shop: Client, wechat: WeChat, account: Account
) -> None:
    made = begin(shop, return_url=BACK, device="phone")
    computer, phone = new_browser(), new_browser()
    computer.post(path_of(made))
    state = Binding.objects.get().state
    query = query_of(link_in(phone.get(f"/portal/bind/{state}/go/")).partition("#")[0])
    back = {**query, "back": urlsplit(query["redirect_uri"]).path}
    assert "Go back to your computer" in text_of(come_back(phone, wechat, back, account))
    assert computer.get(f"/portal/bind/{state}/")["Location"].startswith(BACK)


def test_an_account_of_another_merchant_is_told_as_unclaimed_and_not_named(
    shop: Client, wechat: WeChat, account: Account, other_merchant: User, component: Component
) -> None:
    Authorizer.objects.create(
        component=component, appid=account.appid, owner=other_merchant, kind="mini_program",
        state="bound", refresh_token="theirs",
    )  # fmt: skip
    made, browser = begin(shop, return_url=BACK), new_browser()
    answer = come_back(browser, wechat, press(browser, made), account)
    assert ("status", "unclaimed") in parse_qsl(urlsplit(answer["Location"]).query)
    after = told(shop, made)
    assert (after["status"], after["appid"]) == ("unclaimed", None)


# Where it may go back to


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/",
        "http://shop.example.com/",
        "https://shop.example.com:8443/",
        "https://till.example.com/",
        "https://shop.example.com.evil.example/",
        "https://shop.example.com@evil.example/",
        "https://evil.example/shop.example.com",
        "https://evil.example\\@shop.example.com/",
        "https://shop.example.com\\.evil.example/",
        "https:shop.example.com/",
        "//shop.example.com/",
        "/bound",
        "javascript://shop.example.com/%0aalert(1)",
        "https://shop.example.com/#fragment",
        "https://shop.example.com/\r\nSet-Cookie: a=b",
        "https://shop。example.com/",
        "https://shop.example.com/?user_ref=1",
        "https://shop.example.com/?%73tatus=bound",
    ],
)
@pytest.mark.parametrize("public_url", ["https://platform.example.com"])
def test_nowhere_else(shop: Client, settings: Any, url: str, public_url: str) -> None:
    settings.PUBLIC_URL = public_url
    assert list(refused(shop, return_url=url)) == ["return_url"]


@pytest.mark.parametrize(
    "url", ["https://shop.example.com", "https://till.example.com:8443/a/?b=c"]
)
def test_hosts_of_the_list_are_fine(shop: Client, settings: Any, url: str) -> None:
    settings.PUBLIC_URL = "https://platform.example.com"
    assert begin(shop, return_url=url)["return_url"] == url


def test_a_host_that_has_left_the_list_is_not_gone_to(
    shop: Client, wechat: WeChat, account: Account
) -> None:
    made, browser = begin(shop, return_url=BACK), new_browser()
    ApiClient.objects.update(return_hosts=[])
    page = come_back(browser, wechat, press(browser, made), account)
    assert "is bound" in text_of(page)


def test_a_persons_key_has_no_hosts(ticket: str, merchant: User) -> None:
    person = key_of(merchant)
    assert list(refused(person, return_url=BACK)) == ["return_url"]
    assert begin(person)["status"] == "open"


def key_of(person: User) -> Client:
    answer = Client().post(
        "/api/v1/auth/token/",
        {"username": person.username, "password": f"{person.username}-password"},
        content_type="application/json",
    )
    return Client(headers={"authorization": f"Token {answer.json()['token']}"})


# Its end


def test_a_revoked_link_leads_nowhere(shop: Client) -> None:
    made = begin(shop)
    assert shop.delete(f"{BINDINGS}{made['id']}/").status_code == 204
    assert shop.delete(f"{BINDINGS}{made['id']}/").status_code == 204
    assert told(shop, made)["status"] == "revoked"
    assert new_browser().post(path_of(made)).status_code == 404
    assert Operation.objects.filter(action="revoke_bind_link").count() == 1


def test_what_is_under_way_when_it_is_revoked_waits_for_staff(
    shop: Client, wechat: WeChat, account: Account
) -> None:
    made, browser = begin(shop, return_url=BACK), new_browser()
    started = press(browser, made)
    shop.delete(f"{BINDINGS}{made['id']}/")
    answer = come_back(browser, wechat, started, account)
    assert ("status", "unclaimed") in parse_qsl(urlsplit(answer["Location"]).query)
    row = Binding.objects.get()
    assert (row.status, row.parked_because) == ("parked", "link_revoked")
    assert row.refresh_token
    assert not Authorizer.objects.exists()


def change_password(user: User) -> None:
    user.set_password("another-password")
    user.save()


END: dict[str, Callable[[User], object]] = {
    "a new password": change_password,
    "an account that is switched off": lambda user: User.objects.update(is_active=False),
    "a client that has expired": lambda user: ApiClient.objects.update(expires_at=Now()),
}


@pytest.mark.parametrize("what", END)
def test_it_ends_with(shop: Client, merchant: User, what: str) -> None:
    made = begin(shop)
    END[what](merchant)
    assert new_browser().post(path_of(made)).status_code == 404
    assert not Binding.objects.exists()


def test_it_ends_after_three_days(shop: Client) -> None:
    made = begin(shop)
    BindLink.objects.update(expires_at=Now())
    assert new_browser().post(path_of(made)).status_code == 404
    assert told(shop, made)["status"] == "expired"


# Whose it is


def test_nobody_elses_link_is_there(shop: Client, other_merchant: User, staff: User) -> None:
    made = begin(shop, user_ref="shop-7")
    stranger = bearer(make_key(other_merchant, "bindings:write"))
    assert stranger.get(f"{BINDINGS}{made['id']}/").status_code == 404
    assert stranger.delete(f"{BINDINGS}{made['id']}/").status_code == 404
    assert stranger.get(BINDINGS).json()["results"] == []
    ours = bearer(make_key(staff, "bindings:write"))
    assert [row["id"] for row in ours.get(BINDINGS).json()["results"]] == [made["id"]]


def test_they_are_listed_and_found_by_their_reference(shop: Client) -> None:
    made = [begin(shop, user_ref=ref) for ref in ("a", "b", "a")]
    listed = shop.get(BINDINGS).json()["results"]
    assert [row["id"] for row in listed] == [row["id"] for row in reversed(made)]
    assert "qr" not in listed[0]
    of_a = shop.get(BINDINGS, {"user_ref": "a"}).json()["results"]
    assert [row["id"] for row in of_a] == [made[2]["id"], made[0]["id"]]


def test_a_client_of_some_accounts_binds_none_but_those(
    ticket: str, wechat: WeChat, account: Account, merchant: User
) -> None:
    client = bearer(make_key(merchant, "bindings:write", appids="wx00000000000000a1"))
    answer = client.post(BINDINGS, {"biz_appid": account.appid}, content_type="application/json")
    assert status_and_code(answer) == (404, "not_found")
    browser = new_browser()
    made = begin(client)
    come_back(browser, wechat, press(browser, made), account)
    assert told(client, made)["status"] == "unclaimed"
    assert Binding.objects.get().parked_because == "wrong_account"


def test_staff_say_for_which_merchant(
    ticket: str, wechat: WeChat, account: Account, staff: User, merchant: User
) -> None:
    company = bearer(make_key(staff, "bindings:write"))
    made, browser = begin(company, merchant="merchant"), new_browser()
    come_back(browser, wechat, press(browser, made), account)
    assert Authorizer.objects.get().owner == merchant
    answer = company.post(BINDINGS, {"merchant": "nobody"}, content_type="application/json")
    assert list(answer.json()["fields"]) == ["merchant"]


def test_merchants_say_it_of_nobody_else(shop: Client, other_merchant: User) -> None:
    fields = {"merchant": other_merchant.username}
    answer = shop.post(BINDINGS, fields, content_type="application/json")
    assert status_and_code(answer) == (403, "permission_denied")


def test_staff_who_may_not_invite_make_no_link(ticket: str, staff: User) -> None:
    staff.groups.clear()
    key = make_key(staff, "bindings:write")
    answer = bearer(key).post(BINDINGS, {}, content_type="application/json")
    assert status_and_code(answer) == (403, "permission_denied")


def test_the_same_request_with_the_same_key_is_one_link(shop: Client) -> None:
    made = [
        shop.post(
            BINDINGS, {}, content_type="application/json", headers={"idempotency-key": "order-7"}
        ).json()
        for _ in range(2)
    ]
    assert made[0] == made[1]
    assert BindLink.objects.count() == 1


# Several platforms


def test_the_platform_is_chosen(shop: Client, wechat: WeChat, component: Component) -> None:
    Component.objects.create(appid="wxfeedfacefeedface")
    assert list(refused(shop)) == ["component"]
    made = begin(shop, component=component.appid)
    assert made["component"] == component.appid
    assert press(new_browser(), made)["component_appid"] == component.appid
    assert wechat.count(PRE_AUTH_CODE) == 1
