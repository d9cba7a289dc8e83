"""Staff's links: listed, revoked, and dead with the password of whose they are."""

from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.contrib.auth.models import User
from django.core import signing
from django.test import Client
from django.utils import timezone

from miniprograms.models import Authorizer, Binding, BindLink
from miniprograms.services import bind_links
from miniprograms.services.permission_drift import ask_to_authorise_again
from platform_auth.logins.api_clients import create_client
from platform_auth.models import Component, Operation
from platform_auth.registration import register_component
from sandbox.world import WeChat
from tests.conftest import Bound, Deliver
from tests.test_portal_binding import (
    PRE_AUTH_CODE,
    confirm,
    link_in,
    new_browser,
    query_of,
    text_of,
)

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]

LIST = "/admin/miniprograms/bindlink/"
OTHER = "wxfeedfacefeedface"


@pytest.fixture
def operator(client: Client, staff: User) -> Client:
    client.force_login(staff)
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    return client


@pytest.fixture
def link(merchant: User, staff: User) -> BindLink:
    return bind_links.make_bind_link(merchant, by=staff)


def path_of(link: BindLink) -> str:
    return urlsplit(link.url).path


def test_they_are_listed_without_their_address(operator: Client, link: BindLink) -> None:
    for page in (LIST, f"{LIST}?valid=yes", f"{LIST}?q=merchant", f"{LIST}{link.pk}/change/"):
        text = text_of(operator.get(page))
        assert "merchant" in text
        assert "not used yet" in text
        assert path_of(link).split("/")[4] not in text
    assert "not used yet" not in text_of(operator.get(f"{LIST}?valid=no"))


def test_what_was_done_with_one_is_shown(operator: Client, link: BindLink, ticket: str) -> None:
    new_browser().post(path_of(link))
    page = text_of(operator.get(f"{LIST}{link.pk}/change/"))
    assert "waiting for the owner" in page
    assert f"/admin/miniprograms/binding/{Binding.objects.get().pk}/change/" in page


def test_one_that_serves_many_says_how_many_it_has_bound_and_that_it_is_not_used_up(
    operator: Client, link: BindLink, ticket: str, wechat: WeChat
) -> None:
    assert "serves for several accounts" in text_of(new_browser().get(path_of(link)))
    for _number in range(2):
        browser = new_browser()
        started = query_of(link_in(browser.post(path_of(link))))
        back = urlsplit(started["redirect_uri"]).path
        browser.get(back, confirm(wechat, started, wechat.create_account()), follow=True)
    assert "2 bound, can still be used" in text_of(operator.get(LIST))
    bind_links.revoke_bind_link(link, by=link.user)
    page = text_of(operator.get(LIST))
    assert "2 bound" in page
    assert "can still be used" not in page


def test_one_for_one_account_says_nothing_of_many(
    operator: Client, merchant: User, staff: User, ticket: str, wechat: WeChat
) -> None:
    single = bind_links.make_bind_link(merchant, by=staff, is_single=True)
    browser = new_browser()
    assert "serves for several accounts" not in text_of(browser.get(path_of(single)))
    started = query_of(link_in(browser.post(path_of(single))))
    back = urlsplit(started["redirect_uri"]).path
    browser.get(back, confirm(wechat, started, wechat.create_account()), follow=True)
    page = text_of(operator.get(LIST))
    assert "can still be used" not in page
    assert "1 bound" not in page


def test_what_is_bound_with_one_is_logged_as_bound_with_it(
    operator: Client, link: BindLink, ticket: str, wechat: WeChat
) -> None:
    browser = new_browser()
    started = query_of(link_in(browser.post(path_of(link))))
    back = urlsplit(started["redirect_uri"]).path
    browser.get(back, confirm(wechat, started, wechat.create_account()))
    row = Operation.objects.get(action="bind")
    assert row.actor_name == "merchant"
    assert row.through == f"miniprograms.bindlink:{link.pk} merchant"
    page = text_of(operator.get("/admin/platform_auth/operation/"))
    assert f'<a href="{LIST}{link.pk}/change/"' in page
    assert f"bind link {link.pk} (merchant)" in page


def test_a_revoked_one_leads_nowhere(operator: Client, link: BindLink, ticket: str) -> None:
    url = f"{LIST}{link.pk}/revoke/"
    assert "waits for staff" in text_of(operator.get(url))
    assert new_browser().get(path_of(link)).status_code == 200
    operator.post(url)
    assert new_browser().get(path_of(link)).status_code == 404
    assert new_browser().post(path_of(link)).status_code == 404
    recorded = Operation.objects.get(action="revoke_bind_link")
    assert (recorded.actor_name, recorded.result) == ("operator", "merchant")


def test_whoever_was_at_it_is_told_that_it_was_withdrawn(
    link: BindLink, ticket: str, wechat: WeChat, staff: User
) -> None:
    browser = new_browser()
    started = query_of(link_in(browser.post(path_of(link))))
    bind_links.revoke_bind_link(link, by=staff)
    back = urlsplit(started["redirect_uri"]).path
    page = browser.get(back, confirm(wechat, started, wechat.create_account()), follow=True)
    assert "was withdrawn in the meantime" in text_of(page)
    assert not Authorizer.objects.exists()


def test_several_are_revoked_at_once(operator: Client, merchant: User, staff: User) -> None:
    links = [bind_links.make_bind_link(merchant, by=staff) for _ in range(2)]
    chosen = {"action": "revoke", "_selected_action": [link.pk for link in links]}
    operator.post(LIST, {**chosen, "confirmed": "yes"})
    assert [new_browser().get(path_of(link)).status_code for link in links] == [404, 404]


def test_a_password_that_staff_reset_ends_it(
    operator: Client, link: BindLink, merchant: User
) -> None:
    fields = {"password1": "a-long-password-4711", "password2": "a-long-password-4711"}
    url = f"/admin/auth/user/{merchant.pk}/password/"
    operator.post(url, {**fields, "usable_password": "true"})
    merchant.refresh_from_db()
    assert merchant.check_password("a-long-password-4711")
    assert new_browser().post(path_of(link)).status_code == 404
    assert "revoked" in text_of(operator.get(LIST))


def test_it_goes_with_its_merchant_and_with_the_client_that_made_it(
    client: Client, merchant: User, other_merchant: User
) -> None:
    client.force_login(User.objects.create_superuser("boss"))
    shop, _key = create_client(by=None, name="shop", owner=merchant, scopes=["bindings:write"])
    bind_links.make_bind_link(merchant, by=merchant, client=shop)
    bind_links.make_bind_link(other_merchant, by=merchant)
    client.post(f"/admin/platform_auth/apiclient/{shop.pk}/delete/", {"post": "yes"})
    assert BindLink.objects.get().user == other_merchant
    client.post(f"/admin/auth/user/{other_merchant.pk}/delete/", {"post": "yes"})
    assert not BindLink.objects.exists()


def test_a_forged_one_is_none(link: BindLink) -> None:
    token = path_of(link).split("/")[4]
    number, _colon, signature = token.partition(":")
    tokens = [f"{int(number) + 1}:{signature}", number, f"{number}:", f"0{token}", token[:-1]]
    assert all(new_browser().get(f"/portal/bind/link/{one}/").status_code == 404 for one in tokens)


# Signed before links were rows


@pytest.fixture
def old(merchant: User, ticket: str) -> str:
    return f"/portal/bind/link/{signing.dumps(merchant.pk, salt='miniprograms.bind-link')}/"


def test_one_that_was_sent_before_still_works_and_is_listed(
    operator: Client, old: str, merchant: User
) -> None:
    assert link_in(new_browser().post(old))
    assert link_in(new_browser().post(old))
    [row] = BindLink.objects.all()
    assert (row.user, row.presses, row.auth_type) == (merchant, 2, None)
    assert timedelta(days=2) < row.expires_at - timezone.now() <= timedelta(days=3)
    operator.post(f"{LIST}{row.pk}/revoke/")
    assert new_browser().post(old).status_code == 404


def test_one_for_an_account_stays_for_that_account(bound: Bound, merchant: User) -> None:
    appid = bound().appid
    signed = signing.dumps([merchant.pk, appid], salt="miniprograms.bind-link")
    page = new_browser().post(f"/portal/bind/link/{signed}/", {"biz_appid": "wx00000000000000a1"})
    assert query_of(link_in(page))["biz_appid"] == appid
    Authorizer.objects.update(owner=None)
    assert new_browser().get(f"/portal/bind/link/{signed}/").status_code == 404


def test_one_for_an_account_that_went_to_another_merchant_is_not_offered_as_good(
    operator: Client, bound: Bound, merchant: User, staff: User
) -> None:
    link = bind_links.make_bind_link(merchant, by=staff, appid=bound().appid)
    assert "not used yet" in text_of(operator.get(LIST))
    Authorizer.objects.update(owner=User.objects.create_user("successor"))
    for page in (LIST, f"{LIST}?valid=no", f"{LIST}{link.pk}/change/"):
        text = text_of(operator.get(page))
        assert "its account is another merchant&#x27;s by now" in text, page
        assert "not used yet" not in text
    assert not operator.get(f"{LIST}?valid=yes").context["cl"].result_list
    page = text_of(operator.get(f"{LIST}{link.pk}/change/"))
    assert f"{link.pk}/renew/" not in page
    assert f"{link.pk}/revoke/" not in page
    assert new_browser().get(path_of(link)).status_code == 404


# Several platforms


@pytest.fixture
def other(wechat: WeChat, ticket: str, deliver: Deliver) -> Component:
    """A second platform, with a ticket, that the settings do not name either."""
    secrets: dict[str, Any] = {"secret": "0" * 32, "token": "t" * 32, "aes_key": "k" * 42 + "A"}
    theirs = wechat.register_component(appid=OTHER, redirect_domain="testserver", **secrets)
    row = register_component(appid=OTHER, name="Second", **secrets)
    wechat.push_ticket(theirs)
    wechat.deliver_all(deliver)
    return row


@pytest.mark.parametrize("page", ["auth/user/{user}/", "miniprograms/authorizer/{row}/"])
def test_staff_choose_which_platform_a_link_is_for(
    operator: Client, bound: Bound, merchant: User, other: Component, component: Component,
    settings: Any, page: str,
) -> None:  # fmt: skip
    settings.WECHAT_COMPONENT_APPID = component.appid
    url = "/admin/" + page.format(user=merchant.pk, row=bound().pk) + "bind-link/"
    assert f'<option value="{component.appid}" selected>' in text_of(operator.get(url))
    assert "links" not in operator.post(url).context
    [(_user, link)] = operator.post(url, {"component": OTHER}).context["links"]
    started = query_of(link_in(new_browser().post(urlsplit(link).path)))
    assert started["component_appid"] == OTHER


def test_links_for_many_need_one_that_acts(
    operator: Client, bound: Bound, other: Component, settings: Any
) -> None:
    settings.WECHAT_COMPONENT_APPID = other.appid
    row = bound_by_first(bound, settings, other)
    chosen = {"action": "make_bind_links", "_selected_action": [row.pk]}
    assert operator.post("/admin/miniprograms/authorizer/", chosen).context["links"]
    settings.WECHAT_COMPONENT_APPID = ""
    page = operator.post("/admin/miniprograms/authorizer/", chosen, follow=True)
    assert "make the links one by one" in text_of(page)


def bound_by_first(bound: Bound, settings: Any, other: Component) -> Authorizer:
    """Bound to the first platform, whichever acts."""
    before = settings.WECHAT_COMPONENT_APPID
    settings.WECHAT_COMPONENT_APPID = Component.objects.exclude(pk=other.pk).get().appid
    row = bound()
    settings.WECHAT_COMPONENT_APPID = before
    return row


def test_an_account_is_authorised_again_with_the_platform_it_has(
    bound: Bound, other: Component, settings: Any, staff: User, wechat: WeChat, merchant: User
) -> None:
    row = bound_by_first(bound, settings, other)
    settings.WECHAT_COMPONENT_APPID = OTHER
    Authorizer.objects.update(func_info=[17], lacks="code")
    row.refresh_from_db()
    invitation = ask_to_authorise_again(row, by=staff)
    assert invitation
    started = query_of(link_in(new_browser().post(urlsplit(invitation.link).path)))
    assert started["component_appid"] == row.component.appid
    again = new_browser(merchant).post("/portal/bind/", {"biz_appid": row.appid})
    assert query_of(link_in(again))["component_appid"] == row.component.appid


@pytest.mark.usefixtures("other")
def test_a_link_that_says_none_waits_until_it_is_clear_which_acts(
    link: BindLink, settings: Any, wechat: WeChat
) -> None:
    page = new_browser().post(path_of(link))
    assert page.status_code == 503
    assert "not set up completely" in text_of(page)
    assert wechat.count(PRE_AUTH_CODE) == 0
    settings.WECHAT_COMPONENT_APPID = OTHER
    assert query_of(link_in(new_browser().post(path_of(link))))["component_appid"] == OTHER
